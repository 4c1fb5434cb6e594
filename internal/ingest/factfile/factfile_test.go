package factfile_test

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"keiretsu/internal/ingest"
	"keiretsu/internal/ingest/factfile"
	"keiretsu/internal/kg"
	"keiretsu/internal/kg/kgtest"
)

var update = flag.Bool("update", false, "write the wanted answers again")

// recorder is a graph that notes what it recorded.
type recorder struct {
	*kg.Graph
	recorded []kg.Write
}

func (r *recorder) Apply(ctx context.Context, w kg.Write) (kg.Applied, error) {
	applied, err := r.Graph.Apply(ctx, w)
	if err == nil {
		r.recorded = append(r.recorded, w)
	}
	return applied, err
}

// newWorld returns a graph that holds what testdata/world.yaml says.
func newWorld(t *testing.T) *recorder {
	t.Helper()
	world := &recorder{Graph: kg.NewGraph(kgtest.NewModel(), kg.Options{})}
	if _, err := ingest.Load(t.Context(), world, factfile.Read(fileSystem(t, "testdata/world.yaml"))); err != nil {
		t.Fatal(err)
	}
	world.recorded = nil
	return world
}

// fileSystem returns one that holds the file alone.
func fileSystem(t *testing.T, name string) fs.FS {
	t.Helper()
	text, err := os.ReadFile(filepath.FromSlash(name))
	if err != nil {
		t.Fatal(err)
	}
	return fstest.MapFS{path.Base(name): {Data: text}}
}

func files(t *testing.T, pattern string) []string {
	t.Helper()
	names, err := filepath.Glob(filepath.FromSlash(pattern))
	if err != nil || len(names) == 0 {
		t.Fatalf("no file %s: %v", pattern, err)
	}
	return names
}

// golden compares with the wanted text beside the file.
func golden(t *testing.T, name, got string) {
	t.Helper()
	wanted := strings.TrimSuffix(name, ".yaml") + ".want"
	if *update {
		if err := os.WriteFile(wanted, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(wanted)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got; -update accepts it):\n%s", wanted, diff)
	}
}

func TestBrokenFilesSayWhatIsWrongAndWhere(t *testing.T) {
	for _, name := range files(t, "testdata/broken/*.yaml") {
		t.Run(filepath.Base(name), func(t *testing.T) {
			world := newWorld(t)
			_, err := ingest.Load(t.Context(), world, factfile.Read(fileSystem(t, name)))
			if err == nil {
				t.Fatal("loaded without complaint")
			}
			if !errors.Is(err, kg.ErrInvalid) {
				t.Errorf("not an ErrInvalid: %v", err)
			}
			golden(t, name, err.Error()+"\n")
			if len(world.recorded) > 0 {
				t.Error("something was recorded")
			}
		})
	}
}

func TestGoodFilesBecomeOneWrite(t *testing.T) {
	for _, name := range files(t, "testdata/good/*.yaml") {
		t.Run(filepath.Base(name), func(t *testing.T) {
			world := newWorld(t)
			first, err := ingest.Load(t.Context(), world, factfile.Read(fileSystem(t, name)))
			if err != nil {
				t.Fatal(err)
			}
			golden(t, name, describe(t, world.recorded[0]))
			second, err := ingest.Load(t.Context(), world, factfile.Read(fileSystem(t, name)))
			if err != nil {
				t.Fatal(err)
			}
			want := first
			want.Applied = ingest.Sum{Revision: first.Applied.Revision, Known: first.Applied.Recorded + first.Applied.Known}
			want.Took = second.Took
			if diff := cmp.Diff(want, second); diff != "" {
				t.Errorf("loading again (-want +got):\n%s", diff)
			}
		})
	}
}

// describe writes a write as lines of text.
func describe(t *testing.T, w kg.Write) string {
	t.Helper()
	var b strings.Builder
	for _, s := range w.Sources {
		fmt.Fprintf(&b, "source %+v\n", *s)
	}
	for _, m := range w.Metrics {
		fmt.Fprintf(&b, "metric %+v\n", *m)
	}
	for _, c := range w.Claims {
		switch s := c.Statement.(type) {
		case *kg.EntityStatement:
			fmt.Fprintf(&b, "entity %+v", *s)
		case *kg.NameStatement:
			fmt.Fprintf(&b, "name %+v", *s)
		case *kg.IdentifierStatement:
			fmt.Fprintf(&b, "identifier %+v", *s)
		case *kg.FiscalYearStatement:
			fmt.Fprintf(&b, "fiscal year %+v", *s)
		case *kg.RelationStatement:
			flat := *s
			flat.Stake, flat.Money = nil, nil
			fmt.Fprintf(&b, "relation %+v", flat)
			if s.Stake != nil {
				fmt.Fprintf(&b, " stake %s %q", s.Stake, s.Stake.Wording)
			}
			if s.Money != nil {
				fmt.Fprintf(&b, " money %s", s.Money)
			}
		case *kg.Figure:
			fmt.Fprintf(&b, "figure %+v", *s)
		default:
			t.Fatalf("an unexpected statement: %T", s)
		}
		fmt.Fprintf(&b, "\n    %s, %s", c.Source, c.Locator)
		if c.AttributedTo != "" {
			fmt.Fprintf(&b, "; as %s says", c.AttributedTo)
		}
		if c.Note != "" {
			fmt.Fprintf(&b, "; note: %s", c.Note)
		}
		b.WriteByte('\n')
	}
	for _, c := range w.Conflicts {
		fmt.Fprintf(&b, "conflict %+v\n", *c)
	}
	return b.String()
}

// TestFilesThatAreNoText is about what no editor shows.
func TestFilesThatAreNoText(t *testing.T) {
	const good = "entities:\n  # who\n  - {id: cord, kind: company, name: \"Cord\", cite: paper:1}\n"
	const wrong = "\n  - {id: dune, kind: thing, name: 'Dune', cite: [paper:1]}\n"
	cases := map[string]struct {
		file, text string
		want       string // the problem; empty for none
	}{
		"byte order mark":          {text: "\ufeff" + good},
		"CR LF":                    {text: strings.ReplaceAll(good, "\n", "\r\n")},
		"CR LF and a mistake":      {text: strings.ReplaceAll(good+wrong, "\n", "\r\n"), want: `f.yaml:5:22: "thing" is not a kind of entity; expected one of`},
		"CR alone":                 {text: strings.ReplaceAll(good, "\n", "\r"), want: "f.yaml:1:10: a control character (U+000D)"},
		"NUL":                      {text: good + "# \x00", want: "f.yaml:4:3: a control character (U+0000)"},
		"Latin-1":                  {text: good + "# caf\xe9", want: "f.yaml:4:6: the file is not UTF-8 from here on"},
		"UTF-16":                   {text: "\xff\xfes\x00", want: "f.yaml:1:1: the file is not UTF-8 from here on"},
		"tabs":                     {text: "entities:\n\t- id: cord\n  \t\tkind: company\n", want: "f.yaml:2:1: a tab in the indentation; use spaces\nf.yaml:3:3: a tab in"},
		"nothing":                  {text: "", want: "f.yaml:1:1: the file is empty; expected one of the keys source, sources"},
		"comments only":            {text: "# later\n", want: "f.yaml:1:1: the file is empty"},
		"null":                     {text: "~\n", want: "f.yaml:1:1: a file is nothing; expected a mapping"},
		"two documents":            {text: good + "---\n" + good, want: "f.yaml:1:1: the file holds 2 documents"},
		"directive":                {text: "%YAML 1.2\n---\n" + good, want: "f.yaml:1:1: tags and directives are not read"},
		"other extension":          {file: "f.yml", text: good, want: "f.yml:1:1: the file is passed over; call it .yaml"},
		"no extension":             {file: "f", text: good, want: "factfile: there is no .yaml file"},
		"too large":                {text: strings.Repeat("# a comment\n", factfile.MaxFileSize/12+1), want: "f.yaml:1:1: the file is larger than 2 MiB"},
		"brackets without end":     {text: strings.Repeat("[", 100_000), want: "f.yaml:1:21: more than 20 lists and mappings within each other"},
		"braces without end":       {text: strings.Repeat("{a: ", 100_000), want: "f.yaml:1:81: more than 20 lists"},
		"dashes without end":       {text: strings.Repeat("- ", 100_000), want: "f.yaml:1:101: the indentation is deeper than 100 columns"},
		"indentation without end":  {text: staircase(200), want: "f.yaml:101:101: the indentation is deeper than 100 columns"},
		"keys without end":         {text: strings.Repeat("a: b\n", 100_000), want: "f.yaml:1001:1: a mapping of more than 1000 keys"},
		"laughs without end":       {text: "a: &a [x]\nb: &b [*a, *a]\nc: &c [*b, *b]\n", want: "f.yaml:1:4: anchors, aliases and merged keys are not read"},
		"an entity added twice":    {text: good + good[len("entities:\n"):], want: `f.yaml:5:10: "cord" is added a second time; the first is at f.yaml:3:10`},
		"a key of another mapping": {text: "entities:\n  a: b\n", want: `f.yaml:2:3: "entities" is a mapping; expected a list`},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			file := c.file
			if file == "" {
				file = "f.yaml"
			}
			_, err := ingest.Load(t.Context(), newWorld(t), factfile.Read(fstest.MapFS{file: {Data: []byte(c.text)}}))
			switch {
			case c.want == "" && err != nil:
				t.Fatal(err)
			case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)):
				t.Fatalf("got %v, want %s", err, c.want)
			case c.want != "" && !errors.Is(err, kg.ErrInvalid):
				t.Errorf("not an ErrInvalid: %v", err)
			}
		})
	}
}

func staircase(steps int) string {
	var b strings.Builder
	for i := range steps {
		b.WriteString(strings.Repeat(" ", i) + "a:\n")
	}
	return b.String()
}

// TestFilesAreReadTogether loads a folder whose files name each other's entries.
func TestFilesAreReadTogether(t *testing.T) {
	entity := func(id string) *fstest.MapFile {
		return &fstest.MapFile{Data: []byte("entities:\n- {id: " + id + ", kind: company, name: X, fiscal_year_end: 06-30, cite: memo:1}\n")}
	}
	folder := fstest.MapFS{
		"README.md":      {Data: []byte("not read")},
		"a/facts.yaml":   {Data: []byte("source: memo\nfigures:\n- {of: cord, metric: sales, value: 5, period: Q1 FY2021, at: 1}\n")},
		"b/cord.yaml":    entity("cord"),
		"c/metrics.yaml": {Data: []byte("metrics:\n- {id: sales, definition: Sold., unit: count, over_time: yes, over_parts: yes}\n")},
		"d.yaml":         {Data: []byte("sources:\n- {id: memo, title: Memo}\n")},
	}
	world := newWorld(t)
	report, err := ingest.Load(t.Context(), world, factfile.Read(folder))
	if err != nil {
		t.Fatal(err)
	}
	want := ingest.Report{Sources: 1, Metrics: 1, Entities: 1, Figures: 1, Took: report.Took}
	want.Applied = ingest.Sum{Revision: 2, Recorded: 4, Entities: 1, Observations: 1}
	if diff := cmp.Diff(want, report); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for _, c := range world.recorded[0].Claims {
		if f, ok := c.Statement.(*kg.Figure); ok && (f.Period != kg.MustPeriod("2020-07-01/2020-09-30") || f.Label != "Q1 FY2021") {
			t.Errorf("the figure is of %s, labelled %q", f.Period, f.Label)
		}
	}

	folder["e/again.yaml"] = entity("cord")
	_, err = ingest.Load(t.Context(), world, factfile.Read(folder))
	if want := `e/again.yaml:2:8: "cord" is added a second time; the first is at b/cord.yaml:2:8`; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

// failing is a file system whose files cannot be read.
type failing struct{ fs.FS }

func (f failing) Open(name string) (fs.File, error) {
	if path.Ext(name) == ".yaml" {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrPermission}
	}
	return f.FS.Open(name)
}

func TestUnreadableFilesEndTheLoad(t *testing.T) {
	fsys := failing{fstest.MapFS{"f.yaml": {Data: []byte("source: paper\n")}}}
	if _, err := ingest.Load(t.Context(), newWorld(t), factfile.Read(fsys)); !errors.Is(err, fs.ErrPermission) {
		t.Errorf("got %v", err)
	}
}

func TestReadingCanBeLeftEarly(t *testing.T) {
	fsys := fstest.MapFS{"a.yaml": {Data: []byte("x: 1\ny: 2\nsources: [{id: a, title: A}, {id: b, title: B}]\n")}}
	for stop := 1; stop <= 4; stop++ {
		n := 0
		for range factfile.Read(fsys) {
			if n++; n == stop {
				break
			}
		}
		if n != stop {
			t.Errorf("left after %d steps, wanted %d", n, stop)
		}
	}
}

// FuzzRead looks for files that make the reader panic, run on, or report a
// place that does not exist.
func FuzzRead(f *testing.F) {
	for _, pattern := range []string{"testdata/broken/*.yaml", "testdata/good/*.yaml"} {
		names, err := filepath.Glob(pattern)
		if err != nil {
			f.Fatal(err)
		}
		for _, name := range names {
			text, err := os.ReadFile(name)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(text)
		}
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		lines := bytes.Count(text, []byte("\n")) + 1
		results := 0
		for draft, err := range factfile.Read(fstest.MapFS{"f.yaml": {Data: text}}) {
			if results++; results > 10*len(text)+10 {
				t.Fatalf("%d results from %d bytes", results, len(text))
			}
			var p *ingest.Problem
			switch {
			case err == nil && draft == nil:
				t.Fatal("neither a draft nor a problem")
			case err == nil:
			case !errors.As(err, &p):
				t.Fatal(err)
			case p.At.File != "f.yaml" || p.At.Line < 1 || p.At.Line > lines+1 || p.At.Column < 1:
				t.Fatalf("a problem at %s of %d lines", p.At, lines)
			case p.Reason == "":
				t.Fatalf("a problem without words at %s", p.At)
			}
		}
	})
}
