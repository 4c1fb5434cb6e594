package kg

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
)

// EventKind says what happened to an entity.
type EventKind uint8

// The kinds of event on a timeline.
const (
	EventFounded EventKind = iota + 1
	EventRenamed
	EventAcquired
	EventDivested
	// EventStakeChanged: a holding began or became another share.
	EventStakeChanged
	EventInvested
	EventMerged
	EventSpunOff
	EventSucceeded
	EventPartnered
	EventRoleStarted
	EventRoleEnded
	// EventStarted and EventEnded are those of any other relation.
	EventStarted
	EventEnded
	EventFigureReported
)

var eventKindNames = enumNames{
	"", "FOUNDED", "RENAMED", "ACQUIRED", "DIVESTED", "STAKE_CHANGED", "INVESTED", "MERGED", "SPUN_OFF", "SUCCEEDED", "PARTNERED",
	"ROLE_STARTED", "ROLE_ENDED", "STARTED", "ENDED", "FIGURE_REPORTED",
}

// String returns the name in capitals.
func (k EventKind) String() string { return eventKindNames.text(uint8(k)) }

// ParseEventKind reads what String returns.
func ParseEventKind(s string) (EventKind, error) {
	k, err := eventKindNames.parse("kind of event", s)
	return EventKind(k), err
}

// TimelineEvent is one thing that happened to an entity.
type TimelineEvent struct {
	Kind EventKind
	// When it happened; the zero date where no source says.
	When PartialDate
	// Link is the relation that began, ended or happened; nil for names and figures.
	Link *Link
	// Figure is the figure reported; nil for names and relations.
	Figure *Figures

	of   *Member
	name *Name
}

// Cited returns where the event is stated.
func (e *TimelineEvent) Cited() []*Cited {
	switch {
	case e.Link != nil:
		return e.Link.Cited()
	case e.Figure != nil:
		return e.Figure.Cited()
	}
	return e.of.Cited(e.name.Citations)
}

// Text says in one line what happened.
func (e *TimelineEvent) Text(ctx context.Context) (string, error) {
	switch {
	case e.name != nil:
		return fmt.Sprintf("no longer named %s", e.name.Text), nil
	case e.Figure != nil:
		text := strings.ReplaceAll(e.Figure.Metric, "_", " ") + ": " + e.Figure.Text()
		if when := cmp.Or(e.Figure.Label, e.Figure.Period.String()); when != "" {
			text += " (" + when + ")"
		}
		if e.Figure.Scope != "" {
			text += ", " + e.Figure.Scope
		}
		return text, nil
	}
	from, err := e.Link.FromMember(ctx)
	if err != nil {
		return "", err
	}
	to, err := e.Link.ToMember(ctx)
	if err != nil {
		return "", err
	}
	r := e.Link.Relation
	verb := eventVerbs[e.Kind]
	if verb == "" {
		verb = strings.ReplaceAll(strings.ToLower(r.Type.String()), "_", " ")
		if r.Type == RelatedTo {
			verb = r.Text
		}
		if e.Kind == EventEnded {
			verb = "no longer: " + verb
		}
	}
	text := from.Name("") + " " + verb + " " + to.Name("")
	switch {
	case e.Kind == EventStakeChanged && r.Stake != nil && (r.Stake.Min > 0 || r.Stake.Max < 100):
		text = fmt.Sprintf("%s holds %s of %s", from.Name(""), r.Stake, to.Name(""))
	case e.Kind == EventRoleStarted || e.Kind == EventRoleEnded:
		text += prefixed(", ", r.Text)
	case r.Money != nil:
		text += " for " + r.Money.String()
	}
	return text, nil
}

var eventVerbs = map[EventKind]string{
	EventFounded: "founded", EventAcquired: "acquired", EventDivested: "no longer owns", EventStakeChanged: "holds a share of",
	EventInvested: "invested in", EventMerged: "merged into", EventSpunOff: "was spun off from", EventSucceeded: "succeeded",
	EventPartnered: "became a partner of", EventRoleStarted: "took up a role at", EventRoleEnded: "gave up a role at",
}

func prefixed(prefix, text string) string {
	if text == "" {
		return ""
	}
	return prefix + text
}

// place is where an event stands on a timeline: by date, unknown dates last, then
// by kind and by what it is about.
type eventPlace struct {
	when DatePlace
	kind EventKind
	key  string
}

func (p eventPlace) compare(q eventPlace) int {
	return cmp.Or(p.when.Compare(q.when), cmp.Compare(p.kind, q.kind), strings.Compare(p.key, q.key))
}

func (e *TimelineEvent) place() eventPlace {
	p := eventPlace{when: e.When.Place(), kind: e.Kind}
	switch {
	case e.Link != nil:
		p.key = string(e.Link.ID)
	case e.Figure != nil:
		p.key = string(e.Figure.ID)
	default:
		p.key = e.name.Lang + " " + e.name.Text
	}
	return p
}

func eventCursor(p eventPlace) string {
	b := newCursor(eventList).place(p.when)
	return append(b, byte(p.kind)).text(p.key).String()
}

func readEventCursor(argument, cursor string) (eventPlace, error) {
	r := openCursor(eventList, cursor)
	p := eventPlace{when: r.place()}
	if len(r.rest) > 0 {
		p.kind, r.rest = EventKind(r.rest[0]), r.rest[1:]
	}
	p.key = r.text()
	return p, r.err(argument)
}

// TimelineFilter says which events are asked for.
type TimelineFilter struct {
	// When restricts by time: During asks for the date of the event itself.
	When  When
	Kinds []EventKind
}

// Timeline returns a page of what happened to an entity, oldest first, unknown
// dates last; none of nil. It only pages forward. An entity with more relations and figures
// than the budget of a walk is TooComplexError.
func (v *View) Timeline(ctx context.Context, of *Member, f TimelineFilter, p PageArgs) (*Page[*TimelineEvent], error) {
	w, err := p.window()
	if err != nil {
		return nil, err
	}
	after, _, err := readCursors(PageArgs{After: p.After}, readEventCursor)
	if err != nil {
		return nil, err
	}
	if of == nil {
		return newPage([]*TimelineEvent(nil), w, p, nil, func(context.Context) (int, error) { return 0, nil }), nil
	}
	events, err := v.events(ctx, of, f.When.AsOf)
	if err != nil {
		return nil, err
	}
	events = slices.DeleteFunc(events, func(e *TimelineEvent) bool {
		return !contains(f.Kinds, e.Kind) || !f.When.Admits(Acquired, e.When, PartialDate{})
	})
	slices.SortFunc(events, func(a, b *TimelineEvent) int { return a.place().compare(b.place()) })
	total := len(events)
	if after != nil {
		events = slices.DeleteFunc(events, func(e *TimelineEvent) bool { return e.place().compare(*after) <= 0 })
	}
	count := func(context.Context) (int, error) { return total, nil }
	events = events[:min(len(events), w.size+1)]
	return newPage(events, w, p, func(e *TimelineEvent) string { return eventCursor(e.place()) }, count), nil
}

func (v *View) events(ctx context.Context, of *Member, day *Day) ([]*TimelineEvent, error) {
	w, ctx, cancel := v.newWalk(ctx, "timeline")
	defer cancel()
	var relations []*Relation
	q := RelationQuery{Of: []ID{of.ID}, Direction: Both, When: When{AsOf: day}}
	if err := w.relations(ctx, q, func(e Edge) bool {
		relations = append(relations, e.Relation)
		return true
	}); err != nil {
		return nil, err
	}
	var observations []*Observation
	for o, err := range v.snap.Observations(ctx, ObservationQuery{Of: []ID{of.ID}, When: When{AsOf: day}}) {
		if err != nil {
			return nil, err
		}
		if len(observations)+len(relations) > w.budget.Edges {
			return nil, tooComplexf("timeline: %s has more than %d relations and figures", of.ID, w.budget.Edges)
		}
		observations = append(observations, o.Observation)
	}
	var events []*TimelineEvent
	for i := range of.Names {
		if of.Names[i].Kind == NameFormer {
			events = append(events, &TimelineEvent{Kind: EventRenamed, of: of, name: &of.Names[i]})
		}
	}
	for _, l := range v.linksTo(relations) {
		events = append(events, relationEvents(l, relations)...)
	}
	for _, o := range v.figures(observations) {
		events = append(events, figureEvent(o))
	}
	return events, nil
}

// relationEvents returns what a relation puts on the timeline: its beginning or
// its happening, and its end.
func relationEvents(l *Link, all []*Relation) []*TimelineEvent {
	r := l.Relation
	begins := map[RelationType]EventKind{
		Acquired: EventAcquired, InvestedIn: EventInvested, Founded: EventFounded, MergedInto: EventMerged, SpunOffFrom: EventSpunOff,
		Succeeded: EventSucceeded, PartnersWith: EventPartnered, HoldsRole: EventRoleStarted, Owns: EventStakeChanged,
	}
	ends := map[RelationType]EventKind{HoldsRole: EventRoleEnded, Owns: EventDivested}
	var events []*TimelineEvent
	// A holding that a deal opened is told by the deal, and one that a further
	// holding of the same owner closes by that.
	if r.Type != Owns || r.OpenedBy == "" {
		kind := cmp.Or(begins[r.Type], EventStarted)
		if r.Type == Owns && r.Stake != nil && r.Stake.Max == 0 {
			kind = EventDivested
		}
		events = append(events, &TimelineEvent{Kind: kind, When: r.Start, Link: l})
	}
	goesOn := slices.ContainsFunc(all, func(next *Relation) bool { return next.ID == r.EndedBy && next.From == r.From })
	if r.End.Placed() && !goesOn && !(r.Type == Owns && r.Stake != nil && r.Stake.Max == 0) {
		events = append(events, &TimelineEvent{Kind: cmp.Or(ends[r.Type], EventEnded), When: r.End, Link: l})
	}
	return events
}

// figureEvent puts a figure on the timeline: a date on the day it names, a
// number at the end of its period.
func figureEvent(f *Figures) *TimelineEvent {
	e := &TimelineEvent{Kind: EventFigureReported, Figure: f, When: f.Period.End()}
	if f.Unit == UnitDate {
		e.When = f.Date
	}
	if f.Metric == foundedMetric {
		e.Kind = EventFounded
	}
	return e
}

// eventList is the kind of cursor of a timeline.
const eventList listKind = 32
