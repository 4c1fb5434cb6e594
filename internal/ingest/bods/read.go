package bods

import (
	"bufio"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"keiretsu/internal/ingest"
	"keiretsu/internal/kg"
)

// Format is the Beneficial Ownership Data Standard.
var Format = ingest.Format{
	Name:    "bods",
	Help:    "statements of the Beneficial Ownership Data Standard 0.4, 0.3 or 0.2: a JSON array, or one a line",
	History: true,
	Record:  recordOf,
	Follow:  follow,
	Read:    Read,
}

// Read yields what stands in a file of statements, in order of their dates.
func Read(in ingest.Input) iter.Seq2[ingest.Draft, error] { return newReader().read(in) }

func newReader() *reader {
	return &reader{
		roots: make(map[string]string), kinds: make(map[string]string), nameless: make(map[string]*unspecified),
		names: make(map[string]map[string][]*kg.Claim), chains: make(map[string][]*version),
		particulars: make(map[string]map[string][]ingest.Draft), places: make(map[kg.ID]bool),
		replayed: make(map[string]int), reached: make(map[string]reached), done: make(map[string]bool),
	}
}

// sourceOf returns the id of the source that a file is, or the data set of which it
// is an issue.
func sourceOf(in ingest.Input) string { return ingest.NewID("bods", in.Issue("file:"+in.Base())) }

// read is Read of one file behind those that the reader has read.
func (r *reader) read(in ingest.Input) iter.Seq2[ingest.Draft, error] {
	return func(yield func(ingest.Draft, error) bool) {
		s, err := spool(in, r.isDescribed, func(err error) bool { return yield(nil, err) })
		if err != nil {
			if !isLeft(err) {
				yield(nil, err)
			}
			return
		}
		defer s.close()
		r.in, r.source, r.moment = in, sourceOf(in), time.Time{}
		r.file++
		maps.Copy(r.roots, s.roots)
		for st, err := range s.statements() {
			if err != nil {
				yield(nil, err)
				return
			}
			drafts, err := r.drafts(st)
			if err != nil {
				if _, ok := errors.AsType[*ingest.Problem](err); !yield(nil, err) || !ok {
					return
				}
			}
			for _, d := range drafts {
				if !yield(d, nil) {
					return
				}
			}
		}
	}
}

// spooled are the statements of a file on a disk, with their order.
type spooled struct {
	file  *os.File
	index []place
	// roots are, for statements of version 0.2 that take the place of others, the
	// first of those.
	roots map[string]string
}

// place is a statement in the file, by what decides its turn.
type place struct {
	// turn is the moment under which it is recorded, at the one it bears.
	turn, at time.Time
	kind     byte
	// ends are the records that a relationship joins.
	ends   [2]string
	line   int
	offset int64
	size   int
}

// errLeft says that whoever reads has seen enough.
var errLeft = fmt.Errorf("left")

func isLeft(err error) bool { return err == errLeft } //nolint:errorlint // it is never wrapped

// spool reads a file to its end and keeps its statements on the disk, so that
// they can be taken in order of their dates. described reports whom other files have
// described before; tell is told of statements that cannot be read.
func spool(in ingest.Input, described func(record string) bool, tell func(error) bool) (_ *spooled, err error) {
	file, err := os.CreateTemp("", "keiretsu-bods-")
	if err != nil {
		return nil, fmt.Errorf("%s: keep statements on the disk: %w", in.Name, err)
	}
	s := &spooled{file: file, roots: make(map[string]string)}
	defer func() {
		if err != nil {
			s.close()
		}
	}()
	first := make(map[string]time.Time) // when each record was described first
	w := bufio.NewWriterSize(file, 1<<18)
	offset := int64(0)
	for v, err := range in.Values() {
		if err != nil {
			return nil, err
		}
		if len(v.JSON) > ingest.MaxTree {
			if !tell(ingest.TooLong(in.At(v.Line))) {
				return nil, errLeft
			}
			continue
		}
		st, err := parse(v.JSON)
		if err != nil {
			if !tell(ingest.Problemf(in.At(v.Line), "%s", err)) {
				return nil, errLeft
			}
			continue
		}
		for _, reason := range st.unreadable() {
			if !tell(ingest.Problemf(in.At(v.Line), "%s", reason)) {
				return nil, errLeft
			}
		}
		for _, replaced := range st.replaces {
			s.roots[st.id] = replaced
		}
		if _, err := w.Write(v.JSON); err != nil {
			return nil, fmt.Errorf("%s: keep statements on the disk: %w", in.Name, err)
		}
		s.index = append(s.index, place{
			turn: st.at, at: st.at, kind: st.kind[0], ends: [2]string{st.details.Subject.record, st.details.InterestedParty.record},
			line: v.Line, offset: offset, size: len(v.JSON),
		})
		if at, known := first[st.record]; st.kind != "relationship" && (!known || st.at.Before(at)) {
			first[st.record] = st.at
		}
		offset += int64(len(v.JSON))
	}
	if err := w.Flush(); err != nil {
		return nil, fmt.Errorf("%s: keep statements on the disk: %w", in.Name, err)
	}
	// A relationship waits for what it joins, and entities and persons come before
	// relationships of the same moment.
	for i := range s.index {
		p := &s.index[i]
		for _, end := range p.ends {
			if at := first[end]; at.After(p.turn) && !described(end) {
				p.turn = at
			}
		}
	}
	slices.SortStableFunc(s.index, func(a, b place) int {
		return cmp.Or(a.turn.Compare(b.turn), cmp.Compare(a.kind, b.kind), a.at.Compare(b.at))
	})
	return s, nil
}

func (s *spooled) close() {
	_ = s.file.Close()
	_ = os.Remove(s.file.Name())
}

// statements yields the statements in order.
func (s *spooled) statements() iter.Seq2[*statement, error] {
	return func(yield func(*statement, error) bool) {
		for _, p := range s.index {
			text := make(json.RawMessage, p.size)
			if _, err := s.file.ReadAt(text, p.offset); err != nil && err != io.EOF {
				yield(nil, fmt.Errorf("read statements from the disk: %w", err))
				return
			}
			st, err := parse(text)
			if err == nil {
				st.line, st.at = p.line, p.turn
			}
			if !yield(st, err) || err != nil {
				return
			}
		}
	}
}

// reader knows how far the records of a file have come, or those of the files of a
// data set.
type reader struct {
	in     ingest.Input
	source string
	// file counts the files of a data set, of which past is what was said before;
	// it is nil where the file is a source of its own.
	file int
	past *past
	// replayed counts, by record, the statements of the past that were gone through;
	// reached is how far each record has come, and done are the statements that
	// were read.
	replayed map[string]int
	reached  map[string]reached
	done     map[string]bool
	began    bool
	moment   time.Time
	roots    map[string]string
	// kinds are those of the records, nameless why some name nobody.
	kinds    map[string]string
	nameless map[string]*unspecified
	// names are the claims by which the names of a record were told.
	names map[string]map[string][]*kg.Claim
	// particulars are the dates and the jurisdiction that were told of a record.
	particulars map[string]map[string][]ingest.Draft
	// places are the jurisdictions that were described.
	places map[kg.ID]bool
	chains map[string][]*version
}

// isDescribed reports that a record is known from what came before the file.
func (r *reader) isDescribed(record string) bool {
	return r.past != nil && r.kindOf(r.root(record)) != ""
}

// kindOf returns what a record is known to be: entity, person or "".
func (r *reader) kindOf(record string) string {
	kind := r.kinds[record]
	if kind == "" && r.past != nil {
		kind = r.past.kinds[token(record)]
	}
	return kind
}

// root returns the record to which an id belongs: itself, or in version 0.2 the
// first of the statements whose places were taken.
func (r *reader) root(id string) string {
	for range 10_000 {
		before, ok := r.roots[id]
		if !ok && r.past != nil {
			before, ok = r.past.roots[token(id)]
		}
		if !ok {
			return id
		}
		id = before
	}
	return id
}

func (r *reader) entityID(record string) string { return ingest.NewID("bods", r.root(record)) }

// cites cites a statement: where it is one of a data set, an interest of it, counted
// from 1, or 0 for the statement.
func (r *reader) cites(at ingest.Position, s *statement, interest int) []ingest.Citation {
	where := s.id
	if r.past != nil {
		where = r.locate(s, interest).String()
	}
	return []ingest.Citation{{Source: at.Text(r.source), Locator: where}}
}

func (r *reader) locate(s *statement, interest int) locator {
	status := s.status
	if status != "closed" && status != "updated" {
		status = "new"
	}
	return locator{statement: token(s.id), record: token(r.root(s.record)), status: status, date: s.date, turn: s.turn, interest: interest}
}

// drafts returns what becomes of a statement.
func (r *reader) drafts(s *statement) ([]ingest.Draft, error) {
	at := r.in.At(s.line)
	if r.past != nil {
		return r.goOn(at, s)
	}
	return append(r.opening(at, s), r.about(at, s)...), nil
}

// opening returns what comes before what a statement says.
func (r *reader) opening(at ingest.Position, s *statement) (drafts []ingest.Draft) {
	if !s.at.Equal(r.moment) || !r.began {
		drafts = append(drafts, &ingest.Moment{At: at, Time: s.at})
		r.moment = s.at
	}
	if !r.began {
		r.began = true
		drafts = append(drafts, r.head(at, s)...)
	}
	return drafts
}

// goOn returns what becomes of a statement of a data set. What was said in the same
// statement before is said again, for an import may have been cut off in the middle
// of it, but under no moment.
func (r *reader) goOn(at ingest.Position, s *statement) ([]ingest.Draft, error) {
	key := r.locate(s, 0).key()
	if r.done[key] {
		return nil, nil
	}
	r.done[key] = true
	record := r.root(s.record)
	opened := []ingest.Draft{&ingest.Record{At: at, Source: at.Text(r.source), Locator: token(record)}}
	before, began := r.reached[token(record)]
	known, err := r.takeTurn(s)
	if err != nil {
		return nil, err
	}
	undo := r.remember(record)
	drafts := r.about(at, s)
	switch late := r.past.newest[token(record)]; {
	case len(drafts) == 0:
		// Of what leaves no claim the next file will not know.
		if delete(r.reached, token(record)); began {
			r.reached[token(record)] = before
		}
		return opened, nil
	case known:
		return append(opened, drafts...), nil
	case s.turn.compare(late) < 0:
		undo()
		return opened, ingest.Problemf(at, "the statement %.60s of %s is older than what the data set has told of its record since: import its files in the order of their statements, or this one without --dataset",
			s.id, s.date)
	}
	return slices.Concat(r.opening(at, s), opened, drafts), nil
}

// about returns what a statement says.
func (r *reader) about(at ingest.Position, s *statement) []ingest.Draft {
	if s.kind == "relationship" {
		return r.relate(at, s, r.interests(at, s))
	}
	return r.describe(at, s)
}

// remember returns what brings a record back to where it is.
func (r *reader) remember(record string) (undo func()) {
	kind, nameless, names := r.kinds[record], r.nameless[record], r.names[record]
	particulars, chain := r.particulars[record], r.chains[record]
	return func() {
		r.kinds[record], r.nameless[record], r.names[record] = kind, nameless, names
		r.particulars[record], r.chains[record] = particulars, chain
	}
}

// untitled is the title of files of which nobody is named as the publisher.
const untitled = "Beneficial ownership statements"

// head says what the file is, and what is measured in it.
func (r *reader) head(at ingest.Position, s *statement) []ingest.Draft {
	title, publisher := untitled, strings.Join(strings.Fields(s.publisher), " ")
	if publisher == untitled {
		publisher = "" // as it is written where nobody is known to have published it
	}
	if publisher != "" {
		title += " of " + publisher
	}
	drafts := []ingest.Draft{&ingest.Source{
		At: at, ID: at.Text(r.source), Title: at.Text(ingest.Clipped(title)), Publisher: at.Text(ingest.Clipped(publisher)), Kind: at.Text("register"),
	}}
	for _, m := range []struct{ name, definition string }{
		{"founded_date", "When the company was founded."},
		{"dissolved_date", "When the company ceased to exist."},
		{"birth_date", "When the person was born."},
		{"death_date", "When the person died."},
	} {
		drafts = append(drafts, &ingest.Metric{At: at, Name: at.Text(m.name), Definition: at.Text(m.definition), Unit: at.Text("date"), Default: true})
	}
	return drafts
}

// describe returns what becomes of a statement about an entity or person. Names
// that it no longer tells become former ones.
func (r *reader) describe(at ingest.Position, s *statement) []ingest.Draft {
	record := r.root(s.record)
	if why := nameless(s); why != nil {
		r.nameless[record] = why
		return nil
	}
	if s.status == "closed" && r.kinds[record] != "" {
		return r.ended(at, s, r.entity(at, s)[1:])
	}
	r.kinds[record] = s.kind
	drafts := r.entity(at, s)
	d := drafts[0].(*ingest.Entity)
	if len(d.Names) == 0 {
		d.Names = []ingest.Name{{Text: at.Text("BODS record " + s.record), Kind: at.Text("alias")}}
	}
	told := make(map[string]bool)
	for _, n := range d.Names {
		told[n.Text.Value] = true
	}
	before := r.names[record]
	for _, name := range sortedKeys(before) {
		if !told[name] {
			d.Names = append(d.Names, ingest.Name{Text: at.Text(name), Kind: at.Text("former")})
		}
	}
	now := make(map[string][]*kg.Claim)
	for _, n := range d.Names {
		kind, err := kg.ParseNameKind(strings.ToUpper(n.Kind.Value))
		if err == nil && kind != kg.NameFormer {
			c := &kg.Claim{Statement: &kg.NameStatement{Entity: kg.ID(d.ID.Value), Text: n.Text.Value, Kind: kind}, Source: kg.ID(r.source), Locator: d.Cites[0].Locator}
			now[n.Text.Value] = append(slices.Clip(before[n.Text.Value]), c)
		}
	}
	r.names[record] = now
	drafts = append(drafts, r.corrected(at, s, drafts[1:])...)
	if place := r.place(at, s); place != nil {
		drafts = append([]ingest.Draft{place}, drafts...)
	}
	for _, name := range sortedKeys(before) {
		if !told[name] {
			for _, c := range before[name] {
				drafts = append(drafts, &ingest.Retraction{
					At: at, Draft: &ingest.Claims{At: at, Places: []ingest.Position{at}, Claims: []*kg.Claim{c}},
					Reason: at.Text("The statement " + s.id + " takes its place; it states another name."),
				})
			}
		}
	}
	return drafts
}

// corrected takes back the dates and the jurisdiction that earlier statements of the
// record gave and this one does not.
func (r *reader) corrected(at ingest.Position, s *statement, particulars []ingest.Draft) []ingest.Draft {
	record := r.root(s.record)
	before, now := r.particulars[record], make(map[string][]ingest.Draft)
	for _, d := range particulars {
		what, value := particular(d)
		now[what] = []ingest.Draft{d}
		if old := before[what]; len(old) > 0 {
			if _, was := particular(old[0]); was == value {
				now[what] = append(slices.Clip(old), d)
			}
		}
	}
	r.particulars[record] = now
	var drafts []ingest.Draft
	for _, what := range sortedKeys(before) {
		if slices.ContainsFunc(now[what], func(d ingest.Draft) bool { return d == before[what][0] }) {
			continue
		}
		why := "it gives another date, or none"
		if what == "jurisdiction" {
			why = "it gives another jurisdiction, or none"
		}
		for _, d := range before[what] {
			drafts = append(drafts, &ingest.Retraction{At: at, Draft: d, Reason: at.Text("The statement " + s.id + " takes its place; " + why + ".")})
		}
	}
	return drafts
}

// ended returns what a statement that closes a record says of its end. That it is no
// longer reported does not say that it is no more, and all else that was said stays.
func (r *reader) ended(at ingest.Position, s *statement, particulars []ingest.Draft) []ingest.Draft {
	var ends []ingest.Draft
	for _, d := range particulars {
		if what, _ := particular(d); what == "dissolved_date" || what == "death_date" {
			ends = append(ends, d)
		}
	}
	before, stays := r.particulars[r.root(s.record)], slices.Clone(ends)
	for _, what := range sortedKeys(before) {
		if !slices.ContainsFunc(ends, func(d ingest.Draft) bool { w, _ := particular(d); return w == what }) {
			stays = append(stays, before[what][0])
		}
	}
	return append(ends, r.corrected(at, s, stays)...)
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
