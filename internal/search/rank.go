package search

import (
	"cmp"
	"slices"
	"strings"

	"keiretsu/internal/kg"
)

// tier is how well a name fits a text. Any name of a higher tier goes before any
// of a lower one.
type tier uint8

const (
	// fitsNot: the name has nothing to do with the text.
	fitsNot tier = iota
	// someParts: at least half of the text's words are in the name.
	someParts
	// allNames: the entity's names have all words of the text between them.
	allNames
	// bySound: some word fits a reading of the name only.
	bySound
	// misspelt: some word, or the whole name, fits only with slips.
	misspelt
	// saidSo: the name says in another language what the text says.
	saidSo
	// begunWords: some word of the text only begins one of the name's.
	begunWords
	// allWords: all words of the text are words of the name.
	allWords
	// begunName: the name begins with the text.
	begunName
	// coreName: the same but for the legal form.
	coreName
	// wholeName: the same name.
	wholeName
)

// fit is how well one name fits, larger is better: a tier, and within the tier
// how well (0 to 255).
type fit struct {
	tier   tier
	degree uint8
}

// match is how well one part of the text fits one name.
type match uint8

const (
	noMatch match = iota
	soundMatch
	nearMatch
	beginMatch
	wordMatch
)

// tierOf is the tier of a name whose worst part matches so.
var tierOf = [...]tier{noMatch: fitsNot, soundMatch: bySound, nearMatch: misspelt, beginMatch: begunWords, wordMatch: allWords}

// ranker compares names with one text.
type ranker struct {
	*asked
	// known remembers the slips between the parts and the words of names; many
	// names share words.
	known []map[string]int
}

func newRanker(a *asked) *ranker {
	r := &ranker{asked: a, known: make([]map[string]int, len(a.parts))}
	for i := range r.known {
		r.known[i] = make(map[string]int)
	}
	return r
}

// ranked is an entity in its place among the hits.
type ranked struct {
	fit
	standing kg.NameKind
	length   int
	hit      kg.TextHit
}

// rank returns the place of an entity with these names, which is that of its
// best name; false if no name fits.
func (r *ranker) rank(id kg.ID, names []folded) (ranked, bool) {
	var best ranked
	between := make([]match, len(r.parts))
	matches := make([]match, len(r.parts))
	for i, n := range names {
		x := ranked{fit: r.fit(&n, matches), standing: n.standing, length: nameLength(n.closed), hit: kg.TextHit{ID: id, Matched: n.text}}
		if i == 0 || x.compare(best) < 0 {
			best = x
		}
		for j, m := range matches {
			between[j] = max(between[j], m)
		}
	}
	if len(names) > 0 && best.tier < allNames && !slices.Contains(between, noMatch) {
		best.fit = fit{allNames, uint8(count(between, wordMatch))}
	}
	best.hit.Score = best.score()
	return best, best.tier > fitsNot
}

// compare orders hits: by how well they fit, then preferred names before legal
// ones, aliases and former ones, then shorter names, then ids.
func (x ranked) compare(y ranked) int {
	return cmp.Or(
		-cmp.Compare(x.tier, y.tier), -cmp.Compare(x.degree, y.degree),
		cmp.Compare(x.standing, y.standing), cmp.Compare(x.length, y.length),
		strings.Compare(string(x.hit.ID), string(y.hit.ID)),
	)
}

// score puts all that compare looks at, but for the id, into a number from 1 to
// 11: the tier, and behind the point degree, standing and length. It is exact.
func (x ranked) score() float64 {
	const standings = 4
	n := uint64(x.tier)<<8 | uint64(x.degree)
	n = n<<2 | uint64(standings-min(max(x.standing, 1), standings))
	n = n<<12 | uint64(maxLength-x.length)
	return float64(n) / (1 << 22)
}

// fit compares one name, and notes in matches how well each part fits it.
func (r *ranker) fit(n *folded, matches []match) fit {
	worst := wordMatch
	total := 0
	for i := range r.parts {
		var slips int
		matches[i], slips = r.match(i, n)
		worst = min(worst, matches[i])
		total += slips
	}
	if r.closed == n.closed {
		return fit{tier: wholeName}
	}
	if r.core == n.core {
		return fit{tier: coreName}
	}
	if strings.HasPrefix(n.closed, r.closed) {
		return fit{tier: begunName}
	}
	best := fit{tier: tierOf[worst]}
	switch best.tier {
	case misspelt:
		best.degree = leastSlips - uint8(total)
	case begunWords:
		best.degree = uint8(count(matches, wordMatch))
	}
	if best.tier <= misspelt && r.slack > 0 {
		if n := slips(r.closed, n.closed, r.slack); n <= r.slack {
			best = fit{misspelt, max(best.degree, leastSlips-uint8(n))}
		}
	}
	if best.tier < saidSo && slices.ContainsFunc(r.meanings, func(key string) bool { return slices.Contains(n.meanings, key) }) {
		best = fit{tier: saidSo}
	}
	if best.tier < bySound && n.soundsLike(r.sound) {
		best = fit{tier: bySound}
	}
	if matched := len(matches) - count(matches, noMatch); best.tier == fitsNot && matched >= r.fewest() {
		best = fit{someParts, uint8(matched<<4 | count(matches, wordMatch))}
	}
	return best
}

// leastSlips is the degree of a misspelt name without slips.
const leastSlips = 255

// match compares one part with one name. It also returns the number of slips,
// for a nearMatch.
func (r *ranker) match(i int, n *folded) (match, int) {
	p := &r.parts[i]
	if p.spaceless {
		if strings.Contains(n.closed, p.text) {
			return wordMatch, 0
		}
		return noMatch, 0
	}
	best := noMatch
	for _, w := range n.words {
		if strings.HasPrefix(w, p.text) {
			if len(w) == len(p.text) {
				return wordMatch, 0
			}
			if p.open {
				best = beginMatch
			}
		}
	}
	if best == beginMatch {
		return best, 0
	}
	if p.slack > 0 {
		least := p.slack + 1
		for _, w := range n.words {
			least = min(least, r.slips(i, w))
		}
		if least <= p.slack {
			return nearMatch, least
		}
	}
	if n.soundsLike(p.sound) {
		return soundMatch, 0
	}
	return noMatch, 0
}

func (n *folded) soundsLike(sound string) bool {
	return sound != "" && slices.ContainsFunc(n.readings, func(s string) bool { return strings.HasPrefix(s, sound) })
}

func (r *ranker) slips(i int, word string) int {
	n, ok := r.known[i][word]
	if !ok {
		n = slips(r.parts[i].text, word, r.parts[i].slack)
		r.known[i][word] = n
	}
	return n
}

func count(matches []match, m match) int {
	n := 0
	for _, x := range matches {
		if x == m {
			n++
		}
	}
	return n
}
