package search

import (
	"maps"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"keiretsu/internal/kg"
)

// Bounds, in letters (runes) of folded text. A longer text is compared by its
// beginning. They keep a hostile name from filling the index.
const (
	maxName      = 256 // of a name, before folding
	maxWord      = 64
	maxShort     = 4 // of the beginnings that are terms of their own
	maxSound     = 6 // of those of readings: any syllable
	minReading   = 2
	maxReading   = 24
	maxNameWords = 64
)

// folded is one name of an entity in the forms in which it is compared. No form
// but text holds a space inside a word.
type folded struct {
	text     string
	standing kg.NameKind
	// closed and core are what kg.FoldName and kg.CoreName give.
	closed, core string
	// words are all words by which the name is found, each once.
	words []string
	// readings spell the name in Latin letters: from its beginning and from
	// every place inside at which a reader may begin. Empty for a name in
	// Latin letters.
	readings []string
	// meanings are the keys by which the name is found by what says the same in
	// another language.
	meanings []string
}

func foldEntityName(n kg.Name) folded {
	text := firstRunes(n.Text, maxName)
	words := kg.FoldWords(text)
	for i := range words {
		words[i] = firstRunes(words[i], maxWord)
	}
	words = words[:min(len(words), maxNameWords)]
	meaning := meaningOf(text, bareWords(text))
	return folded{
		text: n.Text, standing: n.Kind, closed: kg.FoldName(text), core: kg.CoreName(text),
		words: nameWords(text, words), readings: readings(words), meanings: meaning.keys(),
	}
}

// nameWords returns the words under which a name is found: those that kg folds
// it into, the parts that punctuation joins (alibaba in "Nuage d'alibaba", mall
// in "T-Mall"), and the runs of a word in which scripts change (ai in "AI眼镜").
func nameWords(text string, words []string) []string {
	found := make(map[string]bool)
	add := func(word string) {
		found[firstRunes(word, maxWord)] = true
		if runs := scriptRuns(word); len(runs) > 1 {
			for _, run := range runs {
				found[firstRunes(run, maxWord)] = true
			}
		}
	}
	for _, w := range words {
		add(w)
	}
	opened := strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsNumber(r) || unicode.IsMark(r) {
			return r
		}
		return ' '
	}, text)
	if opened != text {
		for _, w := range kg.FoldWords(opened) {
			add(w)
		}
	}
	all := slices.Sorted(maps.Keys(found))
	return all[:min(len(all), 2*maxNameWords)]
}

// spaceless lists the scripts whose words are written without spaces between
// them, or with endings closed up (Hangul): there, part of a word counts as one.
var spaceless = []*unicode.RangeTable{
	unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Bopomofo, unicode.Hangul, unicode.Yi,
	unicode.Thai, unicode.Lao, unicode.Khmer, unicode.Myanmar, unicode.Tibetan,
}

// firstSpaceless is the smallest rune of those scripts.
const firstSpaceless = '\u0e00'

func isSpaceless(r rune) bool { return r >= firstSpaceless && unicode.In(r, spaceless...) }

// scriptRuns cuts a word where it changes between a spaceless script and
// another. Marks and the Japanese long-vowel sign belong to what they follow.
func scriptRuns(word string) []string {
	var runs []string
	begin, inside := 0, false
	for i, r := range word {
		if i > 0 && (unicode.IsMark(r) || r == 'ー') {
			continue
		}
		if s := isSpaceless(r); i == 0 {
			inside = s
		} else if s != inside {
			runs = append(runs, word[begin:i])
			begin, inside = i, s
		}
	}
	return append(runs, word[begin:])
}

// pieces yields the single letters and the pairs of neighbours of a text in a
// spaceless script; these find what lies inside.
func pieces(text string, yield func(string)) {
	last := -1
	for i, r := range text {
		end := i + utf8.RuneLen(r)
		if !isSpaceless(r) && !unicode.IsMark(r) && r != 'ー' {
			last = -1
			continue
		}
		yield(text[i:end])
		if last >= 0 {
			yield(text[last:end])
		}
		last = i
	}
}

// beginnings yields the beginnings of a text that have up to so many letters.
func beginnings(text string, letters int, yield func(string)) {
	n := 0
	for i, r := range text {
		if n++; n > letters {
			return
		}
		yield(text[:i+utf8.RuneLen(r)])
	}
}

// firstRunes returns the first n runes of a text.
func firstRunes(text string, n int) string {
	if len(text) <= n {
		return text
	}
	for i := range text {
		if n--; n < 0 {
			return text[:i]
		}
	}
	return text
}
