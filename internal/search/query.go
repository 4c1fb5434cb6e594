package search

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/hbollon/go-edlib"

	"keiretsu/internal/kg"
)

const (
	// maxText and maxParts bound what is read of the text of a search: runes
	// before folding, and words after.
	maxText  = 200
	maxParts = 12
)

// asked is the text of a search, folded.
type asked struct {
	closed, core string
	parts        []part
	// meanings are the keys of names that say the same in another language; none
	// where there is nothing to translate, since sound is for others to compare.
	meanings []string
	// slack is how many slips of the pen the whole text may hold.
	slack int
	// sound is what a reading has to begin with, or "" if the text is none.
	sound string
}

// part is a word of the text, or a run of it in one script.
type part struct {
	text      string
	spaceless bool
	// open: it may be the beginning of a word still being typed.
	open  bool
	slack int
	sound string
}

// ask folds the text of a search. It returns nil if the text holds no letter or
// digit.
func ask(text string) *asked {
	text = firstRunes(text, maxText)
	a := &asked{closed: kg.FoldName(text), core: kg.CoreName(text)}
	if !strings.ContainsFunc(a.closed, func(r rune) bool { return unicode.IsLetter(r) || unicode.IsNumber(r) }) {
		return nil
	}
	a.slack, a.sound = slackOf(a.closed), soundOf(a.closed)
	if m := meaningOf(text, bareWords(text)); len(m.trade) > 0 {
		a.meanings = m.facing()
	}
	for _, word := range kg.FoldWords(text) {
		for _, run := range scriptRuns(word) {
			first, _ := utf8.DecodeRuneInString(run)
			p := part{text: firstRunes(run, maxWord), spaceless: isSpaceless(first)}
			if !p.spaceless {
				p.open = utf8.RuneCountInString(run) > 1
				p.slack, p.sound = slackOf(p.text), soundOf(p.text)
			}
			a.parts = append(a.parts, p)
		}
	}
	a.parts = a.parts[:min(len(a.parts), maxParts)]
	last := &a.parts[len(a.parts)-1]
	last.open = !last.spaceless
	return a
}

// soundOf returns the beginning that a reading has in common with the text.
func soundOf(s string) string {
	if len(s) < minReading || strings.ContainsFunc(s, func(r rune) bool { return r > unicode.MaxASCII }) {
		return ""
	}
	return firstRunes(s, maxReading)
}

// soundingNames is how many names of an entity are compared by sound.
const soundingNames = 10

// soundsLike asks for entities of which a name in another script than Latin
// sounds like one of the entity's, or a name in Latin letters like one of the
// entity's in another. It is nil where no name has a sound.
func soundsLike(e *kg.Entity) question {
	var heard []question
	for _, n := range e.Names[:min(len(e.Names), soundingNames)] {
		core := kg.CoreName(firstRunes(n.Text, maxName))
		if plain := !strings.ContainsFunc(core, func(r rune) bool { return r > unicode.MaxASCII }); plain && len(core) >= minReading {
			heard = append(heard, term(fieldSounding, core))
		}
		for _, reading := range wholeReadings(core) {
			heard = append(heard, term(fieldSounding, reading), term(fieldCore, reading))
		}
	}
	if heard == nil {
		return nil
	}
	return either(heard...)
}

// slackOf returns how many slips a word may hold: a letter too many, too few or
// wrong, or two neighbours the wrong way round. Short words have none, and none
// has a number: the next one is another number, not the same misspelt. A letter of
// a spaceless script says more, so that two are too many.
func slackOf(s string) int {
	n := utf8.RuneCountInString(s)
	switch {
	case n < 4 || n > maxMisspelt || !strings.ContainsFunc(s, unicode.IsLetter):
		return 0
	case n < 8 || strings.ContainsFunc(s, isSpaceless):
		return 1
	}
	return maxSlack
}

const (
	// maxSlack is the most slips that a word may hold.
	maxSlack = 2
	// maxMisspelt is how many letters a word has at most that may hold any: the
	// work of looking for misspellings grows with the length.
	maxMisspelt = 32
)

// slips returns how many slips lie between two words, or more than slack.
func slips(a, b string, slack int) int {
	if d := utf8.RuneCountInString(a) - utf8.RuneCountInString(b); d > slack || -d > slack {
		return slack + 1
	}
	return edlib.OSADamerauLevenshteinDistance(a, b)
}

// ladder returns the questions that the text puts to the index, the most exact
// first, and the one question that asks for whatever answers any of them. What
// answers one is worth comparing name by name; every name that rank.go accepts
// answers at least one.
func (a *asked) ladder() (rungs []question, anything question) {
	var whole, begun, near, heard []question
	for _, p := range a.parts {
		w := p.whole()
		b := p.begun(w)
		n := p.near(b)
		h := p.heard(n)
		whole, begun, near, heard = append(whole, w), append(begun, b), append(near, n), append(heard, h)
	}
	core := term(fieldCore, a.core)
	start := begins(fieldStart, maxShort, fieldName, a.closed)
	misspelt := spelt(fieldName, a.closed, a.slack)
	sound := all(heard...)
	if a.sound != "" {
		sound = either(sound, begins(fieldSound, maxSound, fieldReading, a.sound))
	}
	rungs = []question{term(fieldName, a.closed), core, start, all(whole...), all(begun...)}
	var same []question
	for _, key := range a.meanings {
		same = append(same, term(fieldMeaning, key))
	}
	if same != nil {
		rungs = append(rungs, either(same...))
	}
	rungs = append(rungs, either(all(near...), misspelt), sound)
	some := sound
	if len(a.parts) > 1 {
		some = atLeast(a.fewest(), heard...)
		rungs = append(rungs, some)
		some = either(some, sound)
	}
	// The rungs between are stages of the last.
	return rungs, either(append(same, core, start, misspelt, some)...)
}

// fewest is how many parts of the text a name must at least answer: half.
func (a *asked) fewest() int { return (len(a.parts) + 1) / 2 }

// whole asks for the part as a word, or inside a name of a spaceless script.
func (p part) whole() question {
	if !p.spaceless {
		return term(fieldWord, p.text)
	}
	var inside []question
	single := utf8.RuneCountInString(p.text) == 1
	pieces(p.text, func(s string) {
		if single || utf8.RuneCountInString(s) == 2 {
			inside = append(inside, term(fieldPiece, s))
		}
	})
	return all(inside...)
}

// begun asks also for words that the part begins, where it may be a beginning;
// near for words a few slips away, heard for readings.
func (p part) begun(whole question) question {
	if !p.open {
		return whole
	}
	return begins(fieldBegin, maxShort, fieldWord, p.text)
}

func (p part) near(begun question) question {
	if p.slack == 0 {
		return begun
	}
	return either(begun, spelt(fieldWord, p.text, p.slack))
}

func (p part) heard(near question) question {
	if p.sound == "" {
		return near
	}
	return either(near, begins(fieldSound, maxSound, fieldReading, p.sound))
}
