package search

import (
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/hbollon/go-edlib"

	"keiretsu/internal/kg"
)

// maxAlike bounds what is compared of a name, in letters: the work grows with the
// square of it.
const maxAlike = 200

// Alike says how alike two names are, from 0 for nothing in common to 1 for
// equal, whatever their case, accents, punctuation and script, in whatever order
// their words stand, and as they are or without legal forms: one less the part of
// the letters that have to be added, left out, exchanged or swapped with a neighbour
// (the distance of Damerau and Levenshtein, each stretch of letters edited once).
// Names in other scripts are compared by their sound and by what they say as well,
// which counts nine tenths.
func Alike(a, b string) float64 {
	best := likeWords(kg.FoldWords(a), kg.FoldWords(b))
	if best == 1 {
		return best
	}
	x, y := bareWords(a), bareWords(b)
	best = max(best, likeWords(x, y))
	if best == 1 || isLatin(a) && isLatin(b) {
		return best
	}
	said, other := meaningOf(a, x), meaningOf(b, y)
	meant, _ := said.alike(&other)
	return max(best, 0.9*likeWords(sound(x), sound(y)), 0.9*meant)
}

// likeWords compares two texts as they stand, and with their words in order.
func likeWords(a, b []string) float64 {
	best := likeText(strings.Join(a, ""), strings.Join(b, ""))
	if len(a) > 1 || len(b) > 1 {
		a, b = slices.Sorted(slices.Values(a)), slices.Sorted(slices.Values(b))
		best = max(best, likeText(strings.Join(a, " "), strings.Join(b, " ")))
	}
	return best
}

func likeText(a, b string) float64 {
	a, b = firstRunes(a, maxAlike), firstRunes(b, maxAlike)
	longest := max(utf8.RuneCountInString(a), utf8.RuneCountInString(b))
	if longest == 0 || a == "" || b == "" {
		return 0
	}
	return max(0, 1-float64(edlib.OSADamerauLevenshteinDistance(a, b))/float64(longest))
}

// sound spells words in Latin letters, by the usual sound of each.
func sound(words []string) []string {
	spelt := make([]string, len(words))
	for i, word := range words {
		var text strings.Builder
		for _, r := range word {
			if sounds := soundsOf(r); len(sounds) > 0 {
				text.WriteString(sounds[0])
			}
		}
		spelt[i] = text.String()
	}
	return spelt
}

// isLatin reports that there is nothing to spell.
func isLatin(text string) bool {
	return !strings.ContainsFunc(text, func(r rune) bool { return r >= 0x370 })
}
