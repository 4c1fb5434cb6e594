package search

import (
	"slices"
	"strings"
	"unicode"

	"keiretsu/internal/kg"
)

// This file finds names that say the same in two languages, of which one is written in
// Latin letters: the words of trade are translated, the rest is the same by sound.

const (
	// minForeignSkeleton is how many letters the skeleton of what is not translated must
	// have to stand for its sound: less says too little.
	minForeignSkeleton = 4
	// bySkeleton is at least how alike two names are that have one skeleton, and
	// withoutLight what is left of a likeness where a light word is in one name only.
	bySkeleton   = 0.85
	withoutLight = 0.9
	// minTranslated is how many words of trade make a name of nothing else: Bank is no name.
	minTranslated = 2
)

// meaning is a name taken apart.
type meaning struct {
	latin bool
	// trade and light are the meanings of its words of trade, each once, in order.
	trade, light []string
	// own are the other words, as they stand, and readings what they sound like
	// together, the usual way first.
	own, readings []string
	// skeleton is that of the own words, or "" for those in Chinese characters, which
	// have a spelling in Latin letters that is followed to the letter.
	skeleton string
	// said tells the meaning of each word of trade that is not English.
	said []string
}

// meaningOf takes a name apart, of which words are the bare ones.
func meaningOf(name string, words []string) meaning {
	m := meaning{latin: isLatin(name)}
	var own [][]rune
	take := func(word string) bool {
		known, ok := trade[word]
		switch {
		case !ok:
			return false
		case known.light:
			m.light = append(m.light, known.name)
		default:
			m.trade = append(m.trade, known.name)
		}
		if !isLatin(word) {
			m.said = append(m.said, word+" "+known.name)
		}
		return true
	}
	var runs []string
	for _, word := range words {
		runs = append(runs, scriptRuns(word)...)
	}
	for len(runs) > 0 {
		if strings.ContainsFunc(runs[0], isSpaceless) {
			own = append(own, cutTrade([]rune(runs[0]), take)...)
			runs = runs[1:]
			continue
		}
		n := min(len(runs), mostTradeWords)
		for n > 0 && !take(strings.Join(runs[:n], "")) {
			n--
		}
		if n == 0 {
			own = append(own, []rune(runs[0]))
			n = 1
		}
		runs = runs[n:]
	}
	for _, words := range []*[]string{&m.trade, &m.light} {
		slices.Sort(*words)
		*words = slices.Compact(*words)
	}
	m.spell(own)
	return m
}

// cutTrade takes the words of trade out of a text without spaces, at each place the
// longest that there is, and returns what is left between them.
func cutTrade(text []rune, take func(string) bool) (own [][]rune) {
	begin := 0
	for i := 0; i < len(text); {
		n := min(len(text)-i, mostTradeLetters)
		for n > 1 && !take(string(text[i:i+n])) {
			n--
		}
		if n <= 1 {
			i++
			continue
		}
		if begin < i {
			own = append(own, text[begin:i])
		}
		i += n
		begin = i
	}
	if begin < len(text) {
		own = append(own, text[begin:])
	}
	return own
}

// spell works out how the words that are no words of trade sound.
func (m *meaning) spell(own [][]rune) {
	var sounds [][]string
	han := false
	for _, word := range own {
		m.own = append(m.own, string(word))
		for _, r := range word {
			if s := soundsOf(r); len(s) > 0 {
				sounds = append(sounds, s)
			}
			han = han || unicode.Is(unicode.Han, r)
		}
	}
	if len(sounds) == 0 || len(sounds) > maxName {
		return
	}
	for _, reading := range combinations(sounds) {
		// Sony is ソニー.
		reading = strings.ReplaceAll(umlauts.Replace(reading), "y", "i")
		if !slices.Contains(m.readings, reading) {
			m.readings = append(m.readings, reading)
		}
	}
	if s := skeleton(m.readings[0]); !han && len(s) >= minForeignSkeleton {
		m.skeleton = s
	}
}

// keys returns the terms under which a name is found by those that say the same; none
// for one in Latin letters of which nothing is translated, which is found as it stands.
func (m *meaning) keys() []string {
	if m.latin && len(m.trade)+len(m.light) == 0 {
		return nil
	}
	return m.keysOf(m.latin)
}

// facing returns the keys of names in the other letters that say the same.
func (m *meaning) facing() []string { return m.keysOf(!m.latin) }

func (m *meaning) keysOf(latin bool) []string {
	if len(m.readings) == 0 && len(m.trade) < minTranslated {
		return nil
	}
	side := "f"
	if latin {
		side = "l"
	}
	words := side + strings.ReplaceAll(strings.Join(m.trade, "+"), " ", "") + "="
	if len(m.readings) == 0 {
		return []string{words}
	}
	var keys []string
	for _, reading := range m.readings {
		keys = append(keys, words+reading[:min(len(reading), maxSkeleton)])
	}
	if m.skeleton != "" {
		keys = append(keys, words+"~"+m.skeleton[:min(len(m.skeleton), maxSkeleton)])
	}
	return keys
}

// alike returns how alike two names are, from 0 to 1, if they say the same in two
// languages, and tells what was translated: their words of trade are the same, but for
// light ones, and the rest sounds alike. It is 0 for names that have none, or nothing but
// one of them.
func (m *meaning) alike(n *meaning) (float64, string) {
	foreign, latin := m, n
	if m.latin {
		foreign, latin = n, m
	}
	switch {
	case foreign.latin == latin.latin, len(m.trade)+len(m.light)+len(n.light) == 0,
		!slices.Equal(m.trade, n.trade), !kg.SameNumbers(m.own, n.own):
		return 0, ""
	}
	like := 0.0
	if len(m.readings) == 0 && len(n.readings) == 0 && len(m.trade) >= minTranslated {
		like = 1
	}
	for _, x := range m.readings {
		for _, y := range n.readings {
			like = max(like, likeText(x, y))
		}
	}
	if m.skeleton != "" && m.skeleton == n.skeleton {
		like = max(like, bySkeleton)
	}
	if !slices.Equal(m.light, n.light) {
		like *= withoutLight
	}
	said := foreign.said
	for _, word := range latin.light {
		if !slices.Contains(foreign.light, word) {
			said = append(said, "("+word+")")
		}
	}
	return like, strings.Join(said, ", ")
}
