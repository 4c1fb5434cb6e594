package ingest

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"time"

	"keiretsu/internal/kg"
)

// Graph is what a load needs of a *kg.Graph.
type Graph interface {
	// Records returns the records with these ids, aligned with them: nil
	// where there is none.
	Records(ctx context.Context, ids []kg.ID) ([]kg.Record, error)
	// Apply records a write: all of it or nothing.
	Apply(ctx context.Context, w kg.Write) (kg.Applied, error)
}

// Load writes drafts into the graph, all of them or nothing. Their order does
// not matter: a draft may name what a later one adds. Loading the same drafts
// again changes nothing.
//
// An error that is a *Problem is collected and the sequence goes on; any other
// error of the sequence ends the load. If anything is wrong with what was read,
// Load returns *Problems; the report then says only what was read.
func Load(ctx context.Context, graph Graph, drafts iter.Seq2[Draft, error]) (Report, error) {
	began := time.Now()
	b := &batch{origins: make(map[kg.WriteList][]Position)}
	var all []Draft
	for d, err := range drafts {
		if err == nil {
			all = append(all, d)
			continue
		}
		var p *Problem
		if !errors.As(err, &p) {
			return b.report, fmt.Errorf("ingest: read: %w", err)
		}
		b.problems = append(b.problems, p)
	}
	var err error
	if b.index, err = newIndex(ctx, graph, all); err != nil {
		return b.report, err
	}
	for _, d := range all {
		b.report.count(d)
		d.write(b)
	}
	if err := b.problems.orNil(0); err != nil {
		return b.report, err
	}
	applied, err := graph.Apply(ctx, b.out)
	if err != nil {
		return b.report, b.rejected(err)
	}
	b.report.Applied.add(applied)
	b.report.Took = time.Since(began)
	return b.report, nil
}

// batch is a load on its way from drafts to one write.
type batch struct {
	index
	problems problems
	report   Report
	out      kg.Write
	// origins say where the items of each list of the write came from.
	origins map[kg.WriteList][]Position
}
