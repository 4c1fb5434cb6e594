package ingest

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"keiretsu/internal/kg"
)

// Problem is one thing wrong with what was read. It is a kg.ErrInvalid.
type Problem struct {
	At Position
	// Reason says what is wrong and what was expected.
	Reason string
}

// Error returns file:line:column: reason.
func (p *Problem) Error() string { return p.At.String() + ": " + p.Reason }

// Is reports that every Problem is a kg.ErrInvalid.
func (p *Problem) Is(target error) bool { return target == kg.ErrInvalid }

// reasonOf returns what is wrong without where, which the place of a problem says.
func reasonOf(err error) string {
	if invalid, ok := errors.AsType[*kg.InvalidError](err); ok {
		return invalid.Reason
	}
	return err.Error()
}

// MaxProblems bounds the problems listed in Problems.
const MaxProblems = kg.MaxProblems

// Problems is the kg.ErrInvalid of a load of which nothing was recorded.
type Problems struct {
	// List is in order of file, line and column; at most MaxProblems.
	List []*Problem
	// More counts those left out.
	More int
}

// Error lists the problems, one a line.
func (p *Problems) Error() string {
	var b strings.Builder
	for i, problem := range p.List {
		if i > 0 {
			b.WriteByte('\n')
		}
		b.WriteString(problem.Error())
	}
	if p.More > 0 {
		fmt.Fprintf(&b, "\nand %d more", p.More)
	}
	return b.String()
}

// Is reports that every Problems is a kg.ErrInvalid.
func (p *Problems) Is(target error) bool { return target == kg.ErrInvalid }

// problems collects what is wrong.
type problems []*Problem

func (p *problems) add(at Position, format string, args ...any) {
	*p = append(*p, &Problem{at, fmt.Sprintf(format, args...)})
}

// orNil returns what was collected as an error: sorted, each problem once (the
// claims that a statement gives for several citations fail alike). Further ones
// were counted and not listed by whoever found them.
func (p problems) orNil(further int) error {
	if len(p) == 0 {
		return nil
	}
	sorted := slices.SortedFunc(slices.Values(p), func(a, b *Problem) int {
		return cmp.Or(
			strings.Compare(a.At.File, b.At.File),
			cmp.Compare(a.At.Line, b.At.Line),
			cmp.Compare(a.At.Column, b.At.Column),
			strings.Compare(a.Reason, b.Reason),
		)
	})
	sorted = slices.CompactFunc(sorted, func(a, b *Problem) bool { return *a == *b })
	listed := min(len(sorted), MaxProblems)
	return &Problems{List: sorted[:listed], More: len(sorted) - listed + further}
}

// rejected turns the graph's refusal of a write into problems at the places
// from which its items came; every other error stays as it is.
func (b *batch) rejected(err error) error {
	var rejection *kg.Rejection
	if !errors.As(err, &rejection) || len(rejection.Problems) == 0 {
		return fmt.Errorf("ingest: write to the graph: %w", err)
	}
	for _, p := range rejection.Problems {
		b.problems.add(b.origins[p.In][p.Index], "%s", reasonOf(p.Err))
	}
	return b.problems.orNil(rejection.More)
}
