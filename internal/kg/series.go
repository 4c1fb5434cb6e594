package kg

import (
	"cmp"
	"context"
	"slices"
	"strings"
)

// Series is one measure of one thing over time. Figures of different units,
// scopes, breakdowns or natures are different series: they are never mixed.
type Series struct {
	Metric     *Metric
	Unit       string
	Nature     Nature
	Scope      string
	Dimensions []Attribute
	// Points are ordered by period, unknown periods last.
	Points []*Point
}

// Point is the value of a series for one period.
type Point struct {
	// Period is the span or day, or the zero period.
	Period Period
	// Label is what the source calls the period.
	Label string
	// Headline is the figure to show: of the most recently published source,
	// then the most precise.
	Headline *Figures
	// Alternatives are the other figures for the period, by id.
	Alternatives []*Figures
}

// SeriesFilter says which series of an entity are asked for.
type SeriesFilter struct {
	// Metric names one metric of the vocabulary.
	Metric string
	// Unit keeps series in one unit, such as USD; "" keeps all.
	Unit string
	// When keeps points whose period passes.
	When When
}

// maxSeries bounds the figures that one call reads for an entity.
const maxSeries = 10_000

// Series returns the figures of one metric as series, ordered by unit, nature,
// scope and breakdown.
func (m *Member) Series(ctx context.Context, f SeriesFilter) ([]*Series, error) {
	c := m.cohort
	byID, err := share(c, question("series", f, PageArgs{}), func() (map[ID][]*Series, error) { return c.view.series(ctx, c.ids(), f) })
	return byID[m.ID], err
}

func (v *View) series(ctx context.Context, ids []ID, f SeriesFilter) (map[ID][]*Series, error) {
	if err := v.checkMetric(ctx, f.Metric); err != nil {
		return nil, err
	}
	q := ObservationQuery{Of: ids, Metrics: []string{f.Metric}, When: f.When, Limit: maxSeries + 1}
	var observations []*Observation
	read := make(map[ID]int)
	for o, err := range v.snap.Observations(ctx, q) {
		if err != nil {
			return nil, err
		}
		if read[ids[o.At]]++; read[ids[o.At]] > maxSeries {
			return nil, tooComplexf("series: %s has more than %d figures of %s; ask for a period", ids[o.At], maxSeries, f.Metric)
		}
		if f.Unit == "" || o.Observation.Unit == f.Unit {
			observations = append(observations, o.Observation)
		}
	}
	figures := v.figures(observations)
	var cited [][]Citation
	for _, o := range observations {
		cited = append(cited, o.Citations)
	}
	sources, err := v.newSourceSet(cited...).all(ctx)
	if err != nil {
		return nil, err
	}
	type measure struct {
		subject         ID
		unit, breakdown string
		nature          Nature
	}
	type moment struct {
		period Period
		label  string
	}
	series := make(map[measure]*Series)
	values := make(map[measure]map[moment][]*Figures)
	byID := make(map[ID][]*Series)
	for _, o := range figures {
		key := measure{o.Subject, o.Unit, o.breakdown(), o.Nature}
		if series[key] == nil {
			series[key] = &Series{Metric: v.metrics.metrics[f.Metric], Unit: o.Unit, Nature: o.Nature, Scope: o.Scope, Dimensions: o.Dimensions}
			values[key] = make(map[moment][]*Figures)
			byID[o.Subject] = append(byID[o.Subject], series[key])
		}
		at := moment{o.Period, ""}
		if o.Period.IsZero() {
			at.label = o.Label
		}
		values[key][at] = append(values[key][at], o)
	}
	for key, s := range series {
		for at, list := range values[key] {
			s.Points = append(s.Points, newPoint(at.period, list, sources))
		}
		slices.SortFunc(s.Points, func(a, b *Point) int {
			return cmp.Or(ComparePeriods(a.Period, b.Period), strings.Compare(a.Label, b.Label))
		})
	}
	for _, list := range byID {
		slices.SortFunc(list, func(a, b *Series) int {
			return cmp.Or(
				strings.Compare(a.Unit, b.Unit), cmp.Compare(a.Nature, b.Nature), strings.Compare(a.Scope, b.Scope),
				slices.CompareFunc(a.Dimensions, b.Dimensions, func(x, y Attribute) int {
					return cmp.Or(strings.Compare(x.Key, y.Key), strings.Compare(x.Value, y.Value))
				}),
			)
		})
	}
	return byID, nil
}

func newPoint(period Period, list []*Figures, sources map[ID]*Source) *Point {
	observations := make([]*Observation, len(list))
	for i, f := range list {
		observations[i] = f.Observation
	}
	best := headline(observations, sources)
	p := &Point{Period: period}
	for _, f := range list {
		if f.Observation == best {
			p.Headline = f
		} else {
			p.Alternatives = append(p.Alternatives, f)
		}
		p.Label = cmp.Or(p.Label, f.Label)
	}
	slices.SortFunc(p.Alternatives, func(a, b *Figures) int { return strings.Compare(string(a.ID), string(b.ID)) })
	return p
}
