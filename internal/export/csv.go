package export

import (
	"archive/zip"
	"context"
	"encoding/csv"
	"errors"
	"io"
	"strings"

	"keiretsu/internal/kg"
)

// csvTables are the files of the archive, in their order. docs/formats/export.md
// describes every column.
var csvTables = []struct {
	name    string
	columns []string
	write   func(ctx context.Context, snap kg.Snapshot, t *csvTable) error
}{
	{"entities.csv", []string{"id", "kind", "name", "lang", "fiscal_year_end", "merged_ids", "claims", "sources"}, csvEntities},
	{"names.csv", []string{"entity", "name", "lang", "kind", "claims", "sources"}, csvNames},
	{"identifiers.csv", []string{"entity", "scheme", "value", "claims", "sources"}, csvIdentifiers},
	{"absences.csv", []string{"entity", "relation", "direction", "kind", "reason", "text", "start", "end", "claims", "sources"}, csvAbsences},
	{"relations.csv", []string{
		"id", "type", "from", "from_kind", "to", "to_kind", "start", "end", "stake", "stake_min", "stake_max", "stake_wording",
		"amount", "currency", "text", "attributes", "indirect", "opened_by", "ended_by", "note", "claims", "sources",
	}, csvRelations},
	{"observations.csv", []string{
		"id", "entity", "metric", "value", "date", "unit", "qualifier", "nature", "period", "label", "scope", "dimensions", "note", "claims", "sources",
	}, csvObservations},
	{"metrics.csv", []string{"name", "definition", "unit", "adds_over_time", "adds_over_parts", "same_as"}, csvMetrics},
	{"conflicts.csv", []string{"id", "about", "predicate", "kind", "rule", "value", "note", "claims", "sources"}, csvConflicts},
	{"sources.csv", []string{"id", "title", "publisher", "author", "kind", "url", "published", "updated", "langs", "note"}, csvSources},
}

// csvTable is a file that is being written.
type csvTable struct {
	*csv.Writer
	losses *losses
	// judged is whether a fact cites the graph's own source of judgements.
	judged *bool
}

func (t *csvTable) row(cells ...string) error { return t.Write(cells) }

// writeCSV writes a zip archive of tables in CSV as RFC 4180 has it: UTF-8, a
// header, lines that end in CR LF. Cells with several values separate them by a
// semicolon and a space.
func writeCSV(ctx context.Context, snap kg.Snapshot, to io.Writer) ([]string, error) {
	losses := losses{always: []string{lostClaims, lostPast}}
	archive, judged := zip.NewWriter(to), false
	for _, table := range csvTables {
		file, err := archive.Create(table.name) // without a time, which would differ each time
		if err != nil {
			return nil, err
		}
		t := &csvTable{csv.NewWriter(file), &losses, &judged}
		t.UseCRLF = true
		err = t.row(table.columns...)
		if err == nil {
			err = table.write(ctx, snap, t)
		}
		t.Flush()
		if err := errors.Join(err, t.Error()); err != nil {
			return nil, err
		}
	}
	return losses.lines(), archive.Close()
}

const (
	lostQuoted = "citations whose source quotes somebody else: the tables name the source"
)

// vouched returns the cells of what a row rests on.
func (t *csvTable) vouched(citations []kg.Citation) (claims, places string) {
	for _, c := range citations {
		if c.AttributedTo != "" {
			t.losses.add(lostQuoted, 1)
		}
		*t.judged = *t.judged || c.Source == kg.JudgementSource
	}
	c, _, p := cited(citations)
	return strings.Join(c, "; "), strings.Join(p, "; ")
}

func csvEntities(ctx context.Context, snap kg.Snapshot, t *csvTable) error {
	return each(ctx, snap, kg.RecordEntity, func(e *kg.Entity) error {
		claims, sources := t.vouched(e.Citations)
		lang := ""
		if len(e.Names) > 0 {
			lang = e.Names[0].Lang
		}
		return t.row(string(e.ID), e.Kind.String(), e.Name(""), lang, e.FiscalYearEnd.String(), strings.Join(texts(e.Merged), "; "), claims, sources)
	})
}

func csvNames(ctx context.Context, snap kg.Snapshot, t *csvTable) error {
	return each(ctx, snap, kg.RecordEntity, func(e *kg.Entity) error {
		for _, n := range e.Names {
			claims, sources := t.vouched(n.Citations)
			if err := t.row(string(e.ID), n.Text, n.Lang, n.Kind.String(), claims, sources); err != nil {
				return err
			}
		}
		return nil
	})
}

func csvIdentifiers(ctx context.Context, snap kg.Snapshot, t *csvTable) error {
	return each(ctx, snap, kg.RecordEntity, func(e *kg.Entity) error {
		for _, i := range e.Identifiers {
			claims, sources := t.vouched(i.Citations)
			if err := t.row(string(e.ID), i.Scheme, i.Value, claims, sources); err != nil {
				return err
			}
		}
		return nil
	})
}

func csvAbsences(ctx context.Context, snap kg.Snapshot, t *csvTable) error {
	return each(ctx, snap, kg.RecordEntity, func(e *kg.Entity) error {
		for _, a := range e.Absences {
			claims, sources := t.vouched(a.Citations)
			err := t.row(string(e.ID), a.Relation.String(), a.Direction.String(), a.Kind.String(), a.Reason, a.Text, a.Start.String(), a.End.String(), claims, sources)
			if err != nil {
				return err
			}
		}
		return nil
	})
}

func csvRelations(ctx context.Context, snap kg.Snapshot, t *csvTable) error {
	for edge, err := range snap.Relations(ctx, kg.RelationQuery{All: true}) {
		if err != nil {
			return err
		}
		r := edge.Relation
		var stake, least, most, wording, amount, currency, indirect string
		if r.Stake != nil {
			stake, least, most, wording = r.Stake.String(), number(r.Stake.Min), number(r.Stake.Max), r.Stake.Wording
		}
		if r.Money != nil {
			amount, currency = number(r.Money.Amount), r.Money.Currency
		}
		if r.Indirect() {
			indirect = "true"
		}
		claims, sources := t.vouched(r.Citations)
		err := t.row(string(r.ID), r.Type.String(), string(r.From), r.FromKind.String(), string(r.To), r.ToKind.String(), r.Start.String(), r.End.String(),
			stake, least, most, wording, amount, currency, r.Text, attributeText(r.Attributes), indirect, string(r.OpenedBy), string(r.EndedBy), r.Note, claims, sources)
		if err != nil {
			return err
		}
	}
	return nil
}

func csvObservations(ctx context.Context, snap kg.Snapshot, t *csvTable) error {
	return each(ctx, snap, kg.RecordObservation, func(o *kg.Observation) error {
		value, date, unit := number(o.Value), "", o.Unit
		if o.Unit == kg.UnitDate {
			value, date, unit = "", o.Date.String(), ""
		}
		claims, sources := t.vouched(o.Citations)
		return t.row(string(o.ID), string(o.Subject), o.Metric, value, date, unit, o.Qualifier.String(), o.Nature.String(), o.Period.String(),
			o.Label, o.Scope, attributeText(o.Dimensions), o.Note, claims, sources)
	})
}

func csvMetrics(ctx context.Context, snap kg.Snapshot, t *csvTable) error {
	yes := map[bool]string{true: "true", false: "false"}
	return each(ctx, snap, kg.RecordMetric, func(m *kg.Metric) error {
		return t.row(m.Name, m.Definition, m.Unit, yes[m.AddsOverTime], yes[m.AddsOverParts], strings.Join(m.SameAs, "; "))
	})
}

// csvConflicts writes a row for each side.
func csvConflicts(ctx context.Context, snap kg.Snapshot, t *csvTable) error {
	return each(ctx, snap, kg.RecordConflict, func(c *kg.Conflict) error {
		for _, p := range c.Claims {
			claims, sources := t.vouched(p.Citations)
			if err := t.row(string(c.ID), string(c.About), c.Predicate, c.Kind.String(), c.Rule, p.Value, c.Note, claims, sources); err != nil {
				return err
			}
		}
		return nil
	})
}

// csvSources leaves out the source of judgements where no fact cites it: whoever
// judges and takes it back leaves no trace.
func csvSources(ctx context.Context, snap kg.Snapshot, t *csvTable) error {
	return each(ctx, snap, kg.RecordSource, func(s *kg.Source) error {
		if s.ID == kg.JudgementSource && !*t.judged {
			return nil
		}
		return t.row(string(s.ID), s.Title, s.Publisher, s.Author, s.Kind, s.URL, s.Published.String(), s.Updated.String(), strings.Join(s.Langs, "; "), s.Note)
	})
}
