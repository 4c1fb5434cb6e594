package model

import (
	"context"
	"time"

	"keiretsu/internal/kg"
)

// Claim is what one source says.
type Claim struct{ *kg.Stated }

// IsNode marks a claim as a Node.
func (Claim) IsNode() {}

// ClaimsOf gives claims their shape.
func ClaimsOf(stated []*kg.Stated) []*Claim {
	claims := make([]*Claim, len(stated))
	for i, s := range stated {
		claims[i] = &Claim{s}
	}
	return claims
}

// About returns the entities of which it speaks.
func (c Claim) About(ctx context.Context) ([]Entity, error) {
	members, err := c.Stated.About(ctx)
	return EntitiesIn(members), err
}

// Citation returns who says so, and where.
func (c Claim) Citation() *Citation { return &Citation{c.Cited()} }

// Note returns the remark of whoever recorded it, or nil.
func (c Claim) Note() *string { return optional(c.Stated.Note) }

// Fact returns what rests on it, or nil.
func (c Claim) Fact(ctx context.Context) (Node, error) {
	fact, err := c.Supports(ctx)
	return NodeOf(fact), err
}

// Revision returns the change by which it was recorded.
func (c Claim) Revision() int { return int(c.Stated.Revision) }

// RecordedAt returns when that was.
func (c Claim) RecordedAt() time.Time { return c.Recorded }

// RecordedBy returns who did so, or nil.
func (c Claim) RecordedBy() *string { return optional(c.By) }

// Retraction returns how it was taken back, or nil.
func (c Claim) Retraction() *Retraction {
	if c.Live() {
		return nil
	}
	return &Retraction{c.Retracted}
}

// Judgement says that two ids name one thing, or that they do not.
type Judgement struct{ *kg.Judgement }

// Reason returns why, or nil.
func (j Judgement) Reason() *string { return optional(j.Note) }

// Claim returns the claim that says so.
func (j Judgement) Claim() *Claim { return &Claim{j.Stated} }

// Retraction says how a claim was taken back.
type Retraction struct{ *kg.Retraction }

// Revision returns the change that did so.
func (r Retraction) Revision() int { return int(r.Retraction.Revision) }

// By returns who did so, or nil.
func (r Retraction) By() *string { return optional(r.Retraction.By) }

// HistoryEntry is one thing that was done.
type HistoryEntry struct{ *kg.HistoryEntry }

// Revision returns the change of which it is a part.
func (e HistoryEntry) Revision() int { return int(e.HistoryEntry.Revision) }

// At returns when it was done, or nil where that was never noted.
func (e HistoryEntry) At() *time.Time {
	if e.HistoryEntry.At.IsZero() {
		return nil
	}
	return &e.HistoryEntry.At
}

// By returns who did it, or nil.
func (e HistoryEntry) By() *string { return optional(e.HistoryEntry.By) }

// Reason returns why a claim was taken back, or nil.
func (e HistoryEntry) Reason() *string { return optional(e.HistoryEntry.Reason) }

// Claim returns the claim concerned, or nil.
func (e HistoryEntry) Claim() *Claim {
	if e.Stated == nil {
		return nil
	}
	return &Claim{e.Stated}
}

// Source returns the description of a source, or nil.
func (e HistoryEntry) Source() *Source {
	if e.HistoryEntry.Source == nil {
		return nil
	}
	return &Source{e.HistoryEntry.Source}
}
