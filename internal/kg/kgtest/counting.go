package kgtest

import (
	"context"
	"iter"
	"maps"
	"sync"

	"keiretsu/internal/kg"
)

// Counting returns the store with a count of the calls that are made of it and
// of its snapshots.
func Counting(store kg.Store) *CountingStore {
	return &CountingStore{Store: store, counts: make(map[string]int)}
}

// CountingStore is a store that counts its calls.
type CountingStore struct {
	kg.Store
	mu     sync.Mutex
	counts map[string]int
}

// Counts returns how often each method was called since the last Reset, by the
// method's name; methods that were not called are absent. A sequence counts
// once, when it is asked for. Revision is not counted, and Close is that of
// snapshots, so that in the end Close and Snapshot are equal.
func (c *CountingStore) Counts() map[string]int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return maps.Clone(c.counts)
}

// Reset begins to count anew.
func (c *CountingStore) Reset() {
	c.mu.Lock()
	defer c.mu.Unlock()
	clear(c.counts)
}

func (c *CountingStore) count(method string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.counts[method]++
}

// Snapshot opens a snapshot whose calls are counted too. One that could not be
// opened does not count.
func (c *CountingStore) Snapshot(ctx context.Context) (kg.Snapshot, error) {
	s, err := c.Store.Snapshot(ctx)
	if err != nil {
		return nil, err
	}
	c.count("Snapshot")
	return &countingSnapshot{s, c}, nil
}

// Apply is Store.Apply.
func (c *CountingStore) Apply(ctx context.Context, b *kg.Batch) (kg.Revision, error) {
	c.count("Apply")
	return c.Store.Apply(ctx, b)
}

// Changes is Store.Changes.
func (c *CountingStore) Changes(ctx context.Context, after kg.Revision) iter.Seq2[kg.Change, error] {
	c.count("Changes")
	return c.Store.Changes(ctx, after)
}

// Ping is Store.Ping.
func (c *CountingStore) Ping(ctx context.Context) error {
	c.count("Ping")
	return c.Store.Ping(ctx)
}

type countingSnapshot struct {
	kg.Snapshot
	counter *CountingStore
}

func (s *countingSnapshot) Get(ctx context.Context, ids []kg.ID) ([]kg.Record, error) {
	s.counter.count("Get")
	return s.Snapshot.Get(ctx, ids)
}

func (s *countingSnapshot) Find(ctx context.Context, keys []kg.FindKey) ([][]kg.Match, error) {
	s.counter.count("Find")
	return s.Snapshot.Find(ctx, keys)
}

func (s *countingSnapshot) Relations(ctx context.Context, q kg.RelationQuery) iter.Seq2[kg.Edge, error] {
	s.counter.count("Relations")
	return s.Snapshot.Relations(ctx, q)
}

func (s *countingSnapshot) Observations(ctx context.Context, q kg.ObservationQuery) iter.Seq2[kg.Figured, error] {
	s.counter.count("Observations")
	return s.Snapshot.Observations(ctx, q)
}

func (s *countingSnapshot) Claims(ctx context.Context, families []string) iter.Seq2[*kg.Claim, error] {
	s.counter.count("Claims")
	return s.Snapshot.Claims(ctx, families)
}

func (s *countingSnapshot) ClaimsAbout(ctx context.Context, q kg.ClaimQuery) iter.Seq2[kg.Mention, error] {
	s.counter.count("ClaimsAbout")
	return s.Snapshot.ClaimsAbout(ctx, q)
}

func (s *countingSnapshot) Conflicts(ctx context.Context, about []kg.ID) iter.Seq2[*kg.Conflict, error] {
	s.counter.count("Conflicts")
	return s.Snapshot.Conflicts(ctx, about)
}

func (s *countingSnapshot) Scan(ctx context.Context, q kg.ScanQuery) iter.Seq2[kg.Record, error] {
	s.counter.count("Scan")
	return s.Snapshot.Scan(ctx, q)
}

func (s *countingSnapshot) Stats(ctx context.Context) (map[kg.RecordKind]int64, error) {
	s.counter.count("Stats")
	return s.Snapshot.Stats(ctx)
}

func (s *countingSnapshot) Close() error {
	s.counter.count("Close")
	return s.Snapshot.Close()
}
