package kg

import (
	"fmt"
	"strings"
)

// Write is what one call of Graph.Apply records: all of it or nothing.
type Write struct {
	// Sources and Metrics are added, or replace those of the same id.
	Sources []*Source
	Metrics []*Metric
	// Claims are recorded. Apply sets their ID, Recorded and Revision.
	Claims []*Claim
	// Conflicts are disagreements that a person has noted because no rule can
	// find them. Apply sets their ID.
	Conflicts []*Conflict
}

// Applied says what a write did.
type Applied struct {
	// Revision is the state that holds the write.
	Revision Revision
	// Recorded counts the claims that were new, Known those that the graph
	// held already.
	Recorded, Known int
	// Entities, Relations and Observations count the facts that were added or changed.
	Entities, Relations, Observations int
}

// WriteList names a list of a Write.
type WriteList string

// The lists.
const (
	InSources   WriteList = "sources"
	InMetrics   WriteList = "metrics"
	InClaims    WriteList = "claims"
	InConflicts WriteList = "conflicts"
)

// Problem is one thing wrong with a write.
type Problem struct {
	// In and Index name the item.
	In    WriteList
	Index int
	// Err says what is wrong and what was expected.
	Err error
}

// Rejection is the ErrInvalid of a write of which nothing was recorded.
type Rejection struct {
	// Problems are in order of list and index; at most MaxProblems of them.
	Problems []Problem
	// More counts the problems left out.
	More int
}

// MaxProblems bounds the problems listed in a Rejection.
const MaxProblems = 50

// Error lists the problems, one a line.
func (r *Rejection) Error() string {
	var b strings.Builder
	for i, p := range r.Problems {
		if i > 0 {
			b.WriteByte('\n')
		}
		fmt.Fprintf(&b, "%s[%d]: %v", p.In, p.Index, p.Err)
	}
	if r.More > 0 {
		fmt.Fprintf(&b, "\nand %d more", r.More)
	}
	return b.String()
}

// Is reports that every Rejection is an ErrInvalid.
func (r *Rejection) Is(target error) bool { return target == ErrInvalid }

func (r *Rejection) add(in WriteList, index int, err error) {
	if err == nil {
		return
	}
	if len(r.Problems) == MaxProblems {
		r.More++
		return
	}
	r.Problems = append(r.Problems, Problem{in, index, err})
}

// orNil returns the rejection if it holds a problem.
func (r *Rejection) orNil() error {
	if len(r.Problems) == 0 {
		return nil
	}
	return r
}
