package kgtest

import (
	"context"
	"iter"
	"sync/atomic"

	"keiretsu/internal/kg"
)

// Faulty returns the store with one fault: its n-th step fails with err, and
// has no effect. A step is a call of the store or of one of its snapshots
// (Revision aside, which cannot fail) or an element that a sequence is about to
// yield; they are counted from 0. A Close that fails has closed all the same.
//
// To see a caller through every fault, count n upwards until Tripped is false.
func Faulty(store kg.Store, n int, err error) *FaultyStore {
	f := &FaultyStore{store: store, err: err}
	f.left.Store(int64(n))
	return f
}

// FaultyStore is a store with a fault.
type FaultyStore struct {
	store kg.Store
	err   error
	// left counts the steps before the fault; it is negative from the fault on.
	left atomic.Int64
}

// Tripped reports that the fault has happened.
func (f *FaultyStore) Tripped() bool { return f.left.Load() < 0 }

// step returns the error if this step is the one that fails.
func (f *FaultyStore) step() error {
	if f.left.Add(-1) == -1 {
		return f.err
	}
	return nil
}

// Snapshot opens a snapshot that shares the fault.
func (f *FaultyStore) Snapshot(ctx context.Context) (kg.Snapshot, error) {
	if err := f.step(); err != nil {
		return nil, err
	}
	s, err := f.store.Snapshot(ctx)
	if err != nil {
		return nil, err
	}
	return &faultySnapshot{f, s}, nil
}

// Apply is Store.Apply.
func (f *FaultyStore) Apply(ctx context.Context, b *kg.Batch) (kg.Revision, error) {
	if err := f.step(); err != nil {
		return 0, err
	}
	return f.store.Apply(ctx, b)
}

// Changes is Store.Changes.
func (f *FaultyStore) Changes(ctx context.Context, after kg.Revision) iter.Seq2[kg.Change, error] {
	return faultySequence(f, func() iter.Seq2[kg.Change, error] { return f.store.Changes(ctx, after) })
}

// Ping is Store.Ping.
func (f *FaultyStore) Ping(ctx context.Context) error {
	if err := f.step(); err != nil {
		return err
	}
	return f.store.Ping(ctx)
}

// Close closes the store, whether it fails or not.
func (f *FaultyStore) Close() error {
	fault := f.step()
	if err := f.store.Close(); err != nil {
		return err
	}
	return fault
}

type faultySnapshot struct {
	faults *FaultyStore
	kg.Snapshot
}

func (s *faultySnapshot) Get(ctx context.Context, ids []kg.ID) ([]kg.Record, error) {
	if err := s.faults.step(); err != nil {
		return nil, err
	}
	return s.Snapshot.Get(ctx, ids)
}

func (s *faultySnapshot) Find(ctx context.Context, keys []kg.FindKey) ([][]kg.Match, error) {
	if err := s.faults.step(); err != nil {
		return nil, err
	}
	return s.Snapshot.Find(ctx, keys)
}

func (s *faultySnapshot) Relations(ctx context.Context, q kg.RelationQuery) iter.Seq2[kg.Edge, error] {
	return faultySequence(s.faults, func() iter.Seq2[kg.Edge, error] { return s.Snapshot.Relations(ctx, q) })
}

func (s *faultySnapshot) Observations(ctx context.Context, q kg.ObservationQuery) iter.Seq2[kg.Figured, error] {
	return faultySequence(s.faults, func() iter.Seq2[kg.Figured, error] { return s.Snapshot.Observations(ctx, q) })
}

func (s *faultySnapshot) Claims(ctx context.Context, families []string) iter.Seq2[*kg.Claim, error] {
	return faultySequence(s.faults, func() iter.Seq2[*kg.Claim, error] { return s.Snapshot.Claims(ctx, families) })
}

func (s *faultySnapshot) ClaimsAbout(ctx context.Context, q kg.ClaimQuery) iter.Seq2[kg.Mention, error] {
	return faultySequence(s.faults, func() iter.Seq2[kg.Mention, error] { return s.Snapshot.ClaimsAbout(ctx, q) })
}

func (s *faultySnapshot) Conflicts(ctx context.Context, about []kg.ID) iter.Seq2[*kg.Conflict, error] {
	return faultySequence(s.faults, func() iter.Seq2[*kg.Conflict, error] { return s.Snapshot.Conflicts(ctx, about) })
}

func (s *faultySnapshot) Scan(ctx context.Context, q kg.ScanQuery) iter.Seq2[kg.Record, error] {
	return faultySequence(s.faults, func() iter.Seq2[kg.Record, error] { return s.Snapshot.Scan(ctx, q) })
}

func (s *faultySnapshot) Stats(ctx context.Context) (map[kg.RecordKind]int64, error) {
	if err := s.faults.step(); err != nil {
		return nil, err
	}
	return s.Snapshot.Stats(ctx)
}

func (s *faultySnapshot) Close() error {
	fault := s.faults.step()
	if err := s.Snapshot.Close(); err != nil {
		return err
	}
	return fault
}

func faultySequence[T any](f *FaultyStore, call func() iter.Seq2[T, error]) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var zero T
		if err := f.step(); err != nil {
			yield(zero, err)
			return
		}
		for x, err := range call() {
			if err == nil {
				if fault := f.step(); fault != nil {
					yield(zero, fault)
					return
				}
			}
			if !yield(x, err) {
				return
			}
		}
	}
}
