package torture

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// write is one write of a history: what was sent, and what became of it.
type write struct {
	// key is the write's idempotency key. Every claim that it makes cites it,
	// and every retraction gives it as the reason.
	key string
	// field is the mutation, body the whole request.
	field string
	body  []byte
	// traces are how many entries the write leaves in the histories of entities.
	traces map[string]int
	// adds is how many records of each kind it makes, or takes away.
	adds map[string]int
	// move is what it moves between accounts, if it does.
	move *move

	// sent and told are when it was sent for the first time and answered, since
	// the history began. told is 0 as long as no answer has come.
	sent, told time.Duration
	// revision and claims are those of the answer.
	revision int
	claims   []string
}

// history is all writes of a run, apart from those that were refused. It is safe
// for concurrent use.
type history struct {
	began time.Time

	mu     sync.Mutex
	open   map[*write]bool
	told   []*write
	newest int // revision that was acknowledged
}

func newHistory() *history {
	return &history{began: time.Now(), open: make(map[*write]bool)}
}

// begin notes that a write is about to be sent.
func (h *history) begin(w *write) {
	h.mu.Lock()
	defer h.mu.Unlock()
	w.sent = time.Since(h.began)
	h.open[w] = true
}

// acknowledge notes the answer to a write.
func (h *history) acknowledge(w *write, revision int, claims []string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	w.told, w.revision, w.claims = time.Since(h.began), revision, claims
	delete(h.open, w)
	h.told = append(h.told, w)
	h.newest = max(h.newest, revision)
}

// refuse notes that a write was refused, so that nothing of it may be found.
func (h *history) refuse(w *write) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.open, w)
}

// unanswered returns the writes of which it is not known whether they were done.
func (h *history) unanswered() []*write {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.SortedFunc(maps.Keys(h.open), func(a, b *write) int { return strings.Compare(a.key, b.key) })
}

// acknowledged returns the writes that were, in the order of their answers.
func (h *history) acknowledged() []*write {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.told)
}

// floor returns the newest revision that anyone has been told of.
func (h *history) floor() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.newest
}

// judgement counts what contradicts the promises, and says what it was.
type judgement struct {
	lost, torn, rows, order int
	said                    []string
}

// wrong notes a contradiction under one of the counts.
func (j *judgement) wrong(count *int, format string, args ...any) {
	*count++
	j.said = append(j.said, fmt.Sprintf(format, args...))
}

// add joins what two judges have found.
func (j *judgement) add(other judgement) {
	j.lost, j.torn, j.rows, j.order = j.lost+other.lost, j.torn+other.torn, j.rows+other.rows, j.order+other.order
	j.said = append(j.said, other.said...)
}

// report fails the test if anything was wrong.
func (j *judgement) report(t testing.TB) {
	t.Helper()
	for i, word := range j.said {
		if i == 20 {
			t.Errorf("and %d more", len(j.said)-i)
			break
		}
		t.Error(word)
	}
}

// judge holds a history without open writes against the newest revision of the
// store: every revision after the base belongs to exactly one write, and they
// have the order of time.
func judge(writes []*write, base, newest int) (j judgement) {
	owners := make(map[int]*write, len(writes))
	for _, w := range writes {
		switch other := owners[w.revision]; {
		case w.revision <= base || w.revision > newest:
			j.wrong(&j.lost, "%s was acknowledged as revision %d, and the store has %d to %d", w.key, w.revision, base+1, newest)
		case other != nil:
			j.wrong(&j.torn, "%s and %s were both acknowledged as revision %d", other.key, w.key, w.revision)
		default:
			owners[w.revision] = w
		}
	}
	for r := base + 1; r <= newest; r++ {
		if owners[r] == nil {
			j.wrong(&j.rows, "nobody has written revision %d", r)
		}
	}
	// From the newest down: nothing may have been acknowledged before an older
	// one was sent.
	byRevision := slices.SortedFunc(slices.Values(writes), func(a, b *write) int { return cmp.Compare(b.revision, a.revision) })
	var first *write // to be answered of all that are newer
	for _, w := range byRevision {
		if first != nil && first.told < w.sent {
			j.wrong(&j.order, "%s was acknowledged as revision %d before %s was sent, which became %d", first.key, first.revision, w.key, w.revision)
		}
		if first == nil || w.told < first.told {
			first = w
		}
	}
	return j
}

// expected returns how many records of each kind there must be: those of the
// beginning and those of the writes.
func expected(base map[string]int, writes []*write) map[string]int {
	counts := maps.Clone(base)
	for _, w := range writes {
		for kind, n := range w.adds {
			counts[kind] += n
		}
		counts["receipt"]++
	}
	counts["redirect"] += idle(writes)
	maps.DeleteFunc(counts, func(_ string, n int) bool { return n == 0 })
	return counts
}

// entry is one line of the history of an entity, as the program tells it.
type entry struct {
	Revision int
	Reason   *string
	Claim    struct{ Citation struct{ Locator string } }
}

// by reports that the entry was made by the write.
func (e entry) by(w *write) bool {
	return e.Reason != nil && *e.Reason == w.key || e.Reason == nil && e.Claim.Citation.Locator == w.key
}

// judgeTraces compares what a write must leave in histories with what is there.
// It returns whether the write was done at all, and at which revision.
func judgeTraces(w *write, found map[string][]entry) (done bool, revision int, j judgement) {
	var there, wanted int
	for id, want := range w.traces {
		wanted += want
		for _, e := range found[id] {
			if !e.by(w) {
				continue
			}
			there++
			if revision != 0 && e.Revision != revision {
				j.wrong(&j.torn, "%s is in revision %d and in %d", w.key, revision, e.Revision)
			}
			revision = e.Revision
		}
	}
	if there != 0 && there != wanted {
		j.wrong(&j.torn, "%d of %d parts of %s are there", there, wanted, w.key)
	}
	if w.told != 0 && there == 0 {
		j.wrong(&j.lost, "%s was acknowledged, and nothing of it is there", w.key)
	}
	if w.told != 0 && there > 0 && revision != w.revision {
		j.wrong(&j.torn, "%s was acknowledged as revision %d and is in %d", w.key, w.revision, revision)
	}
	return there > 0, revision, j
}

// TestJudge breaks every rule by which histories are judged.
func TestJudge(t *testing.T) {
	good := func() []*write {
		return []*write{
			{key: "a", sent: 1, told: 3, revision: 11},
			{key: "b", sent: 2, told: 6, revision: 13},
			{key: "c", sent: 4, told: 5, revision: 12},
		}
	}
	for name, c := range map[string]struct {
		ruin   func([]*write) []*write
		newest int
		want   judgement
	}{
		"nothing":                {func(w []*write) []*write { return w }, 13, judgement{}},
		"an acknowledged write":  {func(w []*write) []*write { return w }, 12, judgement{lost: 1}},
		"one done twice":         {func(w []*write) []*write { w[1].revision = 12; return w }, 12, judgement{torn: 1}},
		"a revision of nobody's": {func(w []*write) []*write { return w }, 14, judgement{rows: 1}},
		"a write unknown":        {func(w []*write) []*write { return w[1:] }, 13, judgement{rows: 1}},
		"the order of time":      {func(w []*write) []*write { w[0].revision, w[2].revision = 12, 11; return w }, 13, judgement{order: 1}},
	} {
		t.Run(name, func(t *testing.T) {
			got := judge(c.ruin(good()), 10, c.newest)
			if got.lost != c.want.lost || got.torn != c.want.torn || got.rows != c.want.rows || got.order != c.want.order {
				t.Errorf("found %+v, want %+v", got, c.want)
			}
		})
	}
}

// TestJudgeTraces takes parts of a write away, and moves them.
func TestJudgeTraces(t *testing.T) {
	reason := "k"
	line := func(revision int) entry {
		e := entry{Revision: revision}
		e.Claim.Citation.Locator = "k"
		return e
	}
	gone := func(revision int) entry { return entry{Revision: revision, Reason: &reason} }
	other := entry{Revision: 1}
	for name, c := range map[string]struct {
		told  time.Duration
		found map[string][]entry
		done  bool
		want  judgement
	}{
		"whole":               {1, map[string][]entry{"x": {other, line(7), line(7)}, "y": {gone(7)}}, true, judgement{}},
		"absent":              {0, map[string][]entry{"x": {other}}, false, judgement{}},
		"lost":                {1, map[string][]entry{"x": {other}}, false, judgement{lost: 1}},
		"half there":          {0, map[string][]entry{"x": {line(7), line(7)}}, true, judgement{torn: 1}},
		"a row missing":       {1, map[string][]entry{"x": {line(7)}, "y": {gone(7)}}, true, judgement{torn: 1}},
		"in two revisions":    {1, map[string][]entry{"x": {line(6), line(7)}, "y": {gone(7)}}, true, judgement{torn: 2}},
		"in another revision": {1, map[string][]entry{"x": {line(8), line(8)}, "y": {gone(8)}}, true, judgement{torn: 1}},
	} {
		t.Run(name, func(t *testing.T) {
			w := &write{key: "k", traces: map[string]int{"x": 2, "y": 1}, told: c.told, revision: 7}
			done, _, got := judgeTraces(w, c.found)
			// In which of two revisions it is depends on where one looks first.
			if done != c.done || got.lost != c.want.lost || (got.torn > 0) != (c.want.torn > 0) {
				t.Errorf("done %t, found %+v; want %t and %+v", done, got, c.done, c.want)
			}
		})
	}
}
