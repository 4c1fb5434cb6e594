package search

import (
	"context"
	"slices"
	"unicode/utf8"

	"github.com/blevesearch/bleve/v2/index/scorch"
	"github.com/blevesearch/bleve/v2/search"
	"github.com/blevesearch/bleve/v2/search/searcher"
)

const (
	// maxSpellings bounds the terms of the index that a word may be a
	// misspelling of: the nearest, equals in byte order.
	maxSpellings = 256
	// maxClauses is at how many terms bleve joins what it has so far before it
	// goes on. Without a bound it would hold all terms of a question at once.
	maxClauses = 1024
)

func init() { searcher.DisjunctionMaxClauseCount = maxClauses }

// question asks which entities have something in common. It is put to one moment
// of the index.
type question func(ctx context.Context, at *scorch.IndexSnapshot) (search.Searcher, error)

// unscored: which entities, and nothing more. bleve then joins whole sets.
var unscored = search.SearcherOptions{Score: "none"}

// term asks for a term of a field.
func term(field, text string) question {
	return func(ctx context.Context, at *scorch.IndexSnapshot) (search.Searcher, error) {
		return searcher.NewTermSearcher(ctx, at, text, field, 1, unscored)
	}
}

// all asks for what answers every question.
func all(questions ...question) question {
	if len(questions) == 1 {
		return questions[0]
	}
	return func(ctx context.Context, at *scorch.IndexSnapshot) (search.Searcher, error) {
		return join(ctx, at, questions, func(each []search.Searcher) (search.Searcher, error) {
			return searcher.NewConjunctionSearcher(ctx, at, each, unscored)
		})
	}
}

// either asks for what answers any of the questions.
func either(questions ...question) question { return atLeast(1, questions...) }

// atLeast asks for what answers so many of the questions.
func atLeast(n int, questions ...question) question {
	if len(questions) == 1 {
		return questions[0]
	}
	return func(ctx context.Context, at *scorch.IndexSnapshot) (search.Searcher, error) {
		return join(ctx, at, questions, func(each []search.Searcher) (search.Searcher, error) {
			return searcher.NewDisjunctionSearcher(ctx, at, each, float64(n), unscored)
		})
	}
}

func join(ctx context.Context, at *scorch.IndexSnapshot, questions []question, by func([]search.Searcher) (search.Searcher, error)) (search.Searcher, error) {
	var each []search.Searcher
	discard := func() {
		for _, s := range each {
			_ = s.Close()
		}
	}
	for _, q := range questions {
		s, err := q(ctx, at)
		if err != nil {
			discard()
			return nil, err
		}
		each = append(each, s)
	}
	joined, err := by(each)
	if err != nil {
		discard()
		return nil, err
	}
	return joined, nil
}

// anyTerm asks for any of the terms of a field that find lists. They are listed
// once, however often the question is put: it stands on several rungs of one
// search.
func anyTerm(field string, find func(at *scorch.IndexSnapshot) ([]string, error)) question {
	var terms []string
	listed := false
	return func(ctx context.Context, at *scorch.IndexSnapshot) (search.Searcher, error) {
		if !listed {
			var err error
			if terms, err = find(at); err != nil {
				return nil, err
			}
			listed = true
		}
		if len(terms) == 0 {
			return searcher.NewMatchNoneSearcher(at)
		}
		return searcher.NewMultiTermSearcher(ctx, at, terms, field, 1, unscored, false)
	}
}

// begins asks for the terms of a field that begin with a text. Beginnings of up to
// so many letters are terms of a field of their own, since many terms share them.
func begins(short string, letters int, field, text string) question {
	if utf8.RuneCountInString(text) <= letters {
		return term(short, text)
	}
	return anyTerm(field, func(at *scorch.IndexSnapshot) ([]string, error) {
		dict, err := at.FieldDictPrefix(field, []byte(text))
		if err != nil {
			return nil, err
		}
		defer dict.Close()
		var found []string
		for {
			entry, err := dict.Next()
			if err != nil || entry == nil {
				return found, err
			}
			found = append(found, entry.Term)
		}
	})
}

// spelt asks for the terms of a field that are within so many slips of a text.
func spelt(field, text string, slack int) question {
	return anyTerm(field, func(at *scorch.IndexSnapshot) ([]string, error) {
		if slack == 0 {
			return nil, nil
		}
		dict, err := at.FieldDictFuzzy(field, text, slack, "")
		if err != nil {
			return nil, err
		}
		defer dict.Close()
		var near [maxSlack + 1][]string // by slips, each in byte order
		for {
			entry, err := dict.Next()
			if err != nil {
				return nil, err
			}
			if entry == nil {
				found := slices.Concat(near[:]...)
				return found[:min(len(found), maxSpellings)], nil
			}
			if n := slips(text, entry.Term, slack); n <= slack {
				near[n] = append(near[n], entry.Term)
			}
		}
	})
}
