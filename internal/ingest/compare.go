package ingest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"math"
	"regexp"
	"slices"

	"keiretsu/internal/kg"
)

// This file compares the files of an import, which are an issue of a data set, with
// what earlier issues said: what is not said again is taken back.

// Outdated is the reason for which claims are taken back that a data set made in
// an earlier issue and makes no longer. What was taken back for it is recorded again
// where a later issue says it again.
const Outdated = "the data set says so no longer"

// Record is the draft that opens a record of a data set: the files hold all that
// the data set says of it, which is nothing where no draft cites it, or go on from
// what it has said (Format.Follow). Readers of
// formats with a Format.Record yield it where the input has a Dataset.
type Record struct {
	At Position
	// Source is the data set, Locator the record in it.
	Source  Text
	Locator string
}

func (d *Record) mentions() []kg.ID { return nil }
func (d *Record) needs() []need     { return nil }
func (d *Record) declare(*index)    {}
func (d *Record) write(*batch)      {}

var datasetForm = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$`)

// CheckDataset returns an ErrInvalid unless files of the format can be an issue of a
// data set of the name, or it is "".
func (f *Format) CheckDataset(name string, complete bool) error {
	switch {
	case complete && name == "":
		return kg.Invalidf("complete", "files can be complete for a data set only; name it (--dataset NAME)")
	case name == "":
		return nil
	case f.Record == nil:
		return kg.Invalidf("dataset", "the records of %s have no ids that stay the same from file to file, so its files cannot be issues of a data set", f.Name)
	case !datasetForm.MatchString(name):
		return kg.Invalidf("dataset", "%.80q cannot be the name of a data set: expected 1 to 64 letters, digits, dots, hyphens and underscores", name)
	}
	return nil
}

// checkOrder returns a *Broken where the graph holds a newer issue of a source of the
// data set: an older one would take back what has changed since.
func (l *loading) checkOrder(ctx context.Context, s *Source) error {
	issued, err := kg.ParseDate(s.Updated.Value)
	if l.Dataset == "" || l.Graph == nil || err != nil {
		return nil
	}
	records, err := l.Graph.Records(ctx, []kg.ID{id(s.ID)})
	if err != nil {
		return fmt.Errorf("ingest: look up what the graph holds: %w", err)
	}
	if held, ok := records[0].(*kg.Source); ok && held.Updated.Placed() && issued.Latest() < held.Updated.Latest() {
		return Brokenf(s.At, "this is the issue of %s, and the graph holds that of %s: import issues in their order, or this one without --dataset", issued, held.Updated)
	}
	return nil
}

// issue is what the files say, by hashes: with tens of millions of claims, the
// chance that one outdated claim is taken for a current one is one in ten thousand.
type issue struct {
	seed maphash.Seed
	// sources are those of the data set, records the records that are in the
	// files, unless these are complete and do not go on from others, and claims what
	// they say: in order. Names of things that are no entities by themselves are said
	// as long as there is the entity.
	sources                map[kg.ID]bool
	records, claims, names []uint64
}

func (s *issue) hash(parts ...string) uint64 {
	var h maphash.Hash
	h.SetSeed(s.seed)
	for _, p := range parts {
		// A hash fails to write nothing.
		_, _ = h.WriteString(p)
		_ = h.WriteByte(0)
	}
	return h.Sum64()
}

// sameHash is the hash of a claim that two entities are one which rests on an
// identifier.
func (s *issue) sameHash(c *kg.Claim, note string) uint64 {
	return s.hash("same", string(c.Source), c.Locator, note)
}

// readIssue reads what the files say.
func (l *loading) readIssue(ctx context.Context) (*issue, error) {
	s := &issue{seed: maphash.MakeSeed(), sources: make(map[kg.ID]bool)}
	var drafts []Draft
	weight := 0
	flush := func() error {
		err := s.add(ctx, l.Graph, drafts)
		drafts, weight = drafts[:0], 0
		return err
	}
	for it, err := range l.read(ctx, Comparing) {
		if _, ok := errors.AsType[*Problem](err); ok {
			continue
		}
		if err != nil {
			return nil, err
		}
		if r, ok := it.draft.(*Record); ok {
			s.sources[id(r.Source)] = true
			if !l.Complete || l.follow != nil {
				s.records = append(s.records, s.hash(r.Source.Value, r.Locator))
			}
			continue
		}
		drafts = append(drafts, it.draft)
		if weight += weightOf(it.draft); weight >= batchWeight {
			if err := flush(); err != nil {
				return nil, err
			}
		}
	}
	err := flush()
	slices.Sort(s.records)
	slices.Sort(s.claims)
	slices.Sort(s.names)
	return s, err
}

// add notes which claims drafts become.
func (s *issue) add(ctx context.Context, graph Graph, drafts []Draft) error {
	x, err := newIndex(ctx, graph, drafts)
	if err != nil {
		return err
	}
	b := &batch{index: x, origins: make(map[kg.WriteList][]Position)}
	for _, d := range drafts {
		if n, ok := d.(*Naming); ok {
			s.addNames(n, b)
			continue
		}
		// What was made of a hint by an earlier issue is there now, and still
		// rests on what hints at it.
		for _, d := range append(fromHints(d, index{}), d) {
			before := b.lengths()
			if d.write(b); len(b.problems) > 0 {
				b.problems = nil
				b.cut(before)
			}
		}
	}
	for _, c := range b.out.Claims {
		s.claims = append(s.claims, s.hash(string(c.ContentID())))
		if i, ok := c.Statement.(*kg.IdentifierStatement); ok && isStrong(i.Scheme) {
			s.claims = append(s.claims, s.sameHash(c, bothBear(i.Scheme, i.Value)))
		}
	}
	return nil
}

// addNames notes how a thing is called that is no entity by itself.
func (s *issue) addNames(n *Naming, b *batch) {
	before := b.lengths()
	n.write(b)
	b.problems = nil
	for _, c := range b.out.Claims[before.claims:] {
		s.names = append(s.names, s.hash(string(c.ContentID())))
	}
	b.cut(before)
}

// says reports that the issue makes a claim.
func (s *issue) says(c *kg.Claim) bool {
	h := s.hash(string(c.ID))
	if _, ok := c.Statement.(*kg.SameStatement); ok {
		h = s.sameHash(c, c.Note)
	}
	_, found := slices.BinarySearch(s.claims, h)
	return found
}

// saysIfThere reports that the issue makes a claim if there is the entity.
func (s *issue) saysIfThere(c *kg.Claim) bool {
	_, found := slices.BinarySearch(s.names, s.hash(string(c.ID)))
	return found
}

// covers reports that the issue says all that the data set has to say of the record
// of a claim.
func (l *loading) covers(s *issue, c *kg.Claim) bool {
	if !s.sources[c.Source] {
		return false
	}
	if l.Complete && l.follow == nil {
		return true
	}
	_, found := slices.BinarySearch(s.records, s.hash(string(c.Source), l.Format.Record(c.Locator)))
	// Files that go on say nothing again of what they leave as it is.
	return found == (l.follow == nil)
}

// compares reports that what the files do not say may have to be taken back.
func (l *loading) compares() bool { return l.Dataset != "" && (l.follow == nil || l.Complete) }

// outdatedBatch bounds how many claims are taken back in one write, which is
// exceeded where one entity has more.
const outdatedBatch = 1000

// sweepTold is how many claims are looked at between two tellings of the progress.
const sweepTold = 10_000

// compare takes back what the data set said before and the files do not say. First
// go the claims about what is between entities, then those about the entities
// themselves, which can go only when nothing speaks of them any more.
func (l *loading) compare(ctx context.Context) error {
	if l.phase != Comparing {
		l.phase = Comparing
		if err := l.noteDurable(ctx, 0); err != nil {
			return err
		}
	}
	// An interrupted comparison is made again, with the same batches.
	since := l.report.Applied.Revision
	if l.DryRun {
		since = math.MaxUint64
	}
	s, err := l.readIssue(ctx)
	if err != nil {
		return err
	}
	held, err := l.Graph.Held(ctx)
	if err != nil {
		return fmt.Errorf("ingest: count what the graph holds: %w", err)
	}
	seen := int64(0)
	between := []kg.Aspect{{Part: kg.PartFrom}, {Part: kg.PartSubject}, {Part: kg.PartJudged}}
	for _, as := range [][]kg.Aspect{between, {{Part: kg.PartItself}}} {
		var outdated []*kg.Claim
		// The claims of one family, from the index begins of the outdated ones on,
		// and whether any of those that stay says that there is the entity.
		family, begins, stays := "", 0, false
		ended := func() {
			if stays {
				outdated = slices.Concat(outdated[:begins], slices.DeleteFunc(outdated[begins:], s.saysIfThere))
			}
		}
		for c, err := range l.Graph.Claims(ctx, as) {
			if err != nil {
				return fmt.Errorf("ingest: read what the data set said before: %w", err)
			}
			if seen++; l.Progress != nil && seen%sweepTold == 0 {
				l.Progress(Progress{Phase: Sweeping, Records: seen, Of: held})
			}
			if c.Family() != family {
				ended()
				if len(outdated) >= cmp.Or(l.weight, outdatedBatch) {
					if err := l.takeBack(ctx, outdated); err != nil {
						return err
					}
					outdated = outdated[:0]
				}
				family, begins, stays = c.Family(), len(outdated), false
			}
			stood := c.Live() || c.Retracted.Revision > since
			_, isEntity := c.Statement.(*kg.EntityStatement)
			switch {
			case !stood:
			case c.Revision > since || !l.covers(s, c) || s.says(c):
				stays = stays || isEntity
			default:
				outdated = append(outdated, c)
			}
		}
		ended()
		if err := l.takeBack(ctx, outdated); err != nil {
			return err
		}
	}
	return l.noteDurable(ctx, 0)
}

// takeBack takes claims back, which come family by family, but for what says who
// an entity is of which others speak.
func (l *loading) takeBack(ctx context.Context, claims []*kg.Claim) error {
	for len(claims) > 0 {
		if l.DryRun {
			l.report.Outdated += len(claims)
			l.report.Applied.Retracted += len(claims)
			return nil
		}
		w := kg.Write{By: l.By}
		for _, c := range claims {
			w.Retractions = append(w.Retractions, kg.Retract{ID: c.ID, Reason: Outdated})
		}
		applied, err := l.Graph.Apply(ctx, w)
		if err == nil {
			applied.Retracted, applied.Known = len(claims), 0 // in whatever run
			l.report.Applied.add(applied)
			l.report.Outdated += len(claims)
			return nil
		}
		rejection, ok := errors.AsType[*kg.Rejection](err)
		half := halfOf(claims)
		switch {
		case ok && len(rejection.Problems) > 0:
			claims = l.keep(claims, rejection)
		case errors.Is(err, kg.ErrTooLarge) && half > 0:
			if err := l.takeBack(ctx, claims[:half]); err != nil {
				return err
			}
			claims = claims[half:]
		case errors.Is(err, kg.ErrTooLarge):
			l.keptBecause(claims[0], err)
			return nil
		default:
			return fmt.Errorf("ingest: write to the graph: %w", err)
		}
	}
	return nil
}

// halfOf returns where to divide claims so that families stay together; 0 where
// there is one only.
func halfOf(claims []*kg.Claim) int {
	for _, n := range []int{-1, 1} {
		for half := len(claims) / 2; 0 < half && half < len(claims); half += n {
			if claims[half].Family() != claims[half-1].Family() {
				return half
			}
		}
	}
	return 0
}

// keep returns the claims without those that the graph does not let go, and without
// what else says who the same entities are.
func (l *loading) keep(claims []*kg.Claim, rejection *kg.Rejection) []*kg.Claim {
	refused, kept := make(map[*kg.Claim]bool), make(map[string]bool)
	for _, p := range rejection.Problems {
		c := claims[p.Index]
		if !kept[c.Family()] {
			l.keptBecause(c, p.Err)
		}
		refused[c], kept[c.Family()] = true, true
	}
	return slices.DeleteFunc(slices.Clone(claims), func(c *kg.Claim) bool {
		_, absence := c.Statement.(*kg.AbsenceStatement)
		return refused[c] || kept[c.Family()] && !absence
	})
}

func (l *loading) keptBecause(c *kg.Claim, err error) {
	l.report.Dropped.add(&Problem{
		Position{File: fmt.Sprintf("%s, record %s", c.Source, c.Locator)},
		"is gone from the data set, and what it said stays: " + reasonOf(err),
	})
}
