package resolvers

import (
	"context"

	"keiretsu/graph/model"
	"keiretsu/internal/kg"
)

// follow opens the stream of changes after a revision, or where the subscriber
// was cut off. What clients never see, the receipts of writes, is left out.
func (r *Resolver) follow(ctx context.Context, s *model.Subscribing, since *int, of []kg.ID, kinds []kg.RecordKind) (model.Stream, error) {
	if len(of) > kg.MaxPage {
		return nil, kg.Invalidf("of", "at most %d entities can be followed, not %d; leave the argument out to follow all", kg.MaxPage, len(of))
	}
	after := s.Resume
	if after == nil && since != nil {
		if *since < 0 {
			return nil, kg.Invalidf("since", "a revision is 0 or more, not %d", *since)
		}
		revision := kg.Revision(*since)
		after = &revision
	}
	if len(kinds) == 0 {
		for _, k := range kg.RecordKinds() {
			if k != kg.RecordReceipt {
				kinds = append(kinds, k)
			}
		}
	}
	f, err := r.Graph.Follow(ctx, after, kg.ChangeFilter{Of: of, Kinds: kinds}, s.Wake)
	if err != nil {
		return nil, err
	}
	return model.UpdatesOf(f), nil
}
