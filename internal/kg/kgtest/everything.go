package kgtest

import (
	"testing"

	"keiretsu/internal/kg"
)

// Everything lists all records and all changes of a store, in an order that follows
// from them alone: two stores hold the same exactly if the lists are the same.
func Everything(t testing.TB, store kg.Store) []any {
	t.Helper()
	snap, err := store.Snapshot(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer snap.Close()
	var all []any
	for _, kind := range kg.RecordKinds() {
		for r, err := range snap.Scan(t.Context(), kg.ScanQuery{Kind: kind}) {
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, r)
		}
	}
	for c, err := range store.Changes(t.Context(), 0) {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, c)
	}
	return all
}
