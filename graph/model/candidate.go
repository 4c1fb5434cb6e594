package model

import "keiretsu/internal/kg"

// Candidate is an entity that may be the same as another.
type Candidate struct{ *kg.LookAlike }

// Node returns the entity.
func (c Candidate) Node() Entity { return EntityOf(c.Member) }

// Reasons returns what speaks for it and against it.
func (c Candidate) Reasons() []*kg.CandidateReason { return c.LookAlike.Reasons }

// CandidatePair is two entities that may be one.
type CandidatePair struct{ *kg.CandidatePair }

// Of returns the first of the two.
func (p CandidatePair) Of() Entity { return EntityOf(p.CandidatePair.Of) }

// Node returns the other.
func (p CandidatePair) Node() Entity { return EntityOf(p.Member) }

// Score returns the sum of what speaks for it and against it.
func (p CandidatePair) Score() float64 { return p.LookAlike.Score }

// Reasons returns what that is.
func (p CandidatePair) Reasons() []*kg.CandidateReason { return p.LookAlike.Reasons }

// MergeCandidates is a page of pairs.
type MergeCandidates struct {
	Pairs []*CandidatePair
	// Next is where the next page begins, nil behind the last.
	Next *string
}

// MergeCandidatesOf gives pairs their shape.
func MergeCandidatesOf(pairs []*kg.CandidatePair, next string) *MergeCandidates {
	page := &MergeCandidates{Pairs: make([]*CandidatePair, len(pairs)), Next: optional(next)}
	for i, p := range pairs {
		page.Pairs[i] = &CandidatePair{p}
	}
	return page
}
