package badgerstore

import (
	"bytes"
	"context"
	"fmt"
	"iter"
	"slices"
	"strings"

	"keiretsu/internal/kg"
)

// ClaimsAbout yields the claims that q asks for.
func (s *snapshot) ClaimsAbout(ctx context.Context, q kg.ClaimQuery) iter.Seq2[kg.Mention, error] {
	operation := fmt.Sprintf("claims about %d entities", len(q.Of))
	if q.All {
		operation = "all claims"
	}
	return sequence(ctx, s, operation, func(r *reader, emit func(kg.Mention) bool) error {
		if q.All {
			return r.allClaims(&q, func(c *kg.Claim) bool { return emit(kg.Mention{Claim: c}) })
		}
		spans := mentionSpans(&q)
		for at, id := range q.Of {
			left := false
			pass := func(c *kg.Claim) bool {
				left = !emit(kg.Mention{At: at, Claim: c})
				return !left
			}
			if q.Admits(kg.Aspect{Part: kg.PartItself}) {
				if err := r.claimsOf((&kg.EntityStatement{Entity: id}).Family(), pass); err != nil || left {
					return err
				}
			}
			for _, aspect := range spans {
				if err := r.mentions(id, aspect, pass); err != nil || left {
					return err
				}
			}
		}
		return nil
	})
}

// mentionSpans returns the aspects of q that have rows of their own, in order,
// none of which is part of another.
func mentionSpans(q *kg.ClaimQuery) []kg.Aspect {
	if len(q.As) == 0 {
		return []kg.Aspect{{Part: kg.PartFrom}, {Part: kg.PartTo}, {Part: kg.PartSubject}, {Part: kg.PartJudged}}
	}
	var spans []kg.Aspect
	for _, a := range q.As {
		covered := a.Type != 0 && q.Admits(kg.Aspect{Part: a.Part})
		if a.Part != kg.PartItself && !covered {
			spans = append(spans, a)
		}
	}
	slices.SortFunc(spans, func(a, b kg.Aspect) int { return bytes.Compare(mentionTerms(a), mentionTerms(b)) })
	return slices.Compact(spans)
}

// mentionTerms is what follows the entity in the keys of an aspect.
func mentionTerms(a kg.Aspect) []byte {
	if a.Type == 0 {
		return []byte{byte(a.Part)}
	}
	return []byte{byte(a.Part), byte(a.Type)}
}

// claimsOf passes on the claims of one family.
func (r *reader) claimsOf(family string, emit func(*kg.Claim) bool) error {
	_, err := r.sweep(spanOf(claimRows.key(hashOf(family))), false, func(key, value []byte) (bool, error) {
		c, err := parseClaim(claimRows.id(key), value)
		if err != nil || c.Family() != family {
			return err == nil, err
		}
		return emit(c), nil
	})
	return err
}

func parseClaim(id kg.ID, value []byte) (*kg.Claim, error) {
	record, err := parseHome(kg.RecordClaim, id, value)
	if err != nil {
		return nil, err
	}
	return record.(*kg.Claim), nil
}

// mentions passes on the claims that mention the entity in the aspect.
func (r *reader) mentions(id kg.ID, a kg.Aspect, emit func(*kg.Claim) bool) error {
	terms := []term{hashOf(id), byteOf(a.Part)}
	if a.Type != 0 {
		terms = append(terms, byteOf(a.Type))
	}
	_, err := r.sweep(spanOf(mentionRows.key(terms...)), false, func(key, value []byte) (bool, error) {
		c, err := parseClaim(mentionRows.id(key), value)
		if err != nil {
			return false, err
		}
		// Another entity may have the same hash.
		speaks := slices.ContainsFunc(c.Mentioned(), func(m kg.Mentioned) bool { return m.Entity == id && m.Part == a.Part })
		return !speaks || emit(c), nil
	})
	return err
}

// allClaims passes on every claim that q takes, family by family.
func (r *reader) allClaims(q *kg.ClaimQuery, emit func(*kg.Claim) bool) error {
	hash := len(claimRows.key(hashOf("")))
	var here []byte
	var claims []*kg.Claim // those of one hash
	flush := func() bool {
		// Two families may have the same hash.
		slices.SortStableFunc(claims, func(a, b *kg.Claim) int { return strings.Compare(a.Family(), b.Family()) })
		for _, c := range claims {
			if !emit(c) {
				return false
			}
		}
		claims = claims[:0]
		return true
	}
	ended, err := r.sweep(spanOf(claimRows.key()), false, func(key, value []byte) (bool, error) {
		if !bytes.Equal(key[:hash], here) {
			if !flush() {
				return false, nil
			}
			here = append(here[:0], key[:hash]...)
		}
		if a := aspectIn(value); !q.Admits(a) && (a.Part != kg.PartFrom || !q.Admits(kg.Aspect{Part: kg.PartTo, Type: a.Type})) {
			return true, nil
		}
		c, err := parseClaim(claimRows.id(key), value)
		claims = append(claims, c)
		return true, err
	})
	if ended && err == nil {
		flush()
	}
	return err
}
