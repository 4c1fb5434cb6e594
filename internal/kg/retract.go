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
	if len(a.write.Retractions)+len(a.write.Splits) == 0 {
		return nil
	}
	meant, err := a.meant(ctx, bad)
	if err != nil {
		return err
	}
	ids := make(map[ID]bool)
	for _, r := range meant {
		for _, id := range entitiesOf(r) {
			ids[id] = true
		}
	}
	if err := a.look(ctx, ids); err != nil {
		return err
	}
	keys := make(map[string]bool)
	for _, r := range meant {
		for _, key := range a.retractedFamilies(r) {
			keys[key], a.named[key] = true, true
		}
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
		var claims []*Claim
		for _, key := range a.retractedFamilies(r) {
			claims = append(claims, families[key]...)
		}
		bad.add(InRetractions, i, a.retractClaims(r, a.write.Retractions[i].Reason, claims, said))
	}
	for i, s := range a.write.Splits {
		problem, err := a.split(ctx, s, said)
		if err != nil {
			return err
		}
		bad.add(InSplits, i, problem)
	}
	a.applied.Taken = slices.Sorted(maps.Keys(a.retracted))
	return a.checkLeft(ctx, meant, families, fresh, bad)
}

// meant returns the records that the retractions name, aligned with them: nil
// where there is nothing to take back.
func (a *application) meant(ctx context.Context, bad *Rejection) ([]Record, error) {
	meant := make([]Record, len(a.write.Retractions))
	for i, r := range a.write.Retractions {
		if err := checkReason(r.Reason); err != nil {
			bad.add(InRetractions, i, err)
			continue
		}
		record := a.known[r.ID]
		if into, ok := mergedInto(record); ok {
			bad.add(InRetractions, i, Invalidf("id", "%s has been judged to be the same as %s; split it first, or take back %s", r.ID, into, into))
			continue
		}
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

func checkReason(reason string) error {
	if text := strings.TrimSpace(reason); text == "" || len(text) > maxText {
		return Invalidf("reason", "a retraction needs a reason of 1 to %d bytes", maxText)
	}
	return inArgument("reason", checkTexts(reason))
}

// split takes back that an entity is the same as another. It returns what is
// wrong with that, and an error where the store fails.
func (a *application) split(ctx context.Context, s Split, said map[ID]bool) (problem, err error) {
	if err := checkReason(s.Reason); err != nil {
		return err, nil
	}
	var standing []*Claim
	key := sameFamily(s.Entity)
	a.named[key] = true
	ids := map[ID]bool{s.Entity: true}
	for c, err := range a.snap.Claims(ctx, []string{key}) {
		if err != nil {
			return nil, err
		}
		if c.Live() && a.retracted[c.ID] == nil {
			standing = append(standing, c)
			ids[c.Statement.(*SameStatement).As] = true
		}
	}
	if err := a.look(ctx, ids); err != nil {
		return nil, err
	}
	switch merged := a.before.merged(s.Entity); {
	case len(standing) > 0:
		for _, c := range standing {
			if err := a.retractClaims(c, s.Reason, standing, said); err != nil {
				return err, nil
			}
		}
		return nil, nil
	case a.storedKind(s.Entity) == 0:
		return &NotFoundError{Argument: "entity", Reason: fmt.Sprintf("there is no entity %q", clip(string(s.Entity)))}, nil
	case len(merged) > 0:
		return Invalidf("entity", "%s is not the same as another; others are the same as it (%s), so split one of those", s.Entity, strings.Join(texts(merged[:min(3, len(merged))]), ", ")), nil
	}
	return Invalidf("entity", "%s is not the same as another entity", s.Entity), nil
}

// retractedFamilies lists the families in which the claims of a record are. What
// else is the same as an entity stays when that is taken back.
func (a *application) retractedFamilies(r Record) []string {
	switch r := r.(type) {
	case *Relation:
		return familiesOf(&RelationStatement{Type: r.Type, From: r.From, To: r.To}, a.before.class)
	case *Observation:
		return familiesOf(&r.Figure, a.before.class)
	case *Entity:
		return []string{entityFamily(r.ID)}
	case *Claim:
		return []string{r.Family()}
	}
	return nil
}

// retractedEntity returns the entity of which claims about it itself are among
// those that a record means, or "".
func retractedEntity(r Record) ID {
	switch r := r.(type) {
	case *Entity:
		return r.ID
	case *Claim:
		if m := r.Mentioned(); m[0].Part == PartItself {
			return m[0].Entity
		}
	}
	return ""
}

// retractClaims takes back those of some claims that a record means.
func (a *application) retractClaims(r Record, reason string, claims []*Claim, said map[ID]bool) error {
	found := false
	for _, c := range claims {
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
		if id := retractedEntity(r); id != "" {
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
	q := ClaimQuery{Of: leaving, As: []Aspect{{Part: PartFrom}, {Part: PartTo}, {Part: PartSubject}, {Part: PartJudged}}}
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
	about := make(map[ID]bool)
	for _, id := range leaving {
		about[a.before.canon(id)] = true
	}
	for c, err := range a.snap.Conflicts(ctx, slices.Sorted(maps.Keys(about))) {
		if err != nil {
			return err
		}
		if c.Rule == "" && a.leaving[c.NotedAbout(leaving)] {
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

// checkMergers makes sure that nothing merges, by way of others, into itself: not
// by what the write says of mergers, nor by what it says of who is who.
func (a *application) checkMergers(ctx context.Context, at []int, claims []*Claim, bad *Rejection) error {
	fresh := make(map[ID]bool)
	merged := make(map[ID][]ID)
	for _, c := range a.fresh {
		fresh[c.ID] = true
		if s, ok := c.Statement.(*RelationStatement); ok && s.Type == MergedInto {
			from := a.after.canon(s.From)
			merged[from] = append(merged[from], a.after.canon(s.To))
		}
	}
	for i, c := range claims {
		if !fresh[c.ID] {
			continue
		}
		switch s := c.Statement.(type) {
		case *RelationStatement:
			if s.Type != MergedInto {
				continue
			}
			if way, err := a.mergersFrom(ctx, a.after.canon(s.To), a.after.canon(s.From), merged); err != nil {
				return err
			} else if way {
				bad.add(InClaims, at[i], Invalidf("to", "%s has merged into %s already, directly or by way of others; it cannot take it over as well", s.To, s.From))
			}
		case *SameStatement:
			known := a.after.canon(s.Entity)
			if known != a.after.canon(s.As) {
				continue // refused already
			}
			next, err := a.mergersAt(ctx, []ID{known}, merged)
			if err != nil {
				return err
			}
			for _, id := range next {
				way, err := a.mergersFrom(ctx, id, known, merged)
				if err != nil {
					return err
				}
				if way {
					bad.add(InClaims, at[i], Invalidf("as", "%s and %s cannot be the same, for then it would have merged into itself; take back the merger first", s.Entity, s.As))
					break
				}
			}
		}
	}
	return nil
}

// mergersFrom reports whether mergers lead from one entity to another: those
// of the store that stay, and those given.
func (a *application) mergersFrom(ctx context.Context, from, to ID, more map[ID][]ID) (bool, error) {
	seen := map[ID]bool{from: true}
	for frontier := []ID{from}; len(frontier) > 0; {
		if seen[to] {
			return true, nil
		}
		reached, err := a.mergersAt(ctx, frontier, more)
		if err != nil {
			return false, err
		}
		frontier = nil
		for _, id := range reached {
			if !seen[id] {
				seen[id] = true
				frontier = append(frontier, id)
			}
		}
	}
	return seen[to], nil
}

// mergersAt returns into whom entities have merged, as these will be known: what
// the store says of it and stays, and what is given.
func (a *application) mergersAt(ctx context.Context, known []ID, more map[ID][]ID) ([]ID, error) {
	var reached, of []ID
	for _, id := range known {
		reached = append(reached, more[id]...)
		of = append(of, a.after.class(id)...)
	}
	var stated []ID
	ends := make(map[ID]bool)
	for m, err := range a.snap.ClaimsAbout(ctx, ClaimQuery{Of: of, As: []Aspect{{PartFrom, MergedInto}}}) {
		if err != nil {
			return nil, err
		}
		if m.Claim.Live() && a.retracted[m.Claim.ID] == nil {
			to := m.Claim.Statement.(*RelationStatement).To
			ends[to] = true
			stated = append(stated, to)
		}
	}
	if err := a.look(ctx, ends); err != nil {
		return nil, err
	}
	for _, id := range stated {
		reached = append(reached, a.after.canon(id))
	}
	slices.Sort(reached)
	return slices.Compact(reached), nil
}
