package kg

import (
	"cmp"
	"math"
	"slices"
	"strings"
)

// This file turns the claims of one family into facts. Each function is given
// every claim of the family that has not been retracted, and depends on nothing
// else, so that facts can be worked out again at any time, for any moment.

// bySeniority orders claims by when they were recorded, then by id: the order
// in which the older statement prevails where only one can be shown.
func bySeniority(a, b *Claim) int {
	return cmp.Or(cmp.Compare(a.Revision, b.Revision), strings.Compare(string(a.ID), string(b.ID)))
}

// citations lists the citations of claims, each source and place once, in order
// of source and place.
func citations(claims []*Claim) []Citation {
	var cited []Citation
	for _, c := range claims {
		cited = append(cited, c.citation())
	}
	slices.SortFunc(cited, compareCitations)
	return slices.CompactFunc(cited, sameCitation)
}

// compareNatural compares texts with the numbers in them taken as numbers, so
// that line 9 comes before line 10.
func compareNatural(a, b string) int {
	digits := func(s string) int {
		n := 0
		for n < len(s) && '0' <= s[n] && s[n] <= '9' {
			n++
		}
		return n
	}
	for a != "" && b != "" {
		m, n := digits(a), digits(b)
		if m == 0 || n == 0 {
			if a[0] != b[0] {
				return cmp.Compare(a[0], b[0])
			}
			a, b = a[1:], b[1:]
			continue
		}
		x, y := strings.TrimLeft(a[:m], "0"), strings.TrimLeft(b[:n], "0")
		if c := cmp.Or(cmp.Compare(len(x), len(y)), strings.Compare(x, y), cmp.Compare(m, n)); c != 0 {
			return c
		}
		a, b = a[m:], b[n:]
	}
	return cmp.Compare(len(a), len(b))
}

// entityFact works out what the claims about an entity itself agree on, under all
// of its ids. What is said under the id by which it is known comes before what is
// said under the others, which are merged. It returns nil where no claim says
// that the entity exists.
func entityFact(id ID, claims []*Claim, merged []ID) *Entity {
	claims = slices.SortedFunc(slices.Values(claims), func(a, b *Claim) int {
		return cmp.Or(cmp.Compare(foreign(a, id), foreign(b, id)), bySeniority(a, b))
	})
	e := &Entity{ID: id, Merged: merged}
	type named struct{ text, lang string }
	names := make(map[named]*Name)
	nameClaims := make(map[named][]*Claim)
	type identified struct{ scheme, value string }
	identifiers := make(map[identified]*Identifier)
	identifierClaims := make(map[identified][]*Claim)
	var absent []*Claim
	var existence []*Claim
	var order []named
	for _, c := range claims {
		switch s := c.Statement.(type) {
		case *EntityStatement:
			if e.Kind == 0 {
				e.Kind = s.Kind
			}
			existence = append(existence, c)
		case *NameStatement:
			key := named{s.Text, s.Lang}
			n := names[key]
			if n == nil {
				n = &Name{Text: s.Text, Lang: s.Lang, Kind: s.Kind}
				names[key] = n
				order = append(order, key)
			}
			n.Kind = min(n.Kind, s.Kind)
			nameClaims[key] = append(nameClaims[key], c)
		case *IdentifierStatement:
			scheme, value := IdentifierKey(s.Scheme, s.Value)
			key := identified{scheme, value}
			if identifiers[key] == nil {
				identifiers[key] = &Identifier{Scheme: s.Scheme, Value: s.Value}
			}
			identifierClaims[key] = append(identifierClaims[key], c)
		case *FiscalYearStatement:
			if e.FiscalYearEnd.IsZero() {
				e.FiscalYearEnd = s.End
			}
		case *AbsenceStatement:
			absent = append(absent, c)
		}
	}
	if e.Kind == 0 {
		return nil
	}
	e.Citations = citations(existence)
	// One name can be shown as the name; where sources prefer different ones,
	// the one recorded first stays, so that a later file does not rename
	// everything. The others stay preferred names of equal rank to look up.
	seniority := make(map[named]int)
	for i, key := range order {
		seniority[key] = i
	}
	better := func(a, b named, x, y NameKind) int {
		if c := cmp.Compare(x, y); c != 0 {
			return c
		}
		if x == NamePreferred {
			return cmp.Compare(seniority[a], seniority[b])
		}
		return cmp.Or(strings.Compare(a.lang, b.lang), strings.Compare(a.text, b.text))
	}
	slices.SortFunc(order, func(a, b named) int { return better(a, b, names[a].Kind, names[b].Kind) })
	if len(merged) > 0 && len(order) > 0 {
		// What it was called before it was found to be the same as others stays its
		// name, unless that is a mere alias, such as the number in a register.
		own := func(key named) NameKind {
			kind := NameFormer
			for _, c := range nameClaims[key] {
				if foreign(c, id) == 0 {
					kind = min(kind, c.Statement.(*NameStatement).Kind)
				}
			}
			return kind
		}
		name := slices.MinFunc(order, func(a, b named) int { return better(a, b, own(a), own(b)) })
		if own(name) < NameAlias {
			at := slices.Index(order, name)
			copy(order[1:], order[:at])
			order[0] = name
		}
	}
	for _, key := range order {
		names[key].Citations = citations(nameClaims[key])
		e.Names = append(e.Names, *names[key])
	}
	for key, i := range identifiers {
		i.Citations = citations(identifierClaims[key])
		e.Identifiers = append(e.Identifiers, *i)
	}
	slices.SortFunc(e.Identifiers, func(a, b Identifier) int {
		return cmp.Or(strings.Compare(a.Scheme, b.Scheme), strings.Compare(a.Value, b.Value))
	})
	e.Absences = absenceFacts(absent)
	return e
}

// foreign is 1 where a claim about an entity itself is said under another id, else 0.
func foreign(c *Claim, id ID) int {
	if c.Statement.mentions()[0] != id {
		return 1
	}
	return 0
}

// absenceFacts joins the claims that say the same of an absence. One that leaves a
// date open says the same as one that names it, as with relations: a register that
// first knows no end, and later does, speaks of one absence.
func absenceFacts(claims []*Claim) []Absence {
	stated := func(c *Claim) Absence { return c.Statement.(*AbsenceStatement).fact() }
	// Dates that are not known come last, behind all that they may stand for.
	slices.SortStableFunc(claims, func(a, b *Claim) int { return compareAbsences(stated(a), stated(b)) })
	var facts []Absence
	var rest [][]*Claim
	for _, c := range claims {
		a := stated(c)
		i := slices.IndexFunc(facts, func(f Absence) bool {
			dated := a
			if a.Start.IsZero() {
				dated.Start = f.Start
			}
			if a.End.IsZero() {
				dated.End = f.End
			}
			return compareAbsences(dated, f) == 0
		})
		if i < 0 {
			i = len(facts)
			facts, rest = append(facts, a), append(rest, nil)
		}
		rest[i] = append(rest[i], c)
	}
	for i := range facts {
		facts[i].Citations = citations(rest[i])
	}
	return facts
}

// observationFact works out one figure from the claims that state it, of the
// entity as it is known. It returns nil where there are none.
func observationFact(claims []*Claim, canon func(ID) ID) *Observation {
	if len(claims) == 0 {
		return nil
	}
	claims = slices.SortedFunc(slices.Values(claims), bySeniority)
	stated := claims[0].Statement.(*Figure)
	o := &Observation{Figure: *stated.of(canon(stated.Subject))}
	o.ID = o.observationID()
	// The wording that commits itself most is shown; all are kept as claims.
	for _, c := range claims {
		o.Qualifier = min(o.Qualifier, c.Statement.(*Figure).Qualifier)
		if o.Note == "" {
			o.Note = c.Note
		}
	}
	o.Citations = citations(claims)
	return o
}

// relationFacts sorts the claims of one type between two entities into
// relations: claims that can speak of the same thing are one relation, called
// after the oldest of them. canon tells under which ids the two are known, and
// kinds of what kind they are; nil where nobody asks.
//
// Claims are taken most precise first, and each joins the first group with
// which it agrees in every respect: dates that meet, shares that meet, sums
// that differ by no more than half a percent, what is declared as a summary or is
// not, and for roles, free relations and control the same words. Ties fall by
// content, so the order of recording plays no part.
func relationFacts(claims []*Claim, canon func(ID) ID, kinds map[ID]EntityKind) (facts []relationFact) {
	claims = slices.SortedFunc(slices.Values(claims), func(a, b *Claim) int {
		x, y := a.Statement.(*RelationStatement), b.Statement.(*RelationStatement)
		return cmp.Or(
			cmp.Compare(grain(x.Start), grain(y.Start)), CompareDates(x.Start, y.Start),
			cmp.Compare(grain(x.End), grain(y.End)), CompareDates(x.End, y.End),
			cmp.Compare(shareWidth(x.Stake), shareWidth(y.Stake)),
			strings.Compare(string(a.ID), string(b.ID)),
		)
	})
	var groups []*relationGroup
	for _, c := range claims {
		i := slices.IndexFunc(groups, func(g *relationGroup) bool { return g.agrees(c.Statement.(*RelationStatement)) })
		if i < 0 {
			i = len(groups)
			groups = append(groups, &relationGroup{})
		}
		groups[i].add(c)
	}
	for _, g := range groups {
		g.id = relationID(slices.MinFunc(g.claims, bySeniority))
		facts = append(facts, relationFact{g.relation(canon, kinds), g.claims})
	}
	return facts
}

// relationFact is a relation with the claims on which it rests.
type relationFact struct {
	*Relation
	claims []*Claim
}

// grain is the precision of a date: that of a day, month or year, else its
// length. A leap year is no less precise than another.
func grain(d PartialDate) int64 {
	switch span := d.Span(); {
	case span <= 1:
		return 1
	case span <= 31:
		return 31
	case span <= 366:
		return 366
	default:
		return span
	}
}

func shareWidth(s *Share) float64 {
	if s == nil {
		return math.Inf(1)
	}
	return s.Max - s.Min
}

// relationGroup gathers claims that speak of one relation.
type relationGroup struct {
	id     ID
	claims []*Claim
	sum    RelationStatement
}

func (g *relationGroup) agrees(s *RelationStatement) bool {
	t := &g.sum
	switch {
	case !s.Start.Meets(t.Start) || !s.End.Meets(t.End):
		return false
	case s.End.Placed() && t.Start.Placed() && t.Start.Earliest() >= s.End.Latest(),
		t.End.Placed() && s.Start.Placed() && s.Start.Earliest() >= t.End.Latest():
		return false
	case s.Stake != nil && t.Stake != nil && !s.Stake.Meets(*t.Stake):
		return false
	case slices.ContainsFunc(g.claims, func(c *Claim) bool { return sumsDiffer(s.Money, c.Statement.(*RelationStatement).Money) }):
		return false
	case declared(s.Attributes) != declared(t.Attributes):
		return false
	case (s.Type == HoldsRole || s.Type == RelatedTo || s.Type == Controls) && s.Text != "" && t.Text != "" && FoldName(s.Text) != FoldName(t.Text):
		return false
	}
	return true
}

// sumsDiffer reports that two sums of one currency are more than half a percent apart.
func sumsDiffer(a, b *Money) bool {
	return a != nil && b != nil && a.Currency == b.Currency &&
		math.Abs(a.Amount-b.Amount) > 0.005*max(math.Abs(a.Amount), math.Abs(b.Amount))
}

func (g *relationGroup) add(c *Claim) {
	s := c.Statement.(*RelationStatement)
	g.claims = append(g.claims, c)
	if len(g.claims) == 1 {
		g.sum = *s
		g.sum.Attributes = slices.Clone(s.Attributes)
		return
	}
	t := &g.sum
	t.Start, t.End = narrow(t.Start, s.Start), narrow(t.End, s.End)
	if t.Stake == nil {
		t.Stake = s.Stake
	} else if s.Stake != nil {
		both, _ := t.Stake.Intersect(*s.Stake)
		t.Stake = &both
	}
	if t.Money == nil {
		t.Money = s.Money
	}
	if t.Text == "" {
		t.Text = s.Text
	}
	for _, a := range s.Attributes {
		if !slices.ContainsFunc(t.Attributes, func(b Attribute) bool { return a.Key == b.Key }) {
			t.Attributes = append(t.Attributes, a)
		}
	}
	slices.SortFunc(t.Attributes, func(a, b Attribute) int { return strings.Compare(a.Key, b.Key) })
}

// narrow returns the date that two agreeing statements leave.
func narrow(a, b PartialDate) PartialDate {
	switch {
	case !a.Placed():
		return b
	case !b.Placed() || a == b:
		return a
	}
	first, last := max(a.Earliest(), b.Earliest()), min(a.Latest(), b.Latest())
	for _, d := range []PartialDate{a, b} {
		if d.Earliest() == first && d.Latest() == last {
			return d
		}
	}
	return PartialDate{form: dateWithin, a: first.Date().a, b: last.Date().a}
}

// relationID is the id of the relation of which the claim is the oldest. It
// depends on that claim alone, and not on who its ends are known as, so that ids
// can be worked out again for any moment, and since no claim supports two
// relations, no two share an id.
func relationID(oldest *Claim) ID {
	s := oldest.Statement.(*RelationStatement)
	return derivedID(relationPrefix, s.Type.String(), string(s.From), string(s.To), string(oldest.ID))
}

// heirs tells for relations on which claims have rested to which relation most of
// these have gone.
func heirs(facts []relationFact, rested map[ID]ID) map[ID]ID {
	heir, most := make(map[ID]ID), make(map[ID]int)
	for _, f := range facts {
		n := make(map[ID]int)
		for _, c := range f.claims {
			if old := rested[c.ID]; old != "" {
				n[old]++
			}
		}
		for old, n := range n {
			if n > most[old] {
				heir[old], most[old] = f.ID, n
			}
		}
	}
	return heir
}

func (g *relationGroup) relation(canon func(ID) ID, kinds map[ID]EntityKind) *Relation {
	s := &g.sum
	from, to := canon(s.From), canon(s.To)
	r := &Relation{
		ID: g.id, Type: s.Type, From: from, To: to, FromKind: kinds[from], ToKind: kinds[to],
		Start: s.Start, End: s.End, Stake: s.Stake, Money: s.Money, Text: s.Text, Attributes: s.Attributes,
		Citations: citations(g.claims),
	}
	for _, c := range slices.SortedFunc(slices.Values(g.claims), bySeniority) {
		if r.Note == "" {
			r.Note = c.Note
		}
	}
	return r
}

// closeSuperseded ends a holding whose end no source states on the day a later
// stake of the same owner takes effect. It never rewrites what held before.
func closeSuperseded(holdings []*Relation) {
	for _, r := range holdings {
		if r.Stake == nil || r.End.Placed() || !r.Start.Placed() {
			continue
		}
		var next *Relation
		for _, later := range holdings {
			if later.From == r.From && later.Stake != nil && later.Start.Placed() && r.Start.Latest() < later.Start.Earliest() &&
				(next == nil || later.Place().Compare(next.Place()) < 0) {
				next = later
			}
		}
		if next != nil {
			r.End, r.EndedBy = next.Start, next.ID
			r.Citations = mergeCitations(r.Citations, next.Citations)
		}
	}
}
