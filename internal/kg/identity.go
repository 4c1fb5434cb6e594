package kg

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// This file knows which ids name one thing. That "B is the same as A" is said by
// a claim like any other: it has a source, an author and a moment, and it can be
// taken back. While it stands, everything that is said of B is said of A: facts
// are worked out for all ids of one thing together, under the one to which the
// others lead. Claims keep the ids that they were recorded with, so that nothing
// has to be undone when a judgement is taken back: the facts are worked out
// again without it, and are what they would have been.

// MaxIDs bounds the ids of one thing.
const MaxIDs = 100

// identities says which ids name one thing. Each leads to at most one other, and
// never back to itself; the id at which such a way ends is the one under which
// the thing is known. An id of which nothing is said stands for itself.
type identities struct {
	to   map[ID]ID
	from map[ID][]ID
}

func newIdentities() *identities {
	return &identities{to: make(map[ID]ID), from: make(map[ID][]ID)}
}

// lead lets an id lead to another.
func (x *identities) lead(id, to ID) {
	if x.to[id] == "" {
		x.to[id] = to
		x.from[to] = append(x.from[to], id)
	}
}

// canon returns the id under which the thing is known that an id names.
func (x *identities) canon(id ID) ID {
	// The number of steps is bounded for the sake of damaged stores alone.
	for range MaxIDs {
		next, ok := x.to[id]
		if !ok {
			break
		}
		id = next
	}
	return id
}

// class returns all ids of the thing that an id names, sorted.
func (x *identities) class(id ID) []ID {
	class := []ID{x.canon(id)}
	for i := 0; i < len(class) && len(class) <= MaxIDs; i++ {
		class = append(class, x.from[class[i]]...)
	}
	slices.Sort(class)
	return slices.Compact(class)
}

// merged returns the ids of the class of which the id is known, without it: nil
// where there are none.
func (x *identities) merged(canon ID) []ID {
	if len(x.from[canon]) == 0 {
		return nil
	}
	return slices.DeleteFunc(x.class(canon), func(id ID) bool { return id == canon })
}

// family is the key of the claims that are about one thing together with the
// statement, whichever of its ids they use.
func (x *identities) family(s Statement) string {
	switch s := s.(type) {
	case *RelationStatement:
		return relationFamily(s.Type, x.canon(s.From), x.canon(s.To))
	case *Figure:
		return figureFamily(s.of(x.canon(s.Subject)).observationID())
	case *SameStatement, *DifferentStatement:
		return s.Family()
	}
	return entityFamily(x.canon(s.mentions()[0]))
}

// of is the figure with another subject.
func (f *Figure) of(subject ID) *Figure {
	own := *f
	own.Subject = subject
	return &own
}

// familiesOf lists the families of the claims that use one of several ids where
// the statement uses another: ids gives them.
func familiesOf(s Statement, ids func(ID) []ID) []string {
	var keys []string
	switch s := s.(type) {
	case *RelationStatement:
		for _, from := range ids(s.From) {
			for _, to := range ids(s.To) {
				keys = append(keys, relationFamily(s.Type, from, to))
			}
		}
	case *Figure:
		for _, subject := range ids(s.Subject) {
			keys = append(keys, figureFamily(s.of(subject).observationID()))
		}
	case *SameStatement, *DifferentStatement:
		keys = append(keys, s.Family())
	default:
		for _, id := range ids(s.mentions()[0]) {
			keys = append(keys, entityFamily(id))
		}
	}
	return keys
}

// mergedInto returns where the id of an entity leads that is the same as another.
func mergedInto(r Record) (ID, bool) {
	redirect, ok := r.(*Redirect)
	if !ok || isDerivedID(redirect.From) || leadsToClaim(redirect) {
		return "", false
	}
	return redirect.To, true
}

// DisputedError is an ErrConflict: what a write says of who is who contradicts
// what has been judged. Its text is safe to show to a client.
type DisputedError struct {
	// Argument is the path of the argument concerned; empty where the caller
	// knows it better.
	Argument string
	// Reason says what contradicts it, and what to do.
	Reason string
}

// Error returns the argument, if known, and the reason.
func (e *DisputedError) Error() string {
	if e.Argument == "" {
		return e.Reason
	}
	return e.Argument + ": " + e.Reason
}

// Is reports that every DisputedError is an ErrConflict.
func (e *DisputedError) Is(target error) bool { return target == ErrConflict }

func disputedf(argument, format string, args ...any) error {
	return &DisputedError{Argument: argument, Reason: fmt.Sprintf(format, args...)}
}

// TooLargeError is an ErrTooLarge that says what is too large and what to do
// about it. Its text is safe to show to a client.
type TooLargeError struct{ Reason string }

// Error returns the reason.
func (e *TooLargeError) Error() string { return e.Reason }

// Is reports that every TooLargeError is an ErrTooLarge.
func (e *TooLargeError) Is(target error) bool { return target == ErrTooLarge }

// look fetches the records with these ids, and of ids that lead to an entity that
// one as well.
func (a *application) look(ctx context.Context, ids map[ID]bool) error {
	for len(ids) > 0 {
		var wanted []ID
		for _, id := range slices.Sorted(maps.Keys(ids)) {
			if !a.looked[id] {
				a.looked[id] = true
				wanted = append(wanted, id)
			}
		}
		records, err := a.snap.Get(ctx, wanted)
		if err != nil {
			return err
		}
		ids = make(map[ID]bool)
		for i, r := range records {
			if r == nil {
				continue
			}
			a.known[wanted[i]] = r
			if to, ok := mergedInto(r); ok {
				ids[to] = true
			}
			if e, ok := r.(*Entity); ok {
				a.learnIDs(e)
			}
		}
	}
	return nil
}

// learnIDs notes the other ids of an entity as it is stored.
func (a *application) learnIDs(e *Entity) {
	for _, id := range e.Merged {
		a.before.lead(id, e.ID)
		if !a.judged[id] {
			a.after.lead(id, e.ID)
		}
	}
}

// storedKind returns the kind of the entity that the store has under an id, its
// own or that of the entity to which it leads; 0 where there is none.
func (a *application) storedKind(id ID) EntityKind {
	if e, ok := a.known[a.before.canon(id)].(*Entity); ok {
		return e.Kind
	}
	return 0
}

// circle returns all ids that name, before the write or after it, the same as the
// id or as another of them, sorted.
func (a *application) circle(id ID) []ID {
	if len(a.judged) == 0 {
		return a.before.class(id)
	}
	circle := []ID{id}
	for i := 0; i < len(circle); i++ {
		for _, x := range []*identities{a.before, a.after} {
			for _, other := range x.class(circle[i]) {
				if !slices.Contains(circle, other) {
					circle = append(circle, other)
				}
			}
		}
	}
	slices.Sort(circle)
	return circle
}

// judge finds out what the write makes of who is who, and that it can be: claims
// are those of the write, which stand in it at at.
func (a *application) judge(ctx context.Context, at []int, claims []*Claim, bad *Rejection) error {
	fresh := make(map[ID]bool)
	for _, c := range a.fresh {
		fresh[c.ID] = true
	}
	ends := make(map[ID]bool)
	note := func(c *Claim) {
		switch c.Statement.(type) {
		case *SameStatement, *DifferentStatement:
			for _, id := range c.Statement.mentions() {
				for _, other := range a.before.class(id) {
					ends[other] = true
				}
			}
		}
	}
	for _, c := range a.fresh {
		note(c)
	}
	for _, c := range a.retracted {
		note(c)
	}
	if len(ends) == 0 {
		return nil
	}
	// A new entity may be told from one that is to be the same as a third.
	if err := a.look(ctx, ends); err != nil {
		return err
	}
	var standing []*Claim
	for m, err := range a.snap.ClaimsAbout(ctx, ClaimQuery{Of: slices.Sorted(maps.Keys(ends)), As: []Aspect{{Part: PartJudged}}}) {
		if err != nil {
			return err
		}
		if a.judgements[m.Claim.ID] == nil {
			a.judgements[m.Claim.ID] = m.Claim
			if m.Claim.Live() && a.retracted[m.Claim.ID] == nil && !fresh[m.Claim.ID] {
				standing = append(standing, m.Claim)
			}
		}
	}
	a.judged = ends
	a.rejoin(standing)
	for i, c := range claims {
		if !fresh[c.ID] {
			continue
		}
		if s, ok := c.Statement.(*SameStatement); ok {
			if err := a.join(s, standing); err != nil {
				bad.add(InClaims, at[i], err)
				continue
			}
			standing = append(standing, c)
		}
	}
	for i, c := range claims {
		if s, ok := c.Statement.(*DifferentStatement); ok && fresh[c.ID] {
			if known := a.after.canon(s.Entity); known == a.after.canon(s.Other) {
				bad.add(InClaims, at[i], disputedf("other", "%s and %s have been judged to be one thing (%s); split them first, or in the same write", s.Entity, s.Other, known))
			}
		}
	}
	for id := range ends {
		if a.before.canon(id) != a.after.canon(id) {
			a.moved = append(a.moved, id)
		}
	}
	slices.Sort(a.moved)
	return nil
}

// rejoin makes a.after of what the store holds of ids that are not judged anew,
// and for the others of the claims that stand.
func (a *application) rejoin(standing []*Claim) {
	a.after = newIdentities()
	for id, to := range a.before.to {
		if !a.judged[id] {
			a.after.lead(id, to)
		}
	}
	for _, c := range standing {
		if s, ok := c.Statement.(*SameStatement); ok {
			a.after.lead(s.Entity, s.As)
		}
	}
}

// join lets the entity of a new statement lead to the other, unless that cannot be.
func (a *application) join(s *SameStatement, standing []*Claim) error {
	known, as := a.after.canon(s.Entity), a.after.canon(s.As)
	ids := len(a.after.class(s.Entity)) + len(a.after.class(s.As))
	switch kind, other := a.kinds[s.Entity], a.kinds[s.As]; {
	case kind == 0 || other == 0:
		return nil // which is told already
	case kind != other:
		return Invalidf("as", "%s is a %s and %s a %s; only entities of one kind can be the same", s.Entity, kind, s.As, other)
	case a.after.to[s.Entity] == s.As:
		return nil // said by another source
	case a.after.to[s.Entity] != "":
		return disputedf("entity", "%s has been judged to be the same as %s already; say it of %s, or split %s first", s.Entity, a.after.to[s.Entity], known, s.Entity)
	case known == as:
		return Invalidf("as", "%s cannot be the same as %s: that would run in a circle, for %s is the same as %s already", s.Entity, s.As, s.As, s.Entity)
	case ids > MaxIDs:
		return &TooLargeError{fmt.Sprintf("%s and %s would have %d ids together, and one thing has at most %d", s.Entity, s.As, ids, MaxIDs)}
	}
	for _, c := range standing {
		d, ok := c.Statement.(*DifferentStatement)
		if !ok {
			continue
		}
		one, other := a.after.canon(d.Entity), a.after.canon(d.Other)
		if one == known && other == as || one == as && other == known {
			return disputedf("as", "%s and %s have been judged not to be the same (claim %s); take that back first, or in the same write", d.Entity, d.Other, c.ID)
		}
	}
	a.after.lead(s.Entity, s.As)
	return nil
}

// maxMoved bounds the claims about entities that one write joins or splits.
const maxMoved = MaxBatch

// readMoved returns all claims that speak of the entities that the write joins or
// splits, other than of themselves, and fetches everybody of whom these speak.
func (a *application) readMoved(ctx context.Context) ([]*Claim, error) {
	if len(a.moved) == 0 {
		return nil, nil
	}
	var claims []*Claim
	ids := make(map[ID]bool)
	seen := make(map[ID]bool)
	q := ClaimQuery{Of: a.moved, As: []Aspect{{Part: PartFrom}, {Part: PartTo}, {Part: PartSubject}}}
	for m, err := range a.snap.ClaimsAbout(ctx, q) {
		if err != nil {
			return nil, err
		}
		if seen[m.Claim.ID] {
			continue
		}
		seen[m.Claim.ID] = true
		if claims = append(claims, m.Claim); len(claims) > maxMoved {
			return nil, a.tooLarge()
		}
		for _, id := range m.Claim.Statement.mentions() {
			ids[id] = true
		}
	}
	return claims, a.look(ctx, ids)
}

// tooLarge says that joining or splitting entities changes more than one write can.
func (a *application) tooLarge() error {
	return &TooLargeError{fmt.Sprintf("to join or split %s would change more than %d records at once, which is the most that one write can; of two that are to be one, let the one of which less is said be the same as the other",
		strings.Join(texts(a.moved[:min(3, len(a.moved))]), ", "), MaxBatch)}
}

// moveNoted lets conflicts that people have noted about entities follow these.
// The id of such a conflict tells about whom it was noted.
func (a *application) moveNoted(ctx context.Context) error {
	if len(a.moved) == 0 {
		return nil
	}
	about := make(map[ID]bool)
	for _, id := range a.moved {
		about[a.before.canon(id)] = true
	}
	for c, err := range a.snap.Conflicts(ctx, slices.Sorted(maps.Keys(about))) {
		if err != nil {
			return err
		}
		if c.Rule != "" || a.gone[c.ID] {
			continue
		}
		if now := a.after.canon(c.NotedAbout(a.before.class(c.About))); now != c.About {
			c.About = now
			a.puts[c.ID] = c
		}
	}
	return nil
}

// notedID is the id of a conflict that a person has noted about an entity.
func (c *Conflict) notedID(about ID) ID {
	parts := []string{"noted", string(about), c.Predicate}
	for _, p := range c.Claims {
		parts = append(parts, p.Value)
		for _, cite := range p.Citations {
			parts = append(parts, string(cite.Source), cite.Locator)
		}
	}
	return derivedID(conflictPrefix, parts...)
}

// NotedAbout returns the one of some ids about which a person noted the conflict:
// it is kept under the id by which the entity is known. Where it is none of them,
// that is the answer.
func (c *Conflict) NotedAbout(ids []ID) ID {
	for _, id := range ids {
		if c.notedID(id) == c.ID {
			return id
		}
	}
	return c.About
}
