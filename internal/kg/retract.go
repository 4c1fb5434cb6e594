package kg

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// This file takes claims back: which ones a write means, and whether what stays
// can stand without them.

// maxSpells bounds how often one claim can be taken back and recorded again.
const maxSpells = 100

// retract finds out which claims the write takes back, and that what they leave
// can be. fresh are the claims that the write records.
func (a *application) retract(ctx context.Context, fresh []*Claim, bad *Rejection) error {
	if len(a.write.Retractions) == 0 {
		return nil
	}
	meant, err := a.meant(ctx, bad)
	if err != nil {
		return err
	}
	keys := make(map[string]bool)
	for _, r := range meant {
		if r != nil {
			keys[retractedFamily(r)], a.named[retractedFamily(r)] = true, true
		}
	}
	if err := a.knowEntities(ctx, keys); err != nil {
		return err
	}
	families := make(map[string][]*Claim)
	for c, err := range a.snap.Claims(ctx, slices.Sorted(maps.Keys(keys))) {
		if err != nil {
			return err
		}
		families[c.Family()] = append(families[c.Family()], c)
	}
	said := make(map[ID]bool)
	for _, c := range fresh {
		said[c.ID] = true
	}
	for i, r := range meant {
		if r == nil {
			continue
		}
		bad.add(InRetractions, i, a.retractClaims(r, a.write.Retractions[i].Reason, families[retractedFamily(r)], said))
	}
	a.applied.Taken = slices.Sorted(maps.Keys(a.retracted))
	return a.checkLeft(ctx, meant, families, fresh, bad)
}

// knowEntities looks up the entities of which families of claims are about to be
// taken back: a retraction may name the claims alone.
func (a *application) knowEntities(ctx context.Context, families map[string]bool) error {
	var ids []ID
	for _, family := range slices.Sorted(maps.Keys(families)) {
		if id, ok := strings.CutPrefix(family, entityFamily("")); ok && a.known[ID(id)] == nil {
			ids = append(ids, ID(id))
		}
	}
	if len(ids) == 0 {
		return nil
	}
	records, err := a.snap.Get(ctx, ids)
	if err != nil {
		return err
	}
	for i, r := range records {
		if r != nil {
			a.known[ids[i]] = r
		}
	}
	return nil
}

// meant returns the records that the retractions name, aligned with them: nil
// where there is nothing to take back.
func (a *application) meant(ctx context.Context, bad *Rejection) ([]Record, error) {
	meant := make([]Record, len(a.write.Retractions))
	for i, r := range a.write.Retractions {
		if reason := strings.TrimSpace(r.Reason); reason == "" || len(reason) > maxText {
			bad.add(InRetractions, i, Invalidf("reason", "a retraction needs a reason of 1 to %d bytes", maxText))
			continue
		}
		if err := checkTexts(r.Reason); err != nil {
			bad.add(InRetractions, i, inArgument("reason", err))
			continue
		}
		record := a.known[r.ID]
		for range maxRedirects {
			passed, ok := record.(*Redirect)
			if !ok {
				break
			}
			records, err := a.snap.Get(ctx, []ID{passed.To})
			if err != nil {
				return nil, err
			}
			record = records[0]
		}
		switch record := record.(type) {
		case *Claim, *Relation, *Observation, *Entity:
			meant[i] = record
		case nil:
			bad.add(InRetractions, i, &NotFoundError{Argument: "id", Reason: fmt.Sprintf("there is nothing with the id %q", clip(string(r.ID)))})
		default:
			bad.add(InRetractions, i, Invalidf("id", "%s is a %s; claims can be taken back, and relations, observations and entities with all their claims",
				r.ID, record.RecordKind()))
		}
	}
	return meant, nil
}

// retractedFamily is the family in which the claims of a record are.
func retractedFamily(r Record) string {
	switch r := r.(type) {
	case *Relation:
		return relationFamily(r.Type, r.From, r.To)
	case *Observation:
		return figureFamily(r.ID)
	case *Entity:
		return entityFamily(r.ID)
	}
	return r.(*Claim).Family()
}

// retractClaims takes back those claims of a family that a record means.
func (a *application) retractClaims(r Record, reason string, family []*Claim, said map[ID]bool) error {
	found := false
	for _, c := range family {
		switch r := r.(type) {
		case *Claim:
			if c.ID != r.ID {
				continue
			}
		default:
			if c.Fact != r.RecordID() {
				continue
			}
		}
		found = true
		switch {
		case said[c.ID]:
			return Invalidf("", "the write both records and takes back the claim %s", c.ID)
		case !c.Live() || a.retracted[c.ID] != nil:
			if _, one := r.(*Claim); one {
				a.applied.Known++
			}
			continue
		}
		own := *c
		own.Retracted = &Retraction{At: a.at, Revision: a.revision, By: a.write.By, Reason: reason}
		a.retracted[c.ID] = &own
		a.applied.Retracted++
	}
	if relation, ok := r.(*Relation); ok && !found {
		return Invalidf("id", "%s rests on no claim of its own: it follows from the deal %s, which can be taken back", relation.ID, relation.OpenedBy)
	}
	return nil
}

// checkLeft makes sure that every entity of which claims are taken back is left
// whole, or goes and nothing else speaks of it.
func (a *application) checkLeft(ctx context.Context, meant []Record, families map[string][]*Claim, fresh []*Claim, bad *Rejection) error {
	index := make(map[ID]int) // by which retraction an entity is touched
	for i, r := range meant {
		if r != nil && strings.HasPrefix(retractedFamily(r), entityFamily("")) {
			id := ID(strings.TrimPrefix(retractedFamily(r), entityFamily("")))
			if _, ok := index[id]; !ok {
				index[id] = i
			}
		}
	}
	for id, i := range index {
		exists, named, left := false, false, 0
		note := func(c *Claim) {
			left++
			switch c.Statement.(type) {
			case *EntityStatement:
				exists = true
			case *NameStatement:
				named = true
			}
		}
		for _, c := range families[entityFamily(id)] {
			if c.Live() && a.retracted[c.ID] == nil {
				note(c)
			}
		}
		for _, c := range fresh {
			if c.Family() == entityFamily(id) {
				note(c)
			}
		}
		switch {
		case left == 0:
			a.leaving[id] = true
		case !exists:
			bad.add(InRetractions, i, Invalidf("id", "nothing would say any more that %s exists, but %d claims about its names and numbers would stay; take back the entity instead", id, left))
		case !named:
			bad.add(InRetractions, i, Invalidf("id", "%s would be left without a name; give it another in the same write, or take back the entity", id))
		}
	}
	return a.checkLeaving(ctx, index, bad)
}

// checkLeaving makes sure that nothing else speaks of the entities that go.
func (a *application) checkLeaving(ctx context.Context, index map[ID]int, bad *Rejection) error {
	if len(a.leaving) == 0 {
		return nil
	}
	leaving := slices.Sorted(maps.Keys(a.leaving))
	still := make([][]ID, len(leaving))
	q := ClaimQuery{Of: leaving, As: []Aspect{{Part: PartFrom}, {Part: PartTo}, {Part: PartSubject}}}
	for m, err := range a.snap.ClaimsAbout(ctx, q) {
		if err != nil {
			return err
		}
		if m.Claim.Live() && a.retracted[m.Claim.ID] == nil {
			still[m.At] = append(still[m.At], m.Claim.ID)
		}
	}
	for at, claims := range still {
		if len(claims) > 0 {
			some := claims[:min(3, len(claims))]
			bad.add(InRetractions, index[leaving[at]], Invalidf("id", "%d claims still speak of %s (such as %s); take them back first, or in the same write",
				len(claims), leaving[at], strings.Join(texts(some), ", ")))
		}
	}
	// What a person has noted about an entity goes with it.
	for c, err := range a.snap.Conflicts(ctx, leaving) {
		if err != nil {
			return err
		}
		if c.Rule == "" {
			a.gone[c.ID] = true
		}
	}
	return nil
}

func texts(ids []ID) []string {
	list := make([]string, len(ids))
	for i, id := range ids {
		list[i] = string(id)
	}
	return list
}

// checkMergers makes sure that nothing merges, by way of others, into itself.
func (a *application) checkMergers(ctx context.Context, at []int, claims []*Claim, bad *Rejection) error {
	merged := make(map[ID][]ID)
	for _, c := range a.fresh {
		if s, ok := c.Statement.(*RelationStatement); ok && s.Type == MergedInto {
			merged[s.From] = append(merged[s.From], s.To)
		}
	}
	if len(merged) == 0 {
		return nil
	}
	for i, c := range claims {
		s, ok := c.Statement.(*RelationStatement)
		if !ok || s.Type != MergedInto || !slices.Contains(a.fresh, c) {
			continue
		}
		way, err := a.mergersFrom(ctx, s.To, s.From, merged)
		if err != nil {
			return err
		}
		if way {
			bad.add(InClaims, at[i], Invalidf("to", "%s has merged into %s already, directly or by way of others; it cannot take it over as well", s.To, s.From))
		}
	}
	return nil
}

// mergersFrom reports whether mergers lead from one entity to another: those
// of the store that stay, and those given.
func (a *application) mergersFrom(ctx context.Context, from, to ID, more map[ID][]ID) (bool, error) {
	seen := map[ID]bool{from: true}
	for frontier := []ID{from}; len(frontier) > 0; {
		var next []ID
		reach := func(id ID) {
			if !seen[id] {
				seen[id] = true
				next = append(next, id)
			}
		}
		for _, id := range frontier {
			if id == to {
				return true, nil
			}
			for _, far := range more[id] {
				reach(far)
			}
		}
		for e, err := range a.snap.Relations(ctx, RelationQuery{Of: frontier, Direction: Out, Types: []RelationType{MergedInto}}) {
			if err != nil {
				return false, err
			}
			if slices.ContainsFunc(e.Relation.Citations, func(c Citation) bool { return a.retracted[c.Claim] == nil }) {
				reach(e.Relation.To)
			}
		}
		slices.Sort(next)
		frontier = next
	}
	return false, nil
}
