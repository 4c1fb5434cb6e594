package search

import (
	"slices"
	"strings"
	"sync"
	"unicode"

	"github.com/mozillazg/go-pinyin"
	"github.com/mozillazg/go-unidecode"
)

const (
	// maxReadingRunes is how far one reading goes into a name.
	maxReadingRunes = 12
	// maxCombinations bounds the readings from one place: a character may have
	// several, and which one is meant is known from words, not from characters.
	maxCombinations = 6
)

// readings spells words of other scripts in Latin letters: Chinese characters by
// pinyin, the rest letter by letter. There is a reading for every place at which
// one may begin: the start of each word, and each Chinese character.
func readings(words []string) []string {
	var sounds [][]string
	var begins []int
	foreign := false
	for _, word := range words {
		fresh := true
		for _, r := range word {
			s := soundsOf(r)
			if len(s) == 0 {
				continue
			}
			if foreign = foreign || r >= unicode.MaxASCII; fresh || unicode.Is(unicode.Han, r) {
				begins = append(begins, len(sounds))
			}
			fresh = false
			sounds = append(sounds, s)
		}
	}
	if !foreign {
		return nil
	}
	seen := make(map[string]bool)
	var all []string
	for _, b := range begins {
		for _, reading := range combinations(sounds[b:min(len(sounds), b+maxReadingRunes)]) {
			reading = firstRunes(reading, maxReading)
			if len(reading) >= minReading && !seen[reading] {
				seen[reading] = true
				all = append(all, reading)
			}
		}
	}
	return all
}

// wholeReadings spells a name from beginning to end, in every way up to the bound;
// nothing for one in Latin letters, or one that is too long to be read whole.
func wholeReadings(name string) []string {
	var sounds [][]string
	foreign := false
	for _, r := range name {
		if s := soundsOf(r); len(s) > 0 {
			sounds, foreign = append(sounds, s), foreign || r >= unicode.MaxASCII
		}
	}
	if !foreign || len(sounds) > maxReading {
		return nil
	}
	var whole []string
	for _, reading := range combinations(sounds) {
		if len(reading) >= minReading && len(reading) <= maxWord && !slices.Contains(whole, reading) {
			whole = append(whole, reading)
		}
	}
	return whole
}

// combinations joins one sound of each place, in every way up to the bound, the
// usual sounds first. Where there are too many ways, it is the later places that
// vary.
func combinations(sounds [][]string) []string {
	choice := make([]int, len(sounds))
	var all []string
	for len(all) < maxCombinations {
		var b strings.Builder
		for i, s := range sounds {
			b.WriteString(s[choice[i]])
		}
		all = append(all, b.String())
		i := len(sounds) - 1
		for ; i >= 0; i-- {
			if choice[i]++; choice[i] < len(sounds[i]) {
				break
			}
			choice[i] = 0
		}
		if i < 0 {
			break
		}
	}
	return all
}

// sounds remembers soundsOf: a few thousand characters make up most names, and
// working one out takes regular expressions.
var sounds sync.Map

// soundsOf returns how a letter may be spelt in the letters a to z and digits,
// the usual way first; nothing if it has no sound.
func soundsOf(r rune) []string {
	if r < unicode.MaxASCII {
		return []string{string(r)}
	}
	if known, ok := sounds.Load(r); ok {
		return known.([]string)
	}
	var found []string
	add := func(spelt string) {
		spelt = strings.Map(func(r rune) rune {
			switch {
			case r >= 'a' && r <= 'z' || r >= '0' && r <= '9':
				return r
			case r >= 'A' && r <= 'Z':
				return r - 'A' + 'a'
			}
			return -1
		}, spelt)
		if spelt != "" {
			found = append(found, spelt)
		}
	}
	switch r {
	case 'ふ', 'フ':
		add("fu") // as names are spelled, and not by the table of sounds
	case 'っ', 'ッ':
		sounds.Store(r, found) // doubles the letter that follows
		return nil
	}
	for _, syllable := range pinyin.SinglePinyin(r, pinyin.Args{Style: pinyin.Normal, Heteronym: true}) {
		add(syllable)
	}
	if found == nil {
		add(unidecode.Unidecode(string(r)))
	}
	sounds.Store(r, found)
	return found
}
