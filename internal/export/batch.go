package export

import (
	"context"
	"slices"

	"keiretsu/internal/kg"
)

// batchSize is for how many entities what stands around them is read at once.
const batchSize = 256

// batches calls do with all entities, in order of their names, some at a time.
func batches(ctx context.Context, snap kg.Snapshot, do func([]*kg.Entity) error) error {
	batch := make([]*kg.Entity, 0, batchSize)
	err := each(ctx, snap, kg.RecordEntity, func(e *kg.Entity) error {
		batch = append(batch, e)
		if len(batch) < batchSize {
			return nil
		}
		err := do(batch)
		batch = batch[:0]
		return err
	})
	if err == nil && len(batch) > 0 {
		err = do(batch)
	}
	return err
}

func idsOf(entities []*kg.Entity) []kg.ID {
	ids := make([]kg.ID, len(entities))
	for i, e := range entities {
		ids[i] = e.ID
	}
	return ids
}

// relationsAt returns the relations that a query finds, for each of q.Of.
func relationsAt(ctx context.Context, snap kg.Snapshot, q kg.RelationQuery) ([][]*kg.Relation, error) {
	found := make([][]*kg.Relation, len(q.Of))
	for edge, err := range snap.Relations(ctx, q) {
		if err != nil {
			return nil, err
		}
		found[edge.At] = append(found[edge.At], edge.Relation)
	}
	return found, nil
}

// lifeMetrics are the dates of which the formats of registers speak.
var lifeMetrics = []string{"birth_date", "death_date", "dissolved_date", "founded_date"}

// lifeDates returns for each entity the dates of its life that hold for all of it,
// by metric. All figures of an entity lie side by side, and are passed over faster
// than some of them are looked up.
func lifeDates(ctx context.Context, snap kg.Snapshot, of []kg.ID) ([]map[string][]*kg.Observation, error) {
	found := make([]map[string][]*kg.Observation, len(of))
	for f, err := range snap.Observations(ctx, kg.ObservationQuery{Of: of}) {
		if err != nil {
			return nil, err
		}
		o := f.Observation
		if !slices.Contains(lifeMetrics, o.Metric) || o.Unit != kg.UnitDate || o.Nature != kg.Actual || o.Scope != "" || len(o.Dimensions) > 0 {
			continue
		}
		if found[f.At] == nil {
			found[f.At] = make(map[string][]*kg.Observation)
		}
		found[f.At][o.Metric] = append(found[f.At][o.Metric], o)
	}
	return found, nil
}

// records returns the records of one kind with these ids, by id.
func records[R kg.Record](ctx context.Context, snap kg.Snapshot, ids []kg.ID) (map[kg.ID]R, error) {
	slices.Sort(ids)
	ids = slices.Compact(ids)
	list, err := snap.Get(ctx, ids)
	if err != nil {
		return nil, err
	}
	found := make(map[kg.ID]R, len(ids))
	for i, record := range list {
		if r, ok := record.(R); ok {
			found[ids[i]] = r
		}
	}
	return found, nil
}

// sourcesCited returns the sources of citations, each once and in order of ids.
func sourcesCited(citations []kg.Citation) []kg.ID {
	var ids []kg.ID
	for _, c := range citations {
		ids = append(ids, c.Source)
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}

// isAddress reports that a text can stand where a format wants an address.
func isAddress(text string) bool { return iriForm.MatchString(text) }

// attribute returns the value of an attribute, or "".
func attribute(attributes []kg.Attribute, key string) string {
	for _, a := range attributes {
		if a.Key == key {
			return a.Value
		}
	}
	return ""
}
