package kgtest

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"keiretsu/internal/kg"
)

func openModel(*testing.T) kg.Store { return NewModel() }

func TestModelKeepsTheContract(t *testing.T) { Run(t, openModel) }

func TestModelAgreesWithItself(t *testing.T) {
	for seed := range uint64(20) {
		Compare(t, seed, NewModel(), NewModel())
	}
}

func TestEnvironmentSaysWhichWorlds(t *testing.T) {
	for name, c := range map[string]struct {
		worlds, seed string
		want         []uint64 // the first and the last
	}{
		"unless told":           {"", "", []uint64{1, 100}},
		"a number of them":      {"1000", "", []uint64{1, 1000}},
		"one again":             {"1000", "18446744073709551615", []uint64{math.MaxUint64, math.MaxUint64}},
		"no number":             {"many", "", nil},
		"none":                  {"0", "", nil},
		"a seed that is none":   {"", "-1", nil},
		"a seed that is a word": {"", "one", nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv(worldsVariable, c.worlds)
			t.Setenv(seedVariable, c.seed)
			r := &recorder{TB: t}
			var got []uint64
			r.run(func() {
				all := seeds(r)
				got = []uint64{all[0], all[len(all)-1]}
			})
			if !slices.Equal(got, c.want) || r.Failed() != (c.want == nil) {
				t.Errorf("worlds %d, failed %v; want %d", got, r.Failed(), c.want)
			}
		})
	}
}

func TestCountingKeepsTheContract(t *testing.T) {
	Run(t, func(*testing.T) kg.Store { return Counting(NewModel()) })
}

func TestFaultyKeepsTheContractUntilItsFault(t *testing.T) {
	Run(t, func(*testing.T) kg.Store { return Faulty(NewModel(), 1<<40, errors.New("never")) })
}

func TestWorldIsTheSameForASeed(t *testing.T) {
	for seed := range uint64(20) {
		a, b := World(seed), World(seed)
		if len(a.Steps) != len(b.Steps) {
			t.Fatalf("world %d has %d steps, then %d", seed, len(a.Steps), len(b.Steps))
		}
		for i := range a.Steps {
			if diff := Diff(a.Steps[i].Batch, b.Steps[i].Batch); diff != "" {
				t.Errorf("world %d, step %d, batches differ:\n%s", seed, i, diff)
			}
			for j, q := range a.Steps[i].Questions {
				if q.Text != b.Steps[i].Questions[j].Text {
					t.Fatalf("world %d, step %d asks %s, then %s", seed, i, q.Text, b.Steps[i].Questions[j].Text)
				}
			}
		}
	}
}

// TestWorldsAreWhole sees that no world names entities that are not in it,
// which would ask of engines what the contract does not promise.
func TestWorldsAreWhole(t *testing.T) {
	kinds := make(map[kg.RecordKind]int)
	for seed := range uint64(10) {
		store := NewModel()
		for i, step := range World(seed).Steps {
			if _, err := store.Apply(t.Context(), step.Batch); err != nil {
				t.Fatalf("world %d, step %d: %v", seed, i, err)
			}
			s := &subject{TB: t, store: store}
			whole := func(id kg.ID, kind kg.EntityKind, by kg.Record) {
				if e, ok := s.get(id)[0].(*kg.Entity); !ok || kind != 0 && e.Kind != kind {
					t.Errorf("world %d, step %d: %s names %s, which is not there or of another kind", seed, i, by.RecordID(), id)
				}
			}
			for _, kind := range kg.RecordKinds() {
				for _, id := range s.scan(kg.ScanQuery{Kind: kind}) {
					kinds[kind]++
					switch r := s.get(id)[0].(type) {
					case *kg.Relation:
						whole(r.From, r.FromKind, r)
						whole(r.To, r.ToKind, r)
					case *kg.Observation:
						whole(r.Subject, 0, r)
					case *kg.Conflict:
						whole(r.About, 0, r)
					}
				}
			}
		}
	}
	for _, kind := range kg.RecordKinds() {
		if kinds[kind] == 0 {
			t.Errorf("no world holds a %s", kind)
		}
	}
}

// TestSamplesHoldEveryField keeps OneOfEverything true to its name.
func TestSamplesHoldEveryField(t *testing.T) {
	set := make(map[string]bool)
	var look func(v reflect.Value)
	look = func(v reflect.Value) {
		switch v.Kind() {
		case reflect.Pointer, reflect.Interface:
			if !v.IsNil() {
				look(v.Elem())
			}
		case reflect.Slice:
			for i := range v.Len() {
				look(v.Index(i))
			}
		case reflect.Struct:
			for i := range v.NumField() {
				if f := v.Type().Field(i); f.IsExported() {
					name := v.Type().Name() + "." + f.Name
					set[name] = set[name] || !v.Field(i).IsZero()
					look(v.Field(i))
				}
			}
		}
	}
	kinds := make(map[kg.RecordKind]bool)
	for _, r := range OneOfEverything() {
		kinds[r.RecordKind()] = true
		look(reflect.ValueOf(r))
	}
	for field, ok := range set {
		if !ok {
			t.Errorf("no sample sets %s", field)
		}
	}
	for _, kind := range kg.RecordKinds() {
		if !kinds[kind] {
			t.Errorf("no sample of a %s", kind)
		}
	}
}

func TestEqualMeansWhatItsDifferencesSay(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	var records []kg.Record
	for seed := range uint64(3) {
		for _, step := range World(seed).Steps {
			records = append(records, step.Batch.Put...)
		}
	}
	records = append(records, OneOfEverything()...)
	for range 20_000 {
		x, y := records[random.IntN(len(records))], records[random.IntN(len(records))]
		if Equal(x, y) != gocmp.Equal(x, y, notation) {
			t.Fatalf("Equal says %v of\n%+v and\n%+v", Equal(x, y), x, y)
		}
	}
	for _, x := range records {
		y := clone(x)
		if !Equal(x, y) {
			t.Errorf("a copy differs: %s", Diff(x, y))
		}
		scribble(reflect.ValueOf(y))
		if Equal(x, y) {
			t.Errorf("a scribbled copy of %s is equal", x.RecordID())
		}
	}
}

func TestFaultyFailsEveryStepOnce(t *testing.T) {
	fault := errors.New("fault")
	n := 0
	for ; ; n++ {
		model := NewModel()
		(&subject{TB: t, store: model}).put(crowd(3, "")...)
		store := Faulty(model, n, fault)
		err := tour(t, store)
		if !store.Tripped() {
			if err != nil {
				t.Errorf("without a fault: %v", err)
			}
			break
		}
		if !errors.Is(err, fault) {
			t.Errorf("fault at step %d: error %v", n, err)
		}
	}
	// Ping, Snapshot, Scan of 4, Relations of 3, Observations of 3, Claims of 3,
	// Conflicts of 3, Get, Find, Stats, Changes of 1, Apply, Close twice.
	if want := 1 + 1 + 5 + 4 + 4 + 4 + 4 + 3 + 2 + 1 + 2; n != want {
		t.Errorf("%d steps can fail, want %d", n, want)
	}
}

// tour does everything once that can be done with a store of a crowd of 3, up
// to the first error.
func tour(t *testing.T, store kg.Store) error {
	ctx := t.Context()
	if err := store.Ping(ctx); err != nil {
		return err
	}
	s, err := store.Snapshot(ctx)
	if err != nil {
		return err
	}
	acme := []kg.ID{"acme"}
	for _, step := range []func() error{
		func() error { _, err := drain(t, s.Scan(ctx, kg.ScanQuery{Kind: kg.RecordEntity})); return err },
		func() error {
			_, err := drain(t, s.Relations(ctx, kg.RelationQuery{Of: acme, Direction: kg.In}))
			return err
		},
		func() error { _, err := drain(t, s.Observations(ctx, kg.ObservationQuery{Of: acme})); return err },
		func() error {
			_, err := drain(t, s.Claims(ctx, []string{(&kg.EntityStatement{Entity: "acme"}).Family()}))
			return err
		},
		func() error { _, err := drain(t, s.Conflicts(ctx, nil)); return err },
		func() error { _, err := s.Get(ctx, acme); return err },
		func() error { _, err := s.Find(ctx, nil); return err },
		func() error { _, err := s.Stats(ctx); return err },
		func() error { _, err := drain(t, store.Changes(ctx, 0)); return err },
		func() error { _, err := store.Apply(ctx, &kg.Batch{}); return err },
		s.Close,
		store.Close,
	} {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

func TestFaultyFailsInTheMiddleOfASequence(t *testing.T) {
	fault := errors.New("fault")
	model := NewModel()
	(&subject{TB: t, store: model}).put(company("a"), company("b"), company("c"))
	store := Faulty(model, 3, fault) // Snapshot, Scan, "a", and then
	s, err := store.Snapshot(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	records, err := drain(t, s.Scan(t.Context(), kg.ScanQuery{Kind: kg.RecordEntity}))
	if !errors.Is(err, fault) || len(records) != 1 {
		t.Errorf("%d records and error %v, want 1 and the fault", len(records), err)
	}
	records, err = drain(t, s.Scan(t.Context(), kg.ScanQuery{Kind: kg.RecordEntity}))
	if err != nil || len(records) != 3 {
		t.Errorf("afterwards %d records and error %v, want 3 and none", len(records), err)
	}
}

func TestCountingCountsByMethod(t *testing.T) {
	store := Counting(NewModel())
	s := &subject{TB: t, store: store}
	s.put(crowd(3, "")...)
	s.relations(kg.RelationQuery{All: true})
	s.get("acme")
	s.get("acme", "c0001")
	s.changes(0)
	want := map[string]int{"Apply": 1, "Snapshot": 3, "Relations": 1, "Get": 2, "Changes": 1, "Close": 3}
	if diff := gocmp.Diff(want, store.Counts()); diff != "" {
		t.Errorf("counts (-want +got):\n%s", diff)
	}
	store.Reset()
	if err := store.Ping(context.Background()); err != nil {
		t.Errorf("Ping: %v", err)
	}
	if diff := gocmp.Diff(map[string]int{"Ping": 1}, store.Counts()); diff != "" {
		t.Errorf("counts after Reset (-want +got):\n%s", diff)
	}
}
