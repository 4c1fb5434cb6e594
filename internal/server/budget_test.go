package server

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"keiretsu/internal/auth"
)

// TestAnswersAreBoundedWhileTheyAreMade counts what is resolved: past a bound
// nothing further is, and the answer is the error alone.
func TestAnswersAreBoundedWhileTheyAreMade(t *testing.T) {
	var fields strings.Builder
	for i := range 40 {
		fmt.Fprintf(&fields, "f%d: fail ", i)
	}
	query := "{ " + fields.String() + "}"
	text := func(size int) func(context.Context, map[string]any) (any, error) {
		return func(context.Context, map[string]any) (any, error) { return strings.Repeat("x", size), nil }
	}
	for name, c := range map[string]struct {
		limits  Limits
		resolve func(context.Context, map[string]any) (any, error)
		code    string
		message string
		most    int // fields resolved
	}{
		"as many values as allowed": {Limits{AnswerValues: 40}, text(1), "OK", "", 40},
		"too many values": {
			Limits{AnswerValues: 10},
			text(1), codeTooComplex,
			"the answer would hold more than the 10 values allowed; ask for smaller pages or fewer fields", 10,
		},
		"entries of lists count": {
			Limits{AnswerValues: 1000},
			func(context.Context, map[string]any) (any, error) { return make([]int, 100), nil }, codeTooComplex,
			"the answer would hold more than the 1000 values allowed; ask for smaller pages or fewer fields", 10,
		},
		"as long as allowed": {Limits{AnswerBytes: 40 * 120}, text(100), "OK", "", 40},
		"too long": {
			Limits{AnswerBytes: 1000},
			text(100), codeTooLarge,
			"the answer would be longer than the 1000 bytes allowed; ask for smaller pages or fewer fields", 10,
		},
		"too long, told by the whole alone": {
			Limits{AnswerBytes: 600},
			func(context.Context, map[string]any) (any, error) { return map[string]string{"a": "0123456789"}, nil }, codeTooLarge,
			"the answer would be longer than the 600 bytes allowed; ask for smaller pages or fewer fields", 40,
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, func(cfg *Config) { cfg.Limits = c.limits })
			resolved := 0
			r.schema.resolve["Query.fail"] = func(ctx context.Context, args map[string]any) (any, error) {
				resolved++
				return c.resolve(ctx, args)
			}
			a := r.ask(t, query, nil)
			if a.code() != c.code || resolved > c.most {
				t.Errorf("answered %s after %d fields, want %s after at most %d", shorten(a.body, 300), resolved, c.code, c.most)
			}
			if c.code != "OK" && (len(a.Errors) != 1 || a.Errors[0].Message != c.message || a.Data != nil) {
				t.Errorf("answered %s\nwant the error alone: %s", shorten(a.body, 300), c.message)
			}
		})
	}
	t.Run("mutations tell what was written", func(t *testing.T) {
		access, tokens := newAccess(t)
		r := newRig(t, func(cfg *Config) { cfg.Limits, cfg.Access = Limits{AnswerValues: 2}, access })
		written := 0
		r.schema.resolve["Mutation.rename"] = func(ctx context.Context, _ map[string]any) (any, error) {
			written++
			return fmt.Sprintf("written %d, cancelled %t", written, ctx.Err() != nil), nil
		}
		const mutation = `mutation { a: rename(name: "x") b: rename(name: "y") c: rename(name: "z") }`
		a := r.post(t, bodyOf(t, mutation, nil), "Authorization", "Bearer "+tokens[auth.ScopeWrite])
		if want := `{"a":"written 1, cancelled false","b":"written 2, cancelled false","c":null}`; string(a.Data) != want || a.code() != codeTooComplex || written != 2 {
			t.Errorf("after %d writes answered %s", written, a.body)
		}
	})
	t.Run("what runs is cancelled", func(t *testing.T) {
		r := newRig(t, func(cfg *Config) { cfg.Limits = Limits{AnswerValues: 1} })
		var after context.Context
		r.schema.resolve["Query.fail"] = func(ctx context.Context, _ map[string]any) (any, error) {
			after = ctx
			return nil, nil
		}
		r.ask(t, "{ fail name }", nil)
		if after.Err() == nil {
			t.Error("the context of the fields goes on")
		}
	})
}

// TestErrorsWithoutEndAreNotKept wants a full list of errors to take no more,
// and to count once what gqlgen reports twice.
func TestErrorsWithoutEndAreNotKept(t *testing.T) {
	b := &budget{limits: Limits{Errors: 2}}
	shown := 0
	for range 5 {
		for _, err := range []error{errors.New("broken"), refuse("", mustNotBeNull)} {
			if b.admit(err) {
				shown++
			}
		}
	}
	if shown != 2 || b.omitted.Load() != 4 {
		t.Errorf("%d shown and %d counted, want 2 and 4", shown, b.omitted.Load())
	}
}
