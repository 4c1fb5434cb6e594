package kg_test

import (
	"context"
	"errors"
	"slices"
	"testing"

	"keiretsu/internal/kg"
	"keiretsu/internal/kg/kgtest"
)

// neverDurable is a store whose disk fails whoever waits for it.
type neverDurable struct{ kg.Stager }

var errDisk = errors.New("the disk is gone")

func (s neverDurable) Stage(ctx context.Context, b *kg.Batch) (kg.Revision, func(context.Context) error, error) {
	revision, _, err := s.Stager.Stage(ctx, b)
	return revision, func(context.Context) error { return errDisk }, err
}

// TestNothingIsToldBeforeItIsDurable: neither that a write is recorded, nor that
// it was recorded before.
func TestNothingIsToldBeforeItIsDurable(t *testing.T) {
	g := graphOver(neverDurable{kgtest.NewModel()})
	named := basics()
	named.Key, named.By = "once", "token:a"
	for _, c := range []struct {
		name  string
		write kg.Write
	}{
		{"a write", named},
		{"a write sent again", named},
		{"a write of what is known", basics()},
		{"an empty write", kg.Write{}},
	} {
		if applied, err := g.Apply(t.Context(), c.write); !errors.Is(err, errDisk) {
			t.Errorf("%s: %v, %v", c.name, applied, err)
		}
	}
	v, err := g.View(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer v.Close()
	if v.Revision() != 0 {
		t.Errorf("revision %d is shown", v.Revision())
	}
}

// TestWritesBuildOnWhatIsStaged stages several writes before the disk has any.
func TestWritesBuildOnWhatIsStaged(t *testing.T) {
	store := &impatient{Stager: kgtest.NewModel()}
	g := graphOver(store)
	var revisions []kg.Revision
	for _, w := range []kg.Write{
		basics(),
		{Claims: []*kg.Claim{said("2", acquired("acme", "bolt", "2014"))}},
		{Claims: []*kg.Claim{said("2", acquired("acme", "bolt", "2014"))}},
	} {
		applied, err := g.Apply(t.Context(), w)
		if err != nil {
			t.Fatal(err)
		}
		revisions = append(revisions, applied.Revision)
	}
	if !slices.Equal(revisions, []kg.Revision{1, 2, 2}) {
		t.Errorf("revisions %d", revisions)
	}
	if store.drafts != 3 {
		t.Errorf("%d drafts were opened for 3 writes", store.drafts)
	}
}

// impatient is a store that counts its drafts and shows nothing to others.
type impatient struct {
	kg.Stager
	drafts int
}

func (s *impatient) Draft(ctx context.Context) (kg.Snapshot, error) {
	s.drafts++
	return s.Stager.Draft(ctx)
}

func (s *impatient) Stage(ctx context.Context, b *kg.Batch) (kg.Revision, func(context.Context) error, error) {
	revision, _, err := s.Stager.Stage(ctx, b)
	return revision, func(context.Context) error { return nil }, err
}

// TestStreamDoesNotWait: the writes of a stream build on one another while the
// disk has none of them, and only Sync waits.
func TestStreamDoesNotWait(t *testing.T) {
	g := graphOver(neverDurable{kgtest.NewModel()})
	s := g.Stream()
	if err := s.Sync(t.Context()); err != nil {
		t.Errorf("nothing is written, and Sync fails: %v", err)
	}
	if _, err := s.Apply(t.Context(), basics()); err != nil {
		t.Fatal(err)
	}
	records, err := s.Records(t.Context(), []kg.ID{"acme", "nobody"})
	if err != nil || records[0] == nil || records[1] != nil {
		t.Errorf("records %v, %v", records, err)
	}
	if applied, err := s.Apply(t.Context(), kg.Write{Claims: []*kg.Claim{said("2", acquired("acme", "bolt", "2014"))}}); err != nil || applied.Revision != 2 {
		t.Errorf("%+v, %v", applied, err)
	}
	if err := s.Sync(t.Context()); !errors.Is(err, errDisk) {
		t.Errorf("Sync returns %v", err)
	}
}
