package ingest

import (
	"fmt"
	"strings"
	"time"

	"keiretsu/internal/kg"
)

// Report says what came of a load.
type Report struct {
	// The drafts that were read, by what they are.
	Sources, Metrics, Entities, Relations, Figures, Claims, Conflicts, Retractions int
	// Applied is what the graph made of them.
	Applied kg.Applied
	// Took is how long the load lasted.
	Took time.Duration
}

// String says it in two sentences.
func (r Report) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "Read %d sources, %d metrics, %d entities, %d relations, %d figures and %d conflicts in %s. ",
		r.Sources, r.Metrics, r.Entities, r.Relations, r.Figures, r.Conflicts, r.Took.Round(time.Millisecond))
	fmt.Fprintf(&b, "Of their claims %d are new and %d were known already (revision %d).",
		r.Applied.Recorded, r.Applied.Known, r.Applied.Revision)
	return b.String()
}
