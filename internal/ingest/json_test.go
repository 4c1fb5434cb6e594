package ingest

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestValues(t *testing.T) {
	list := []string{"records"}
	for name, c := range map[string]struct {
		text  string
		lists []string
		want  string
	}{
		"an array":               {"[\n{\"a\":1},\n\n{\"b\":\n2}, 3]", nil, `2:{"a":1} 4:{"b":2} 5:3`},
		"an empty array":         {" [ ] ", nil, ``},
		"lines":                  {"{\"a\":1}\n{\"b\":2}\n\n{\"c\":3}", nil, `1:{"a":1} 2:{"b":2} 4:{"c":3}`},
		"lines of arrays":        {"[1,2]\n[3]", nil, `1:1 1:2 2:3`},
		"one object":             {"{\"records\":[1]}", nil, `1:{"records":[1]}`},
		"a list in an object":    {"{\"head\":{\"x\":[9]},\n\"records\":[\n{\"a\":1},{\"b\":2}],\"tail\":1}", list, `3:{"a":1} 3:{"b":2}`},
		"values by their names":  {"{\"records\":{\"Q1\":{\"a\":1},\n\"Q2\":{\"b\":2}}}", list, `1:{"a":1} 2:{"b":2}`},
		"an object without one":  {"{\"a\":\"é\\\"\",\"records\":3,\n\"c\":[{}]}", list, `1:{"a":"é\"","records":3,"c":[{}]}`},
		"objects without one":    {"{\"a\":1}\n{\"b\":2}", list, `1:{"a":1} 2:{"b":2}`},
		"an empty object":        {"{}", list, `1:{}`},
		"a mark before the text": {"\ufeff[1]", nil, `1:1`},
		"an array in an array":   {"[[1,2],\n[3]]", nil, `1:[1,2] 2:[3]`},

		"cut off in an object":  {"[{\"a\":1},\n{\"b\":", nil, `1:{"a":1} f:1: the file is cut off: what follows here has no end`},
		"cut off between":       {"[{\"a\":1},\n", nil, `1:{"a":1} f:1: the file is cut off: what follows here has no end`},
		"cut off in a list":     {"{\"records\":[{\"a\":1}", list, `1:{"a":1} f:1: the file is cut off: what follows here has no end`},
		"cut off in a line":     {"{\"a\":1}\n{\"b\"", list, `1:{"a":1} f:2: the file is cut off: what follows here has no end`},
		"no JSON":               {"LEI,Name\n", nil, `f:1: this is no JSON (invalid character 'L' looking for beginning of value)`},
		"no JSON further down":  {"[1,\nx]", nil, `1:1 f:1: this is no JSON (invalid character 'x' looking for beginning of value)`},
		"not UTF-8":             {"[\"\xe9\"]", nil, `f:1: the line is not UTF-8; convert the file, for example with iconv -f latin1 -t utf-8`},
		"empty":                 {"", nil, `f:1: the file is empty`},
		"closed more than once": {"[1]]", nil, `1:1 f:1: this is no JSON (invalid character ']' looking for beginning of value)`},
	} {
		t.Run(name, func(t *testing.T) {
			var got []string
			for v, err := range (Input{Name: "f", Reader: strings.NewReader(c.text)}).Values(c.lists...) {
				if err != nil {
					var broken *Broken
					if !errors.As(err, &broken) {
						t.Errorf("%T: %v", err, err)
					}
					got = append(got, err.Error())
					continue
				}
				got = append(got, fmt.Sprintf("%d:%s", v.Line, strings.ReplaceAll(string(v.JSON), "\n", "")))
			}
			if diff := cmp.Diff(c.want, strings.Join(got, " ")); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// Whoever has seen enough leaves.
func TestValuesCanBeLeft(t *testing.T) {
	for _, text := range []string{"[1,2,3]", "1\n2\n3", `{"records":[1,2,3]}`, `{"records":{"a":1,"b":2}}`} {
		n := 0
		for range (Input{Name: "f", Reader: strings.NewReader(text)}).Values("records") {
			n++
			break
		}
		if n != 1 {
			t.Errorf("%s: %d values", text, n)
		}
	}
}

// endless is a file that goes on with one byte for ever.
type endless struct{ start io.Reader }

func (e endless) Read(p []byte) (int, error) {
	if n, err := e.start.Read(p); err == nil {
		return n, nil
	}
	for i := range p {
		p[i] = 'x'
	}
	return len(p), nil
}

// A value without an end is given up before it fills the memory.
func TestAnEndlessValueIsGivenUp(t *testing.T) {
	for _, start := range []string{`["`, "{\"a\":1}\n{\"b\":\"", `{"records":[{"a":"`} {
		var last error
		for _, err := range (Input{Name: "f", Reader: endless{strings.NewReader(start)}}).Values("records") {
			last = err
		}
		var broken *Broken
		if !errors.As(last, &broken) || !strings.Contains(broken.Reason, "longer than 64 MiB") {
			t.Errorf("%s…: %v", start, last)
		}
	}
}
