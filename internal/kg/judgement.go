package kg

import (
	"cmp"
	"context"
	"slices"
)

// JudgementSource is the id of the source that judgements cite whose author names
// no other.
const JudgementSource ID = "judgements"

// NewJudgementSource describes the source that judgements cite whose author names
// no other. It is the graph's own: every write that cites it describes it so.
func NewJudgementSource() *Source {
	return &Source{
		ID: JudgementSource, Title: "Judgements", Kind: "judgement",
		Note: "What those who keep this graph have judged themselves: that two entries are one thing, or that they are not.",
	}
}

// Judgement is a claim that two ids name one thing, or that they do not.
type Judgement struct {
	*Stated
	// Same tells the former from the latter. Entity is then known as Other.
	Same          bool
	Entity, Other ID
}

// Judgements returns what has been judged of the entity under any of its ids,
// newest first; what has been taken back is among it.
func (m *Member) Judgements(ctx context.Context) ([]*Judgement, error) {
	c := m.cohort
	judgements, err := share(c, "judgements", func() ([][]*Judgement, error) { return c.judgements(ctx) })
	if err != nil {
		return nil, err
	}
	return judgements[m.index], nil
}

// maxJudgements bounds the judgements that are told together.
const maxJudgements = 10_000

// judgements returns those of every member.
func (c *cohort) judgements(ctx context.Context) ([][]*Judgement, error) {
	var of []ID
	var at []int
	for i, e := range c.entities {
		for _, id := range append([]ID{e.ID}, e.Merged...) {
			of, at = append(of, id), append(at, i)
		}
	}
	claims := make([][]*Claim, len(c.entities))
	var all []*Claim
	for m, err := range c.view.snap.ClaimsAbout(ctx, ClaimQuery{Of: of, As: []Aspect{{Part: PartJudged}}}) {
		if err != nil {
			return nil, err
		}
		i := at[m.At]
		if slices.ContainsFunc(claims[i], func(c *Claim) bool { return c.ID == m.Claim.ID }) {
			continue // about two ids of one entity
		}
		if all = append(all, m.Claim); len(all) > maxJudgements {
			return nil, tooComplexf("more than %d judgements are asked for at once; ask for fewer entities", maxJudgements)
		}
		claims[i] = append(claims[i], m.Claim)
	}
	stated := make(map[*Claim]*Stated, len(all))
	for i, s := range c.view.stated(all) {
		stated[all[i]] = s
	}
	judgements := make([][]*Judgement, len(claims))
	for i, list := range claims {
		slices.SortFunc(list, func(a, b *Claim) int { return cmp.Or(cmp.Compare(b.Revision, a.Revision), cmp.Compare(a.ID, b.ID)) })
		for _, claim := range list {
			ends := claim.Statement.mentions()
			_, same := claim.Statement.(*SameStatement)
			judgements[i] = append(judgements[i], &Judgement{stated[claim], same, ends[0], ends[1]})
		}
	}
	return judgements, nil
}
