package model

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/99designs/gqlgen/graphql"

	"keiretsu/internal/kg"
)

// text reads a scalar that travels as a string.
func text(what string, v any) (string, error) {
	s, ok := v.(string)
	if !ok {
		return "", kg.Invalidf("", "%s must be a string", what)
	}
	return s, nil
}

// invalid turns the error of a parser into one that a client may see.
func invalid(err error) error {
	if err == nil {
		return nil
	}
	return kg.Invalidf("", "%v", err)
}

// MarshalID writes an id.
func MarshalID(id kg.ID) graphql.Marshaler { return graphql.MarshalString(string(id)) }

// UnmarshalID reads an id; a whole number is taken as its digits, as the
// GraphQL specification asks.
func UnmarshalID(v any) (kg.ID, error) {
	switch v := v.(type) {
	case string:
		return kg.ID(v), nil
	case int, int32, int64:
		return kg.ID(fmt.Sprint(v)), nil
	case fmt.Stringer:
		if _, err := strconv.ParseInt(v.String(), 10, 64); err == nil {
			return kg.ID(v.String()), nil
		}
	}
	return "", kg.Invalidf("", "an id must be a string")
}

// MarshalPartialDate writes a date in its text form, an unknown one as null.
func MarshalPartialDate(d kg.PartialDate) graphql.Marshaler {
	if d.IsZero() {
		return graphql.Null
	}
	return graphql.MarshalString(d.String())
}

// UnmarshalPartialDate reads the text form of a date.
func UnmarshalPartialDate(v any) (kg.PartialDate, error) {
	s, err := text("a date", v)
	if err != nil {
		return kg.PartialDate{}, err
	}
	d, err := kg.ParseDate(s)
	return d, invalid(err)
}

// DateText is a date in an input: what cannot be read is told together with
// everything else that is wrong.
type DateText struct {
	date kg.PartialDate
	err  error
}

// UnmarshalGQL reads the text form of a date.
func (t *DateText) UnmarshalGQL(v any) error {
	s, err := text("a date", v)
	if err == nil {
		t.date, t.err = kg.ParseDate(s)
	}
	return err
}

// MarshalGQL writes the date.
func (t DateText) MarshalGQL(w io.Writer) { MarshalPartialDate(t.date).MarshalGQL(w) }

// PeriodText is a period in an input, as DateText is a date.
type PeriodText struct {
	period kg.Period
	err    error
}

// UnmarshalGQL reads the text form of a period.
func (t *PeriodText) UnmarshalGQL(v any) error {
	s, err := text("a period", v)
	if err == nil {
		t.period, t.err = kg.ParsePeriod(s)
	}
	return err
}

// MarshalGQL writes the period.
func (t PeriodText) MarshalGQL(w io.Writer) { MarshalPeriod(t.period).MarshalGQL(w) }

// MarshalPeriod writes a period in its text form, an unknown one as null.
func MarshalPeriod(p kg.Period) graphql.Marshaler {
	if p.IsZero() {
		return graphql.Null
	}
	return graphql.MarshalString(p.String())
}

// UnmarshalPeriod reads the text form of a period.
func UnmarshalPeriod(v any) (kg.Period, error) {
	s, err := text("a period", v)
	if err != nil {
		return kg.Period{}, err
	}
	p, err := kg.ParsePeriod(s)
	return p, invalid(err)
}

func marshalEnum(v fmt.Stringer) graphql.Marshaler {
	return graphql.WriterFunc(func(w io.Writer) { _, _ = io.WriteString(w, strconv.Quote(v.String())) })
}

func unmarshalEnum[T any](v any, parse func(string) (T, error)) (T, error) {
	s, err := text("an enumeration value", v)
	if err != nil {
		var zero T
		return zero, err
	}
	return parse(s)
}

// MarshalEntityKind writes the name of a kind of entity.
func MarshalEntityKind(k kg.EntityKind) graphql.Marshaler { return marshalEnum(k) }

// UnmarshalEntityKind reads the name of a kind of entity.
func UnmarshalEntityKind(v any) (kg.EntityKind, error) { return unmarshalEnum(v, kg.ParseEntityKind) }

// MarshalRelationType writes the name of a relation type.
func MarshalRelationType(t kg.RelationType) graphql.Marshaler { return marshalEnum(t) }

// UnmarshalRelationType reads the name of a relation type.
func UnmarshalRelationType(v any) (kg.RelationType, error) {
	return unmarshalEnum(v, kg.ParseRelationType)
}

// MarshalDirection writes the name of a direction.
func MarshalDirection(d kg.Direction) graphql.Marshaler { return marshalEnum(d) }

// UnmarshalDirection reads the name of a direction.
func UnmarshalDirection(v any) (kg.Direction, error) { return unmarshalEnum(v, kg.ParseDirection) }

// MarshalCertainty writes the name of a certainty.
func MarshalCertainty(c kg.Certainty) graphql.Marshaler { return marshalEnum(c) }

// UnmarshalCertainty reads the name of a certainty.
func UnmarshalCertainty(v any) (kg.Certainty, error) { return unmarshalEnum(v, kg.ParseCertainty) }

// MarshalNameKind writes the name of a kind of name.
func MarshalNameKind(k kg.NameKind) graphql.Marshaler { return marshalEnum(k) }

// UnmarshalNameKind reads the name of a kind of name.
func UnmarshalNameKind(v any) (kg.NameKind, error) { return unmarshalEnum(v, kg.ParseNameKind) }

// MarshalQualifier writes the name of a qualifier.
func MarshalQualifier(q kg.Qualifier) graphql.Marshaler { return marshalEnum(q) }

// UnmarshalQualifier reads the name of a qualifier.
func UnmarshalQualifier(v any) (kg.Qualifier, error) { return unmarshalEnum(v, kg.ParseQualifier) }

// MarshalNature writes the name of a nature.
func MarshalNature(n kg.Nature) graphql.Marshaler { return marshalEnum(n) }

// UnmarshalNature reads the name of a nature.
func UnmarshalNature(v any) (kg.Nature, error) { return unmarshalEnum(v, kg.ParseNature) }

// MarshalConflictKind writes the name of a kind of conflict.
func MarshalConflictKind(k kg.ConflictKind) graphql.Marshaler { return marshalEnum(k) }

// UnmarshalConflictKind reads the name of a kind of conflict.
func UnmarshalConflictKind(v any) (kg.ConflictKind, error) {
	return unmarshalEnum(v, kg.ParseConflictKind)
}

// MarshalAbsenceKind writes the name of a kind of absence.
func MarshalAbsenceKind(k kg.AbsenceKind) graphql.Marshaler { return marshalEnum(k) }

// UnmarshalAbsenceKind reads the name of a kind of absence.
func UnmarshalAbsenceKind(v any) (kg.AbsenceKind, error) {
	return unmarshalEnum(v, kg.ParseAbsenceKind)
}

// MarshalGroupBy writes the name of a grouping.
func MarshalGroupBy(g kg.GroupBy) graphql.Marshaler { return marshalEnum(g) }

// UnmarshalGroupBy reads the name of a grouping.
func UnmarshalGroupBy(v any) (kg.GroupBy, error) { return unmarshalEnum(v, kg.ParseGroupBy) }

// MarshalChangeKind writes the name of a kind of event.
func MarshalChangeKind(k kg.EventKind) graphql.Marshaler { return marshalEnum(k) }

// UnmarshalChangeKind reads the name of a kind of event.
func UnmarshalChangeKind(v any) (kg.EventKind, error) { return unmarshalEnum(v, kg.ParseEventKind) }

// MarshalMeasure writes the name of a measure.
func MarshalMeasure(m kg.Measure) graphql.Marshaler { return marshalEnum(m) }

// UnmarshalMeasure reads the name of a measure.
func UnmarshalMeasure(v any) (kg.Measure, error) {
	return unmarshalEnum(v, kg.ParseMeasure)
}

// MarshalHistoryAction writes the name of an action.
func MarshalHistoryAction(a kg.Action) graphql.Marshaler { return marshalEnum(a) }

// UnmarshalHistoryAction reads the name of an action.
func UnmarshalHistoryAction(v any) (kg.Action, error) { return unmarshalEnum(v, kg.ParseAction) }

// MarshalRecordKind writes the name of a kind of record.
func MarshalRecordKind(k kg.RecordKind) graphql.Marshaler {
	return graphql.MarshalString(strings.ToUpper(k.String()))
}

// UnmarshalRecordKind reads the name of a kind of record.
func UnmarshalRecordKind(v any) (kg.RecordKind, error) {
	return unmarshalEnum(v, func(s string) (kg.RecordKind, error) {
		for _, k := range kg.RecordKinds() {
			if strings.ToUpper(k.String()) == s && k != kg.RecordReceipt {
				return k, nil
			}
		}
		return 0, kg.Invalidf("", "not a known kind of record")
	})
}

// MarshalDateTime writes an instant in RFC 3339.
func MarshalDateTime(t time.Time) graphql.Marshaler {
	return graphql.MarshalString(t.Format(time.RFC3339Nano))
}

// UnmarshalDateTime reads an instant in RFC 3339.
func UnmarshalDateTime(v any) (time.Time, error) {
	s, err := text("an instant", v)
	if err != nil {
		return time.Time{}, err
	}
	t, err := time.Parse(time.RFC3339Nano, s)
	if err != nil {
		return time.Time{}, kg.Invalidf("", "not an instant in RFC 3339; expected such as 2025-11-27T08:00:00Z")
	}
	return t, nil
}

// optional returns a pointer to the text, or nil where there is none, since the
// schema says null for what is not known.
func optional(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}
