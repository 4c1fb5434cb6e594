package bods

import (
	"fmt"
	"slices"
	"strconv"

	"keiretsu/internal/ingest"
)

// version is what the newest statement of a relationship says of one interest.
type version struct {
	interest interest
	// declared is the start as it is stated, since the one that counts: a share
	// that changed while its start stayed counts from the statement that said so.
	declared, since, until string
	share                  string
	// said are the drafts by which it was said, since the interest was as it is.
	said []ingest.Draft
}

// relationship compares a statement with the one before it of the same record,
// and returns what becomes of both.
func (r *reader) relationship(at ingest.Position, s *statement) (drafts []ingest.Draft) {
	before := r.chains[r.root(s.record)]
	now := make(map[string]*version)
	today := day(s.date)
	for key, said := range r.interests(at, s) {
		v := said.version
		old := before[key]
		endless := s.status == "closed" && v.until == ""
		if endless {
			v.until = today
			said.note("The record was closed without an end date; it ends by the date of the statement.")
		}
		switch {
		case old == nil:
		case endless && old.until == "" && v.share != old.share && v.declared == old.declared:
			// A share that changes on the day on which it ends was never held.
			drafts = append(drafts, said.ended(old, today))
			now[key] = v
			continue
		case v.until != old.until && old.until != "":
			drafts = append(drafts, r.retract(at, s, old, "it states another end")...)
		case v.declared != old.declared && (v.declared == "" || old.declared == "" || v.declared < old.declared):
			if v.declared != "" && old.declared != "" {
				drafts = append(drafts, r.retract(at, s, old, "it states an earlier start")...)
			} else {
				v.said = old.said
			}
		case v.declared != old.declared:
			// Another term, or another holding: what was before has ended.
			drafts = append(drafts, said.ended(old, v.declared))
		case v.share != old.share && today > old.since && (v.until == "" || v.until > today):
			v.since = today
			said.note(fmt.Sprintf("The share changes from %s to %s and the start date stays %s; it counts from the date of the statement.",
				orUnknown(old.share), orUnknown(v.share), orUnknown(v.declared)))
			drafts = append(drafts, said.ended(old, today))
		case v.share != old.share:
			drafts = append(drafts, r.retract(at, s, old, "it states another share")...)
		default:
			v.since, v.said = old.since, old.said
		}
		d := said.draft(v.since, v.until)
		v.said = append(slices.Clip(v.said), d)
		drafts = append(drafts, d)
		now[key] = v
	}
	for _, key := range sortedKeys(before) {
		if now[key] == nil {
			if old := before[key]; s.status == "closed" && old.until == "" {
				drafts = append(drafts, r.closed(at, s, old, today))
			} else if old.until == "" {
				drafts = append(drafts, r.retract(at, s, old, "it says nothing of it any more")...)
			}
		}
	}
	if s.status == "closed" {
		delete(r.chains, r.root(s.record))
	} else {
		r.chains[r.root(s.record)] = now
	}
	return drafts
}

func orUnknown(s string) string {
	if s == "" {
		return "unknown"
	}
	return s
}

// saying is an interest in a statement, on its way to a draft.
type saying struct {
	version *version
	// make returns the draft with the dates given.
	make  func(since, until, note string) ingest.Draft
	notes string
}

func (s *saying) note(text string) {
	if s.notes != "" {
		s.notes += " "
	}
	s.notes += text
}

func (s *saying) draft(since, until string) ingest.Draft { return s.make(since, until, s.notes) }

// ended returns the draft of what was before, with the end that follows from the
// statement.
func (s *saying) ended(old *version, until string) ingest.Draft {
	return ended(old, until, s.make("", "", ""))
}

// ended returns what was said last of an old version, with an end, citing what a
// draft of the new statement cites.
func ended(old *version, until string, by ingest.Draft) ingest.Draft {
	last := old.said[len(old.said)-1]
	switch last := last.(type) {
	case *ingest.Relation:
		d, from := *last, by.(*ingest.Relation)
		d.At, d.Cites, d.Until, d.Note = from.At, from.Cites, from.At.Text(until), ingest.Text{}
		return &d
	case *ingest.Absence:
		d, from := *last, by.(*ingest.Absence)
		d.At, d.Cites, d.Until, d.Note = from.At, from.Cites, from.At.Text(until), ingest.Text{}
		return &d
	}
	return last
}

// closed is what a statement that closes a record without naming the interest
// makes of it.
func (r *reader) closed(at ingest.Position, s *statement, old *version, until string) ingest.Draft {
	switch old.said[len(old.said)-1].(type) {
	case *ingest.Absence:
		return ended(old, until, &ingest.Absence{At: at, Cites: r.cites(at, s)})
	default:
		return ended(old, until, &ingest.Relation{At: at, Cites: r.cites(at, s)})
	}
}

// retract takes back what earlier statements said of an interest.
func (r *reader) retract(at ingest.Position, s *statement, old *version, why string) []ingest.Draft {
	var drafts []ingest.Draft
	for _, d := range old.said {
		drafts = append(drafts, &ingest.Retraction{At: at, Draft: d, Reason: at.Text("The statement " + s.id + " takes its place; " + why + ".")})
	}
	return drafts
}

// interests yields what a statement says, in the order of the statement, each
// under a key by which the next statement of the record is compared.
func (r *reader) interests(at ingest.Position, s *statement) func(yield func(string, *saying) bool) {
	return func(yield func(string, *saying) bool) {
		from, to := s.details.InterestedParty, s.details.Subject
		direction, of, why := "in", to.record, from.why
		if why == nil && from.record != "" {
			why = r.nameless[r.root(from.record)]
		}
		if why == nil && from.record != "" {
			if why = to.why; why == nil && to.record != "" {
				why = r.nameless[r.root(to.record)]
			}
			direction, of = "out", from.record
		}
		seen := make(map[string]int)
		if why != nil && of != "" {
			a := r.absence(at, s, of, direction, why)
			since, until := "", ""
			for _, in := range s.details.Interests {
				since, until = day(in.Start), day(in.End)
			}
			yield("nobody", &saying{
				version: &version{declared: since, since: since, until: until},
				make: func(since, until, note string) ingest.Draft {
					d := *a
					d.Since, d.Until, d.Note = at.Text(since), at.Text(until), at.Text(note)
					return &d
				},
			})
			return
		}
		if from.record == "" || to.record == "" {
			return
		}
		all := s.details.Interests
		if len(all) == 0 && (s.status != "closed" || r.chains[r.root(s.record)] == nil) {
			all = []interest{{}}
		}
		for i := range all {
			in := &all[i]
			key := in.Type + " " + in.Direct
			seen[key]++
			key += " " + strconv.Itoa(seen[key])
			start, end := day(in.Start), day(in.End)
			v := &version{interest: *in, declared: start, since: start, until: end, share: in.Share.text()}
			d := r.relation(at, s, in)
			if !yield(key, &saying{version: v, make: func(since, until, note string) ingest.Draft {
				d := *d
				d.Since, d.Until, d.Note = at.Text(since), at.Text(until), at.Text(note)
				return &d
			}}) {
				return
			}
		}
	}
}
