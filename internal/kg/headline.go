package kg

import (
	"cmp"
	"slices"
	"strings"
)

// headline picks the figure to show where several are known: the one whose
// source was published most recently, then the most precise, then the one that
// more sources state, then the smaller id. The others stay beside it.
func headline(observations []*Observation, sources map[ID]*Source) *Observation {
	if len(observations) == 0 {
		return nil
	}
	return slices.MinFunc(observations, func(a, b *Observation) int {
		return cmp.Or(
			cmp.Compare(recency(b, sources), recency(a, sources)),
			cmp.Compare(looseness(a), looseness(b)),
			cmp.Compare(len(b.Citations), len(a.Citations)),
			strings.Compare(string(a.ID), string(b.ID)),
		)
	})
}

// recency is the latest day on which a source of the figure can have appeared.
func recency(o *Observation, sources map[ID]*Source) Day {
	latest := BeginningOfTime
	for _, c := range o.Citations {
		s := sources[c.Source]
		if s == nil {
			continue
		}
		for _, d := range []PartialDate{s.Published, s.Updated} {
			if d.Placed() && d.Latest() != EndOfTime {
				latest = max(latest, d.Latest())
			}
		}
	}
	return latest
}

// looseness grows with what a figure leaves open.
func looseness(o *Observation) float64 {
	if o.Unit == UnitDate {
		return float64(o.Date.Span())
	}
	lo, hi := bounds(&o.Figure)
	return hi - lo
}
