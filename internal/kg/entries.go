package kg

import (
	"cmp"
	"context"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Action is what was done to a claim or source.
type Action uint8

// The actions.
const (
	// ActionRecorded: a claim was recorded, for the first time or again.
	ActionRecorded Action = iota + 1
	// ActionRetracted: a claim was taken back.
	ActionRetracted
	// ActionDescribed: a source was described, for the first time or anew.
	ActionDescribed
)

var actionNames = enumNames{"", "RECORDED", "RETRACTED", "DESCRIBED"}

// String returns the name in capitals, such as RECORDED.
func (a Action) String() string { return actionNames.text(uint8(a)) }

// ParseAction reads what String returns.
func ParseAction(s string) (Action, error) {
	a, err := actionNames.parse("action", s)
	return Action(a), err
}

// Entry is one thing that was done to the graph: who said, or took back, what
// and when.
type Entry struct {
	// Revision is the change of which it is a part, At when that was made, and
	// By who made it; "" where that was never noted.
	Revision Revision
	At       time.Time
	By       string
	Action   Action
	// Reason says why a claim was taken back.
	Reason string
	// Claim is what was recorded or taken back, as it is now; nil for a source.
	Claim *Claim
	// Source is the description of a source, as it was given then; nil for a claim.
	Source *Source
}

// id is that of what the entry is about.
func (e Entry) id() ID {
	if e.Claim != nil {
		return e.Claim.ID
	}
	return e.Source.ID
}

// compareEntries orders entries: by revision, then by id, then by action.
func compareEntries(a, b Entry) int {
	return cmp.Or(cmp.Compare(a.Revision, b.Revision), strings.Compare(string(a.id()), string(b.id())), cmp.Compare(a.Action, b.Action))
}

// entriesAfter lists what was done to the claim after the revision, oldest first.
func entriesAfter(c *Claim, after Revision) []Entry {
	var entries []Entry
	for _, s := range append(slices.Clone(c.Earlier), c.Spell) {
		if s.Revision > after {
			entries = append(entries, Entry{Revision: s.Revision, At: s.Recorded, By: s.By, Action: ActionRecorded, Claim: c})
		}
		if r := s.Retracted; r != nil && r.Revision > after {
			entries = append(entries, Entry{Revision: r.Revision, At: r.At, By: r.By, Action: ActionRetracted, Reason: r.Reason, Claim: c})
		}
	}
	return entries
}

func describedEntry(s *Source) Entry {
	return Entry{Revision: s.Revision, At: s.Recorded, By: s.By, Action: ActionDescribed, Source: s}
}

// HistoryEntry is an entry as a view hands it out, together with those that were
// read beside it.
type HistoryEntry struct {
	Entry
	// Stated is the claim of the entry, nil for a source.
	Stated *Stated
}

// Stated is a claim as a view hands it out.
type Stated struct {
	*Claim
	view     *View
	sources  *sourceSet
	entities *cohort
}

// Cited returns where the claim is stated.
func (s *Stated) Cited() *Cited { return s.sources.cited([]Citation{s.citation()})[0] }

// About returns the entities of which the claim speaks, as far as there are any.
func (s *Stated) About(ctx context.Context) ([]*Member, error) {
	var members []*Member
	for _, id := range s.Statement.mentions() {
		m, err := s.entities.member(ctx, id)
		if err != nil {
			return nil, err
		}
		if m != nil {
			members = append(members, m)
		}
	}
	return members, nil
}

// Supports returns the fact that rests on the claim, as Things returns it; nil
// where the claim has been taken back and its fact is gone.
func (s *Stated) Supports(ctx context.Context) (any, error) {
	things, err := s.view.Things(ctx, []ID{s.Fact})
	if err != nil {
		return nil, err
	}
	if _, gone := things[0].(*Stated); gone {
		return nil, nil // a claim is all that is left of it
	}
	return things[0], nil
}

// stated makes claims ready to be asked further.
func (v *View) stated(claims []*Claim) []*Stated {
	var ids []ID
	var cited [][]Citation
	for _, c := range claims {
		ids = append(ids, c.Statement.mentions()...)
		cited = append(cited, []Citation{c.citation()})
	}
	entities, sources := v.newCohort(ids), v.newSourceSet(cited...)
	list := make([]*Stated, len(claims))
	for i, c := range claims {
		list[i] = &Stated{c, v, sources, entities}
	}
	return list
}

// History returns a page of what was done, newest first, to what the id names: to
// every claim that speaks of an entity, on which a relation or observation
// rests or has rested, or to one claim; or how a source was described. It only
// pages forward, and is nil where there is nothing with the id.
func (v *View) History(ctx context.Context, id ID, p PageArgs) (*Page[*HistoryEntry], error) {
	w, err := p.window()
	if err != nil {
		return nil, err
	}
	after, _, err := readCursors(PageArgs{After: p.After}, readEntryCursor)
	if err != nil {
		return nil, err
	}
	entries, known, err := v.entries(ctx, id)
	if err != nil || !known {
		return nil, err
	}
	slices.SortFunc(entries, func(a, b Entry) int { return compareEntries(b, a) })
	total := len(entries)
	if after != nil {
		entries = slices.DeleteFunc(entries, func(e Entry) bool { return e.place().compare(*after) >= 0 })
	}
	entries = entries[:min(len(entries), w.size+1)]
	var claims []*Claim
	for _, e := range entries {
		if e.Claim != nil {
			claims = append(claims, e.Claim)
		}
	}
	stated := v.stated(claims)
	list := make([]*HistoryEntry, len(entries))
	for i, e := range entries {
		list[i] = &HistoryEntry{Entry: e}
		if e.Claim != nil {
			list[i].Stated, stated = stated[0], stated[1:]
		}
	}
	cursor := func(h *HistoryEntry) string { return entryCursor(h.place()) }
	return newPage(list, w, p, cursor, func(context.Context) (int, error) { return total, nil }), nil
}

// entries lists all that was done to what the id names; known reports that it
// names something.
func (v *View) entries(ctx context.Context, id ID) (entries []Entry, known bool, err error) {
	if len(id) > MaxIDLength {
		return nil, false, nil
	}
	records, err := v.Records(ctx, []ID{id})
	if err != nil {
		return nil, false, err
	}
	left := v.budget.Edges
	add := func(c *Claim) error {
		if left--; left < 0 {
			return tooComplexf("more than %d claims speak of %s; ask for the history of one of its relations or figures", v.budget.Edges, id)
		}
		entries = append(entries, entriesAfter(c, 0)...)
		return nil
	}
	families := func(keys []string, rests func(*Claim) bool) error {
		for c, err := range v.snap.Claims(ctx, keys) {
			if err != nil {
				return err
			}
			if rests(c) {
				if err := add(c); err != nil {
					return err
				}
			}
		}
		return nil
	}
	// idsOf gives all ids of the entities that a fact names.
	idsOf := func(ids ...ID) (func(ID) []ID, error) {
		entities, err := v.entities(ctx, ids)
		all := make(map[ID][]ID)
		for i, id := range ids {
			all[id] = []ID{id}
			if entities[i] != nil {
				all[id] = append(all[id], entities[i].Merged...)
			}
		}
		return func(id ID) []ID { return all[id] }, err
	}
	switch r := records[0].(type) {
	case *Entity:
		seen := make(map[ID]bool)
		for m, err := range v.snap.ClaimsAbout(ctx, ClaimQuery{Of: append([]ID{r.ID}, r.Merged...)}) {
			if err != nil {
				return nil, false, err
			}
			if !seen[m.Claim.ID] {
				seen[m.Claim.ID] = true
				if err := add(m.Claim); err != nil {
					return nil, false, err
				}
			}
		}
	case *Relation:
		ids, err := idsOf(r.From, r.To)
		if err != nil {
			return nil, false, err
		}
		keys := familiesOf(&RelationStatement{Type: r.Type, From: r.From, To: r.To}, ids)
		err = families(keys, func(c *Claim) bool { return c.Fact == r.ID || c.Fact == id })
		if err == nil && len(entries) == 0 && r.OpenedBy != "" {
			return v.entries(ctx, r.OpenedBy) // a holding that only a deal tells of
		}
		return entries, true, err
	case *Observation:
		ids, err := idsOf(r.Subject)
		if err != nil {
			return nil, false, err
		}
		err = families(familiesOf(&r.Figure, ids), func(*Claim) bool { return true })
		return entries, true, err
	case *Claim:
		if id == r.ID {
			return entriesAfter(r, 0), true, nil
		}
		if _, entity := r.Statement.(*EntityStatement); entity {
			err = families([]string{r.Family()}, func(*Claim) bool { return true })
			break
		}
		err = families([]string{r.Family()}, func(c *Claim) bool { return c.Fact == id || c.Fact == r.Fact })
	case *Source:
		for _, s := range append(slices.Clone(r.Earlier), r) {
			entries = append(entries, describedEntry(s))
		}
	default:
		return nil, false, nil
	}
	return entries, true, err
}

// entryPlace is where an entry stands in the order of entries.
type entryPlace struct {
	revision Revision
	id       ID
	action   Action
}

func (e Entry) place() entryPlace { return entryPlace{e.Revision, e.id(), e.Action} }

func (p entryPlace) compare(q entryPlace) int {
	return cmp.Or(cmp.Compare(p.revision, q.revision), strings.Compare(string(p.id), string(q.id)), cmp.Compare(p.action, q.action))
}

func entryCursor(p entryPlace) string {
	b := newCursor(entryList)
	b = binary.BigEndian.AppendUint64(b, uint64(p.revision))
	return append(b.text(string(p.id)), byte(p.action)).String()
}

func readEntryCursor(argument, cursor string) (entryPlace, error) {
	r := openCursor(entryList, cursor)
	var p entryPlace
	if len(r.rest) < 8 {
		r.bad = true
		return p, r.err(argument)
	}
	p.revision, r.rest = Revision(binary.BigEndian.Uint64(r.rest)), r.rest[8:]
	p.id = ID(r.text())
	if len(r.rest) != 1 {
		r.bad = true
		return p, r.err(argument)
	}
	p.action, r.rest = Action(r.rest[0]), nil
	return p, r.err(argument)
}

// Summary says in one line what the claim says, in the terms of the graph: ids,
// types and dates as they were given.
func (c *Claim) Summary() string {
	switch s := c.Statement.(type) {
	case *EntityStatement:
		return fmt.Sprintf("%s is a %s", s.Entity, s.Kind)
	case *NameStatement:
		text := fmt.Sprintf("%s is called %q (%s", s.Entity, s.Text, s.Kind)
		if s.Lang != "" {
			text += ", " + s.Lang
		}
		return text + ")"
	case *IdentifierStatement:
		return fmt.Sprintf("%s has the identifier %s %s", s.Entity, s.Scheme, s.Value)
	case *FiscalYearStatement:
		return fmt.Sprintf("the business year of %s ends on %s", s.Entity, s.End)
	case *RelationStatement:
		return s.summary()
	case *Figure:
		return s.summary()
	case *SameStatement:
		return fmt.Sprintf("%s is the same as %s", s.Entity, s.As)
	case *DifferentStatement:
		return fmt.Sprintf("%s and %s are not the same", s.Entity, s.Other)
	case *AbsenceStatement:
		return s.summary()
	}
	return ""
}

func (s *RelationStatement) summary() string {
	parts := []string{fmt.Sprintf("%s %s %s", s.From, s.Type, s.To)}
	add := func(label, value string) {
		if value != "" {
			parts = append(parts, strings.TrimSpace(label+" "+value))
		}
	}
	if s.Type.IsEvent() {
		add("on", s.Start.String())
	} else {
		add("from", s.Start.String())
		add("until", s.End.String())
	}
	if s.Stake != nil {
		add("stake", cmp.Or(s.Stake.Wording, s.Stake.String()))
	}
	if s.Money != nil {
		add("", s.Money.String())
	}
	add("", s.Text)
	for _, a := range s.Attributes {
		add(a.Key, a.Value)
	}
	return strings.Join(parts, ", ")
}

func (f *Figure) summary() string {
	value := fmt.Sprintf("%v %s", f.Value, f.Unit)
	if f.Unit == UnitDate {
		value = f.Date.String()
	}
	parts := []string{fmt.Sprintf("%s of %s: %s", f.Metric, f.Subject, value)}
	for _, part := range []string{cmp.Or(f.Label, f.Period.String()), f.Scope} {
		if part != "" {
			parts = append(parts, part)
		}
	}
	for _, d := range f.Dimensions {
		parts = append(parts, d.Key+" "+d.Value)
	}
	return strings.Join(parts, ", ")
}
