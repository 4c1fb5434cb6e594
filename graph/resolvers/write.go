package resolvers

import (
	"context"
	"slices"

	"github.com/99designs/gqlgen/graphql"

	"keiretsu/graph/generated"
	"keiretsu/graph/model"
	"keiretsu/internal/kg"
)

// draft begins a write of whoever sends the request.
func draft(ctx context.Context, key string, since *int) *model.Draft {
	return model.NewDraft(model.AuthorFrom(ctx), key, since)
}

// apply does what a draft asks for and lets the request read the outcome. The
// report is nil where the request has been told what is wrong, all of it.
func (r *mutationResolver) apply(ctx context.Context, d *model.Draft) (*generated.WriteReport, *kg.Applied, error) {
	if wrong := d.Wrong(); len(wrong) > 0 {
		if !d.TooLarge() {
			if err := r.Graph.Check(ctx, d.Write); err != nil {
				wrong = append(wrong, d.Located(err)...)
			}
		}
		return nil, nil, tell(ctx, wrong)
	}
	applied, err := r.Graph.Apply(ctx, d.Write)
	if err != nil {
		return nil, nil, tell(ctx, d.Located(err))
	}
	model.LedgerFrom(ctx).Add(applied)
	if err := model.Renew(ctx); err != nil {
		return nil, nil, err
	}
	claims, err := claimsWith(ctx, applied.Claims)
	if err != nil {
		return nil, nil, err
	}
	return &generated.WriteReport{
		Revision: int(applied.Revision), Replayed: applied.Replayed,
		Recorded: applied.Recorded, Known: applied.Known, Retracted: applied.Retracted, Claims: claims,
	}, &applied, nil
}

// tell returns the last error, having told the others.
func tell(ctx context.Context, errs []error) error {
	last := len(errs) - 1
	for _, err := range errs[:last] {
		graphql.AddError(ctx, err)
	}
	return errs[last]
}

// thingsWith returns what ids name, however many they are.
func thingsWith(ctx context.Context, ids []kg.ID) ([]any, error) {
	var things []any
	for len(ids) > 0 {
		n := min(len(ids), kg.MaxPage)
		some, err := model.ViewFrom(ctx).Things(ctx, ids[:n])
		if err != nil {
			return nil, err
		}
		things, ids = append(things, some...), ids[n:]
	}
	return things, nil
}

func claimsWith(ctx context.Context, ids []kg.ID) ([]*model.Claim, error) {
	things, err := thingsWith(ctx, ids)
	claims := make([]*model.Claim, 0, len(things))
	for _, t := range things {
		if s, ok := t.(*kg.Stated); ok {
			claims = append(claims, &model.Claim{Stated: s})
		}
	}
	return claims, err
}

// entitiesWith returns the entities that ids name, however these are known.
func entitiesWith(ctx context.Context, ids ...kg.ID) ([]model.Entity, error) {
	things, err := thingsWith(ctx, ids)
	entities := make([]model.Entity, len(ids))
	for i, t := range things {
		entities[i], _ = model.NodeOf(t).(model.Entity)
	}
	return entities, err
}

// factsOf returns the facts that rest on claims of a report, given by index; nil
// where a claim has been taken back and its fact is gone.
func factsOf[T any](ctx context.Context, report *generated.WriteReport, indexes []int) ([]T, error) {
	ids := make([]kg.ID, len(indexes))
	for i, at := range indexes {
		ids[i] = report.Claims[at].Stated.Fact
	}
	things, err := thingsWith(ctx, ids)
	facts := make([]T, len(things))
	for i, t := range things {
		facts[i], _ = any(model.NodeOf(t)).(T)
	}
	return facts, err
}

// sourcesWith returns the sources of a write, as they are now.
func sourcesWith(ctx context.Context, written []*kg.Source) ([]*model.Source, error) {
	ids := make([]kg.ID, len(written))
	for i, s := range written {
		ids[i] = s.ID
	}
	things, err := thingsWith(ctx, ids)
	sources := make([]*model.Source, 0, len(things))
	for _, t := range things {
		if s, ok := t.(*kg.Source); ok {
			sources = append(sources, &model.Source{Source: s})
		}
	}
	return sources, err
}

// metricsWith returns the metrics of a write, as they are now.
func metricsWith(ctx context.Context, written []*kg.Metric) ([]*kg.Metric, error) {
	all, err := model.ViewFrom(ctx).Metrics(ctx)
	metrics := make([]*kg.Metric, 0, len(written))
	for _, w := range written {
		if i := slices.IndexFunc(all, func(m *kg.Metric) bool { return m.Name == w.Name }); i >= 0 {
			metrics = append(metrics, all[i])
		}
	}
	return metrics, err
}

// units returns the unit of every metric, those of the request included.
func units(ctx context.Context, more []*model.MetricInput) (map[string]string, error) {
	metrics, err := model.ViewFrom(ctx).Metrics(ctx)
	if err != nil {
		return nil, err
	}
	units := make(map[string]string, len(metrics)+len(more))
	for _, m := range metrics {
		units[m.Name] = m.Unit
	}
	for _, m := range more {
		units[m.Name] = m.Unit
	}
	return units, nil
}

// written shapes what a write of many things answers.
func written(ctx context.Context, d *model.Draft, report *generated.WriteReport, applied *kg.Applied) (*generated.WritePayload, error) {
	p := &generated.WritePayload{Write: *report}
	var err error
	if p.Sources, err = sourcesWith(ctx, d.Write.Sources); err != nil {
		return nil, err
	}
	if p.Metrics, err = metricsWith(ctx, d.Write.Metrics); err != nil {
		return nil, err
	}
	if p.Entities, err = factsOf[model.Entity](ctx, report, d.Entities); err != nil {
		return nil, err
	}
	if p.Relations, err = factsOf[model.Relation](ctx, report, d.Relations); err != nil {
		return nil, err
	}
	if p.Observations, err = factsOf[*model.Observation](ctx, report, d.Observations); err != nil {
		return nil, err
	}
	p.Retracted, err = claimsWith(ctx, applied.Taken)
	return p, err
}
