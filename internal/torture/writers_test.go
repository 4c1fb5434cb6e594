package torture

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// citing is the citation of everything that a write claims.
func citing(key string) vars { return vars{"source": "doc", "locator": key} }

// newWrite makes a write of an input, to which the key is added.
func newWrite(key, field string, input vars) *write {
	input["key"] = key
	kind := strings.ToUpper(field[:1]) + field[1:] + "Input!"
	query := fmt.Sprintf(`mutation($in: %s) { %s(input: $in) { write { revision replayed claims { id } } } }`, kind, field)
	return &write{key: key, field: field, body: encode(query, vars{"in": input}), adds: make(map[string]int), traces: make(map[string]int)}
}

// reply is what a write answers.
type reply struct {
	Revision int
	Replayed bool
	Claims   []struct{ ID string }
}

// send sends a write, for the first time or again.
func (c *client) send(ctx context.Context, w *write) (reply, error) {
	var data map[string]struct{ Write reply }
	err := c.post(ctx, w.body, &data)
	return data[w.field].Write, err
}

func (r reply) claims() []string {
	ids := make([]string, len(r.Claims))
	for i, c := range r.Claims {
		ids[i] = c.ID
	}
	return ids
}

// author makes up writes about companies of its own, so that two authors never
// mean the same thing. What it writes depends on its chance and on what has been
// acknowledged, and not on time.
type author struct {
	*rand.Rand
	number, size int // of the author, and of the companies in the folder
	made         int
	own          []string
	// standing are claims that can be taken back.
	standing []standing
	pairs    map[[2]string]bool
}

// standing is a claim of an author's that can be taken back.
type standing struct {
	id, kind string
	about    map[string]int
}

func newAuthor(seed uint64, number, size int) *author {
	return &author{Rand: chance(seed, "author", number), number: number, size: size, pairs: make(map[[2]string]bool)}
}

func (a *author) next() string {
	a.made++
	return fmt.Sprintf("w%dn%d", a.number, a.made) // names are found without regard to signs
}

// compose returns the author's next write. What it retracts is forgotten, and
// what can be retracted of it is learned when it is acknowledged.
func (a *author) compose() *write {
	key := a.next()
	switch draw := a.IntN(100); {
	case len(a.own) < 3 || draw < 30:
		w := newWrite(key, "putEntity", vars{"entity": a.entity(key, key)})
		a.entityAdds(w, key)
		a.own = append(a.own, key)
		return w
	case draw < 55:
		from := a.owned()
		relation := a.relation(key, from)
		w := newWrite(key, "putRelation", vars{"relation": relation})
		relationAdds(w, relation)
		return w
	case draw < 80:
		about := a.owned()
		w := newWrite(key, "putObservation", vars{"observation": a.figure(key, about)})
		w.traces[about], w.adds["claim"], w.adds["observation"] = 1, 1, 1
		return w
	case draw < 90 && len(a.standing) > 0:
		at := a.IntN(len(a.standing))
		gone := a.standing[at]
		a.standing = slices.Delete(a.standing, at, at+1)
		w := newWrite(key, "retract", vars{"retractions": []any{vars{"id": gone.id, "reason": key}}})
		takes(w, gone)
		return w
	default:
		return a.batch(key)
	}
}

// takes notes what taking back a claim leaves.
func takes(w *write, gone standing) {
	for id, n := range gone.about {
		w.traces[id] += n
	}
	w.adds[gone.kind]--
	w.adds["redirect"]++
}

// batch composes a write of many things: new companies, relations among them and
// with others, figures, and what is taken back. One in ten is large.
func (a *author) batch(key string) *write {
	n := 2 + a.IntN(8)
	if a.IntN(10) == 0 {
		n = 60 + a.IntN(60)
	}
	var entities, relations, observations, retractions []any
	w := newWrite(key, "write", vars{})
	for i := range n {
		id := fmt.Sprintf("%se%d", key, i)
		entities = append(entities, a.entity(id, key))
		a.entityAdds(w, id)
		relation := a.relation(key, id)
		relations = append(relations, relation)
		relationAdds(w, relation)
		observations = append(observations, a.figure(key, id))
		w.traces[id]++
		w.adds["claim"]++
		w.adds["observation"]++
		if i < 3 {
			a.own = append(a.own, id)
		}
	}
	for range min(len(a.standing), a.IntN(4)) {
		gone := a.standing[len(a.standing)-1]
		a.standing = a.standing[:len(a.standing)-1]
		retractions = append(retractions, vars{"id": gone.id, "reason": key})
		takes(w, gone)
	}
	body := newWrite(key, "write", vars{"entities": entities, "relations": relations, "observations": observations, "retractions": retractions})
	w.body = body.body
	return w
}

func (a *author) owned() string { return a.own[a.IntN(len(a.own))] }

// entity has two names and an identifier, so four claims.
func (a *author) entity(id, key string) vars {
	return vars{
		"id": id, "kind": "COMPANY", "citation": citing(key),
		"names":       []any{vars{"text": nameOf(id)}, vars{"text": invent(a.Rand) + " " + id, "lang": "en"}},
		"identifiers": []any{vars{"scheme": "torture", "value": id}},
	}
}

func (a *author) entityAdds(w *write, id string) {
	w.traces[id] += 4
	w.adds["entity"]++
	w.adds["claim"] += 4
}

// relationAdds notes that a claim about a relation is in the histories of both ends.
func relationAdds(w *write, relation vars) {
	w.traces[relation["from"].(string)]++
	w.traces[relation["to"].(string)]++
	w.adds["claim"]++
	w.adds["relation"]++
}

// nameOf returns the preferred name of a company of an author's.
func nameOf(id string) string { return "Works " + id + " Company" }

// relation never says of two companies what has been said of them before, so
// that each is a relation of its own.
func (a *author) relation(key, from string) vars {
	for {
		to := company(a.IntN(a.size))
		if a.IntN(3) == 0 && len(a.own) > 0 {
			to = a.owned()
		}
		if to == from || a.pairs[[2]string{from, to}] || a.pairs[[2]string{to, from}] {
			continue
		}
		a.pairs[[2]string{from, to}] = true
		r := vars{"from": from, "to": to, "citation": citing(key), "start": fmt.Sprintf("%d-%02d", 1990+a.IntN(30), 1+a.IntN(12))}
		switch a.IntN(4) {
		case 0:
			r["type"], r["stake"] = "OWNS", vars{"exact": 0.01}
		case 1:
			r["type"] = "SUPPLIES"
		case 2:
			r["type"] = "CUSTOMER_OF"
		default:
			r["type"] = "PARTNERS_WITH"
		}
		return r
	}
}

// figure speaks of a day of its own, so that no two can contradict each other.
func (a *author) figure(key, about string) vars {
	a.made++
	day := time.Date(1900, 1, 1, 0, 0, 0, 0, time.UTC).AddDate(0, 0, a.made)
	return vars{"subject": about, "metric": "staff", "value": 1 + a.IntN(9999), "period": day.Format(time.DateOnly), "citation": citing(key)}
}

// learn takes note of what an acknowledged write has left that can be taken back.
func (a *author) learn(w *write) {
	var kind string
	switch w.field {
	case "putRelation":
		kind = "relation"
	case "putObservation":
		kind = "observation"
	default:
		return
	}
	a.standing = append(a.standing, standing{w.claims[0], kind, w.traces})
}

// crowd is several authors and bankers who write at the same time, and readers.
type crowd struct {
	h       *history
	authors []*author
	bankers []*rand.Rand
	readers int
	// conflicts and reads count what happened besides writes.
	conflicts, reads atomic.Int64
}

func newCrowd(h *history, seed uint64, size int) *crowd {
	c := &crowd{h: h, readers: 2}
	for i := range 5 {
		c.authors = append(c.authors, newAuthor(seed, i, size))
	}
	for i := range 3 {
		c.bankers = append(c.bankers, chance(seed, "banker", i))
	}
	return c
}

// found opens the bank and describes what will be cited.
func (c *crowd) found(ctx context.Context, to *client) error {
	var entities, observations []any
	for i := range accounts {
		entities = append(entities, vars{"id": account(i), "kind": "COMPANY", "names": []any{vars{"text": "Account " + account(i)}}, "citation": citing("opening")})
		observations = append(observations, vars{"subject": account(i), "metric": bankMetric, "value": opening, "citation": citing("opening")})
	}
	_, err := to.send(ctx, newWrite("opening", "write", vars{
		"sources": []any{vars{"id": "doc", "title": "What was written to be found again"}},
		"metrics": []any{
			vars{"name": bankMetric, "definition": "What an account holds.", "unit": "count"},
			vars{"name": "staff", "definition": "Who works there.", "unit": "people"},
		},
		"entities": entities, "observations": observations,
	}))
	return err
}

// work lets all write and read until ctx is done or the server is gone. A write
// that gets no answer stays open in the history. What a reader sees that no
// revision may hold is an error, and so is a refusal that nothing explains.
func (c *crowd) work(ctx context.Context, to *client) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	// What has been sent is waited for: a server that lives may go on with it.
	sending := context.WithoutCancel(ctx)
	var wg sync.WaitGroup
	run := func(turn func() error) {
		wg.Go(func() {
			for ctx.Err() == nil {
				if err := turn(); err != nil {
					// Without an answer the server is gone, and so is the crowd.
					if explained(err) {
						err = nil
					}
					cancel(err)
				}
			}
		})
	}
	for _, a := range c.authors {
		run(func() error {
			w := a.compose()
			if err := c.try(sending, to, w); err != nil {
				return err
			}
			a.learn(w)
			return nil
		})
	}
	for number, r := range c.bankers {
		made := 0
		run(func() error {
			b, err := to.bank(sending)
			if err != nil {
				return err
			}
			made++
			w := transfer(r, fmt.Sprintf("m%d-%d-%d", number, b.revision, made), b)
			err = c.try(sending, to, w)
			if refused(err, "CONFLICT") {
				c.conflicts.Add(1)
				return nil
			}
			return err
		})
	}
	for range c.readers {
		run(func() error {
			floor := c.h.floor()
			b, err := to.bank(sending)
			if err != nil {
				return err
			}
			if b.revision < floor {
				return fmt.Errorf("%w: revision %d was read after %d had been acknowledged", errTorn, b.revision, floor)
			}
			c.reads.Add(1)
			select {
			case <-time.After(20 * time.Millisecond): // readers leave the machine to writers
			case <-ctx.Done():
			}
			return nil
		})
	}
	wg.Wait()
	if cause := context.Cause(ctx); !errors.Is(cause, context.Canceled) && !errors.Is(cause, context.DeadlineExceeded) {
		return cause
	}
	return nil
}

// explained reports that an error is what a client meets when the server ends.
func explained(err error) bool {
	if _, ok := errors.AsType[*refusal](err); ok {
		return refused(err, "UNAVAILABLE")
	}
	return !errors.Is(err, errTorn)
}

// try sends a new write and takes its outcome into the history. An answer that
// does not say whether the write was done leaves it open.
func (c *crowd) try(ctx context.Context, to *client, w *write) error {
	c.h.begin(w)
	answer, err := to.send(ctx, w)
	switch _, said := errors.AsType[*refusal](err); {
	case err == nil && answer.Replayed:
		return fmt.Errorf("%w: %s is answered as done before", errTorn, w.key)
	case err == nil:
		c.h.acknowledge(w, answer.Revision, answer.claims())
	case said && !refused(err, "UNAVAILABLE") && !refused(err, "TIMEOUT") && !refused(err, "INTERNAL"):
		c.h.refuse(w)
	}
	return err
}

// settle finds out what became of the writes without an answer, and sends them
// again: each is done or not done, and then done.
func (c *crowd) settle(ctx context.Context, to *client) (j judgement, err error) {
	open := c.h.unanswered()
	var mu sync.Mutex
	err = together(ctx, len(open), 4, func(ctx context.Context, i int) error {
		w := open[i]
		found, err := to.traces(ctx, w)
		if err != nil {
			return err
		}
		done, revision, seen := judgeTraces(w, found)
		answer, err := to.send(ctx, w)
		if !done && w.move != nil && refused(err, "CONFLICT") {
			c.h.refuse(w) // others have moved on
			return nil
		}
		if err != nil {
			return fmt.Errorf("%s sent again: %w", w.key, err)
		}
		if answer.Replayed != done {
			seen.wrong(&seen.torn, "%s: parts found: %t; answered as done before: %t", w.key, done, answer.Replayed)
		}
		if done && answer.Revision != revision {
			seen.wrong(&seen.torn, "%s is in revision %d and answered as %d", w.key, revision, answer.Revision)
		}
		c.h.acknowledge(w, answer.Revision, answer.claims())
		mu.Lock()
		defer mu.Unlock()
		j.add(seen)
		return nil
	})
	return j, err
}

// traces reads the histories of everything that a write is about.
func (c *client) traces(ctx context.Context, w *write) (map[string][]entry, error) {
	found := make(map[string][]entry)
	const atOnce = 10
	for ids := range slices.Chunk(slices.Sorted(maps.Keys(w.traces)), atOnce) {
		var q strings.Builder
		q.WriteString("{")
		for i, id := range ids {
			fmt.Fprintf(&q, ` e%d: history(of: %q, first: 200) { nodes { revision reason claim { citation { locator } } } }`, i, id)
		}
		q.WriteString(" }")
		var data map[string]*struct{ Nodes []entry }
		if err := c.ask(ctx, q.String(), nil, &data); err != nil {
			return nil, fmt.Errorf("histories of %s: %w", w.key, err)
		}
		for i, id := range ids {
			if h := data[fmt.Sprintf("e%d", i)]; h != nil {
				found[id] = h.Nodes
			}
		}
	}
	return found, nil
}

// recall sends acknowledged writes again: each must be answered as done before.
func (c *client) recall(ctx context.Context, ws []*write) (j judgement, err error) {
	var mu sync.Mutex
	err = together(ctx, len(ws), 8, func(ctx context.Context, i int) error {
		w := ws[i]
		answer, err := c.send(ctx, w)
		mu.Lock()
		defer mu.Unlock()
		switch {
		case refused(err, "CONFLICT"), refused(err, "NOT_FOUND"), refused(err, "BAD_USER_INPUT"):
			j.wrong(&j.lost, "%s was acknowledged as revision %d and is now refused: %v", w.key, w.revision, err)
		case err != nil:
			return fmt.Errorf("%s sent again: %w", w.key, err)
		case !answer.Replayed:
			j.wrong(&j.lost, "%s was acknowledged as revision %d and is not there", w.key, w.revision)
		case answer.Revision != w.revision:
			j.wrong(&j.torn, "%s was acknowledged as revision %d and is now %d", w.key, w.revision, answer.Revision)
		}
		return nil
	})
	return j, err
}

// inspect looks at what acknowledged writes are about from every side: all parts
// in the histories, and new companies by id, name, identifier and words.
func (c *client) inspect(ctx context.Context, ws []*write) (j judgement, err error) {
	for _, w := range ws {
		if w.move != nil {
			continue // accounts have long histories; judgeBank replays them
		}
		found, err := c.traces(ctx, w)
		if err != nil {
			return j, err
		}
		_, _, seen := judgeTraces(w, found)
		j.add(seen)
		if w.field != "putEntity" {
			continue
		}
		var data struct {
			ByID, ByName, ByNumber *struct{ ID string }
		}
		err = c.ask(ctx, `query($id: ID!, $name: String!, $number: String!) {
			byID: entity(by: {id: $id}) { id } byName: entity(by: {name: $name}) { id }
			byNumber: entity(by: {identifier: {scheme: "torture", value: $number}}) { id }
		}`, vars{"id": w.key, "name": nameOf(w.key), "number": w.key}, &data)
		if err != nil {
			return j, err
		}
		if data.ByID == nil || data.ByName == nil || data.ByNumber == nil || data.ByName.ID != w.key || data.ByNumber.ID != w.key {
			j.wrong(&j.rows, "%s was recorded, and is found by id: %v, by name: %v, by identifier: %v", w.key, data.ByID, data.ByName, data.ByNumber)
		}
		if err := c.finds(ctx, nameOf(w.key), w.key); err != nil {
			j.wrong(&j.rows, "%v", err)
		}
	}
	return j, nil
}

// sample returns at most n of the writes.
func sample(r *rand.Rand, ws []*write, n int) []*write {
	if len(ws) <= n {
		return ws
	}
	drawn := make([]*write, n)
	for i := range drawn {
		drawn[i] = ws[r.IntN(len(ws))]
	}
	return drawn
}

// newTestCrowd starts a history on a folder that a server has open: the bank is
// founded, and the revision and the records from which all is counted are read.
func newTestCrowd(t testing.TB, to *client, seed uint64, size int) (c *crowd, base int, records map[string]int) {
	t.Helper()
	c = newCrowd(newHistory(), seed, size)
	err := c.found(t.Context(), to)
	if err == nil {
		base, err = to.revision(t.Context())
	}
	if err == nil {
		records, err = to.records(t.Context())
	}
	if err != nil {
		t.Fatal(err)
	}
	return c, base, records
}
