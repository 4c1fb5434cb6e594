package server

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/99designs/gqlgen/graphql"
	"github.com/google/go-cmp/cmp"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"keiretsu/internal/kg"
)

var errUnavailableForTest = fmt.Errorf("badgerstore: open snapshot in /var/lib/secret: %w", kg.ErrUnavailable)

// TestErrorsByClass gives each class of error to the presenter, wrapped as an
// engine wraps it, and wants its code, what the code promises, and nothing of
// the wrapping.
func TestErrorsByClass(t *testing.T) {
	wrap := func(err error) error { return fmt.Errorf("badgerstore: read /var/lib/secret/000001.sst: %w", err) }
	tests := []struct {
		name       string
		err        error
		message    string
		extensions map[string]any
	}{
		{
			"invalid", wrap(kg.Invalidf("by.name", "must not be empty")), "by.name: must not be empty",
			map[string]any{"code": "BAD_USER_INPUT", "argument": "by.name"},
		},
		{
			"invalid, argument unknown", wrap(kg.Invalidf("", "must not be empty")), "must not be empty",
			map[string]any{"code": "BAD_USER_INPUT"},
		},
		{"invalid, bare", wrap(kg.ErrInvalid), "the input cannot be right", map[string]any{"code": "BAD_USER_INPUT"}},
		{
			"ambiguous",
			wrap(&kg.AmbiguousError{Name: "Li", Candidates: []kg.Candidate{{ID: "li-1", Name: "Li Ning", Kind: kg.KindPerson}, {ID: "li-2", Name: "Li Auto", Kind: kg.KindCompany}}, More: true}),
			`the name "Li" fits several entities; ask by id: li-1 (Li Ning), li-2 (Li Auto), …`,
			map[string]any{
				"code": "AMBIGUOUS_NAME", "more": true,
				"candidates": []any{
					map[string]any{"id": "li-1", "name": "Li Ning", "kind": "PERSON"},
					map[string]any{"id": "li-2", "name": "Li Auto", "kind": "COMPANY"},
				},
			},
		},
		{"not found", wrap(kg.ErrNotFound), "there is nothing of that id", map[string]any{"code": "NOT_FOUND"}},
		{"conflict", wrap(kg.ErrConflict), "the change contradicts what is stored by now; read again and retry", map[string]any{"code": "CONFLICT"}},
		{"too complex", wrap(&kg.TooComplexError{Reason: "paths reads too much"}), "paths reads too much", map[string]any{"code": "TOO_COMPLEX"}},
		{"too complex, unsaid", wrap(kg.ErrTooComplex), "answering would cost more than one request may; ask for less at a time", map[string]any{"code": "TOO_COMPLEX"}},
		{"too large", wrap(kg.ErrTooLarge), "the request or its answer is larger than allowed; ask for less at a time", map[string]any{"code": "TOO_LARGE"}},
		{"unavailable", wrap(kg.ErrUnavailable), "the store cannot answer at present; try again", map[string]any{"code": "UNAVAILABLE"}},
		{"unavailable, and why", wrap(&kg.UnavailableError{Reason: "the disk is nearly full"}), "the disk is nearly full", map[string]any{"code": "UNAVAILABLE"}},
		{"closed", wrap(kg.ErrClosed), "the store cannot answer at present; try again", map[string]any{"code": "UNAVAILABLE"}},
		{"deadline", wrap(context.DeadlineExceeded), "no complete answer within 10s; ask for less", map[string]any{"code": "TIMEOUT"}},
		{"cancelled", wrap(context.Canceled), "the request was cancelled", map[string]any{"code": "UNAVAILABLE"}},
		{"anything else", wrap(errors.New("checksum mismatch")), "internal error", map[string]any{"code": "INTERNAL", "requestId": "req-1"}},
		{"from a library", gqlerror.Errorf("unexpected type *model.Thing from middleware"), "internal error", map[string]any{"code": "INTERNAL", "requestId": "req-1"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			r := newRig(t, nil)
			r.schema.resolve["Query.fail"] = func(context.Context, map[string]any) (any, error) { return nil, test.err }
			a := r.post(t, `{"query":"{ f: fail }"}`, "X-Request-Id", "req-1")
			if len(a.Errors) != 1 || string(a.Data) != `{"f":null}` {
				t.Fatalf("answered %s", a.body)
			}
			if diff := cmp.Diff(test.message, a.Errors[0].Message); diff != "" {
				t.Errorf("message (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(test.extensions, a.Errors[0].Extensions); diff != "" {
				t.Errorf("extensions (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff([]any{"f"}, a.Errors[0].Path); diff != "" {
				t.Errorf("path (-want +got):\n%s", diff)
			}
			if got := CodeOf(test.err); got != test.extensions["code"] {
				t.Errorf("outside of requests the code is %s", got)
			}
			for _, leak := range []string{"badgerstore", "/var/lib", "model.Thing"} {
				if strings.Contains(a.body, leak) {
					t.Errorf("%q leaves the server: %s", leak, a.body)
				}
			}
		})
	}
}

func TestNoErrorIsOK(t *testing.T) {
	if got := CodeOf(nil); got != "OK" {
		t.Errorf("got %s", got)
	}
}

func TestInternalErrorsAreLoggedOnce(t *testing.T) {
	r := newRig(t, nil)
	r.schema.resolve["Query.fail"] = func(context.Context, map[string]any) (any, error) {
		return nil, errors.New("checksum mismatch in 000001.sst")
	}
	r.post(t, `{"query":"query Q { f: fail }"}`, "X-Request-Id", "req-1")
	records := r.log.records(t, "internal error")
	if len(records) != 1 {
		t.Fatalf("%d records, want 1\n%s", len(records), r.log)
	}
	got := records[0]
	delete(got, "time")
	want := map[string]any{"level": "ERROR", "msg": "internal error", "requestId": "req-1", "path": "f", "error": "checksum mismatch in 000001.sst"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("record (-want +got):\n%s", diff)
	}
}

func TestPanicsBecomeInternalErrors(t *testing.T) {
	r := newRig(t, nil)
	r.schema.resolve["Query.fail"] = func(_ context.Context, args map[string]any) (any, error) {
		return []string{}[len(args)], nil
	}
	a := r.post(t, `{"query":"{ name fail }"}`, "X-Request-Id", "req-1")
	want := `{"errors":[{"message":"internal error","path":["fail"],"extensions":{"code":"INTERNAL","requestId":"req-1"}}],"data":{"name":"text","fail":null}}`
	if diff := cmp.Diff(want, a.body); diff != "" {
		t.Errorf("answer (-want +got):\n%s", diff)
	}
	records := r.log.records(t, "panic")
	if len(records) != 1 {
		t.Fatalf("%d records, want 1\n%s", len(records), r.log)
	}
	if stack, _ := records[0]["stack"].(string); records[0]["requestId"] != "req-1" || !strings.Contains(stack, "errors_test.go") {
		t.Errorf("record %v", records[0])
	}
	if n := len(r.log.records(t, "internal error")); n != 0 {
		t.Errorf("logged %d times more", n)
	}
}

func TestArgumentsThatCannotBeRead(t *testing.T) {
	const filter = "query($f: Filter) { list: nodes(filter: $f) { id } }"
	tests := []struct {
		name      string
		query     string
		variables map[string]any
		argument  string
		message   string
	}{
		{"domain's own text", `{ node(id: "a") { children(during: "x") { id } } }`, nil, "during", "during: not a date"},
		{"nested", `{ nodes(filter: {within: {during: "x"}}) { id } }`, nil, "filter.within.during", "filter.within.during: not a date"},
		{"library's text names a Go type", filter, map[string]any{"f": map[string]any{"during": []any{}}}, "filter.during", "filter.during: not a valid value of type Filter"},
		{"variable of the wrong kind", filter, map[string]any{"f": []any{1}}, "$f", "$f: not a valid value of type Filter"},
		{"object for a text", "query($t: String!) { echo(text: $t) }", map[string]any{"t": map[string]any{"a": 1}}, "$t", "$t: not a valid value of type String"},
		{"number too large", "query($n: Int) { nodes(first: $n) { id } }", map[string]any{"n": 1e300}, "$n", "$n: not a valid value of type Int"},
		{"object in a variable", filter, map[string]any{"f": map[string]any{"since": map[string]any{}}}, "$f.since", "$f.since: not a valid value of type Int"},
		{"unknown value of an enum", filter, map[string]any{"f": map[string]any{"kinds": []any{"COMPANY", "DOG"}}}, "$f.kinds[1]", "$f.kinds[1]: DOG is not a valid Kind"},
		{"object for an enum", filter, map[string]any{"f": map[string]any{"kinds": []any{map[string]any{}}}}, "$f.kinds[0]", "$f.kinds[0]: not a valid value of its type"},
		{"unknown field", filter, map[string]any{"f": map[string]any{"untl": 1}}, "$f.untl", "$f.untl: unknown field"},
		{"null", "query($id: ID!) { node(id: $id) { id } }", map[string]any{"id": nil}, "$id", "$id: cannot be null"},
	}
	r := newRig(t, nil)
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			a := r.ask(t, test.query, test.variables)
			if a.code() != codeBadUserInput {
				t.Fatalf("answered %s", a.body)
			}
			if got := a.Errors[0].Extensions["argument"]; got != test.argument {
				t.Errorf("argument %q, want %q", got, test.argument)
			}
			if got := a.Errors[0].Message; got != test.message {
				t.Errorf("message %q, want %q", got, test.message)
			}
			// The path is that of a field in the answer, without the argument.
			for _, part := range a.Errors[0].Path {
				if part == "during" || part == "filter" || part == "variable" {
					t.Errorf("path %v leads nowhere in the answer", a.Errors[0].Path)
				}
			}
		})
	}
}

func TestJoinArgument(t *testing.T) {
	tests := []struct{ outer, inner, want string }{
		{"", "", ""},
		{"", "first", "first"},
		{"filter", "", "filter"},
		{"during", "during", "during"},
		{"filter.during", "during", "filter.during"},
		{"by", "name", "by.name"},
	}
	for _, test := range tests {
		if got := joinArgument(test.outer, test.inner); got != test.want {
			t.Errorf("joinArgument(%q, %q) = %q, want %q", test.outer, test.inner, got, test.want)
		}
	}
}

func TestErrorListsAndTextsAreBounded(t *testing.T) {
	r := newRig(t, func(c *Config) { c.Limits.RootFields = 100 })
	t.Run("validation", func(t *testing.T) {
		a := r.ask(t, "{ "+strings.Repeat("nonsense @nonsense ", 30)+"}", nil)
		if len(a.Errors) != 20 {
			t.Errorf("%d errors, want 20", len(a.Errors))
		}
		if left, _ := a.Extensions["errorsOmitted"].(float64); left < 1 {
			t.Errorf("extensions %v do not count what was left out", a.Extensions)
		}
	})
	t.Run("execution", func(t *testing.T) {
		r.schema.resolve["Query.fail"] = func(context.Context, map[string]any) (any, error) { return nil, errors.New("broken") }
		var b strings.Builder
		for i := range 100 {
			fmt.Fprintf(&b, "f%d: fail ", i)
		}
		a := r.ask(t, "{ "+b.String()+"}", nil)
		if len(a.Errors) != 20 || a.Extensions["errorsOmitted"] != 80.0 || string(a.Data[:8]) != `{"f0":nu` {
			t.Errorf("%d errors, extensions %v, data %.30s", len(a.Errors), a.Extensions, a.Data)
		}
		if n := len(r.log.records(t, "internal error")); n != 10 {
			t.Errorf("%d causes in the log, want the first 10", n)
		}
	})
	t.Run("text", func(t *testing.T) {
		r.schema.resolve["Query.fail"] = func(context.Context, map[string]any) (any, error) {
			return nil, kg.Invalidf("class", "%s", strings.Repeat("阿", 100_000))
		}
		a := r.ask(t, "{ fail }", nil)
		if n := utf8.RuneCountInString(a.Errors[0].Message); n != 1000 {
			t.Errorf("%d characters, want 1000", n)
		}
	})
}

func TestTimeout(t *testing.T) {
	tests := []struct {
		name  string
		fails error // what the resolver makes of its cancelled context; nil for the context's own error
	}{
		{"resolver reports the deadline", nil},
		{"engine has a word of its own for it", kg.ErrUnavailable},
		{"engine's error has no class", errors.New("read interrupted")},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			r := newRig(t, func(c *Config) { c.Traffic.Timeout = 20 * time.Millisecond })
			r.schema.resolve["Query.fail"] = func(ctx context.Context, _ map[string]any) (any, error) {
				<-ctx.Done()
				if test.fails != nil {
					return nil, test.fails
				}
				return nil, ctx.Err()
			}
			a := r.post(t, `{"query":"{ fail }"}`)
			if a.code() != codeTimeout || a.Errors[0].Message != "no complete answer within 20ms; ask for less" {
				t.Errorf("answered %s", a.body)
			}
		})
	}
	t.Run("over before it began", func(t *testing.T) {
		r := newRig(t, func(c *Config) { c.Traffic.Timeout = time.Nanosecond })
		a := r.post(t, `{"query":"{ fail }"}`, "Accept", mediaResponse)
		if a.status != 504 || a.code() != codeTimeout || a.Data != nil {
			t.Errorf("status %d: %s", a.status, a.body)
		}
	})
}

func TestPresenterOutsideARequest(t *testing.T) {
	r := newRig(t, nil)
	err := r.presenter.present(t.Context(), errors.New("broken"))
	if diff := cmp.Diff(map[string]any{"code": "INTERNAL", "requestId": ""}, err.Extensions); diff != "" {
		t.Errorf("extensions (-want +got):\n%s", diff)
	}
	var _ graphql.ErrorPresenterFunc = r.presenter.present
	var _ graphql.RecoverFunc = r.presenter.recovered
}
