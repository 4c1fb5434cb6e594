package ingesttest

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf16"
	"unicode/utf8"

	"keiretsu/internal/ingest"
	"keiretsu/internal/kg"
	"keiretsu/internal/kg/kgtest"
)

var update = flag.Bool("update-wanted", false, "write wanted files anew")

// Now is when everything is loaded.
var Now = time.Date(2025, 12, 1, 12, 0, 0, 0, time.UTC)

// NewGraph returns an empty graph and its store, which last as long as the test.
func NewGraph(t testing.TB) (*kg.Graph, kg.Store) {
	store := kgtest.NewModel()
	t.Cleanup(func() { _ = store.Close() })
	return kg.NewGraph(store, kg.Options{Now: func() time.Time { return Now }}), store
}

// File returns a file to import that holds the text.
func File(name string, text []byte) ingest.File {
	return ingest.File{Name: name, Size: int64(len(text)), Open: func(context.Context) (io.ReadCloser, error) {
		return io.NopCloser(bytes.NewReader(text)), nil
	}}
}

// Input returns an input that holds the text.
func Input(name string, text []byte) ingest.Input {
	return ingest.Input{Name: name, Reader: bytes.NewReader(text)}
}

// Files returns the files at these paths, called by the last element of each.
func Files(t testing.TB, paths ...string) []ingest.File {
	t.Helper()
	var files []ingest.File
	for _, p := range paths {
		text, err := os.ReadFile(p)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, File(p[strings.LastIndexByte(p, '/')+1:], text))
	}
	return files
}

// Import imports files into a graph.
func Import(t testing.TB, g *kg.Graph, f ingest.Format, files ...ingest.File) ingest.Report {
	t.Helper()
	return Issue(t, g, f, "", files...)
}

// Issue imports files into a graph as an issue of a data set.
func Issue(t testing.TB, g *kg.Graph, f ingest.Format, dataset string, files ...ingest.File) ingest.Report {
	t.Helper()
	i := &ingest.Import{Format: f, Files: files, Graph: g.Stream(), By: "test", Dataset: dataset}
	report, err := i.Run(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	return report
}

// History imports a file with a history: what stands behind each of its moments is
// recorded under it.
func History(t testing.TB, g *kg.Graph, f ingest.Format, files ...ingest.File) {
	t.Helper()
	for _, file := range files {
		r, err := file.Open(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = r.Close() })
		at := time.Time{}
		var drafts []ingest.Draft
		flush := func() {
			t.Helper()
			if len(drafts) == 0 {
				return
			}
			all := func(yield func(ingest.Draft, error) bool) {
				for _, d := range drafts {
					if !yield(d, nil) {
						return
					}
				}
			}
			if _, err := ingest.Load(context.Background(), stamped{g, at}, all); err != nil {
				t.Fatalf("what was recorded on %s: %v", at, err)
			}
			drafts = nil
		}
		for d, err := range f.Read(ingest.Input{Name: file.Name, Reader: r}) {
			if err != nil {
				t.Fatal(err)
			}
			if m, ok := d.(*ingest.Moment); ok {
				flush()
				if m.Time.Before(at) {
					t.Errorf("%s comes behind %s", m.Time, at)
				}
				at = m.Time
				continue
			}
			drafts = append(drafts, d)
		}
		flush()
	}
}

// stamped records everything under one moment.
type stamped struct {
	*kg.Graph
	at time.Time
}

// Apply records the write under the moment.
func (s stamped) Apply(ctx context.Context, w kg.Write) (kg.Applied, error) {
	w.At = s.at
	return s.Graph.Apply(ctx, w)
}

// Claims writes the claims of a store in order, a line each: what it says, where
// it stands, and where it was not recorded at Now, when.
func Claims(t testing.TB, store kg.Store) string {
	t.Helper()
	snap, err := store.Snapshot(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	defer snap.Close()
	moment := func(at time.Time) string {
		if at.Equal(Now) {
			return ""
		}
		return " on " + strings.TrimSuffix(at.UTC().Format(time.RFC3339), "T00:00:00Z")
	}
	var lines []string
	for r, err := range snap.Scan(context.Background(), kg.ScanQuery{Kind: kg.RecordClaim}) {
		if err != nil {
			t.Fatal(err)
		}
		c := r.(*kg.Claim)
		line := c.Summary() + " | " + string(c.Source) + " " + c.Locator + moment(c.Recorded)
		if c.Note != "" {
			line += " | " + c.Note
		}
		if c.Retracted != nil {
			line += " | retracted" + moment(c.Retracted.At) + ": " + c.Retracted.Reason
		}
		lines = append(lines, line)
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n") + "\n"
}

// Want compares a text with what a file of testdata holds; -update-wanted writes it.
func Want(t testing.TB, path, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := kgtest.Diff(strings.Split(string(want), "\n"), strings.Split(got, "\n")); diff != "" {
		t.Errorf("%s (-want +got; -update-wanted accepts it):\n%s", path, diff)
	}
}

// Dropped lists why things of a report were dropped, with the first places.
func Dropped(report ingest.Report) []string {
	lines := []string{}
	for _, r := range report.Dropped.Reasons {
		lines = append(lines, fmt.Sprintf("%s: %s", strings.Join(r.First, " "), r.Reason))
	}
	return lines
}

// Reading is what a reader yields of a text.
type Reading struct {
	Drafts   []ingest.Draft
	Problems []string
	// Broken is what ended it, "" where it came to the end.
	Broken string
}

// Read reads a text, and fails the test where the reader does not keep to what
// ingest.Format asks of it.
func Read(t testing.TB, f ingest.Format, name string, text io.Reader) Reading {
	t.Helper()
	var r Reading
	for d, err := range f.Read(ingest.Input{Name: name, Reader: text}) {
		problem, isProblem := errors.AsType[*ingest.Problem](err)
		broken, isBroken := errors.AsType[*ingest.Broken](err)
		switch {
		case r.Broken != "":
			t.Fatalf("the sequence goes on behind %q", r.Broken)
		case err == nil && d == nil:
			t.Fatal("a draft is nil")
		case err == nil:
			r.Drafts = append(r.Drafts, d)
		case isProblem:
			r.Problems = append(r.Problems, problem.Error())
			checkText(t, problem.At, name, problem.Reason)
		case isBroken:
			r.Broken = broken.Error()
			checkText(t, broken.At, name, broken.Reason)
		default:
			t.Fatalf("an error is neither a problem nor a broken file: %v (%T)", err, err)
		}
	}
	return r
}

// checkText makes sure that a problem names its place, and says what is wrong in
// one line of words.
func checkText(t testing.TB, at ingest.Position, name, reason string) {
	t.Helper()
	if at.File != name || at.Line < 1 {
		t.Errorf("%s: it does not name its line: %s", at, reason)
	}
	if reason == "" || len(reason) > 1000 || strings.Contains(reason, "\n") || !utf8.ValidString(reason) || strings.Contains(reason, "*") {
		t.Errorf("%s: not fit to be read: %q", at, reason)
	}
}

// BrokenFiles spoils a good file in every way, and makes sure that the reader
// tells it: in one clear message with the line, and without taking the file for
// good.
func BrokenFiles(t *testing.T, f ingest.Format, good []byte) {
	if r := Read(t, f, "good", bytes.NewReader(good)); r.Broken != "" || len(r.Drafts) == 0 {
		t.Fatalf("the file is not good: %+v", r)
	}
	wide := utf16.Encode([]rune(string(good)))
	big := make([]byte, 0, 2*len(wide)+2)
	for _, unit := range append([]uint16{0xfeff}, wide...) {
		big = append(big, byte(unit>>8), byte(unit))
	}
	half := len(good) / 2
	latin := slices.Concat(good[:half:half], []byte("\xe9\xe8 "), good[half:])
	for name, text := range map[string][]byte{
		"empty":                    {},
		"spaces":                   []byte(" \n \n"),
		"UTF-16":                   big,
		"not UTF-8 in the middle":  latin,
		"zero bytes in the middle": slices.Concat(good[:half:half], make([]byte, 8), good[half:]),
		"a picture":                []byte("\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR"),
		"another format":           []byte("id;colour;size\n1;red;9\n2;blue;8\n"),
		"a web page":               []byte("<!DOCTYPE html>\n<html><body><p>Not found</p></body></html>\n"),
		"a number":                 []byte("17"),
		"JSON of something else":   []byte("{\"type\":\"FeatureCollection\",\"features\":[{\"id\":1}]}\n"),
	} {
		t.Run(name, func(t *testing.T) {
			r := Read(t, f, "broken", bytes.NewReader(text))
			if r.Broken == "" && (len(r.Problems) == 0 || len(r.Drafts) > 0) {
				t.Errorf("it is taken for good: %d drafts, %d problems", len(r.Drafts), len(r.Problems))
			}
		})
	}
	t.Run("cut off", func(t *testing.T) {
		step := max(1, len(good)/200)
		for n := 1; n < len(bytes.TrimRight(good, " \r\n]}")); n += step {
			Read(t, f, "cut", bytes.NewReader(good[:n]))
		}
		cut := bytes.TrimRight(good[:half], " \r\n,")
		r := Read(t, f, "cut", bytes.NewReader(cut))
		if r.Broken == "" {
			t.Errorf("half of the file is taken for good; problems: %v", r.Problems)
		}
		if at := bytes.LastIndexByte(cut, ','); at > 0 { // between two members or cells
			if r := Read(t, f, "cut", bytes.NewReader(cut[:at])); r.Broken == "" {
				t.Errorf("what is cut off at a comma is taken for good; problems: %v", r.Problems)
			}
		}
	})
	t.Run("a record without an end", func(t *testing.T) {
		at := half
		for _, before := range []string{`": "`, `":"`, `,"`, ">"} {
			if found := bytes.LastIndex(good[:half], []byte(before)); found > 0 {
				at = found + len(before)
				break
			}
		}
		r := Read(t, f, "endless", io.MultiReader(bytes.NewReader(good[:at]), endless{}))
		if !strings.Contains(r.Broken, "longer than") {
			t.Errorf("it ended with %q", r.Broken)
		}
	})
}

// endless is a text that goes on with one letter for ever.
type endless struct{}

func (endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = 'x'
	}
	return len(p), nil
}

// Fuzz looks for texts that upset a reader, beginning with the seeds. What it
// reads is tried on a graph too, which must come to an end.
func Fuzz(f *testing.F, format ingest.Format, seeds ...[]byte) {
	for _, seed := range seeds {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		if r := Read(t, format, "fuzz", bytes.NewReader(text)); r.Broken != "" {
			return
		}
		g, _ := NewGraph(t)
		i := &ingest.Import{Format: format, Files: []ingest.File{File("fuzz", text)}, Graph: g.Stream()}
		if _, err := i.Run(context.Background()); err != nil {
			if _, ok := errors.AsType[*ingest.Broken](err); !ok {
				t.Error(err)
			}
		}
	})
}
