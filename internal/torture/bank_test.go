package torture

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// The bank is a number of companies with a balance each: one figure that rests
// on one claim. A move takes two balances back and states two others, in one
// write that rests on the revision from which the balances were read. The sum
// stays as it was, unless a write is done by half, done twice, or rests on what
// is no longer so.
const (
	accounts   = 8
	opening    = 1000
	bankMetric = "balance"
)

func account(i int) string { return fmt.Sprintf("account-%d", i) }

// side is one account in a move.
type side struct {
	account       int
	before, after int
	// claim is that of the balance before.
	claim string
}

// move is what one write does to two accounts.
type move struct{ sides [2]side }

// balance is what an account holds, and the claim that says so.
type balance struct {
	amount int
	claim  string
}

// balances are those of all accounts at a revision.
type balances struct {
	revision int
	of       [accounts]balance
}

func (b *balances) sum() int {
	sum := 0
	for _, a := range b.of {
		sum += a.amount
	}
	return sum
}

var readBank = func() string {
	var q strings.Builder
	q.WriteString("{ revision")
	for i := range accounts {
		fmt.Fprintf(&q, ` a%d: entity(by: {id: %q}) { observations(metric: %q, first: 3) { nodes { value citations { claim } } } }`, i, account(i), bankMetric)
	}
	q.WriteString(" }")
	return q.String()
}()

// bank reads all balances from one revision. It fails where an account has
// another number of balances than one.
func (c *client) bank(ctx context.Context) (*balances, error) {
	type holding struct {
		Observations struct {
			Nodes []struct {
				Value     float64
				Citations []struct{ Claim string }
			}
		}
	}
	var data struct {
		Revision                       int
		A0, A1, A2, A3, A4, A5, A6, A7 holding
	}
	if err := c.ask(ctx, readBank, nil, &data); err != nil {
		return nil, err
	}
	b := &balances{revision: data.Revision}
	for i, a := range [accounts]holding{data.A0, data.A1, data.A2, data.A3, data.A4, data.A5, data.A6, data.A7} {
		nodes := a.Observations.Nodes
		if len(nodes) != 1 || len(nodes[0].Citations) != 1 {
			return nil, fmt.Errorf("%w: at revision %d %s has the balances %+v; want one with one claim", errTorn, data.Revision, account(i), nodes)
		}
		b.of[i] = balance{int(nodes[0].Value), nodes[0].Citations[0].Claim}
	}
	if b.sum() != accounts*opening {
		return nil, fmt.Errorf("%w: at revision %d all accounts hold %d, want %d: %v", errTorn, b.revision, b.sum(), accounts*opening, b.of)
	}
	return b, nil
}

// errTorn says that a read has seen what no revision may hold.
var errTorn = errors.New("torn")

// transfer draws a move between two accounts.
func transfer(r *rand.Rand, key string, b *balances) *write {
	from := r.IntN(accounts)
	to := (from + 1 + r.IntN(accounts-1)) % accounts
	amount := 1 + r.IntN(40)
	m := &move{[2]side{
		{from, b.of[from].amount, b.of[from].amount - amount, b.of[from].claim},
		{to, b.of[to].amount, b.of[to].amount + amount, b.of[to].claim},
	}}
	var observations, retractions []any
	traces := make(map[string]int)
	for _, s := range m.sides {
		observations = append(observations, vars{"subject": account(s.account), "metric": bankMetric, "value": s.after, "citation": citing(key)})
		retractions = append(retractions, vars{"id": s.claim, "reason": key})
		traces[account(s.account)] = 2
	}
	w := newWrite(key, "write", vars{"ifUnchangedSince": b.revision, "observations": observations, "retractions": retractions})
	w.move, w.traces, w.adds = m, traces, map[string]int{"claim": 2}
	return w
}

// judgeBank replays all moves in the order of their revisions: each must have
// found the balances that it took back.
func judgeBank(writes []*write, last *balances) (j judgement) {
	now := [accounts]int{}
	for i := range now {
		now[i] = opening
	}
	for _, w := range slices.SortedFunc(slices.Values(writes), func(a, b *write) int { return cmp.Compare(a.revision, b.revision) }) {
		if w.move == nil {
			continue
		}
		for _, s := range w.move.sides {
			if now[s.account] != s.before {
				j.wrong(&j.torn, "%s (revision %d) took back that %s has %d when it had %d", w.key, w.revision, account(s.account), s.before, now[s.account])
			}
			now[s.account] = s.after
		}
	}
	for i, amount := range now {
		if last.of[i].amount != amount {
			j.wrong(&j.lost, "%s has %d; after all moves it must have %d", account(i), last.of[i].amount, amount)
		}
	}
	return j
}

// idle returns how many balances were stated once and stand no longer. The id of
// each leads to the claim that was taken back.
func idle(writes []*write) int {
	type figure struct{ account, amount int }
	stated, now := make(map[figure]bool), [accounts]int{}
	for i := range now {
		now[i] = opening
		stated[figure{i, opening}] = true
	}
	for _, w := range slices.SortedFunc(slices.Values(writes), func(a, b *write) int { return cmp.Compare(a.revision, b.revision) }) {
		if w.move == nil {
			continue
		}
		for _, s := range w.move.sides {
			now[s.account] = s.after
			stated[figure{s.account, s.after}] = true
		}
	}
	for i, amount := range now {
		delete(stated, figure{i, amount})
	}
	return len(stated)
}

// TestJudgeBank loses a move, does one twice, and lets two rest on one balance.
func TestJudgeBank(t *testing.T) {
	moved := func(revision, before0, after0, before1, after1 int) *write {
		return &write{key: fmt.Sprint(revision), revision: revision, move: &move{[2]side{{0, before0, after0, ""}, {1, before1, after1, ""}}}}
	}
	good := []*write{moved(5, 1000, 990, 1000, 1010), moved(7, 990, 970, 1010, 1030)}
	at := func(first, second int) *balances {
		b := &balances{}
		for i := range b.of {
			b.of[i].amount = opening
		}
		b.of[0].amount, b.of[1].amount = first, second
		return b
	}
	for name, c := range map[string]struct {
		writes     []*write
		last       *balances
		lost, torn bool
	}{
		"all in order":           {good, at(970, 1030), false, false},
		"the last one is lost":   {good, at(990, 1010), true, false},
		"the first one is lost":  {good[1:], at(970, 1030), false, true},
		"two rest on one amount": {[]*write{good[0], moved(6, 1000, 980, 1000, 1020)}, at(980, 1020), false, true},
	} {
		t.Run(name, func(t *testing.T) {
			if j := judgeBank(c.writes, c.last); (j.lost > 0) != c.lost || (j.torn > 0) != c.torn {
				t.Errorf("found %+v", j)
			}
		})
	}
}
