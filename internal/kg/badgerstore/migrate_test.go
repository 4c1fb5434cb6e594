package badgerstore

import (
	"archive/tar"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"keiretsu/internal/kg"
	"keiretsu/internal/kg/kgtest"
)

// format1 returns a folder with a store of format 1, as the program that had it
// wrote the demo facts, and what that program said is in it: a line for every
// record.
func format1(t *testing.T) (dir, facts string) {
	t.Helper()
	file, err := os.Open("testdata/format1.tar.gz")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	unzipped, err := gzip.NewReader(file)
	if err != nil {
		t.Fatal(err)
	}
	root := t.TempDir()
	for in := tar.NewReader(unzipped); ; {
		h, err := in.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(root, filepath.FromSlash(h.Name))
		if h.Typeflag == tar.TypeDir {
			err = os.MkdirAll(path, 0o755)
		} else {
			var data []byte
			if data, err = io.ReadAll(in); err == nil {
				err = os.WriteFile(path, data, 0o644)
			}
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	text, err := os.ReadFile(filepath.Join(root, "facts.txt"))
	if err != nil {
		t.Fatal(err)
	}
	return filepath.Join(root, "store"), string(text)
}

// factsOf says what is in a store, in the words of format1.
func factsOf(t *testing.T, s *Store) string {
	t.Helper()
	var b strings.Builder
	snap := snapshotOf(t, s)
	fmt.Fprintln(&b, "revision", snap.Revision())
	for _, kind := range kg.RecordKinds() {
		for _, r := range all(t, snap.Scan(t.Context(), kg.ScanQuery{Kind: kind})) {
			fmt.Fprintln(&b, factLine(r))
		}
	}
	return b.String()
}

func factLine(r kg.Record) string {
	switch r := r.(type) {
	case *kg.Entity:
		return fmt.Sprintf("entity %s %s %q %d names", r.ID, r.Kind, r.Name(""), len(r.Names))
	case *kg.Relation:
		return fmt.Sprintf("relation %s %s %s %s %s %s %d citations", r.ID, r.Type, r.From, r.To, r.Start, r.End, len(r.Citations))
	case *kg.Observation:
		return fmt.Sprintf("observation %s %s %s %v %s %s", r.ID, r.Subject, r.Metric, r.Value, r.Unit, r.Period)
	case *kg.Source:
		return fmt.Sprintf("source %s %q %s", r.ID, r.Title, r.Published)
	case *kg.Claim:
		return fmt.Sprintf("claim %s %s %s %q %s %d", r.ID, r.Source, r.Fact, r.Locator, r.Recorded.UTC().Format("2006-01-02T15:04:05.000Z"), r.Revision)
	}
	return fmt.Sprintf("%s %s", r.RecordKind(), r.RecordID())
}

// checkMigrated makes sure that a store has what format1 had, in this format.
func checkMigrated(t *testing.T, s *Store, facts string) {
	t.Helper()
	if diff := cmp.Diff(facts, factsOf(t, s)); diff != "" {
		t.Errorf("facts of the older store (-then +now):\n%s", diff)
	}
	checked, err := s.Check(t.Context(), Checking{Found: func(f Finding) error {
		t.Errorf("%s: %s", f.Key, f.Problem)
		return nil
	}})
	if err != nil || checked.Rows[mentionRows.name] == 0 {
		t.Errorf("%d rows of mentions, %v", checked.Rows[mentionRows.name], err)
	}
	snap := snapshotOf(t, s)
	claims := make(map[kg.ID]kg.Record)
	for _, r := range all(t, snap.Scan(t.Context(), kg.ScanQuery{Kind: kg.RecordClaim})) {
		claims[r.RecordID()] = r
	}
	var of []kg.ID
	for _, r := range all(t, snap.Scan(t.Context(), kg.ScanQuery{Kind: kg.RecordEntity})) {
		of = append(of, r.RecordID())
	}
	mentions := all(t, snap.ClaimsAbout(t.Context(), kg.ClaimQuery{Of: of}))
	for _, m := range mentions {
		if diff := kgtest.Diff(claims[m.Claim.ID], m.Claim); diff != "" {
			t.Errorf("a claim as it is mentioned:\n%s", diff)
		}
	}
	if len(mentions) < len(claims) {
		t.Errorf("%d mentions of %d claims", len(mentions), len(claims))
	}
	if m, err := readMark(s.dir); err != nil || m.format != formatVersion {
		t.Errorf("the mark says %+v, %v", m, err)
	}
}

// TestFormat1 opens a store that an older program wrote, which is written anew,
// writes to it and opens it again.
func TestFormat1(t *testing.T) {
	dir, facts := format1(t)
	s := openTest(t, dir)
	checkMigrated(t, s, facts)
	closeStore(t, s)
	s = openTest(t, dir)
	checkMigrated(t, s, facts)
	timestamp := s.newest.timestamp
	g := kg.NewGraph(s, kg.Options{})
	if _, err := g.Apply(t.Context(), kg.Write{
		By:      "token:anna",
		Sources: []*kg.Source{{ID: "doc-new", Title: "Another"}},
		Claims: []*kg.Claim{{
			Source: "doc-new", Locator: "line 1",
			Statement: &kg.RelationStatement{Type: kg.Acquired, From: "alibaba-group", To: "amap", Start: kg.MustDate("2014")},
		}},
	}); err != nil {
		t.Error(err)
	}
	if s.newest.timestamp != timestamp+1 {
		t.Errorf("the store went from timestamp %d to %d: it was written anew twice", timestamp, s.newest.timestamp)
	}
}

// TestFormat1Interrupted stops writing a store anew after each of its steps: the
// next start does it, and older programs keep out.
func TestFormat1Interrupted(t *testing.T) {
	for step := range 10 {
		dir, facts := format1(t)
		stopped := errors.New("stopped")
		left := step
		err := openStepwise(dir, func() error {
			if left--; left < 0 {
				return stopped
			}
			return nil
		})
		if err == nil {
			if step < 2 {
				t.Errorf("it took %d steps, too few for this test", step)
			}
			return
		}
		if !errors.Is(err, stopped) {
			t.Fatal(err)
		}
		if m, err := readMark(dir); err != nil || m.format != formatVersion {
			t.Errorf("after %d steps, the mark says %+v, %v", step, m, err)
		}
		s := openTest(t, dir)
		checkMigrated(t, s, facts)
		closeStore(t, s)
	}
	t.Error("it does not come to an end")
}

// openStepwise opens and closes a store, calling beforePart before every
// transaction.
func openStepwise(dir string, beforePart func() error) error {
	o := Options{Dir: dir, Memory: leastMemory, Logger: discard}
	s, err := hold(o)
	if err != nil {
		return err
	}
	s.beforePart = beforePart
	if err := s.openHeld(context.Background(), badgerOptions(o)); err != nil {
		return err
	}
	return s.Close()
}

// TestFormat1NeedsRoom refuses to begin where there is no room to come to an end.
func TestFormat1NeedsRoom(t *testing.T) {
	s := openTest(t, t.TempDir())
	apply(t, s, company("a"))
	left(s, 50<<20)
	if err := s.write([]row{identity{format: 1, store: s.mark.store}.row(), head{1, s.counts}.row()}, s.newest.timestamp); err != nil {
		t.Fatal(err)
	}
	before := s.mark.standing
	err := s.migrate(t.Context())
	if !errors.Is(err, kg.ErrUnavailable) || !strings.Contains(err.Error(), "it is of format 1 and has to be written anew: the disk has") || s.mark.standing != before {
		t.Errorf("writing a store anew on a full disk: %v", err)
	}
}
