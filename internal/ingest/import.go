package ingest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"io"
	"iter"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"keiretsu/internal/kg"
)

// Stream is what an import needs of a *kg.Stream.
type Stream interface {
	Graph
	// Bearers returns the entities that bear each identifier, aligned with them.
	Bearers(ctx context.Context, identifiers []kg.Identifier) ([][]kg.ID, error)
	// Judgements returns the claims about whom the ids are the same as, or not,
	// taken back or not.
	Judgements(ctx context.Context, ids []kg.ID) ([]*kg.Claim, error)
	// Revision returns the number of the newest change of the graph.
	Revision(ctx context.Context) (kg.Revision, error)
	// Held counts the claims of the graph.
	Held(ctx context.Context) (int64, error)
	// Claims yields every claim of the graph that speaks of an entity in one of the
	// aspects, taken back or not, once: those of one family together, in id order.
	Claims(ctx context.Context, as []kg.Aspect) iter.Seq2[*kg.Claim, error]
	// Prepare is told that about so many claims will be written.
	Prepare(ctx context.Context, claims int64) error
	// Clock returns the moments between which kg.Write.At must lie.
	Clock(ctx context.Context) (newest, now time.Time, err error)
	// Sync returns once all that was applied would survive a power cut.
	Sync(ctx context.Context) error
}

// File is an input that can be read more than once.
type File struct {
	// Name is as in Input.
	Name string
	// Size is how many bytes it has on the disk, 0 where that is not known.
	Size int64
	// Open returns its bytes, unpacked. What it returns may have a method
	// Packed() int64: how many bytes of Size have been read.
	Open func(ctx context.Context) (io.ReadCloser, error)
}

// Import is one import of files of one format.
type Import struct {
	Format Format
	Files  []File
	// Graph takes what is read; it may be nil where DryRun is set.
	Graph Stream
	// By is who imports, as kg.Write.By has it.
	By string
	// Recorded says under which moments writes are recorded.
	Recorded Recorded
	// Dataset is the name of the data set of which the files are an issue, ""
	// where they are none. What earlier issues said of the records that are in
	// the files, and these do not say, is taken back: see Outdated. Where the
	// format has a Format.Follow, the files go on from there instead.
	Dataset string
	// Complete says that records which are not in the files are not in the data
	// set any more: what it said of them is taken back too.
	Complete bool
	// DryRun reads everything and writes nothing.
	DryRun bool
	// Resume are the steps that an import of the same files noted before it was
	// interrupted, oldest first.
	Resume []Step
	// Note keeps a step; nil where nobody wants to resume. A step is noted
	// before its batch is written.
	Note func(Step) error
	// Progress is told from time to time how far the import has come; nil for
	// nobody.
	Progress func(Progress)

	// weight is that of a batch; 0 means batchWeight. Tests make it small.
	weight int
}

// Recorded says under which moments an import records what it reads.
type Recorded string

// The ways.
const (
	// RecordedAuto is RecordedSource where the files have a history that begins
	// behind the newest change of the graph, else RecordedNow.
	RecordedAuto Recorded = ""
	// RecordedSource: the moments at which the source recorded things. What
	// was known then can be asked for.
	RecordedSource Recorded = "source"
	// RecordedNow: the moment of the import.
	RecordedNow Recorded = "now"
)

// Progress says how far an import has come.
type Progress struct {
	Phase Phase `json:"phase"`
	// Records counts the drafts that were read in this phase, and Of how many
	// there are; 0 while that is not known.
	Records int64 `json:"records"`
	Of      int64 `json:"of"`
	// Bytes counts what was read of the files in this phase, as they lie on
	// the disk, and OfBytes how many there are. While Sweeping and Recalling nothing
	// is read, and Records are claims.
	Bytes   int64 `json:"bytes"`
	OfBytes int64 `json:"ofBytes"`
}

// Phase is a passage over all files.
type Phase int

// The phases of an import, in order.
const (
	// Verifying reads everything and writes nothing.
	Verifying Phase = iota + 1
	// Writing writes all but what names entities that are not there yet.
	Writing
	// Completing writes the rest, and makes entities of hints.
	Completing
	// Settling writes what only names entities that were made of hints of
	// others, and drops what is still without an end.
	Settling
	// Comparing reads what the files, an issue of a data set, say.
	Comparing
	// Sweeping takes back what earlier issues said, of all claims of the graph.
	// Where that is interrupted, it begins with Comparing.
	Sweeping
	// Recalling comes before Verifying where files go on from what their data set
	// has said: it finds that among all claims of the graph, which are counted as
	// while Sweeping.
	Recalling
)

// phaseNames are words for lines of progress and journals.
var phaseNames = []string{"", "verifying", "writing", "completing", "settling", "comparing", "sweeping", "recalling"}

// String returns a word for the phase.
func (p Phase) String() string { return phaseNames[p] }

// MarshalText returns the word for the phase.
func (p Phase) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// UnmarshalText reads what MarshalText returns.
func (p *Phase) UnmarshalText(text []byte) error {
	n := slices.Index(phaseNames, string(text))
	if n < 0 {
		return fmt.Errorf("there is no phase %.20q of an import", text)
	}
	*p = Phase(n)
	return nil
}

// Step is one batch of an import.
type Step struct {
	Phase Phase `json:"phase"`
	// Done is the ordinal behind the last draft of the batch.
	Done int64 `json:"done"`
	// Deferred are the ordinals of the batch's drafts that were left to the
	// next phase, in order.
	Deferred []int64 `json:"deferred,omitempty"`
	// Recorded is set in the first step, which is no batch: what was decided. Since
	// is the newest change of the graph before the import, where the files of a data
	// set go on from what stood then.
	Recorded Recorded    `json:"recorded,omitempty"`
	Since    kg.Revision `json:"since,omitempty"`
	// Report, where it is set, says that all up to the end of the batch is
	// durable, and what came of it.
	Report *Report `json:"report,omitempty"`
}

// Bounds of a batch. They depend on what is read alone, so that an import that
// was interrupted makes the same batches when it goes on.
const (
	// batchWeight bounds a batch, in claims that its drafts may become.
	batchWeight = 6000
	// writeClaims bounds the claims of one write, so that it and the facts
	// that follow from it fit into a kg.Batch.
	writeClaims = kg.MaxBatch / 3
	// syncEvery is how many batches are written before the disk is waited for.
	syncEvery = 16
	// aheadWeight bounds what is read ahead at a time.
	aheadWeight = 1000
)

// Run imports the files. It reads all of them before it writes anything, so that
// a file that is broken as a whole costs nothing: the error is then a *Broken, or
// what reading failed with. Records that cannot be used are dropped, and the
// report says which.
//
// An import that ends early, by an error or by ctx, leaves a graph that is
// consistent and holds a beginning of the files; running it again adds what is
// missing, with Resume from where it had come to. The report then covers what was
// done.
func (i *Import) Run(ctx context.Context) (Report, error) {
	l := &loading{Import: i, began: time.Now(), hinted: make(map[uint64]struct{}), seed: maphash.MakeSeed()}
	err := l.run(ctx)
	l.report.Took += time.Since(l.began)
	return l.report, err
}

// loading is an import on its way.
type loading struct {
	*Import
	began  time.Time
	report Report
	// total counts the drafts of all files.
	total int64
	phase Phase
	// repeat are the steps that were noted behind the last that is known to be
	// durable: their batches are made again, with the same decisions.
	repeat []Step
	// unsynced counts batches since the disk was waited for.
	unsynced int
	// left are the ordinals left to the next phase.
	left []int64
	// first is the first moment that the files name, moment the newest that
	// has been read.
	first, moment time.Time
	// bytes counts what was read of the files in this phase.
	bytes atomic.Int64
	// settled says who is not to be joined.
	settled settled
	// since is Step.Since, and follow begins a passage over files that go on from
	// what stood then; nil where they do not.
	since  kg.Revision
	follow func() func(Input) iter.Seq2[Draft, error]
	// hinted are the hashes of the ids of which some draft tells something, where
	// the format wants to know.
	hinted map[uint64]struct{}
	seed   maphash.Seed
}

func (l *loading) run(ctx context.Context) error {
	if err := l.Format.CheckDataset(l.Dataset, l.Complete); err != nil {
		return err
	}
	if err := l.recall(ctx); err != nil {
		return err
	}
	if err := l.verify(ctx); err != nil || l.DryRun {
		return err
	}
	done, about := l.pickUp()
	if err := l.chooseClock(ctx); err != nil {
		return err
	}
	if len(l.Resume) == 0 {
		if err := l.note(Step{Phase: Writing, Recorded: l.report.Recorded, Since: l.since}); err != nil {
			return err
		}
	}
	if l.phase < Comparing {
		if err := l.Graph.Prepare(ctx, l.total-done); err != nil {
			return err
		}
	}
	for l.phase < Comparing {
		if err := l.pass(ctx, done, about); err != nil {
			return err
		}
		if l.phase == Settling || len(l.left) == 0 {
			break
		}
		l.phase, done, about, l.left = l.phase+1, 0, l.left, nil
	}
	if !l.compares() {
		return nil
	}
	return l.compare(ctx)
}

// pickUp finds where to go on: behind which draft of the phase, and, where the
// phase is not about all drafts, about which it is.
func (l *loading) pickUp() (done int64, about []int64) {
	l.phase = Writing
	durable := 0
	for n, s := range l.Resume {
		if s.Report != nil {
			durable = n + 1
		}
	}
	for _, s := range l.Resume[:durable] {
		if s.Phase != l.phase {
			l.phase, about, l.left = s.Phase, l.left, nil
		}
		done = s.Done
		l.left = append(l.left, s.Deferred...)
		if s.Report != nil {
			l.report = *s.Report
		}
	}
	l.repeat = l.Resume[durable:]
	return done, about
}

// chooseClock decides under which moments things are recorded, unless that was
// decided before the import was interrupted.
func (l *loading) chooseClock(ctx context.Context) error {
	if len(l.Resume) > 0 {
		l.report.Recorded = cmp.Or(l.report.Recorded, l.Resume[0].Recorded)
	}
	if l.report.Recorded != RecordedAuto {
		return nil
	}
	l.report.Recorded = RecordedNow
	if l.first.IsZero() || l.Recorded == RecordedNow {
		return nil
	}
	newest, _, err := l.Graph.Clock(ctx)
	if err != nil {
		return fmt.Errorf("ingest: ask the graph for its clock: %w", err)
	}
	switch {
	case !l.first.Before(newest):
		l.report.Recorded = RecordedSource
	case l.Recorded == RecordedSource:
		return kg.Invalidf("", "the files begin on %s, and the graph has changed on %s: what was known by then would change; import them into an empty folder, or record them as of now",
			l.first.Format(time.DateOnly), newest.Format(time.DateOnly))
	}
	return nil
}

// turnClock sets under which moment a batch is recorded: that of the source, but
// neither in the future nor before what has been recorded. It reports whether that is
// another than was set.
func (l *loading) turnClock(ctx context.Context, b *batch) (turned bool, err error) {
	if l.report.Recorded != RecordedSource || l.moment.IsZero() {
		return false, nil
	}
	newest, now, err := l.Graph.Clock(ctx)
	if err != nil {
		return false, fmt.Errorf("ingest: ask the graph for its clock: %w", err)
	}
	at := l.moment
	if at.After(now) {
		at = now
	}
	if at.Before(newest) {
		at = newest
	}
	if !at.Equal(l.moment) && (b.out.At.IsZero() || b.out.At.Equal(l.moment)) {
		l.report.Shifted += len(b.out.Claims)
	}
	turned = !at.Equal(b.out.At)
	b.out.At = at
	return turned, nil
}

// verify reads all files.
func (l *loading) verify(ctx context.Context) error {
	trial := newTrial(l.Import)
	if l.DryRun {
		for it, err := range l.read(ctx, Verifying) {
			if _, ok := errors.AsType[*Problem](err); err != nil && !ok {
				return err
			}
			if err == nil {
				trial.learn(it.draft)
			}
		}
	}
	for it, err := range l.read(ctx, Verifying) {
		if p, ok := errors.AsType[*Problem](err); ok {
			trial.report.Dropped.add(p)
			continue
		}
		if err != nil {
			return err
		}
		if m, ok := it.draft.(*Moment); ok && (l.first.IsZero() || m.Time.Before(l.first)) {
			l.first = m.Time
		}
		if s, ok := it.draft.(*Source); ok {
			if err := l.checkOrder(ctx, s); err != nil {
				return err
			}
		}
		l.settled.learn(it.draft)
		l.learnHints(it.draft)
		l.total = it.ordinal + 1
		if l.DryRun {
			if err := trial.add(ctx, it.draft); err != nil {
				return err
			}
		}
	}
	if l.DryRun {
		err := trial.flush(ctx)
		l.report = trial.report
		if !l.compares() || l.Graph == nil || err != nil {
			return err
		}
		return l.compare(ctx)
	}
	return nil
}

// learnHints notes of whom a draft tells something, so that it is known of a thing
// whether something names it.
func (l *loading) learnHints(d Draft) {
	if !l.Format.Naming {
		return
	}
	for _, n := range d.needs() {
		if n.hint != nil && n.entity != "" {
			l.hinted[maphash.String(l.seed, string(n.entity))] = struct{}{}
		}
	}
}

// isHinted reports that some draft tells something of an entity.
func (l *loading) isHinted(entity kg.ID) bool {
	_, ok := l.hinted[maphash.String(l.seed, string(entity))]
	return ok
}

// item is a draft and its number among all drafts, counted from 0. A problem has
// the number of the draft that comes next.
type item struct {
	ordinal int64
	draft   Draft
	err     error
}

// read yields all drafts of all files, numbered, and the problems of reading. It
// reads ahead, so that reading and writing take place side by side.
func (l *loading) read(ctx context.Context, phase Phase) iter.Seq2[item, error] {
	return func(yield func(item, error) bool) {
		ctx, stop := context.WithCancel(ctx)
		size := int64(0)
		for _, file := range l.Files {
			size += file.Size
		}
		chunks := make(chan []item, 4)
		go func() {
			defer close(chunks)
			l.readAhead(ctx, chunks)
		}()
		defer func() {
			stop()
			for range chunks { // until the reader has ended
			}
		}()
		for chunk := range chunks {
			last := int64(0)
			for _, it := range chunk {
				if !yield(it, it.err) {
					return
				}
				last = it.ordinal
			}
			if l.Progress != nil {
				l.Progress(Progress{phase, last, l.total, l.bytes.Load(), size})
			}
		}
		if err := ctx.Err(); err != nil {
			yield(item{}, err)
		}
	}
}

// readAhead sends what stands in the files, up to the first error that ends it.
func (l *loading) readAhead(ctx context.Context, chunks chan<- []item) {
	var chunk []item
	weight := 0
	send := func() bool {
		select {
		case chunks <- chunk:
			chunk, weight = nil, 0
			return true
		case <-ctx.Done():
			return false
		}
	}
	ordinal := int64(0)
	l.bytes.Store(0)
	read := l.Format.Read
	if l.follow != nil {
		read = l.follow()
	}
	for _, file := range l.Files {
		before := ordinal
		var first *Problem
		for d, err := range l.readFile(ctx, file, read) {
			chunk = append(chunk, item{ordinal, d, err})
			weight++
			p, isProblem := errors.AsType[*Problem](err)
			switch {
			case err == nil:
				ordinal++
				weight += weightOf(d)
			case !isProblem:
				send()
				return
			case first == nil:
				first = p
			}
			if weight >= aheadWeight && !send() {
				return
			}
		}
		if first != nil && ordinal == before && ctx.Err() == nil {
			chunk = append(chunk, item{err: Brokenf(first.At, "nothing in the file can be read as %s; the first record because: %s", l.Format.Name, first.Reason)})
			break
		}
	}
	send()
}

// readFile yields the drafts of one file.
func (l *loading) readFile(ctx context.Context, f File, read func(Input) iter.Seq2[Draft, error]) iter.Seq2[Draft, error] {
	return func(yield func(Draft, error) bool) {
		r, err := f.Open(ctx)
		if err != nil {
			yield(nil, err)
			return
		}
		defer r.Close()
		before := l.bytes.Load()
		packed, counts := r.(interface{ Packed() int64 })
		for d, err := range read(Input{f.Name, l.Dataset, r}) {
			if counts {
				l.bytes.Store(before + packed.Packed())
			}
			if ctx.Err() != nil || !yield(d, err) {
				return
			}
		}
		l.bytes.Store(before + f.Size)
	}
}

// weightOf estimates how many claims a draft becomes.
func weightOf(d Draft) int {
	switch d := d.(type) {
	case *Entity:
		n := max(1, len(d.Cites))
		for _, name := range d.Names {
			n += max(1, len(own(name.Cites, d.Cites)))
		}
		for _, i := range d.Identifiers {
			n += max(1, len(own(i.Cites, d.Cites)))
		}
		return n
	case *Naming:
		return max(1, len(d.Names))
	case *Retraction:
		return weightOf(d.Draft)
	case *Claims:
		return len(d.Claims)
	case *Relation:
		n := max(1, len(d.Cites))
		if strings.EqualFold(d.Type.Value, "acquired") {
			n *= 2 // a deal opens an ownership
		}
		return n
	case *Figure:
		return max(1, len(d.Cites))
	}
	return 1
}

// pass writes the drafts of one phase: all from the ordinal done on, or where the
// phase is about some of them, those.
func (l *loading) pass(ctx context.Context, done int64, about []int64) error {
	var batch []item
	weight := 0
	for it, err := range l.read(ctx, l.phase) {
		if p, ok := errors.AsType[*Problem](err); ok {
			if l.phase == Writing && it.ordinal >= done {
				l.report.Dropped.add(p)
			}
			continue
		}
		if err != nil {
			return err
		}
		if m, ok := it.draft.(*Moment); ok && l.report.Recorded == RecordedSource {
			if len(batch) > 0 {
				if err := l.step(ctx, batch, it.ordinal, false); err != nil {
					return err
				}
				batch, weight = nil, 0
			}
			l.moment = m.Time
			continue
		}
		if it.ordinal < done {
			continue
		}
		if l.phase > Writing {
			n, found := slices.BinarySearch(about, it.ordinal)
			about = about[n:]
			if !found {
				continue
			}
		}
		batch = append(batch, it)
		if weight += weightOf(it.draft); weight >= cmp.Or(l.weight, batchWeight) {
			if err := l.step(ctx, batch, it.ordinal+1, l.unsynced+1 == syncEvery); err != nil {
				return err
			}
			batch, weight = nil, 0
		}
	}
	return l.step(ctx, batch, l.total, true)
}

// step writes a batch, behind which comes the draft with the ordinal done.
func (l *loading) step(ctx context.Context, batch []item, done int64, sync bool) error {
	drafts := make([]Draft, len(batch))
	for n, it := range batch {
		drafts[n] = it.draft
		if l.phase == Writing {
			l.report.count(it.draft)
		}
	}
	x, err := newIndex(ctx, l.Graph, drafts)
	if err != nil {
		return err
	}
	s, decided := l.repeated(done)
	if !decided {
		s = Step{Phase: l.phase, Done: done}
		for _, it := range batch {
			if l.mustWait(x, it.draft) {
				s.Deferred = append(s.Deferred, it.ordinal)
			}
		}
		if err := l.note(s); err != nil {
			return err
		}
	}
	ready := make([]Draft, 0, len(batch))
	later := s.Deferred
	for _, it := range batch {
		if len(later) > 0 && later[0] == it.ordinal {
			later = later[1:]
			continue
		}
		for _, made := range fromHints(it.draft, x) { // while writing, only those that are sure
			made.declare(&x)
			ready = append(ready, made)
			l.report.Made++
		}
		ready = append(ready, it.draft)
	}
	l.left = append(l.left, s.Deferred...)
	if err := l.write(ctx, x, describersFirst(ready)); err != nil {
		return err
	}
	l.unsynced++
	if !sync {
		return nil
	}
	return l.noteDurable(ctx, done)
}

// noteDurable waits until all up to the draft with the ordinal done is durable, and
// notes what has come of it.
func (l *loading) noteDurable(ctx context.Context, done int64) error {
	if l.DryRun {
		return nil
	}
	l.unsynced = 0
	if err := l.Graph.Sync(ctx); err != nil {
		return fmt.Errorf("ingest: write to the graph: %w", err)
	}
	so := l.report
	so.Dropped = so.Dropped.clone()
	so.Took += time.Since(l.began)
	return l.note(Step{Phase: l.phase, Done: done, Report: &so})
}

// repeated returns the step that ended at the draft when the import was
// interrupted behind it.
func (l *loading) repeated(done int64) (Step, bool) {
	for len(l.repeat) > 0 {
		s := l.repeat[0]
		if s.Phase > l.phase || s.Phase == l.phase && s.Done > done {
			break
		}
		l.repeat = l.repeat[1:]
		if s.Phase == l.phase && s.Done == done {
			return s, true
		}
	}
	return Step{}, false
}

func (l *loading) note(s Step) error {
	if l.Note == nil {
		return nil
	}
	if err := l.Note(s); err != nil {
		return fmt.Errorf("ingest: keep how far the import has come: %w", err)
	}
	return nil
}

// mustWait reports that a draft is left to the next phase: it names an entity
// that is not there, and that may still come.
func (l *loading) mustWait(x index, d Draft) bool {
	if l.phase == Settling {
		return false
	}
	if n, ok := d.(*Naming); ok && !l.isHinted(id(n.Of)) {
		return false // nothing that is still to come names it
	}
	for _, n := range d.needs() {
		if n.entity == "" {
			continue
		}
		if _, ok := x.entities[n.entity]; !ok && (n.hint == nil || l.phase == Writing && !n.hint.Sure) {
			return true
		}
	}
	return false
}

// fromHints returns the entities that a draft needs, that are not there, and of
// which it tells something.
func fromHints(d Draft, x index) []Draft {
	var made []Draft
	for _, n := range d.needs() {
		if n.hint == nil || n.entity == "" {
			continue
		}
		if _, ok := x.entities[n.entity]; ok {
			continue
		}
		at, cites := citing(d)
		name := n.hint.Name
		if name.Value == "" {
			name.Value = string(n.entity)
		}
		made = append(made, &Entity{
			At: at, ID: at.Text(string(n.entity)), Kind: n.hint.Kind, Cites: cites, Identifiers: n.hint.Identifiers,
			Names: []Name{{Text: name, Kind: at.Text("alias")}},
		})
	}
	return made
}

// citing returns where a draft with hints stands, and what vouches for it.
func citing(d Draft) (Position, []Citation) {
	switch d := d.(type) {
	case *Relation:
		return d.At, d.Cites
	case *Figure:
		return d.At, d.Cites
	case *Absence:
		return d.At, d.Cites
	}
	return Position{}, nil
}
