package search

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"

	"keiretsu/internal/kg"
)

// Standing is how the index that lies in a folder stands to its store.
type Standing struct {
	// Revision is the one up to which it has come; 0 where there is no index,
	// which is then built when it is opened.
	Revision kg.Revision
	// Problem says why it is of no use and will be built anew; "" where it is of
	// use, or there is none.
	Problem string
}

// Inspect looks at the index in a folder that nobody has open, without following
// the store.
func Inspect(ctx context.Context, dir string, store Store) (Standing, error) {
	numbers, err := shelves(dir)
	if errors.Is(err, fs.ErrNotExist) || err == nil && len(numbers) == 0 {
		return Standing{}, nil
	}
	if err != nil {
		return Standing{}, fmt.Errorf("search: inspect the index: %w", err)
	}
	x := &Index{dir: dir, store: store, log: slog.New(slog.DiscardHandler)}
	s, unfit, err := x.open(ctx, shelfPath(dir, numbers[0]))
	if err != nil {
		return Standing{}, fmt.Errorf("search: inspect the index: %w", err)
	}
	if s == nil {
		return Standing{Problem: unfit}, nil
	}
	standing := Standing{Revision: s.state.revision}
	if err := s.close(); err != nil {
		return Standing{}, fmt.Errorf("search: inspect the index: %w", err)
	}
	return standing, nil
}
