package search

import (
	"context"
	"slices"
	"strings"

	"keiretsu/internal/kg"
)

// This file finds names that are nearly the same. Comparing every name with every
// other would take too long, so each has a key or two, its skeletons, in which what
// people and registers write differently is left out: legal forms, vowels, doubled
// letters, the order of words, and which of several letters stands for a sound. Only
// names of which the skeletons are a slip apart are compared letter by letter.

const (
	// leastAlike is how alike names are at least that resemble each other.
	leastAlike = 0.75
	// minSkeleton and minSlip are how many letters a skeleton must have to be a key,
	// and to be found by one with a slip: shorter ones say too little.
	minSkeleton = 4
	minSlip     = 6
	maxSkeleton = 32
)

// bareWords returns the folded words of a name that tell it from others.
func bareWords(name string) []string {
	words := kg.BareWords(firstRunes(name, maxName))
	return words[:min(len(words), maxNameWords)]
}

// umlauts are written in two ways.
var umlauts = strings.NewReplacer("ae", "a", "oe", "o", "ue", "u")

// spelled returns words in Latin letters, by the usual sound of each.
func spelled(words []string) []string {
	words = sound(words)
	for i, w := range words {
		words[i] = umlauts.Replace(w)
	}
	return slices.DeleteFunc(words, func(w string) bool { return w == "" })
}

// resemblance says how alike two names are, legal forms aside: as Alike does, by
// their sounds. Names that have other numbers are not; those of a spaceless script
// are compared by their letters unless they sound the same.
func resemblance(a, b string) float64 {
	x, y := bareWords(a), bareWords(b)
	if !kg.SameNumbers(x, y) {
		return 0
	}
	like := likeWords(spelled(x), spelled(y))
	if like < 1 && strings.ContainsFunc(a, isSpaceless) && strings.ContainsFunc(b, isSpaceless) {
		return likeWords(x, y)
	}
	return like
}

// alphabet has one letter for those that stand for like sounds, and none for vowels
// and what is hardly heard.
var alphabet = func() (to [128]byte) {
	for c := byte('a'); c <= 'z'; c++ {
		to[c] = c
	}
	for c := byte('0'); c <= '9'; c++ {
		to[c] = c
	}
	for _, c := range "aeiouyhw" {
		to[c] = 0
	}
	for class, letters := range map[byte]string{'k': "cq", 's': "zx", 'f': "v", 't': "d", 'p': "b"} {
		for _, c := range letters {
			to[c] = class
		}
	}
	return to
}()

// skeleton returns the letters of a spelled word that the ear keeps, with its first.
func skeleton(word string) string {
	var kept []byte
	for i, c := range []byte(strings.ReplaceAll(word, "ph", "f")) {
		letter := alphabet[c&127]
		if letter == 0 && i == 0 {
			letter = c
		}
		if letter != 0 && (len(kept) == 0 || kept[len(kept)-1] != letter) {
			kept = append(kept, letter)
		}
	}
	return string(kept)
}

// skeletons returns the keys of a name: its words in their order, and in that of the
// alphabet. Where little is left of it, as of most names in pinyin, it is its own
// key; a name of three letters has none.
func skeletons(name string) []string {
	whole := spelled(bareWords(name))
	words := make([]string, len(whole))
	for i, w := range whole {
		words[i] = skeleton(w)
	}
	if len(strings.Join(words, "")) < minSkeleton {
		words = whole
	}
	var keys []string
	for range 2 {
		key := strings.Join(words, "")
		if len(key) >= minSkeleton {
			keys = append(keys, key[:min(len(key), maxSkeleton)])
		}
		slices.Sort(words)
	}
	return slices.Compact(keys)
}

// resembles asks for entities of which a name has nearly the skeleton of one of the
// entity's. It is nil where no name has any.
func resembles(e *kg.Entity) question {
	var near []question
	seen := make(map[string]bool)
	for _, n := range e.Names[:min(len(e.Names), soundingNames)] {
		for _, key := range skeletons(n.Text) {
			if seen[key] {
				continue
			}
			seen[key] = true
			if len(key) < minSlip {
				near = append(near, term(fieldSkeleton, key))
			} else {
				near = append(near, spelt(fieldSkeleton, key, 1))
			}
		}
	}
	if near == nil {
		return nil
	}
	return either(near...)
}

// saysTheSame asks for entities of which a name may say in another language what one of
// the entity's says. It is nil for people, who do not trade under translated names,
// and where no name says anything.
func saysTheSame(e *kg.Entity) question {
	if e.Kind == kg.KindPerson {
		return nil
	}
	var keys []question
	for _, n := range e.Names[:min(len(e.Names), soundingNames)] {
		m := meaningOf(n.Text, bareWords(n.Text))
		for _, key := range m.facing() {
			keys = append(keys, term(fieldMeaning, key))
		}
		if m.latin || len(m.trade) > 0 || len(m.light) == 0 {
			continue
		}
		// Alibaba, which 阿里巴巴集团 is as well, has nothing to translate.
		for _, reading := range wholeReadings(strings.Join(m.own, "")) {
			keys = append(keys, term(fieldCore, reading))
		}
		if m.skeleton != "" {
			keys = append(keys, term(fieldSkeleton, m.skeleton))
		}
	}
	if keys == nil {
		return nil
	}
	return either(keys...)
}

// Resembling returns the entities that resemble each; see kg.TextIndex. It reads ten
// names of each. Its errors are those of Search.
func (x *Index) Resembling(ctx context.Context, of []*kg.Entity, limit int) ([][]kg.Resemblance, error) {
	var found [][]kg.Resemblance
	err := x.ask(ctx, func(s *shelf) (err error) {
		found, err = s.resembling(ctx, of, limit)
		return err
	})
	return found, err
}

// translated compares what an entity's names say with what those of another do.
func translated(e *kg.Entity, id kg.ID, names []folded) kg.Resemblance {
	best := kg.Resemblance{ID: id}
	for _, n := range e.Names[:min(len(e.Names), soundingNames)] {
		m := meaningOf(n.Text, bareWords(n.Text))
		for _, name := range names[:min(len(names), soundingNames)] {
			other := meaningOf(name.text, bareWords(name.text))
			if like, said := m.alike(&other); like > best.Likeness {
				best.Name, best.Other, best.Likeness, best.Translated = n.Text, name.text, like, said
			}
		}
	}
	return best
}

// nearest compares an entity's names with those of another.
func nearest(e *kg.Entity, id kg.ID, names []folded) kg.Resemblance {
	best := kg.Resemblance{ID: id}
	for _, n := range e.Names[:min(len(e.Names), soundingNames)] {
		for _, other := range names[:min(len(names), soundingNames)] {
			if like := resemblance(n.Text, other.text); like > best.Likeness {
				best.Name, best.Other, best.Likeness = n.Text, other.text, like
			}
		}
	}
	return best
}

func (s *shelf) resembling(ctx context.Context, of []*kg.Entity, limit int) ([][]kg.Resemblance, error) {
	snapshot, err := s.snapshot()
	if err != nil {
		return nil, err
	}
	defer snapshot.Close()
	l := listing{snapshot: snapshot}
	found := make([][]kg.Resemblance, len(of))
	for i, e := range of {
		known := map[kg.ID]bool{e.ID: true}
		for _, by := range []struct {
			question question
			// compare is nil for whoever sounds the same: a character may have several
			// sounds, of which comparing knows the usual one alone.
			compare func(*kg.Entity, kg.ID, []folded) kg.Resemblance
		}{{soundsLike(e), nil}, {saysTheSame(e), translated}, {resembles(e), nearest}} {
			if by.question == nil {
				continue
			}
			hits, err := l.ask(ctx, all(by.question, term(fieldKind, e.Kind.String())), "", limit+1)
			if err != nil {
				return nil, err
			}
			for _, hit := range hits {
				_, id, err := parseOrderKey(hit.Sort[0])
				if err != nil {
					return nil, err
				}
				if known[id] || len(found[i]) == limit {
					continue
				}
				r := kg.Resemblance{ID: id, Likeness: 1}
				if by.compare != nil {
					names, err := l.names(id)
					if err != nil {
						return nil, err
					}
					r = by.compare(e, id, names)
				}
				if r.Likeness >= leastAlike {
					known[id] = true
					found[i] = append(found[i], r)
				}
			}
		}
	}
	return found, nil
}
