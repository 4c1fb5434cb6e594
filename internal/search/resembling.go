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

// legalWords are legal forms as they are written in full or in Latin letters, which
// kg.CoreWords leaves: folded words, with spaces between.
var legalWords = func() [][]string {
	var forms [][]string
	for _, form := range []string{
		"limited liability company", "limited liability partnership", "limited partnership", "public limited company", "private limited company",
		"public joint stock company", "joint stock company", "gesellschaft mit beschrankter haftung", "besloten vennootschap", "naamloze vennootschap",
		"societe anonyme", "societe par actions simplifiee", "societe a responsabilite limitee", "sociedad anonima", "sociedad limitada", "sociedade anonima",
		"societa per azioni", "societa a responsabilita limitata", "kabushiki kaisha", "yugen kaisha", "godo kaisha", "youxian gongsi", "gufen youxian gongsi",
		"youxian zeren gongsi", "gongsi", "pao", "ao", "oao", "zao", "ooo",
		"публичное акционерное общество", "открытое акционерное общество", "акционерное общество", "общество с ограниченной ответственностью",
	} {
		forms = append(forms, strings.Fields(form))
	}
	// The longest that fits is the form.
	slices.SortStableFunc(forms, func(a, b []string) int { return len(b) - len(a) })
	return forms
}()

// joining are words that are left out or written as a sign.
var joining = map[string]bool{"and": true, "und": true, "et": true, "the": true, "of": true}

// bareWords returns the folded words of a name that tell it from others: no legal
// forms, and none that join others. What is nothing but those stays whole.
func bareWords(name string) []string {
	all := kg.CoreWords(firstRunes(name, maxName))
	words := all[:min(len(all), maxNameWords)]
	for _, form := range legalWords {
		if rest := len(words) - len(form); rest > 0 && slices.Equal(words[rest:], form) {
			words = words[:rest]
			break
		}
		if len(words) > len(form) && slices.Equal(words[:len(form)], form) {
			words = words[len(form):]
			break
		}
	}
	bare := slices.DeleteFunc(slices.Clone(words), func(w string) bool { return joining[w] })
	if len(bare) == 0 {
		return all
	}
	return bare
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
		// Whoever sounds the same needs no comparing: a character may have several
		// sounds, of which comparing knows the usual one alone.
		for _, by := range []struct {
			question question
			alike    bool
		}{{soundsLike(e), true}, {resembles(e), false}} {
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
				known[id] = true
				r := kg.Resemblance{ID: id, Likeness: 1}
				if !by.alike {
					names, err := l.names(id)
					if err != nil {
						return nil, err
					}
					r = nearest(e, id, names)
				}
				if r.Likeness >= leastAlike {
					found[i] = append(found[i], r)
				}
			}
		}
	}
	return found, nil
}
