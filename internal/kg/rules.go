package kg

import (
	"cmp"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
)

// This file finds conflicts by rule. A rule looks at the facts about one
// entity and names those that cannot all hold.

// The names of the rules, as they stand in Conflict.Rule.
const (
	// ruleFigures: one measure of one thing at one time has two values that
	// lie further apart than their precision.
	ruleFigures = "figures-apart"
	// ruleWithdrawn: a source withdraws a figure and puts another in its place.
	ruleWithdrawn = "figure-withdrawn"
	// ruleStakes: one owner holds two different stakes in one company at one time.
	ruleStakes = "stakes-apart"
	// ruleWhole: the owners of one company together hold more than all of it.
	ruleWhole = "stakes-above-whole"
)

// vocabulary knows the metrics and which of them are close to each other.
type vocabulary struct {
	metrics map[string]*Metric
	// leader is the first name, in byte order, of all metrics that SameAs
	// joins, directly or through others.
	leader map[string]string
}

func newVocabulary(metrics []*Metric) *vocabulary {
	v := &vocabulary{metrics: make(map[string]*Metric), leader: make(map[string]string)}
	for _, m := range metrics {
		v.metrics[m.Name] = m
		v.leader[m.Name] = m.Name
	}
	var find func(name string) string
	find = func(name string) string {
		if l, ok := v.leader[name]; ok && l != name {
			return find(l)
		}
		return name
	}
	for _, m := range metrics {
		for _, other := range m.SameAs {
			if a, b := find(m.Name), find(other); a != b {
				v.leader[max(a, b)] = min(a, b)
			}
		}
	}
	for name := range v.leader {
		v.leader[name] = find(name)
	}
	return v
}

// close lists the metrics that are compared with the one named, itself included.
func (v *vocabulary) close(name string) []string {
	var names []string
	for other, leader := range v.leader {
		if leader == v.leader[name] {
			names = append(names, other)
		}
	}
	slices.Sort(names)
	return names
}

// figureConflicts applies the rules about figures to those of one entity.
func figureConflicts(about ID, observations []*Observation, v *vocabulary) []*Conflict {
	type measure struct{ metric, unit, breakdown string }
	groups := make(map[measure][]*Observation)
	for _, o := range observations {
		key := measure{v.leader[o.Metric], o.Unit, o.breakdown()}
		groups[key] = append(groups[key], o)
	}
	var found []*Conflict
	for key, group := range groups {
		slices.SortFunc(group, func(a, b *Observation) int { return a.Place().Compare(b.Place()) })
		for _, set := range disputed(group, v) {
			rule, note := ruleFigures, "Values of one measure for one time lie further apart than their precision."
			kind := Contradiction
			if slices.ContainsFunc(set, func(o *Observation) bool { return o.Nature == Superseded }) {
				rule, note = ruleWithdrawn, "The source withdraws a value and puts another in its place."
			} else if unitsApart(set) {
				kind, note = UnitConflict, "The values are a thousand times apart or more: one of the units may be wrong."
			}
			ids := make([]string, 0, len(set))
			for _, o := range set {
				ids = append(ids, string(o.ID))
			}
			slices.Sort(ids)
			c := &Conflict{
				ID:    derivedID(conflictPrefix, append([]string{rule, string(about)}, ids...)...),
				About: about, Predicate: set[0].Metric, Kind: kind, Rule: rule, Note: note,
			}
			for _, o := range set {
				c.Claims = append(c.Claims, Position{Value: positionText(o, key.metric), Citations: o.Citations})
			}
			found = append(found, c)
		}
	}
	return sortConflicts(found)
}

func sortConflicts(conflicts []*Conflict) []*Conflict {
	slices.SortFunc(conflicts, compareConflicts)
	return conflicts
}

// compareConflicts is the order of conflicts everywhere.
func compareConflicts(a, b *Conflict) int {
	return cmp.Or(strings.Compare(string(a.About), string(b.About)), strings.Compare(a.Predicate, b.Predicate), strings.Compare(string(a.ID), string(b.ID)))
}

// positionText writes a figure as one side of a conflict: the value first, then
// what tells it from the others.
func positionText(o *Observation, metric string) string {
	parts := []string{o.Text()}
	if o.Qualifier != Exactly {
		parts[0] = strings.ReplaceAll(strings.ToLower(o.Qualifier.String()), "_", " ") + " " + parts[0]
	}
	if o.Metric != metric {
		parts = append(parts, o.Metric)
	}
	if when := cmp.Or(o.Label, o.Period.String()); when != "" {
		parts = append(parts, when)
	}
	if o.Nature == Superseded {
		parts = append(parts, "withdrawn by the source")
	}
	return strings.Join(parts, ", ")
}

// disputed returns the sets of figures that may be about the same time and of
// which at least two cannot both hold, with those that agree with them.
func disputed(group []*Observation, v *vocabulary) [][]*Observation {
	parent := make([]int, len(group))
	for i := range parent {
		parent[i] = i
	}
	var root func(int) int
	root = func(i int) int {
		if parent[i] != i {
			parent[i] = root(parent[i])
		}
		return parent[i]
	}
	bad := make(map[int]bool)
	for i, a := range group {
		for j := range i {
			b := group[j]
			if !sameTime(a, b, v) {
				continue
			}
			x, y := root(i), root(j)
			parent[max(x, y)] = min(x, y)
			if withdrawn(a, b) || !canAgree(a, b) {
				bad[i], bad[j] = true, true
			}
		}
	}
	sets := make(map[int][]*Observation)
	hot := make(map[int]bool)
	var order []int
	for i, o := range group {
		r := root(i)
		if sets[r] == nil {
			order = append(order, r)
		}
		sets[r] = append(sets[r], o)
		hot[r] = hot[r] || bad[i]
	}
	var found [][]*Observation
	for _, r := range order {
		if hot[r] {
			found = append(found, sets[r])
		}
	}
	return found
}

// sameTime reports that two figures of one measure may speak of the same time.
//
// A figure without a period and without a printed one speaks of no time in
// particular, and so may mean any. Where only a label is printed, equal labels
// mean the same. Flows are compared for the same days only, stocks for days that
// overlap. Growth, estimates, forecasts and targets are compared among themselves.
func sameTime(a, b *Observation, v *vocabulary) bool {
	if withdrawn(a, b) {
		return true
	}
	if a.Nature != b.Nature || a.Nature == Superseded {
		return false
	}
	timeless := func(o *Observation) bool { return o.Period.IsZero() && o.Label == "" }
	switch {
	case a.Nature == Growth && timeless(a) != timeless(b):
		return false
	case timeless(a) || timeless(b):
		return true
	case a.Period.IsZero() || b.Period.IsZero():
		return a.Label == b.Label
	case v.metrics[a.Metric] != nil && v.metrics[a.Metric].AddsOverTime || a.Nature == Growth || a.Nature == ShareOfWhole:
		return a.Period.First() == b.Period.First() && a.Period.Last() == b.Period.Last()
	}
	return a.Period.Overlaps(b.Period)
}

// withdrawn reports that one figure has been withdrawn in favour of the other:
// the same place of the same source gives both.
func withdrawn(a, b *Observation) bool {
	if (a.Nature == Superseded) == (b.Nature == Superseded) || a.Metric != b.Metric {
		return false
	}
	for _, c := range a.Citations {
		if slices.ContainsFunc(b.Citations, func(d Citation) bool { return c.Source == d.Source && c.Locator == d.Locator }) {
			return true
		}
	}
	return false
}

// canAgree reports that both figures can be true of one quantity.
func canAgree(a, b *Observation) bool {
	if a.Unit == UnitDate {
		return a.Date.Meets(b.Date)
	}
	aLo, aHi := bounds(&a.Figure)
	bLo, bHi := bounds(&b.Figure)
	return a.Value == b.Value || aLo < bHi && bLo < aHi
}

// bounds returns what a figure allows the quantity to be: half a unit of its
// last significant digit either way, or all beyond the value where it is a bound.
func bounds(f *Figure) (lo, hi float64) {
	half := precision(f.Value) / 2
	switch f.Qualifier {
	case MoreThan:
		return f.Value, math.Inf(1)
	case LessThan:
		return math.Inf(-1), f.Value
	}
	return f.Value - half, f.Value + half
}

// precision returns the worth of the last significant digit of a number as
// people write it: 10 for 120, 0.1 for 97.1, 1 for 0.
func precision(value float64) float64 {
	if value == 0 {
		return 1
	}
	mantissa, exponent, _ := strings.Cut(strconv.FormatFloat(math.Abs(value), 'e', -1, 64), "e")
	e, _ := strconv.Atoi(exponent)
	if _, fraction, ok := strings.Cut(mantissa, "."); ok {
		e -= len(fraction)
	}
	return math.Pow10(e)
}

// unitsApart reports that two of the values are a thousand times apart or more.
func unitsApart(set []*Observation) bool {
	lo, hi := math.Inf(1), 0.0
	for _, o := range set {
		if v := math.Abs(o.Value); o.Unit != UnitDate && v > 0 {
			lo, hi = min(lo, v), max(hi, v)
		}
	}
	return hi >= 1000*lo
}

// stakeConflicts finds holdings of one owner in one company that differ at one time.
func stakeConflicts(relations []*Relation) []*Conflict {
	var found []*Conflict
	for i, a := range relations {
		for _, b := range relations[:i] {
			if a.Type != Owns || a.Indirect() || b.Indirect() || a.Stake == nil || b.Stake == nil || a.Stake.Meets(*b.Stake) || !concurrent(a, b) {
				continue
			}
			c := &Conflict{
				ID: stakeConflictID(a, b), About: a.To, Predicate: "owns", Kind: Contradiction, Rule: ruleStakes,
				Note: "One owner is said to hold different stakes at the same time.",
			}
			for _, r := range []*Relation{b, a} {
				c.Claims = append(c.Claims, Position{Value: r.Stake.String() + " held by " + string(r.From), Citations: r.Citations})
			}
			found = append(found, c)
		}
	}
	return sortConflicts(found)
}

// wholeConflict finds that the holdings in one company add up to more than all
// of it on some day, by more than rounding explains. It names the day on which
// they add up to most, the first of several; nil where there is none.
func wholeConflict(holdings []*Relation) *Conflict {
	var worst []*Relation
	most := 100 + roundingOfShares
	for _, h := range holdings {
		if h.Stake == nil || h.Indirect() {
			continue
		}
		day := h.Start.Latest()
		if !h.Start.Placed() {
			day = BeginningOfTime
		}
		if held, sum := heldOn(day, holdings); sum > most {
			worst, most = held, sum
		}
	}
	if worst == nil {
		return nil
	}
	c := &Conflict{
		ID: wholeConflictID(worst[0].To), About: worst[0].To, Predicate: "owns", Kind: DerivedConflict, Rule: ruleWhole,
		Note: "The owners together are said to hold " + strconv.FormatFloat(most, 'f', -1, 64) + " %, more than all of it.",
	}
	for _, r := range worst {
		c.Claims = append(c.Claims, Position{Value: r.Stake.String() + " held by " + string(r.From), Citations: r.Citations})
	}
	return c
}

// roundingOfShares is by how many percent the shares of a company may exceed
// the whole because each of them was rounded.
const roundingOfShares = 0.5

// heldOn returns the largest holding of every owner that holds on the day, in
// order of owner, and what they add up to at least, in percent. Holdings whose
// start is unknown hold on every day before their end.
func heldOn(day Day, holdings []*Relation) (held []*Relation, sum float64) {
	byOwner := make(map[ID]*Relation)
	for _, h := range holdings {
		over := h.End.Placed() && h.End.Earliest() <= day
		if h.Indirect() || h.Stake == nil || h.Stake.Min == 0 || over || h.Start.Placed() && h.Start.Latest() > day {
			continue
		}
		if best := byOwner[h.From]; best == nil || best.Stake.Min < h.Stake.Min || best.Stake.Min == h.Stake.Min && h.ID < best.ID {
			byOwner[h.From] = h
		}
	}
	for _, owner := range slices.Sorted(maps.Keys(byOwner)) {
		held = append(held, byOwner[owner])
		sum += byOwner[owner].Stake.Min
	}
	return held, sum
}

func wholeConflictID(company ID) ID { return derivedID(conflictPrefix, ruleWhole, string(company)) }

func stakeConflictID(a, b *Relation) ID {
	return derivedID(conflictPrefix, ruleStakes, string(min(a.ID, b.ID)), string(max(a.ID, b.ID)))
}

// concurrent reports that two states held on the same day, as far as their
// dates tell: neither can have ended before the other began.
func concurrent(a, b *Relation) bool {
	canFollow := func(x, y *Relation) bool { return x.End.Placed() && x.End.Earliest() <= y.Start.Latest() }
	return !canFollow(a, b) && !canFollow(b, a)
}
