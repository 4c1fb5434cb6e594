package badgerstore

import (
	"archive/tar"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"

	"keiretsu/internal/kg"
)

// formatOne unpacks a store that was written by version 0.1, with the demo facts
// of its time.
func formatOne(t *testing.T) string {
	t.Helper()
	packed, err := os.Open(filepath.Join("testdata", "format-1.tar.gz"))
	if err != nil {
		t.Fatal(err)
	}
	defer packed.Close()
	unzipped, err := gzip.NewReader(packed)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for files := tar.NewReader(unzipped); ; {
		header, err := files.Next()
		if errors.Is(err, io.EOF) {
			return dir
		}
		if err != nil {
			t.Fatal(err)
		}
		name := filepath.Join(dir, filepath.FromSlash(header.Name))
		if header.FileInfo().IsDir() {
			err = os.MkdirAll(name, 0o755)
		} else {
			var content []byte
			if content, err = io.ReadAll(files); err == nil {
				err = os.WriteFile(name, content, 0o600)
			}
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// A store of the form before this one is written anew when it is opened: nothing
// is lost, every row is as it would be written today, and it is done once.
func TestAnOlderStoreIsWrittenAnew(t *testing.T) {
	dir, ctx := formatOne(t), context.Background()
	counts := map[kg.RecordKind]int64{
		kg.RecordEntity: 201, kg.RecordRelation: 344, kg.RecordObservation: 428, kg.RecordSource: 5,
		kg.RecordMetric: 204, kg.RecordClaim: 1796, kg.RecordConflict: 49,
	}
	var newest uint64
	for _, opening := range []string{"the first time", "the second time"} {
		s, err := Open(ctx, Options{Dir: dir})
		if err != nil {
			t.Fatalf("%s: %v", opening, err)
		}
		snap, err := s.Snapshot(ctx)
		if err != nil {
			t.Fatal(err)
		}
		got, err := snap.Stats(ctx)
		if err != nil || snap.Revision() != 1 {
			t.Errorf("%s: revision %d, %v", opening, snap.Revision(), err)
		}
		for kind, want := range counts {
			if got[kind] != want {
				t.Errorf("%s: %d records of kind %s, want %d", opening, got[kind], kind, want)
			}
		}
		// Mention rows held the key of the claim, and hold the claim now.
		mentions := 0
		for m, err := range snap.ClaimsAbout(ctx, kg.ClaimQuery{Of: []kg.ID{"alibaba-group"}, As: []kg.Aspect{{Part: kg.PartFrom}}}) {
			if err != nil {
				t.Fatalf("%s: %v", opening, err)
			}
			if m.Claim.Source == "" || m.Claim.Recorded.IsZero() {
				t.Errorf("%s: the claim %+v", opening, m.Claim)
			}
			mentions++
		}
		if mentions < 100 {
			t.Errorf("%s: %d claims say what it does", opening, mentions)
		}
		if err := snap.Close(); err != nil {
			t.Fatal(err)
		}
		checked, err := s.Check(ctx, Checking{Found: func(f Finding) error {
			t.Errorf("%s: %v", opening, f)
			return nil
		}})
		if err != nil || checked.Findings > 0 {
			t.Errorf("%s: %d findings, %v", opening, checked.Findings, err)
		}
		if newest != 0 && s.newest.timestamp != newest {
			t.Errorf("%s it was written again", opening)
		}
		newest = s.newest.timestamp
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if standing, err := readMark(dir); err != nil || standing.format != formatVersion {
		t.Errorf("the mark says format %d, %v", standing.format, err)
	}
}
