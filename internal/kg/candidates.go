package kg

import (
	"cmp"
	"context"
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"
)

// This file finds entities that look as if they were one thing. It judges nothing:
// candidates are for people, and for programs that know more.
//
// Two entities of one kind are candidates when they share a name (folded, or
// without legal form) or an identifier, or when the text index says that a name of
// one is nearly a name of the other: sounds like it (by transliteration, by pinyin),
// says the same in another language, has its words in another order, or is spelled a
// little otherwise. Whoever asks
// about one entity is told as well of those that the text index finds by its names.
// Whoever goes through all entities is told instead of those that are spelled nearly
// alike among neighbours in the order of names (the sorted neighbourhood method of
// M. Hernández and S. Stolfo, SIGMOD 1995): a search for each would take too long.
// The score is the sum of what speaks for and against it, at least 0 and at most 1:
//
//	name         0.6   they share a name
//	             0.5   they share a name without legal form
//	             0.45  times how alike their nearest names are, from 0.75 on: 1 less
//	                   the letters to change, add or drop by the letters of the longer;
//	                   as they stand or, by the text index, as they sound and in
//	                   whatever order of words. Names with other numbers are not
//	             0.4   times how alike they are otherwise, where the text index says
//	                   that they say the same in two languages
//	             0.35  the text index finds one by a name of the other
//	identifier   0.4   a register knows both by one value
//	            -0.4   a register that gives each thing one value knows them by two
//	founded      0.15  their founding dates can be one
//	            -0.2   they cannot
//	country      0.1   they are registered, seated or have their headquarters in one
//	            -0.2   in countries of which none is the same (countries.go)
//	headquarters 0.1   they have their headquarters in one place that is no country
//	            -0.1   in places of which none is the same, nor lies in another
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
	// Feature is name, identifier, founded, country or headquarters.
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
	// MaxCandidatePairs is the largest page of pairs, DefaultCandidatePairs its size
	// where nobody says, and CandidatesVisited how many entities one page looks at.
	MaxCandidatePairs     = 1000
	DefaultCandidatePairs = 100
	CandidatesVisited     = 1000
	// candidateChunk is how many of them are looked at together, and
	// candidateNeighbours with how many behind it in order of name each is compared.
	candidateChunk      = 100
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
	leads, err := v.leads(ctx, []*Entity{m.Entity})
	if err != nil {
		return nil, err
	}
	searched, err := v.searched(ctx, m.Entity)
	if err != nil {
		return nil, err
	}
	for _, id := range searched {
		leads[0] = append(leads[0], lead{CandidateReason{Weight: weightFound}, id})
	}
	found, err := v.lookAlikes(ctx, []*Entity{m.Entity}, leads)
	if err != nil {
		return nil, err
	}
	return found[0][:min(first, len(found[0]))], nil
}

// MergeCandidates goes through all entities by name and returns pairs of them that
// may be one, each once, at the one whose name comes first, with the best first;
// those with a score of at least minScore, and at most first of them. One call looks
// at no more than CandidatesVisited entities, at fewer where these take longer than
// half of what a walk may, and may find nothing; next is where to go on, "" at the
// end.
func (v *View) MergeCandidates(ctx context.Context, minScore float64, first int, after string) (pairs []*CandidatePair, next string, err error) {
	switch {
	case minScore < 0 || minScore > 1 || minScore != minScore:
		return nil, "", Invalidf("minScore", "a score is a number from 0 to 1, not %v", minScore)
	case first < 1 || first > MaxCandidatePairs:
		return nil, "", Invalidf("first", "a page holds 1 to %d pairs, not %d", MaxCandidatePairs, first)
	}
	at := &pairPlace{}
	if after != "" {
		if at, err = readPairCursor("after", after); err != nil {
			return nil, "", err
		}
	}
	begun := time.Now()
	for visited := 0; at != nil && visited < CandidatesVisited && len(pairs) < first; visited += candidateChunk {
		if time.Since(begun) > v.budget.Time/2 {
			break
		}
		var found []*CandidatePair
		if found, at, err = v.candidatePairs(ctx, minScore, first-len(pairs), *at); err != nil {
			return nil, "", err
		}
		pairs = append(pairs, found...)
	}
	if at != nil {
		next = pairCursor(*at)
	}
	return pairs, next, nil
}

// candidatePairs returns the pairs of the entities behind a place, a few of these or
// at most limit pairs, and the place behind those; nil at the end.
func (v *View) candidatePairs(ctx context.Context, minScore float64, limit int, from pairPlace) ([]*CandidatePair, *pairPlace, error) {
	var entities []*Entity
	q := ScanQuery{Kind: RecordEntity, Limit: candidateChunk + candidateNeighbours}
	if from.of.ID != "" {
		q.After = &from.of
	}
	if from.told != nil {
		begun, err := v.entities(ctx, []ID{from.of.ID})
		if err != nil {
			return nil, nil, err
		}
		// One that is gone, or stands elsewhere now, is not told to its end.
		if e := begun[0]; e != nil && PlaceOf(e).Compare(from.of) == 0 {
			entities = append(entities, e)
		}
	}
	for r, err := range v.snap.Scan(ctx, q) {
		if err != nil {
			return nil, nil, err
		}
		entities = append(entities, r.(*Entity))
	}
	inOrder, end := entities, true
	if len(entities) > candidateChunk {
		entities, end = entities[:candidateChunk], false
	}
	leads, err := v.leads(ctx, entities)
	if err != nil {
		return nil, nil, err
	}
	for i, e := range entities {
		for _, neighbour := range inOrder[i+1 : min(i+1+candidateNeighbours, len(inOrder))] {
			if neighbour.Kind == e.Kind && compareNames(e, neighbour, CandidateReason{}).Weight > 0 {
				leads[i] = append(leads[i], lead{id: neighbour.ID})
			}
		}
	}
	found, err := v.lookAlikes(ctx, entities, leads)
	if err != nil {
		return nil, nil, err
	}
	var pairs []*CandidatePair
	c := v.cohortOf(entities)
	for i, e := range entities {
		of, err := c.member(ctx, e.ID)
		if err != nil {
			return nil, nil, err
		}
		here := PlaceOf(e)
		for _, candidate := range found[i] {
			// A pair is told at the first of the two.
			if candidate.Score < minScore || here.Compare(PlaceOf(candidate.Entity)) >= 0 || i == 0 && from.told != nil && !from.told.before(candidate) {
				continue
			}
			pairs = append(pairs, &CandidatePair{of, candidate})
			if len(pairs) == limit {
				return pairs, &pairPlace{here, &toldPair{candidate.Score, candidate.ID}}, nil
			}
		}
	}
	if end {
		return pairs, nil, nil
	}
	return pairs, &pairPlace{of: PlaceOf(entities[len(entities)-1])}, nil
}

// pairPlace is a place in the list of pairs: behind an entity, or behind one of its
// candidates.
type pairPlace struct {
	of   ScanPlace
	told *toldPair
}

// toldPair is the place of a candidate among those of one entity.
type toldPair struct {
	score float64
	id    ID
}

// before reports that a candidate stands behind the place.
func (p *toldPair) before(c *LookAlike) bool {
	return compareCandidates(p.score, p.id, c.Score, c.ID) < 0
}

// compareCandidates puts the better first, equals by id.
func compareCandidates(score float64, id ID, otherScore float64, other ID) int {
	return cmp.Or(cmp.Compare(otherScore, score), strings.Compare(string(id), string(other)))
}

func pairCursor(p pairPlace) string {
	b := newCursor(pairList).bytes(p.of.Key).text(string(p.of.ID))
	if p.told != nil {
		b = binary.BigEndian.AppendUint64(b, math.Float64bits(p.told.score))
		b = b.text(string(p.told.id))
	}
	return b.String()
}

func readPairCursor(argument, cursor string) (*pairPlace, error) {
	r := openCursor(pairList, cursor)
	p := &pairPlace{of: ScanPlace{Key: r.bytes(), ID: ID(r.text())}}
	if !r.bad && len(r.rest) >= 8 {
		score := math.Float64frombits(binary.BigEndian.Uint64(r.rest))
		r.rest = r.rest[8:]
		p.told = &toldPair{score, ID(r.text())}
		r.bad = r.bad || !(score >= 0 && score <= 1)
	}
	r.bad = r.bad || p.of.ID == ""
	return p, r.err(argument)
}

// lead is an entity that may be a candidate, and what its name weighs at least for
// the way in which it was found, with the names, where they are known.
type lead struct {
	CandidateReason
	id ID
}

// What the text index's word weighs: that two names are nearly one, or say the same in
// two languages, times how alike they are, and that it finds one by the other.
const (
	weightNear       = 0.45
	weightTranslated = 0.4
	weightFound      = 0.35
)

// leads returns for each entity those that share a name or an identifier with it, or
// have a name that is nearly one of its own.
func (v *View) leads(ctx context.Context, of []*Entity) ([][]lead, error) {
	leads := make([][]lead, len(of))
	sharing, err := v.sharing(ctx, of)
	if err != nil {
		return nil, err
	}
	resembling := make([][]Resemblance, len(of))
	if v.text != nil {
		if resembling, err = v.text.Resembling(ctx, of, candidateHits); err != nil {
			return nil, err
		}
	}
	for i := range of {
		for _, id := range sharing[i] {
			leads[i] = append(leads[i], lead{id: id})
		}
		for _, r := range resembling[i] {
			near := CandidateReason{Weight: weightNear * r.Likeness}
			if r.Name != "" {
				near.Value = r.Name + " / " + r.Other
			}
			if r.Translated != "" {
				near.Weight = weightTranslated * r.Likeness
				near.Value += ": " + r.Translated
			}
			leads[i] = append(leads[i], lead{near, r.ID})
		}
	}
	return leads, nil
}

// lookAlikes returns the candidates of each entity among its leads, best first.
func (v *View) lookAlikes(ctx context.Context, of []*Entity, leads [][]lead) ([][]*LookAlike, error) {
	apart, err := v.judgedApart(ctx, of)
	if err != nil {
		return nil, err
	}
	var all []ID
	for i, e := range of {
		all = append(all, e.ID)
		for _, l := range leads[i] {
			all = append(all, l.id)
		}
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
	seats, err := v.seats(ctx, known)
	if err != nil {
		return nil, err
	}
	candidates := make([][]*LookAlike, len(of))
	for i, e := range of {
		best := make(map[ID]CandidateReason)
		var members []*Member
		for _, l := range leads[i] {
			m, err := c.member(ctx, l.id)
			if err != nil {
				return nil, err
			}
			if m == nil || m.Kind != e.Kind || m.ID == e.ID || apart[i][m.ID] {
				continue
			}
			known, seen := best[m.ID]
			if !seen {
				members = append(members, m)
			}
			if !seen || l.Weight > known.Weight {
				best[m.ID] = l.CandidateReason
			}
		}
		for _, m := range members {
			candidate := &LookAlike{Member: m}
			candidate.note(compareNames(e, m.Entity, best[m.ID]))
			candidate.note(compareIdentifiers(e, m.Entity))
			candidate.note(compareFounded(founded[e.ID], founded[m.ID]))
			candidate.note(compareCountries(seats[e.ID], seats[m.ID]))
			candidate.note(compareHeadquarters(seats[e.ID], seats[m.ID]))
			for _, r := range candidate.Reasons {
				candidate.Score += r.Weight
			}
			if candidate.Score = min(1, rounded(candidate.Score)); candidate.Score > 0 {
				candidates[i] = append(candidates[i], candidate)
			}
		}
		slices.SortFunc(candidates[i], func(a, b *LookAlike) int {
			return compareCandidates(a.Score, a.ID, b.Score, b.ID)
		})
	}
	return candidates, nil
}

// note adds a reason that weighs something.
func (c *LookAlike) note(r CandidateReason) {
	if r.Weight = rounded(r.Weight); r.Weight != 0 {
		c.Reasons = append(c.Reasons, &r)
	}
}

// rounded returns a weight or score to four places, so that sums are what they look
// like and a bound of 0.6 takes 0.45 and 0.15.
func rounded(x float64) float64 { return math.Round(x*1e4) / 1e4 }

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

// compareNames compares names, which weigh least at least: as much as the one that
// led to the other.
func compareNames(a, b *Entity, least CandidateReason) CandidateReason {
	r := CandidateReason{Feature: "name", Value: least.Value, Weight: least.Weight}
	if r.Weight > 0 && r.Value == "" {
		r.Value = a.Name("") + " / " + b.Name("")
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
				if near := likeness(core, other); near >= nearlySpelled && SameNumbers(CoreWords(x.Text), CoreWords(y.Text)) {
					take(weightNear*near, x.Text, y.Text)
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
