package search

import (
	"context"
	"errors"
	"fmt"
	"math"
	"runtime/debug"
	"slices"

	"github.com/blevesearch/bleve/v2"
	"github.com/blevesearch/bleve/v2/document"
	"github.com/blevesearch/bleve/v2/index/scorch"
	"github.com/blevesearch/bleve/v2/search"
	"github.com/blevesearch/bleve/v2/search/collector"

	"keiretsu/internal/kg"
)

// maxRanked is how many entities of one search are compared name by name. The
// rest follow them, shorter preferred names first, scores below 1.
const maxRanked = 1000

// Search returns the entities whose names fit the text; see kg.TextIndex. It
// reads 200 runes and 12 words of the text. A limit of 0 is no limit.
//
// Hits are ordered by the tier of their best name (rank.go): a name that is the
// text goes before one that begins with it, and so on down to names that have
// half of its words. Within a tier come preferred names first, then shorter ones,
// then ids. Up to 1,000 hits are ordered in this way, chosen tier by tier; should
// there be more, they follow by the length of the entity's preferred name, then by
// id. The order and the scores depend on names and text alone.
//
// While there is no index to ask, Search returns kg.ErrUnavailable; after Close,
// kg.ErrClosed.
func (x *Index) Search(ctx context.Context, q kg.TextQuery) ([]kg.TextHit, int, error) {
	if q.After != nil && !(q.After.Score >= 0 && q.After.Score < 16) {
		return nil, 0, kg.Invalidf("after", "a search has no place with the score %v", q.After.Score)
	}
	a := ask(q.Text)
	if a == nil {
		return nil, 0, nil
	}
	var hits []kg.TextHit
	var total int
	err := x.ask(ctx, func(s *shelf) (err error) {
		hits, total, err = s.search(ctx, a, q)
		return err
	})
	return hits, total, err
}

// ask puts questions to the shelf that serves at present.
func (x *Index) ask(ctx context.Context, questions func(s *shelf) error) error {
	for {
		s, err := x.serving()
		if err != nil {
			return err
		}
		err = questions(s)
		switch {
		case err == nil:
			return nil
		case ctx.Err() != nil:
			return fmt.Errorf("search: %w", ctx.Err())
		case errors.Is(err, bleve.ErrorIndexClosed):
			// Another shelf has taken its place since, or all is closed.
		default:
			x.damaged(s, err)
		}
	}
}

// byOrder lists hits as fieldOrder says. Its values are read with every hit;
// ids need not be.
var byOrder = search.SortOrder{&search.SortField{Field: fieldOrder, Type: search.SortFieldAsString}}

func (s *shelf) search(ctx context.Context, a *asked, q kg.TextQuery) ([]kg.TextHit, int, error) {
	snapshot, err := s.snapshot()
	if err != nil {
		return nil, 0, err
	}
	defer snapshot.Close()
	rungs, anything := a.ladder()
	if len(q.Kinds) > 0 {
		var kinds []question
		for _, k := range q.Kinds {
			kinds = append(kinds, term(fieldKind, k.String()))
		}
		for i := range rungs {
			rungs[i] = all(rungs[i], either(kinds...))
		}
		anything = all(anything, either(kinds...))
	}
	l := listing{snapshot: snapshot, ranker: newRanker(a), query: q, among: make(map[kg.ID]bool)}
	return l.list(ctx, rungs, anything)
}

// snapshot returns the newest moment of the shelf, to be closed.
func (s *shelf) snapshot() (*scorch.IndexSnapshot, error) {
	low, err := s.index.Advanced()
	if err != nil {
		return nil, err
	}
	reader, err := low.Reader()
	if err != nil {
		return nil, err
	}
	snapshot, ok := reader.(*scorch.IndexSnapshot)
	if !ok {
		return nil, fmt.Errorf("an index of the unknown type %T", reader)
	}
	if snapshot == nil { // what there is between closing and having closed
		return nil, bleve.ErrorIndexClosed
	}
	return snapshot, nil
}

// listing is one search under way. It sees one moment of the index.
type listing struct {
	snapshot *scorch.IndexSnapshot
	ranker   *ranker
	query    kg.TextQuery
	// among are the entities that have been compared name by name.
	among map[kg.ID]bool
}

func (l *listing) list(ctx context.Context, rungs []question, anything question) ([]kg.TextHit, int, error) {
	for _, rung := range rungs {
		found, err := l.ask(ctx, rung, "", maxRanked)
		if err != nil {
			return nil, 0, err
		}
		for _, hit := range found {
			_, id, err := parseOrderKey(hit.Sort[0])
			if err != nil {
				return nil, 0, err
			}
			if l.among[id] = true; len(l.among) == maxRanked {
				break
			}
		}
		if len(l.among) == maxRanked {
			break
		}
	}
	best, err := l.rank()
	if err != nil {
		return nil, 0, err
	}
	limit := l.query.Limit
	if limit <= 0 {
		limit = math.MaxInt
	}
	var hits []kg.TextHit
	after := l.query.After
	for _, r := range best {
		if len(hits) < limit && (after == nil || r.hit.Score < after.Score || r.hit.Score == after.Score && r.hit.ID > after.ID) {
			hits = append(hits, r.hit)
		}
	}
	if len(l.among) < maxRanked {
		return hits, len(best), nil
	}
	if len(hits) < limit {
		rest, err := l.rest(ctx, anything, limit-len(hits))
		if err != nil {
			return nil, 0, err
		}
		hits = append(hits, rest...)
	}
	total, err := l.count(ctx, anything)
	if err != nil {
		return nil, 0, err
	}
	return hits, total - (len(l.among) - len(best)), nil
}

// ask returns the first hits of a question that lie behind a place in the order
// of entities.
func (l *listing) ask(ctx context.Context, q question, after string, size int) (search.DocumentMatchCollection, error) {
	c := collector.NewTopNCollector(size, 0, byOrder.Copy())
	if after != "" {
		c = collector.NewTopNCollectorAfter(size, byOrder.Copy(), []string{after})
	}
	if err := l.collect(ctx, q, c); err != nil {
		return nil, err
	}
	return c.Results(), nil
}

// count returns how many hits a question has.
func (l *listing) count(ctx context.Context, q question) (int, error) {
	// A collector of nothing still counts, and needs no order to do it.
	c := collector.NewTopNCollector(0, 0, search.SortOrder{&search.SortScore{}})
	err := l.collect(ctx, q, c)
	return int(c.Total()), err
}

func (l *listing) collect(ctx context.Context, q question, into *collector.TopNCollector) error {
	return guard(func() error {
		searcher, err := q(ctx, l.snapshot)
		if err != nil {
			return err
		}
		return errors.Join(into.Collect(ctx, searcher, l.snapshot), searcher.Close())
	})
}

// rank compares the names of the chosen entities with the text.
func (l *listing) rank() ([]ranked, error) {
	var best []ranked
	for id := range l.among {
		names, err := l.names(id)
		if err != nil {
			return nil, err
		}
		if r, ok := l.ranker.rank(id, names); ok {
			best = append(best, r)
		}
	}
	slices.SortFunc(best, ranked.compare)
	return best, nil
}

// names returns the names of an entity that the index holds.
func (l *listing) names(id kg.ID) (names []folded, err error) {
	err = guard(func() error {
		found, err := l.snapshot.Document(string(id))
		if err != nil {
			return err
		}
		if d, ok := found.(*document.Document); ok {
			for _, f := range d.Fields {
				if f.Name() == fieldNames {
					names, err = decodeNames(f.Value())
					return err
				}
			}
		}
		return errDamaged
	})
	return names, err
}

// rest returns hits that were not chosen for comparison, from where the page
// before has ended.
func (l *listing) rest(ctx context.Context, q question, limit int) ([]kg.TextHit, error) {
	after := ""
	if a := l.query.After; a != nil && a.Score < 1 {
		after = orderKey(lengthOf(a.Score), a.ID)
	}
	var hits []kg.TextHit
	for {
		found, err := l.ask(ctx, q, after, min(limit, maxRanked)+len(l.among))
		if err != nil {
			return nil, err
		}
		for _, hit := range found {
			after = hit.Sort[0]
			length, id, err := parseOrderKey(after)
			if err != nil {
				return nil, err
			}
			if l.among[id] {
				continue
			}
			if len(hits) == limit {
				break
			}
			names, err := l.names(id)
			if err != nil {
				return nil, err
			}
			r, _ := l.ranker.rank(id, names)
			hits = append(hits, kg.TextHit{ID: id, Score: restScore(length), Matched: r.hit.Matched})
		}
		if len(hits) == limit || len(found) == 0 {
			return hits, nil
		}
	}
}

// restScore is the score, below 1, of a hit that was not compared; lengthOf
// takes the length out of it again. Both are exact.
func restScore(length int) float64 { return float64(maxLength-length) / (maxLength + 1) }

func lengthOf(score float64) int { return maxLength - int(score*(maxLength+1)) }

// guard turns a panic inside bleve into an error, also one over an address that
// cannot be read: bleve reads its files as they lie in memory, and does not expect
// bytes that make no sense.
func guard(f func() error) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("panic: %v", r)
		}
	}()
	return f()
}
