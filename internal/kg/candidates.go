package kg

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
)

// This file finds entities that look as if they were one thing. It judges nothing:
// candidates are for people, and for programs that know more.
//
// Two entities of one kind are candidates when they share a name (folded, or
// without legal form) or an identifier. Whoever asks about one entity is told as
// well of those that the text index finds by its names: spelled nearly like them,
// or read like them in another script. Whoever goes through all entities is told
// instead of those that are spelled nearly alike among neighbours in the order of
// names (the sorted neighbourhood method of M. Hernández and S. Stolfo, SIGMOD
// 1995): a search for each would take too long. The
// score is the sum of what speaks for and against it, at least 0 and at most 1:
//
//	name         0.6   they share a name
//	             0.5   they share a name without legal form
//	             0.45  times how alike their nearest names are, from 0.75 on: 1 less
//	                   the letters to change, add or drop by the letters of the longer
//	             0.35  the text index finds one by a name of the other
//	identifier   0.4   a register knows both by one value
//	            -0.4   a register that gives each thing one value knows them by two
//	founded      0.15  their founding dates can be one
//	            -0.2   they cannot
//	headquarters 0.1   they have their headquarters in one place
//	            -0.1   in places of which none is the same
//
// Entities that were judged not to be the same are no candidates.

// LookAlike is an entity that may be the same as another.
type LookAlike struct {
	*Member
	// Score is from 0 to 1.
	Score float64
	// Reasons say how it comes about, in the order of the list above.
	Reasons []*CandidateReason
}

// CandidateReason is one thing that speaks for a candidate or, where its weight
// is negative, against it.
type CandidateReason struct {
	// Feature is name, identifier, founded or headquarters.
	Feature string
	// Value is what the two have in common, or in what they differ.
	Value  string
	Weight float64
}

// CandidatePair is two entities that may be one.
type CandidatePair struct {
	Of *Member
	*LookAlike
}

// Bounds of a search for candidates.
const (
	// MaxCandidatesOfOne is the largest number of candidates told of one entity.
	MaxCandidatesOfOne = 50
	// candidateNames and candidateSearches bound the names of one entity that are
	// looked up, and those that are searched for; candidateHits what each finds.
	candidateNames    = 20
	candidateSearches = 2
	candidateHits     = 20
	// CandidatesVisited is how many entities one page of candidates looks at, and
	// candidateNeighbours with how many behind it in order of name each is compared.
	CandidatesVisited   = 100
	candidateNeighbours = 10
)

// uniqueSchemes are registers that give a thing one value.
var uniqueSchemes = map[string]bool{"lei": true, "wikidata": true, "wd": true}

// Candidates returns entities that may be the same as this one, best first, equals
// by id, at most first of them.
func (m *Member) Candidates(ctx context.Context, first int) ([]*LookAlike, error) {
	if first < 0 || first > MaxCandidatesOfOne {
		return nil, Invalidf("first", "0 to %d candidates can be asked for, not %d", MaxCandidatesOfOne, first)
	}
	v := m.cohort.view
	of := []*Entity{m.Entity}
	ids, err := v.sharing(ctx, of)
	if err != nil {
		return nil, err
	}
	searched, err := v.searched(ctx, m.Entity)
	if err != nil {
		return nil, err
	}
	ids[0] = append(ids[0], searched...)
	found, err := v.lookAlikes(ctx, of, ids, func(id ID) bool { return slices.Contains(searched, id) })
	if err != nil {
		return nil, err
	}
	return found[0][:min(first, len(found[0]))], nil
}

// MergeCandidates goes through all entities by name and returns pairs of them that
// may be one, each once, those with a score of at least minScore. One call looks at
// CandidatesVisited entities and may find nothing; next is where to go on, "" at
// the end.
func (v *View) MergeCandidates(ctx context.Context, minScore float64, after string) (pairs []*CandidatePair, next string, err error) {
	if minScore < 0 || minScore > 1 || minScore != minScore {
		return nil, "", Invalidf("minScore", "a score is a number from 0 to 1, not %v", minScore)
	}
	q := ScanQuery{Kind: RecordEntity, Limit: CandidatesVisited + candidateNeighbours}
	if after != "" {
		place, err := readScanCursor("after", after)
		if err != nil {
			return nil, "", err
		}
		q.After = &place
	}
	var entities []*Entity
	for r, err := range v.snap.Scan(ctx, q) {
		if err != nil {
			return nil, "", err
		}
		entities = append(entities, r.(*Entity))
	}
	inOrder := entities
	if len(entities) > CandidatesVisited {
		entities = entities[:CandidatesVisited]
		next = scanCursor(PlaceOf(entities[len(entities)-1]))
	}
	ids, err := v.sharing(ctx, entities)
	if err != nil {
		return nil, "", err
	}
	for i, e := range entities {
		for _, neighbour := range inOrder[i+1 : min(i+1+candidateNeighbours, len(inOrder))] {
			if neighbour.Kind == e.Kind && compareNames(e, neighbour, false).Weight > 0 {
				ids[i] = append(ids[i], neighbour.ID)
			}
		}
	}
	found, err := v.lookAlikes(ctx, entities, ids, func(ID) bool { return false })
	if err != nil {
		return nil, "", err
	}
	c := v.cohortOf(entities)
	for i, e := range entities {
		of, err := c.member(ctx, e.ID)
		if err != nil {
			return nil, "", err
		}
		here := PlaceOf(e)
		for _, candidate := range found[i] {
			// A pair is told at the first of the two.
			if candidate.Score >= minScore && here.Compare(PlaceOf(candidate.Entity)) < 0 {
				pairs = append(pairs, &CandidatePair{of, candidate})
			}
		}
	}
	return pairs, next, nil
}

// lookAlikes returns the candidates of each entity among others, best first;
// searched tells which of these the text index has found.
func (v *View) lookAlikes(ctx context.Context, of []*Entity, ids [][]ID, searched func(ID) bool) ([][]*LookAlike, error) {
	apart, err := v.judgedApart(ctx, of)
	if err != nil {
		return nil, err
	}
	var all []ID
	for i, e := range of {
		all = append(append(all, e.ID), ids[i]...)
	}
	c := v.newCohort(all)
	if err := c.load(ctx); err != nil {
		return nil, err
	}
	known := c.ids()
	founded, err := v.founded(ctx, known)
	if err != nil {
		return nil, err
	}
	seats := make(map[ID][]ID)
	for e, err := range v.snap.Relations(ctx, RelationQuery{Of: known, Direction: Out, Types: []RelationType{HeadquarteredIn}}) {
		if err != nil {
			return nil, err
		}
		seats[known[e.At]] = append(seats[known[e.At]], e.Relation.To)
	}
	candidates := make([][]*LookAlike, len(of))
	for i, e := range of {
		seen := map[ID]bool{e.ID: true}
		for _, id := range ids[i] {
			m, err := c.member(ctx, id)
			if err != nil {
				return nil, err
			}
			if m == nil || m.Kind != e.Kind || seen[m.ID] || apart[i][m.ID] {
				continue
			}
			seen[m.ID] = true
			candidate := &LookAlike{Member: m}
			candidate.note(compareNames(e, m.Entity, searched(id)))
			candidate.note(compareIdentifiers(e, m.Entity))
			candidate.note(compareFounded(founded[e.ID], founded[m.ID]))
			candidate.note(compareSeats(seats[e.ID], seats[m.ID]))
			for _, r := range candidate.Reasons {
				candidate.Score += r.Weight
			}
			if candidate.Score = min(1, candidate.Score); candidate.Score > 0 {
				candidates[i] = append(candidates[i], candidate)
			}
		}
		slices.SortFunc(candidates[i], func(a, b *LookAlike) int {
			return cmp.Or(cmp.Compare(b.Score, a.Score), strings.Compare(string(a.ID), string(b.ID)))
		})
	}
	return candidates, nil
}

// note adds a reason that weighs something.
func (c *LookAlike) note(r CandidateReason) {
	if r.Weight != 0 {
		c.Reasons = append(c.Reasons, &r)
	}
}

// sharing returns for each entity the ids of those that share a name or an
// identifier with it.
func (v *View) sharing(ctx context.Context, of []*Entity) ([][]ID, error) {
	var keys []FindKey
	var at []int
	for i, e := range of {
		add := func(k FindKey) {
			k.Kinds, k.Limit = []EntityKind{e.Kind}, candidateHits
			keys, at = append(keys, k), append(at, i)
		}
		names := e.NameKeys()
		for _, k := range names[:min(len(names), candidateNames)] {
			add(FindKey{Name: k.Fold, Core: k.Core})
		}
		for _, x := range e.Identifiers[:min(len(e.Identifiers), candidateNames)] {
			scheme, value := IdentifierKey(x.Scheme, x.Value)
			add(FindKey{Scheme: scheme, Value: value})
		}
	}
	ids := make([][]ID, len(of))
	found, err := v.snap.Find(ctx, keys)
	for i, matches := range found {
		for _, m := range matches {
			ids[at[i]] = append(ids[at[i]], m.ID)
		}
	}
	return ids, err
}

// searched returns the ids of those that the text index finds by the entity's
// first names; none where there is no such index.
func (v *View) searched(ctx context.Context, e *Entity) ([]ID, error) {
	if v.text == nil {
		return nil, nil
	}
	var ids []ID
	for _, n := range e.Names[:min(len(e.Names), candidateSearches)] {
		hits, _, err := v.text.Search(ctx, TextQuery{Text: n.Text, Kinds: []EntityKind{e.Kind}, Limit: candidateHits})
		if err != nil {
			return nil, err
		}
		for _, h := range hits {
			ids = append(ids, h.ID)
		}
	}
	return ids, nil
}

// judgedApart returns for each entity those that are judged not to be the same.
func (v *View) judgedApart(ctx context.Context, of []*Entity) ([]map[ID]bool, error) {
	var ids []ID
	var at []int
	for i, e := range of {
		for _, id := range append([]ID{e.ID}, e.Merged...) {
			ids, at = append(ids, id), append(at, i)
		}
	}
	type judged struct {
		at    int
		other ID
	}
	var pairs []judged
	var others []ID
	for m, err := range v.snap.ClaimsAbout(ctx, ClaimQuery{Of: ids, As: []Aspect{{Part: PartJudged}}}) {
		if err != nil {
			return nil, err
		}
		if d, ok := m.Claim.Statement.(*DifferentStatement); ok && m.Claim.Live() {
			other := d.Other
			if other == ids[m.At] {
				other = d.Entity
			}
			pairs, others = append(pairs, judged{at[m.At], other}), append(others, other)
		}
	}
	entities, err := v.entities(ctx, others)
	if err != nil {
		return nil, err
	}
	apart := make([]map[ID]bool, len(of))
	for i := range apart {
		apart[i] = make(map[ID]bool)
	}
	for i, p := range pairs {
		if entities[i] != nil {
			apart[p.at][entities[i].ID] = true
		}
	}
	return apart, nil
}

// The least likeness of names that are spelled nearly the same, and how many of
// their names are compared letter by letter, of how many letters at most.
const (
	nearlySpelled   = 0.75
	comparedNames   = 10
	comparedLetters = 100
)

// compareNames compares names; searched says that the text index found b by one of a.
func compareNames(a, b *Entity, searched bool) CandidateReason {
	r := CandidateReason{Feature: "name"}
	if searched {
		r.Value, r.Weight = a.Name("")+" / "+b.Name(""), 0.35
	}
	take := func(weight float64, x, y string) {
		if weight > r.Weight {
			r.Value, r.Weight = x, weight
			if x != y {
				r.Value = x + " / " + y
			}
		}
	}
	names := func(e *Entity) []Name { return e.Names[:min(len(e.Names), comparedNames)] }
	for _, x := range names(a) {
		for _, y := range names(b) {
			core, other := CoreName(x.Text), CoreName(y.Text)
			switch {
			case FoldName(x.Text) == FoldName(y.Text):
				take(0.6, x.Text, y.Text)
			case core != "" && core == other:
				take(0.5, x.Text, y.Text)
			default:
				if near := likeness(core, other); near >= nearlySpelled {
					take(0.45*near, x.Text, y.Text)
				}
			}
		}
	}
	return r
}

// likeness is 1 less the letters to change, add or drop to make one text of the
// other (Levenshtein), by the letters of the longer; 0 for texts that are too long.
func likeness(a, b string) float64 {
	x, y := []rune(a), []rune(b)
	longer := max(len(x), len(y))
	if longer == 0 || longer > comparedLetters {
		return 0
	}
	row := make([]int, len(y)+1)
	for j := range row {
		row[j] = j
	}
	for i, r := range x {
		before := row[0]
		row[0] = i + 1
		for j, s := range y {
			change := before
			if r != s {
				change++
			}
			before = row[j+1]
			row[j+1] = min(change, row[j]+1, before+1)
		}
	}
	return 1 - float64(row[len(y)])/float64(longer)
}

func compareIdentifiers(a, b *Entity) CandidateReason {
	r := CandidateReason{Feature: "identifier"}
	for _, x := range a.Identifiers {
		scheme, value := IdentifierKey(x.Scheme, x.Value)
		for _, y := range b.Identifiers {
			otherScheme, otherValue := IdentifierKey(y.Scheme, y.Value)
			switch {
			case scheme != otherScheme:
			case value == otherValue:
				return CandidateReason{"identifier", x.Scheme + " " + x.Value, 0.4}
			case uniqueSchemes[scheme]:
				r.Value, r.Weight = fmt.Sprintf("%s %s / %s", x.Scheme, x.Value, y.Value), -0.4
			}
		}
	}
	return r
}

func compareFounded(a, b PartialDate) CandidateReason {
	r := CandidateReason{Feature: "founded", Value: a.String(), Weight: 0.15}
	switch {
	case !a.Placed() || !b.Placed():
		r.Weight = 0
	case !a.Meets(b):
		r.Weight = -0.2
	}
	if a != b {
		r.Value = a.String() + " / " + b.String()
	}
	return r
}

func compareSeats(a, b []ID) CandidateReason {
	if len(a) == 0 || len(b) == 0 {
		return CandidateReason{}
	}
	for _, id := range a {
		if slices.Contains(b, id) {
			return CandidateReason{"headquarters", string(id), 0.1}
		}
	}
	return CandidateReason{"headquarters", string(a[0]) + " / " + string(b[0]), -0.1}
}
