package bods

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"keiretsu/internal/ingest"
	"keiretsu/internal/kg"
)

// version is what the newest statement of a relationship says of one interest.
type version struct {
	// about is what the interest is in which party of which: what may be compared.
	about string
	// declared is the start as it is stated, since the one that counts: a share
	// that changed while its start stayed counts from the statement that said so.
	declared, since, until string
	// share is in the form of canonical.
	share string
	// nobody is why the party is not named; nil where it is.
	nobody *unspecified
	// said are the drafts by which it was said, since the interest was as it is.
	said []ingest.Draft
}

// startsLike reports that a newer version states no other start: the one that was
// stated before, the one that counts, or none where one of them states none.
func (v *version) startsLike(old *version) bool {
	return v.declared == old.declared || v.declared == "" || old.declared == "" || v.declared == old.since
}

// follows reports that a newer version is another term, begun when the old one had
// ended.
func (v *version) follows(old *version) bool {
	return old.until != "" && v.declared >= old.until
}

// canonical writes a share in one way, so that 50 and 50.0 are the same.
func canonical(share string) string {
	s, err := kg.ParseShare(share)
	if err != nil {
		return share
	}
	return strings.TrimSuffix(s.String(), " %")
}

// nobody is what an absence is about: the party of a statement.
const nobody = "nobody"

// about returns what an interest is about, for which direct and no word are the same.
func about(kind, direct string, d *ingest.Relation) string {
	if direct != kg.DeclaredIndirect && direct != "unknown" {
		direct = ""
	}
	return strings.Join([]string{strings.Join(strings.Fields(kind), " "), direct, d.From.Value, d.To.Value}, "\x00")
}

// likeness are the ways in which an interest is the one of an earlier statement, the
// surest first. Where there are several of one sort, each finds its own.
var likeness = []func(v, old *version) bool{
	func(v, old *version) bool {
		return v.declared == old.declared && v.share == old.share && v.until == old.until
	},
	func(v, old *version) bool {
		return v.startsLike(old) && v.share == old.share && v.until == old.until
	},
	func(v, old *version) bool { return v.startsLike(old) && v.share == old.share && old.until == "" },
	func(v, old *version) bool { return v.startsLike(old) && old.until == "" },
	func(v, old *version) bool { return v.startsLike(old) && v.share == old.share },
	func(v, old *version) bool { return v.until == old.until && v.share == old.share },
	func(v, old *version) bool { return old.until == "" },
	func(v, old *version) bool { return !v.follows(old) },
}

// match returns for each interest of a statement the one before it, nil where it is
// new; gone are those that it does not name any more.
func match(said []*saying, before []*version) (olds []*version, gone []*version) {
	olds = make([]*version, len(said))
	taken := make(map[*version]bool)
	for _, alike := range likeness {
		for i, s := range said {
			if olds[i] != nil {
				continue
			}
			for _, old := range before {
				if !taken[old] && old.about == s.version.about && alike(s.version, old) {
					olds[i], taken[old] = old, true
					break
				}
			}
		}
	}
	return olds, slices.DeleteFunc(slices.Clone(before), func(old *version) bool { return taken[old] })
}

// The words of notes, by which a statement can be understood from its claims.
const (
	noteStays   = "and the start date stays "
	noteEndless = "The record was closed without an end date; it ends by the date of the statement."
	unknown     = "unknown"
)

// relate compares a statement with the one before it of the same record, and returns
// what becomes of both.
func (r *reader) relate(at ingest.Position, s *statement, said []*saying) (drafts []ingest.Draft) {
	record := r.root(s.record)
	olds, gone := match(said, r.chains[record])
	var now []*version
	today := day(s.date)
	for i, said := range said {
		v, old := said.version, olds[i]
		now = append(now, v)
		endless := s.status == "closed" && v.until == ""
		if endless {
			v.until = today
			said.note(noteEndless)
		}
		switch {
		case old == nil:
		case endless && old.until == "" && v.share != old.share && v.startsLike(old):
			// A share that changes on the day on which it ends was never held.
			drafts = append(drafts, r.over(at, s, old, today))
			continue
		case v.until != old.until && old.until != "":
			drafts = append(drafts, r.retract(at, s, old, "it states another end")...)
		case !v.startsLike(old) && v.declared < old.declared:
			drafts = append(drafts, r.retract(at, s, old, "it states an earlier start")...)
		case !v.startsLike(old):
			// Another term, or another holding: what was before has ended.
			drafts = append(drafts, r.over(at, s, old, v.declared))
		case v.share != old.share && today > old.since && (v.until == "" || v.until > today):
			v.since = today
			said.note(fmt.Sprintf("The share changes from %s to %s %s%s; it counts from the date of the statement.",
				cmp.Or(old.share, unknown), cmp.Or(v.share, unknown), noteStays, cmp.Or(v.declared, unknown)))
			drafts = append(drafts, r.over(at, s, old, today))
		case v.share != old.share:
			drafts = append(drafts, r.retract(at, s, old, "it states another share")...)
		case v.declared != old.declared && old.since == old.declared:
			v.said = old.said // one of them states no start
		default:
			v.declared, v.since, v.said = old.declared, old.since, old.said
		}
		d := said.draft()
		v.said = append(slices.Clip(v.said), d)
		drafts = append(drafts, d)
	}
	for _, old := range gone {
		switch {
		case old.until != "":
		case s.status == "closed":
			drafts = append(drafts, r.over(at, s, old, today))
		default:
			drafts = append(drafts, r.retract(at, s, old, "it says nothing of it any more")...)
		}
	}
	if s.status == "closed" {
		delete(r.chains, record)
	} else {
		r.chains[record] = now
	}
	return drafts
}

// saying is an interest in a statement, on its way to a draft.
type saying struct {
	version *version
	// number counts the interests of the statement from 1.
	number int
	// make returns the draft with the dates given; told is the draft itself, where
	// it was recorded long ago.
	make  func(since, until, note string) ingest.Draft
	told  ingest.Draft
	notes string
}

func (s *saying) note(text string) {
	if s.notes != "" {
		s.notes += " "
	}
	s.notes += text
}

func (s *saying) draft() ingest.Draft {
	if s.told != nil {
		return s.told
	}
	return s.make(s.version.since, s.version.until, s.notes)
}

// over returns what was said last of an old version, with an end that follows from a
// statement.
func (r *reader) over(at ingest.Position, s *statement, old *version, until string) ingest.Draft {
	switch last := old.said[len(old.said)-1].(type) {
	case *ingest.Relation:
		d := *last
		d.At, d.Cites, d.Until, d.Note = at, r.cites(at, s, 0), at.Text(until), ingest.Text{}
		return &d
	case *ingest.Absence:
		d := *last
		d.At, d.Cites, d.Until, d.Note = at, r.cites(at, s, 0), at.Text(until), ingest.Text{}
		return &d
	default:
		return last
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

// interests returns what a statement says, in its order.
func (r *reader) interests(at ingest.Position, s *statement) []*saying {
	from, to := s.details.InterestedParty, s.details.Subject
	direction, of, why := "in", to.record, from.why
	if why == nil && from.record != "" {
		why = r.unnamed(s, from.record)
	}
	if why == nil && from.record != "" {
		if why = to.why; why == nil && to.record != "" {
			why = r.unnamed(s, to.record)
		}
		direction, of = "out", from.record
	}
	if why != nil && of != "" {
		v := &version{about: nobody, nobody: why}
		for _, in := range s.details.Interests {
			v.since, v.until = day(in.Start), day(in.End)
		}
		v.declared = v.since
		a := r.absence(at, s, of, direction, why)
		return []*saying{{version: v, number: 1, make: func(since, until, note string) ingest.Draft {
			d := *a
			d.Since, d.Until, d.Note = at.Text(since), at.Text(until), at.Text(note)
			return &d
		}}}
	}
	if from.record == "" || to.record == "" {
		return nil
	}
	all := s.details.Interests
	if len(all) == 0 && (s.status != "closed" || r.chains[r.root(s.record)] == nil) {
		all = []interest{{}}
	}
	var said []*saying
	for i := range all {
		in := &all[i]
		start, d := day(in.Start), r.relation(at, s, in)
		d.Cites = r.cites(at, s, i+1)
		said = append(said, &saying{
			version: &version{about: about(in.Type, in.Direct, d), declared: start, since: start, until: day(in.End), share: canonical(in.Share.text())},
			number:  i + 1,
			make: func(since, until, note string) ingest.Draft {
				d := *d
				d.Since, d.Until, d.Note = at.Text(since), at.Text(until), at.Text(note)
				return &d
			},
		})
	}
	return said
}

// unnamed returns why an end of a relationship is not named, nil where it is. What a
// data set has said of an end that nobody describes stays.
func (r *reader) unnamed(s *statement, end string) *unspecified {
	record := r.root(end)
	if why := r.nameless[record]; why != nil || r.kindOf(record) != "" {
		return why
	}
	for _, old := range r.chains[r.root(s.record)] {
		if r.past != nil && old.nobody != nil {
			return old.nobody
		}
	}
	return nil
}
