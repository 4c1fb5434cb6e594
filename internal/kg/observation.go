package kg

import (
	"regexp"
	"strconv"
	"strings"
)

// Metric is an entry of the vocabulary of figures, shared by all sources so
// that the same figure from two of them meets in one place.
type Metric struct {
	// Name is its snake_case name, such as annual_active_users.
	Name string
	// Definition says what is measured.
	Definition string
	// Unit is "money" (figures then carry a currency), "date", or the unit of
	// every figure, such as people, percent or count.
	Unit string
	// AddsOverTime: values of consecutive periods add up (a flow).
	AddsOverTime bool
	// AddsOverParts: values of the parts of a thing add up to that of the whole.
	AddsOverParts bool
	// SameAs names metrics so close that differing values are worth showing
	// as a conflict. It is read in both directions.
	SameAs []string
}

// RecordID returns the id of the vocabulary entry, metric:NAME.
func (m *Metric) RecordID() ID { return MetricID(m.Name) }

// RecordKind returns RecordMetric.
func (m *Metric) RecordKind() RecordKind { return RecordMetric }

// MetricID returns the record id of the metric with that name.
func MetricID(name string) ID { return ID(metricPrefix + name) }

// The units that mean something to the graph itself.
const (
	// UnitMoney on a metric: its figures carry a currency.
	UnitMoney = "money"
	// UnitDate on a metric: its figures are dates.
	UnitDate = "date"
)

var metricName = regexp.MustCompile(`^[a-z][a-z0-9]*(_[a-z0-9]+)*$`)

func (m *Metric) check() error {
	switch {
	case len(m.Name) > 100 || !metricName.MatchString(m.Name):
		return Invalidf("name", "%q is not a metric name; expected snake_case such as annual_active_users", clip(m.Name))
	case m.Definition == "":
		return Invalidf("definition", "the metric %s has no definition", m.Name)
	case m.Unit == "" || IsCurrency(m.Unit):
		return Invalidf("unit", "the metric %s needs a unit: money, date, people, percent, count …", m.Name)
	}
	return nil
}

// checkUnit returns an ErrInvalid unless figures of the metric may have the unit.
func (m *Metric) checkUnit(unit string) error {
	if m.Unit == UnitMoney {
		if !IsCurrency(unit) {
			return Invalidf("unit", "%s is a sum of money and needs an ISO 4217 code as its unit, not %q", m.Name, clip(unit))
		}
		return nil
	}
	if unit != m.Unit {
		return Invalidf("unit", "%s is measured in %s, not in %q", m.Name, m.Unit, clip(unit))
	}
	return nil
}

// Qualifier says how exact a value is meant to be.
type Qualifier uint8

// The qualifiers.
const (
	Exactly Qualifier = iota
	// About: "about", "nearly", "approximately".
	About
	// MoreThan: "over", "at least".
	MoreThan
	// LessThan: "under", "up to".
	LessThan
)

var qualifierNames = enumNames{"EXACT", "ABOUT", "MORE_THAN", "LESS_THAN"}

// String returns the name in capitals.
func (q Qualifier) String() string { return qualifierNames.text(uint8(q)) }

// ParseQualifier reads what String returns.
func ParseQualifier(s string) (Qualifier, error) {
	q, err := qualifierNames.parse("qualifier", s)
	return Qualifier(q), err
}

// Nature says what sort of statement a figure is.
type Nature uint8

// The natures.
const (
	Actual Nature = iota
	// Growth is a change against an earlier period.
	Growth
	// ShareOfWhole is a part of a whole.
	ShareOfWhole
	Estimate
	Forecast
	Target
	// Superseded is a value its own source has withdrawn.
	Superseded
)

var natureNames = enumNames{"ACTUAL", "GROWTH", "SHARE", "ESTIMATE", "FORECAST", "TARGET", "SUPERSEDED"}

// String returns the name in capitals.
func (n Nature) String() string { return natureNames.text(uint8(n)) }

// ParseNature reads what String returns.
func ParseNature(s string) (Nature, error) {
	n, err := natureNames.parse("nature", s)
	return Nature(n), err
}

// Figure is what an observation says, without who says so.
type Figure struct {
	// Subject is the entity it is about.
	Subject ID
	// Metric names what was measured.
	Metric string
	// Value is the number, in Unit; meaningless where Date is set.
	Value float64
	// Date is set instead of Value where the metric's unit is a date.
	Date PartialDate
	// Unit is an ISO 4217 code for money, else the metric's unit.
	Unit      string
	Qualifier Qualifier
	Nature    Nature
	// Period is the span or day it speaks of, or the zero period.
	Period Period
	// Label is the period as printed, where the source does not say which
	// days it means, or calls them by a name such as FY2021.
	Label string
	// Scope is the part of the subject or market it is about; "" for all of it.
	Scope string
	// Dimensions break the subject down further.
	Dimensions []Attribute
}

// Text returns the value with its unit, or the date.
func (f *Figure) Text() string {
	if f.Unit == UnitDate {
		return f.Date.String()
	}
	return strconv.FormatFloat(f.Value, 'f', -1, 64) + " " + f.Unit
}

// identity lists what makes two statements the same figure. The qualifier is
// not part of it: "over 500" and "500" are one figure with two wordings.
func (f *Figure) identity() []string {
	parts := []string{
		string(f.Subject), f.Metric, f.Unit, f.Nature.String(), f.Period.String(), f.Label, f.Scope,
		strconv.FormatFloat(f.Value, 'g', -1, 64), f.Date.String(),
	}
	for _, d := range f.Dimensions {
		parts = append(parts, d.Key, d.Value)
	}
	return parts
}

// everywhere is the scope that leaves nothing out.
const everywhere = "worldwide"

// breakdown identifies the part of the subject that the figure is about.
func (f *Figure) breakdown() string {
	var b strings.Builder
	if f.Scope != everywhere {
		b.WriteString(f.Scope)
	}
	for _, d := range f.Dimensions {
		b.WriteString("\x00" + d.Key + "=" + d.Value)
	}
	return b.String()
}

// Observation is a figure as a fact: with everyone who states it.
type Observation struct {
	ID ID
	Figure
	// Note is a remark of whoever recorded it.
	Note      string
	Citations []Citation
}

// RecordID returns the observation's id.
func (o *Observation) RecordID() ID { return o.ID }

// RecordKind returns RecordObservation.
func (o *Observation) RecordKind() RecordKind { return RecordObservation }
