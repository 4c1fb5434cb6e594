package bods

import (
	"fmt"
	"hash/maphash"
	"iter"
	"slices"
	"strings"

	"keiretsu/internal/ingest"
	"keiretsu/internal/kg"
)

// This file lets a data set go on from file to file. What it has said of a record is
// found in the graph, statement by statement, and the statements of the files take
// their places among those: what is only in the graph is gone through again, as the
// statement itself would be, but for the drafts.

// past is what a data set has said of the records that its files speak of.
type past struct {
	// statements are, by record, those that are in none of the files, oldest first.
	statements map[string][]*told
	// turns are those of statements that are in the files too, by locator.key.
	turns map[string]turn
	// newest is the turn of the newest statement of each record.
	newest map[string]turn
	// kinds are those of entities and persons, and places the countries that were
	// described.
	kinds  map[string]string
	places map[kg.ID]bool
	// roots lead from statements of version 0.2 to their records.
	roots map[string]string
}

// told is a statement as the graph has it.
type told struct {
	locator
	claims []*kg.Claim
}

// named are the records and statements that files name, by hashes: a file may hold
// millions.
type named struct {
	seed maphash.Seed
	// records are those of which they tell, parties those that they join, statements
	// their own, and replaced those whose place these take.
	records, parties, statements, replaced map[uint64]bool
}

func (n *named) hash(token string) uint64 { return maphash.String(n.seed, token) }

// namedIn reads files for what they name.
func namedIn(files iter.Seq2[ingest.Input, error]) (n *named, source kg.ID, err error) {
	n = &named{maphash.MakeSeed(), make(map[uint64]bool), make(map[uint64]bool), make(map[uint64]bool), make(map[uint64]bool)}
	for in, err := range files {
		if err != nil {
			return nil, "", err
		}
		source = kg.ID(sourceOf(in))
		for v, err := range in.Values() {
			if err != nil {
				return nil, "", err
			}
			s, err := parse(v.JSON)
			if err != nil {
				continue // whoever reads it next tells
			}
			n.records[n.hash(token(s.record))] = true
			n.statements[n.hash(locator{statement: token(s.id), date: s.date}.key())] = true
			for _, party := range []string{s.details.Subject.record, s.details.InterestedParty.record} {
				n.parties[n.hash(token(party))] = true
			}
			for _, replaced := range s.replaces {
				n.records[n.hash(token(replaced))], n.replaced[n.hash(token(replaced))] = true, true
			}
		}
	}
	return n, source, nil
}

// follow is Format.Follow.
func follow(files iter.Seq2[ingest.Input, error], said iter.Seq2[*kg.Claim, error]) (func() func(ingest.Input) iter.Seq2[ingest.Draft, error], error) {
	n, source, err := namedIn(files)
	if err != nil {
		return nil, err
	}
	p, more, err := recall(n, source, said)
	if err == nil && more {
		// Statements that take the place of others led to records that the files do
		// not name.
		p, _, err = recall(n, source, said)
	}
	if err != nil {
		return nil, err
	}
	return func() func(ingest.Input) iter.Seq2[ingest.Draft, error] {
		r := newReader()
		r.past = p
		return r.read
	}, nil
}

// recall finds what a source has said of what is named; more reports that further
// records are named now.
func recall(n *named, source kg.ID, said iter.Seq2[*kg.Claim, error]) (p *past, more bool, err error) {
	p = &past{
		statements: make(map[string][]*told), turns: make(map[string]turn), newest: make(map[string]turn),
		kinds: make(map[string]string), places: make(map[kg.ID]bool), roots: make(map[string]string),
	}
	byStatement := make(map[string]*told)
	for c, err := range said {
		if err != nil {
			return nil, false, err
		}
		l, ok := parseLocator(c.Locator)
		if !ok || c.Source != source {
			continue
		}
		if e, ok := c.Statement.(*kg.EntityStatement); ok && e.Kind == kg.KindPlace {
			p.places[e.Entity] = true
			continue
		}
		statement, record := n.hash(l.statement), n.hash(l.record)
		if l.statement != l.record && (n.parties[statement] || n.replaced[statement]) {
			p.roots[l.statement] = l.record
			if !n.records[record] && n.replaced[statement] {
				n.records[record], more = true, true
			}
			if !n.parties[record] && n.parties[statement] {
				n.parties[record], more = true, true
			}
		}
		if e, ok := c.Statement.(*kg.EntityStatement); ok && (n.records[record] || n.parties[record]) {
			p.kinds[l.record] = kindOf(e.Kind)
		}
		if !n.records[record] {
			continue
		}
		if newest, known := p.newest[l.record]; !known || newest.compare(l.turn) < 0 {
			p.newest[l.record] = l.turn
		}
		if n.statements[n.hash(l.key())] {
			p.turns[l.key()] = l.turn
			continue
		}
		t := byStatement[l.key()]
		if t == nil {
			t = &told{locator: l}
			byStatement[l.key()] = t
			p.statements[l.record] = append(p.statements[l.record], t)
		}
		t.claims = append(t.claims, &kg.Claim{Statement: c.Statement, Source: c.Source, Locator: c.Locator, Note: c.Note})
	}
	for _, all := range p.statements {
		slices.SortFunc(all, func(a, b *told) int { return a.compare(b.turn) })
		for _, t := range all {
			slices.SortFunc(t.claims, func(a, b *kg.Claim) int { return strings.Compare(string(a.ContentID()), string(b.ContentID())) })
		}
	}
	return p, more, nil
}

// kindOf returns the word of a statement about an entity of the kind.
func kindOf(k kg.EntityKind) string {
	if k == kg.KindPerson {
		return "person"
	}
	return "entity"
}

// takeTurn finds the place of a statement in the chain of its record, and goes on to
// it. It reports that the graph has it; the error is a *ingest.Broken where a file
// before this one has told of its record since.
func (r *reader) takeTurn(s *statement) (known bool, err error) {
	record := token(r.root(s.record))
	before, began := r.reached[record]
	newest, told := r.past.newest[record]
	s.turn = turn{at: s.stated}
	if t, ok := r.past.turns[r.locate(s, 0).key()]; ok {
		s.turn, known = t, true
	}
	for _, t := range []turn{before.turn, newest} {
		if !known && (began || told) && t.at.Equal(s.stated) {
			s.turn.nth = max(s.turn.nth, t.nth+1)
		}
	}
	if began && before.file != r.file && before.compare(s.turn) > 0 {
		return known, ingest.Brokenf(r.in.At(s.line), "the statement %.60s of %s is older than what a file before this one tells of its record: give the files of a data set in the order of their statements",
			s.id, s.date)
	}
	for all := r.past.statements[record]; r.replayed[record] < len(all) && all[r.replayed[record]].compare(s.turn) < 0; r.replayed[record]++ {
		r.replay(r.root(s.record), all[r.replayed[record]])
	}
	r.reached[record] = reached{s.turn, r.file}
	return known, nil
}

// reached is how far a record has come, and in which file.
type reached struct {
	turn
	file int
}

// replay goes through a statement that the graph has and the files do not.
func (r *reader) replay(record string, t *told) {
	s := &statement{id: t.statement, record: record, status: t.status, date: t.date, stated: t.at, turn: t.turn}
	if slices.ContainsFunc(t.claims, func(c *kg.Claim) bool { return isAbout(c, "bods:"+t.record) }) {
		r.replayEntity(s, t)
		return
	}
	var sayings []*saying
	for _, c := range t.claims {
		if l, _ := parseLocator(c.Locator); l.interest > 0 {
			if said := sayingOf(r.in.At(0), c); said != nil {
				said.number = l.interest
				sayings = append(sayings, said)
			}
		}
	}
	slices.SortStableFunc(sayings, func(a, b *saying) int { return a.number - b.number })
	r.relate(r.in.At(0), s, sayings)
}

// isAbout reports that a claim is about the entity of a record, and not merely about
// the interests in it.
func isAbout(c *kg.Claim, id string) bool {
	switch s := c.Statement.(type) {
	case *kg.EntityStatement:
		return string(s.Entity) == id
	case *kg.NameStatement:
		return string(s.Entity) == id
	case *kg.IdentifierStatement:
		return string(s.Entity) == id
	case *kg.Figure:
		return string(s.Subject) == id
	case *kg.RelationStatement:
		return string(s.From) == id && s.Text == kg.RegisteredIn
	}
	return false
}

// replayEntity goes through a statement about an entity or person.
func (r *reader) replayEntity(s *statement, t *told) {
	at := r.in.At(0)
	var particulars []ingest.Draft
	kind := ""
	before, now := r.names[s.record], make(map[string][]*kg.Claim)
	for _, c := range t.claims {
		if !isAbout(c, "bods:"+t.record) {
			continue
		}
		switch x := c.Statement.(type) {
		case *kg.EntityStatement:
			kind = kindOf(x.Kind)
		case *kg.NameStatement:
			if x.Kind != kg.NameFormer {
				now[x.Text] = append(slices.Clip(before[x.Text]), c)
			}
		case *kg.Figure, *kg.RelationStatement:
			particulars = append(particulars, draftOf(at, c))
		}
	}
	if s.status == "closed" && r.kinds[s.record] != "" {
		r.ended(at, s, particulars)
		return
	}
	r.kinds[s.record], r.names[s.record] = kind, now
	r.corrected(at, s, particulars)
}

// draftOf returns the draft that became a claim about an interest, an absence, a date
// or a jurisdiction; nil for others.
func draftOf(at ingest.Position, c *kg.Claim) ingest.Draft {
	text := func(v fmt.Stringer) ingest.Text { return at.Text(strings.ToLower(v.String())) }
	cites := []ingest.Citation{{Source: at.Text(string(c.Source)), Locator: c.Locator}}
	switch s := c.Statement.(type) {
	case *kg.RelationStatement:
		d := &ingest.Relation{
			At: at, Type: text(s.Type), From: at.Text(string(s.From)), To: at.Text(string(s.To)), Text: at.Text(s.Text),
			Since: at.Text(s.Start.String()), Until: at.Text(s.End.String()), Note: at.Text(c.Note), Cites: cites,
		}
		if s.Stake != nil {
			d.Stake = at.Text(s.Stake.String())
		}
		for _, a := range s.Attributes {
			d.Attributes = append(d.Attributes, ingest.Attribute{Key: at.Text(a.Key), Value: at.Text(a.Value)})
		}
		return d
	case *kg.AbsenceStatement:
		return &ingest.Absence{
			At: at, Entity: at.Text(string(s.Entity)), Relation: text(s.Relation), Direction: text(s.Direction), Kind: text(s.Kind),
			Reason: at.Text(s.Reason), Text: at.Text(s.Text), Since: at.Text(s.Start.String()), Until: at.Text(s.End.String()),
			Note: at.Text(c.Note), Cites: cites,
		}
	case *kg.Figure:
		return &ingest.Figure{At: at, Of: at.Text(string(s.Subject)), Metric: at.Text(s.Metric), Date: at.Text(s.Date.String()), Cites: cites}
	}
	return nil
}

// sayingOf returns what a claim says of an interest, as the statement said it; nil
// where it is about none.
func sayingOf(at ingest.Position, c *kg.Claim) *saying {
	v, draft := &version{}, draftOf(at, c)
	switch d := draft.(type) {
	case *ingest.Relation:
		v.since, v.until, v.share = d.Since.Value, d.Until.Value, canonical(d.Stake.Value)
		kind, direct := "", ""
		for _, a := range d.Attributes {
			switch a.Key.Value {
			case "interest":
				kind = a.Value.Value
			case "direct_or_indirect":
				direct = a.Value.Value
			case kg.AttributeDeclared:
				direct = kg.DeclaredIndirect
			case "share":
				v.share = canonical(a.Value.Value)
			}
		}
		v.about = about(kind, direct, d)
	case *ingest.Absence:
		v.since, v.until, v.about = d.Since.Value, d.Until.Value, nobody
		v.nobody = &unspecified{d.Reason.Value, d.Text.Value}
	default:
		return nil
	}
	v.declared = v.since
	// The notes are words that this package wrote.
	if _, rest, ok := strings.Cut(c.Note, noteStays); ok {
		if v.declared, _, _ = strings.Cut(rest, ";"); v.declared == unknown {
			v.declared = ""
		}
	}
	if strings.Contains(c.Note, noteEndless) {
		v.until = ""
	}
	return &saying{version: v, told: draft}
}
