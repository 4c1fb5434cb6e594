package kg

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
)

// Bounds of what Paths may be asked for.
const (
	// MaxPathLength is the largest number of links of a path.
	MaxPathLength     = 10
	defaultPathLength = 4
	// MaxPaths is the largest number of paths.
	MaxPaths     = 100
	defaultPaths = 1
)

// PathOptions say which paths are asked for; the zero value asks for the first
// of the shortest.
type PathOptions struct {
	// MaxLength is the largest number of links, 1 to MaxPathLength; nil for 4.
	MaxLength *int
	// First is the number of paths, 1 to MaxPaths; nil for 1.
	First *int
	// Types are those of the links; none given means all.
	Types []RelationType
	// AsOf asks for what was so on a day; nil for the view's clock, or for
	// whatever has ever been so where none is set.
	AsOf *Day
}

// Paths returns the shortest paths between two entities: ways along relations,
// in either direction, that come to no entity twice. The shortest come first,
// equals in the order of the ids on the way (bytes), one after the other.
//
// Paths differ in their entities. Where several relations join two of them the
// first in the order of relations is shown. There are none where either id names
// no entity. A search past the budget is an ErrTooComplex.
//
// The search goes out from both ends at once (Pohl, "Bi-directional search",
// 1971), so that a path of length 6 costs two neighborhoods of depth 3, and
// from the side that has come to fewer entities, so that a hub is read last.
// What it has read is then divided as Lawler did after Yen ("A procedure for
// computing the k best solutions …", 1972): each path found leaves the paths
// that leave it at one of its entities, whose first is found without trying
// those that cannot end in time.
func (v *View) Paths(ctx context.Context, from, to ID, o PathOptions) ([]*Walk, error) {
	longest, err := countFrom1("maxLength", o.MaxLength, defaultPathLength, MaxPathLength)
	if err != nil {
		return nil, err
	}
	first, err := countFrom1("first", o.First, defaultPaths, MaxPaths)
	if err != nil {
		return nil, err
	}
	asOf, err := v.momentOr(o.AsOf)
	if err != nil {
		return nil, err
	}
	if from == to {
		return nil, errSameEnds
	}
	ends, err := v.entities(ctx, []ID{from, to})
	if err != nil || ends[0] == nil || ends[1] == nil {
		return nil, err
	}
	if ends[0].ID == ends[1].ID {
		return nil, errSameEnds
	}
	query := RelationQuery{Direction: Both, Types: o.Types, When: When{AsOf: asOf}, Direct: true}
	found, err := v.search(ctx, ends[0].ID, ends[1].ID, query, first, longest)
	if err != nil {
		return nil, err
	}
	paths, err := v.namePaths(ctx, found)
	for _, path := range paths {
		for _, l := range path.Links {
			l.judge(query.When)
		}
	}
	return paths, err
}

var errSameEnds = Invalidf("to", "a path leads from one entity to another, and these are the same")

// countFrom1 reads an argument that counts from 1.
func countFrom1(argument string, given *int, otherwise, most int) (int, error) {
	if given == nil {
		return otherwise, nil
	}
	if *given < 1 || *given > most {
		return 0, Invalidf(argument, "expected 1 to %d, not %d", most, *given)
	}
	return *given, nil
}

// foundPath is a path as the search knows it.
type foundPath struct{ entities, relations []ID }

// namePaths makes paths ready to be asked further, in one call of the store.
func (v *View) namePaths(ctx context.Context, found []foundPath) ([]*Walk, error) {
	var ids []ID
	for _, p := range found {
		ids = append(append(ids, p.entities...), p.relations...)
	}
	slices.Sort(ids)
	ids = slices.Compact(ids)
	records, err := v.Records(ctx, ids)
	if err != nil {
		return nil, err
	}
	var entities []*Entity
	relations := make(map[ID]*Relation)
	for i, r := range records {
		switch r := r.(type) {
		case *Entity:
			entities = append(entities, r)
		case *Relation:
			relations[ids[i]] = r
		}
	}
	ways := make([]way, len(found))
	for i, p := range found {
		ways[i].stops = p.entities
		for _, id := range p.relations {
			if relations[id] == nil {
				return nil, fmt.Errorf("the relation %s is not there", id)
			}
			ways[i].relations = append(ways[i].relations, relations[id])
		}
	}
	return v.walks(ctx, v.cohortOf(entities), ways)
}

// search returns up to first paths of at most longest links, in order.
func (v *View) search(ctx context.Context, from, to ID, q RelationQuery, first, longest int) ([]foundPath, error) {
	w, ctx, cancel := v.newWalk(ctx, "the search for paths")
	defer cancel()
	m := newMeeting(w, q, from, to)
	e := &enumeration{meeting: m, ctx: ctx, want: first, open: []detour{{begin: []vertex{source}}}}
	for length := 1; length <= longest; length++ {
		if err := m.cover(ctx, length); err != nil {
			return nil, err
		}
		if m.apart() {
			break
		}
		if m.shortest > length {
			continue
		}
		if err := e.run(length); err != nil {
			return nil, err
		}
		if len(e.found) == first {
			break
		}
	}
	paths := make([]foundPath, len(e.found))
	for i, p := range e.found {
		paths[i] = m.named(p)
	}
	return paths, nil
}

// vertex is an entity as a search numbers it, in the order in which it comes to them.
type vertex int32

// The two ends.
const (
	source vertex = iota
	target
)

// lane is a relation that leads from one vertex to another, in either direction.
type lane struct {
	to       vertex
	relation ID
}

// meeting goes out from two ends until they meet, and remembers what it has
// read. It keeps ids of relations alone, since it reads far more than it shows.
type meeting struct {
	walk  *walk
	query RelationQuery

	ids    []ID
	number map[ID]vertex
	// away is the distance from either end, unknown where it has not come there.
	away [][2]int8
	// read marks the vertices whose relations have been read. The lanes of the
	// others are those that were met from their far end. Those that lead to the
	// same vertex are in the order of relations.
	read  []bool
	lanes [][]lane

	// rim holds the vertices at the distance depth from either end.
	rim   [2][]vertex
	depth [2]int
	// shortest is the length of the shortest path met so far.
	shortest int
}

const notMet = int8(-1)

func newMeeting(w *walk, q RelationQuery, from, to ID) *meeting {
	m := &meeting{walk: w, query: q, number: make(map[ID]vertex), shortest: math.MaxInt}
	for side, id := range []ID{from, to} {
		n := m.vertex(id)
		m.away[n][side] = 0
		m.rim[side] = []vertex{n}
	}
	return m
}

func (m *meeting) vertex(id ID) vertex {
	n, ok := m.number[id]
	if !ok {
		n = vertex(len(m.ids))
		m.number[id] = n
		m.ids = append(m.ids, id)
		m.away = append(m.away, [2]int8{notMet, notMet})
		m.read = append(m.read, false)
		m.lanes = append(m.lanes, nil)
	}
	return n
}

// cover goes on until every path of the length has been read: its first
// depth[0] links from the source, the others from the target.
func (m *meeting) cover(ctx context.Context, length int) error {
	for m.depth[0]+m.depth[1] < length && !m.apart() {
		side := 0
		if len(m.rim[1]) < len(m.rim[0]) {
			side = 1
		}
		if err := m.goOut(ctx, side); err != nil {
			return err
		}
	}
	return nil
}

// apart reports that no path joins the two ends.
func (m *meeting) apart() bool {
	return m.shortest == math.MaxInt && (len(m.rim[0]) == 0 || len(m.rim[1]) == 0)
}

// goOut moves the rim of one side outward by one link. An entity counts when
// relations are read from it: at the last step most are met and not needed.
func (m *meeting) goOut(ctx context.Context, side int) error {
	q := m.query
	var at []vertex
	for _, n := range m.rim[side] {
		if !m.read[n] {
			m.read[n], m.lanes[n] = true, nil
			at, q.Of = append(at, n), append(q.Of, m.ids[n])
		}
	}
	if err := m.walk.reach(len(at)); err != nil {
		return err
	}
	if len(at) > 0 {
		err := m.walk.relations(ctx, q, func(e Edge) bool {
			far, _ := e.Relation.Other(q.Of[e.At])
			m.join(at[e.At], m.vertex(far), e.Relation.ID)
			return true
		})
		if err != nil {
			return err
		}
	}
	m.depth[side]++
	var rim []vertex
	for _, n := range m.rim[side] {
		for _, l := range m.lanes[n] {
			away := &m.away[l.to]
			if away[side] != notMet {
				continue
			}
			away[side] = int8(m.depth[side])
			rim = append(rim, l.to)
			if away[1-side] != notMet {
				m.shortest = min(m.shortest, int(away[0])+int(away[1]))
			}
		}
	}
	m.rim[side] = rim
	return nil
}

// join notes that a relation read from one vertex leads to another.
func (m *meeting) join(n, to vertex, relation ID) {
	if n == to {
		return
	}
	m.lanes[n] = append(m.lanes[n], lane{to, relation})
	if !m.read[to] {
		m.lanes[to] = append(m.lanes[to], lane{n, relation})
	}
}

// behind returns what is known of the way from the source to a vertex: its length,
// or the least that it can be.
func (m *meeting) behind(n vertex) int {
	if d := m.away[n][0]; d != notMet {
		return int(d)
	}
	return m.depth[0] + 1
}

// ahead returns the distance of vertices to the target by what has been read,
// unknown for those that no path of the length can pass.
func (m *meeting) ahead(length int) []int8 {
	ahead := slices.Repeat([]int8{notMet}, len(m.ids))
	ahead[target] = 0
	rim := []vertex{target}
	for d := 1; len(rim) > 0 && d <= length; d++ {
		var next []vertex
		for _, n := range rim {
			for _, l := range m.lanes[n] {
				if ahead[l.to] == notMet && m.behind(l.to)+d <= length {
					ahead[l.to] = int8(d)
					next = append(next, l.to)
				}
			}
		}
		rim = next
	}
	return ahead
}

func (m *meeting) named(path []vertex) foundPath {
	p := foundPath{entities: []ID{m.ids[path[0]]}}
	for i, n := range path[1:] {
		p.entities = append(p.entities, m.ids[n])
		at := slices.IndexFunc(m.lanes[path[i]], func(l lane) bool { return l.to == n })
		p.relations = append(p.relations, m.lanes[path[i]][at].relation)
	}
	return p
}

// compare orders paths of one length.
func (m *meeting) compare(a, b []vertex) int {
	return slices.CompareFunc(a, b, func(x, y vertex) int { return cmp.Compare(m.ids[x], m.ids[y]) })
}

// detour stands for all paths that begin in one way and go on by none of the
// barred vertices. The detours that are open at one time share no path, and with
// what has been found they make up all paths.
type detour struct {
	begin  []vertex
	barred []vertex
}

// enumeration finds the paths among what a meeting has read, length by length.
type enumeration struct {
	*meeting
	ctx   context.Context
	want  int
	found [][]vertex
	// open are the detours that hold no path of the lengths looked at so far.
	open []detour

	length int
	toGo   []int8
	// onward holds, for the vertices that were asked for, those that can follow
	// them on a path of the length, in id order.
	onward map[vertex][]vertex
	// failed holds the most links with which the target cannot be reached
	// from a vertex, on the current detour.
	failed map[vertex]int
	path   []vertex
	steps  int
}

// candidate is the first path of a detour.
type candidate struct {
	path []vertex
	detour
}

// stepsPerEdge is how many links may be considered for every relation that may
// be read; it costs about a hundredth of reading one.
const stepsPerEdge = 100

// stepsPerCheck is the number of steps after which a search looks whether it is
// still wanted.
const stepsPerCheck = 4096

// run finds the paths of exactly the length, as long as there are none shorter
// that have not been found.
func (e *enumeration) run(length int) error {
	e.length, e.toGo, e.onward = length, e.ahead(length), make(map[vertex][]vertex)
	var candidates []candidate
	open := e.open
	e.open = nil
	for {
		for _, d := range open {
			path, err := e.first(d)
			if err != nil {
				return err
			}
			if path == nil {
				e.open = append(e.open, d)
				continue
			}
			i, _ := slices.BinarySearchFunc(candidates, path, func(c candidate, p []vertex) int { return e.compare(c.path, p) })
			candidates = slices.Insert(candidates, i, candidate{path, d})
		}
		if len(candidates) == 0 {
			return nil
		}
		next := candidates[0]
		candidates = candidates[1:]
		if e.found = append(e.found, next.path); len(e.found) == e.want {
			return nil
		}
		open = next.without()
	}
}

// without divides what is left of the candidate's detour by where a path leaves
// the candidate.
func (c candidate) without() []detour {
	at := len(c.begin)
	rest := []detour{{c.begin, append(slices.Clone(c.barred), c.path[at])}}
	for at++; at < len(c.path); at++ {
		rest = append(rest, detour{c.path[:at], c.path[at : at+1]})
	}
	return rest
}

// first returns the first path of the length on the detour, or nil.
//
// It looks for any walk of the length that stays off the beginning: since there
// is no shorter one, which cutting out a loop would give, that is a path. For
// the same reason a vertex from which some number of links does not reach the
// target need not be tried with fewer, so that each is tried once for a length.
func (e *enumeration) first(d detour) ([]vertex, error) {
	e.failed = make(map[vertex]int)
	for _, n := range d.begin {
		e.failed[n] = e.length
	}
	e.path = slices.Clone(d.begin)
	left := e.length - len(d.begin) + 1
	ok, err := e.extend(left, d.barred)
	if !ok {
		return nil, err
	}
	return e.path, nil
}

// extend prolongs the path by that many links to the target, if it can.
func (e *enumeration) extend(left int, barred []vertex) (bool, error) {
	at := e.path[len(e.path)-1]
	if left == 0 {
		return at == target, nil
	}
	onward, err := e.next(at)
	if err != nil {
		return false, err
	}
	for _, n := range onward {
		if err := e.step(1); err != nil {
			return false, err
		}
		if failed, ok := e.failed[n]; int(e.toGo[n]) > left-1 || ok && left-1 <= failed || slices.Contains(barred, n) {
			continue
		}
		e.path = append(e.path, n)
		if ok, err := e.extend(left-1, nil); ok || err != nil {
			return ok, err
		}
		e.path = e.path[:len(e.path)-1]
		e.failed[n] = left - 1
	}
	return false, nil
}

// next returns the vertices that can follow a vertex, in id order.
func (e *enumeration) next(at vertex) ([]vertex, error) {
	if onward, ok := e.onward[at]; ok {
		return onward, nil
	}
	if err := e.step(len(e.lanes[at])); err != nil {
		return nil, err
	}
	var onward []vertex
	for _, l := range e.lanes[at] {
		if d := e.toGo[l.to]; d != notMet && e.behind(at)+1+int(d) <= e.length {
			onward = append(onward, l.to)
		}
	}
	slices.SortFunc(onward, func(a, b vertex) int { return cmp.Compare(e.ids[a], e.ids[b]) })
	onward = slices.Compact(onward)
	e.onward[at] = onward
	return onward, nil
}

// step counts links that have been considered.
func (e *enumeration) step(n int) error {
	before := e.steps
	e.steps += n
	if e.steps > stepsPerEdge*e.walk.budget.Edges {
		return tooComplexf("%s has too many ways to try; %s", e.walk.what, walkLess)
	}
	if before/stepsPerCheck != e.steps/stepsPerCheck {
		return context.Cause(e.ctx)
	}
	return nil
}
