package kg

import (
	"errors"
	"fmt"
	"testing"
)

func TestBatchesThatMayBeApplied(t *testing.T) {
	a, b := &Source{ID: "a"}, &Source{ID: "b"}
	full := make([]ID, MaxBatch)
	for i := range full {
		full[i] = ID(fmt.Sprint("id-", i))
	}
	for name, c := range map[string]struct {
		batch Batch
		want  error
	}{
		"nothing":             {Batch{}, nil},
		"two records":         {Batch{Put: []Record{a}, Delete: []ID{"b"}}, nil},
		"a record put twice":  {Batch{Put: []Record{a, b, a}}, ErrInvalid},
		"put and deleted":     {Batch{Put: []Record{a, b}, Delete: []ID{"b"}}, ErrInvalid},
		"deleted twice":       {Batch{Delete: []ID{"a", "b", "a"}}, ErrInvalid},
		"put without an id":   {Batch{Put: []Record{&Source{}}}, ErrInvalid},
		"deleted, but no id":  {Batch{Delete: []ID{""}}, ErrInvalid},
		"two kinds, one id":   {Batch{Put: []Record{a, &Redirect{From: "a", To: "b"}}}, ErrInvalid},
		"as many as may be":   {Batch{Delete: full}, nil},
		"one more than may":   {Batch{Put: []Record{a}, Delete: full}, ErrTooLarge},
		"twice and too large": {Batch{Put: []Record{a, a}, Delete: full}, ErrTooLarge},
	} {
		if err := c.batch.Check(); !errors.Is(err, c.want) {
			t.Errorf("%s: error %v, want %v", name, err, c.want)
		}
	}
}
