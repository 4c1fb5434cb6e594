package factfile_test

import (
	"testing"

	"keiretsu/internal/ingest"
	"keiretsu/internal/ingest/factfile"
	"keiretsu/internal/kg"
	"keiretsu/internal/kg/kgtest"
	"keiretsu/seeds"
)

// TestSeedsLoad loads the demo facts as the server does, twice.
func TestSeedsLoad(t *testing.T) {
	graph := kg.NewGraph(kgtest.NewModel(), kg.Options{})
	report, err := ingest.Load(t.Context(), graph, factfile.Read(seeds.Files))
	if err != nil {
		t.Fatalf("the seeds are wrong:\n%v", err)
	}
	t.Log(report)
	for what, n := range map[string]int{
		"sources": report.Sources, "metrics": report.Metrics, "entities": report.Entities,
		"relations": report.Relations, "figures": report.Figures, "conflicts": report.Conflicts, "claims": report.Applied.Recorded,
	} {
		if n == 0 {
			t.Errorf("no %s", what)
		}
	}

	again, err := ingest.Load(t.Context(), graph, factfile.Read(seeds.Files))
	if err != nil {
		t.Fatal(err)
	}
	if again.Applied.Recorded != 0 || again.Applied.Revision != report.Applied.Revision {
		t.Errorf("loading again recorded %d claims and led from revision %d to %d; want none and the same",
			again.Applied.Recorded, report.Applied.Revision, again.Applied.Revision)
	}
}
