package ingest

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"keiretsu/internal/kg"
)

// Report says what came of a load or an import.
type Report struct {
	// The drafts that were read, by what they are.
	Sources     int `json:"sources"`
	Metrics     int `json:"metrics"`
	Entities    int `json:"entities"`
	Relations   int `json:"relations"`
	Figures     int `json:"figures"`
	Absences    int `json:"absences"`
	Claims      int `json:"claims"`
	Conflicts   int `json:"conflicts"`
	Retractions int `json:"retractions"`
	// Made counts the entities that were made of hints, because nothing that
	// was read describes them.
	Made int `json:"made"`
	// Merged counts the entities that are the same as ones that the graph
	// knows under other ids, because they share a strong identifier.
	Merged int `json:"merged"`
	// Recorded says under which moments it was recorded; Shifted counts the
	// claims of a history that could not be recorded under their own, because
	// later ones had been already.
	Recorded Recorded `json:"recorded,omitempty"`
	Shifted  int      `json:"shifted,omitempty"`
	// Applied is what the graph made of them.
	Applied Sum `json:"applied"`
	// Outdated counts the claims that were taken back because the data set says
	// so no longer; they are among those of Applied.Retracted.
	Outdated int `json:"outdated,omitempty"`
	// Dropped says what was not recorded, and why.
	Dropped Tally `json:"dropped"`
	// Took is how long it lasted, in nanoseconds.
	Took time.Duration `json:"took"`
}

// Sum is what several writes did together, as kg.Applied counts it.
type Sum struct {
	Recorded     int         `json:"recorded"`
	Known        int         `json:"known"`
	Withheld     int         `json:"withheld"`
	Retracted    int         `json:"retracted"`
	Entities     int         `json:"entities"`
	Relations    int         `json:"relations"`
	Observations int         `json:"observations"`
	Revision     kg.Revision `json:"revision"`
}

// Counts returns what was counted, by name, without what is 0.
func (s Sum) Counts() map[string]int {
	counts := map[string]int{
		"recorded": s.Recorded, "known": s.Known, "withheld": s.Withheld, "retracted": s.Retracted,
		"entities": s.Entities, "relations": s.Relations, "observations": s.Observations,
	}
	maps.DeleteFunc(counts, func(_ string, n int) bool { return n == 0 })
	return counts
}

func (s *Sum) add(a kg.Applied) {
	s.Recorded += a.Recorded
	s.Known += a.Known
	s.Withheld += a.Withheld
	s.Retracted += a.Retracted
	s.Entities += a.Entities
	s.Relations += a.Relations
	s.Observations += a.Observations
	s.Revision = a.Revision
}

// count counts a draft.
func (r *Report) count(d Draft) {
	switch d := d.(type) {
	case *Source:
		r.Sources++
	case *Metric:
		if !d.Default { // else the reader says it of every file
			r.Metrics++
		}
	case *Entity:
		r.Entities++
	case *Relation:
		r.Relations++
	case *Figure:
		r.Figures++
	case *Absence:
		r.Absences++
	case *Claims:
		r.Claims += len(d.Claims)
	case *Conflict, *Noted:
		r.Conflicts++
	case *Retraction:
		r.Retractions++
	}
}

// Read counts all that was read.
func (r Report) Read() int {
	return r.Sources + r.Metrics + r.Entities + r.Relations + r.Figures + r.Absences + r.Claims + r.Conflicts + r.Retractions
}

// String says in two sentences what came of a load.
func (r Report) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "Read %d sources, %d metrics, %d entities, %d relations, %d figures and %d conflicts in %s. ",
		r.Sources, r.Metrics, r.Entities, r.Relations, r.Figures, r.Conflicts, r.Took.Round(time.Millisecond))
	fmt.Fprintf(&b, "Of their claims %d are new and %d were known already (revision %d).",
		r.Applied.Recorded, r.Applied.Known, r.Applied.Revision)
	return b.String()
}

// Tally counts problems by reason.
type Tally struct {
	// Reasons are in the order in which they first came up, at most maxReasons.
	Reasons []Reason `json:"reasons,omitempty"`
	// Others counts the problems with other reasons.
	Others int `json:"others,omitempty"`
}

// Reason is one reason for which things were dropped.
type Reason struct {
	// Reason is that of the first, in full; those that differ from it in
	// quoted words and in words with digits alone are counted with it.
	Reason string `json:"reason"`
	Count  int    `json:"count"`
	// First are the places of the first, at most maxPlaces.
	First []string `json:"first"`
}

const (
	maxReasons = 50
	maxPlaces  = 3
)

// Count is how many problems there were.
func (t *Tally) Count() int {
	n := t.Others
	for _, r := range t.Reasons {
		n += r.Count
	}
	return n
}

// add counts a problem.
func (t *Tally) add(p *Problem) {
	// Most are told in the same words, and a whole dump has millions of them.
	n := slices.IndexFunc(t.Reasons, func(r Reason) bool { return r.Reason == p.Reason })
	if n < 0 {
		class := classOf(p.Reason)
		n = slices.IndexFunc(t.Reasons, func(r Reason) bool { return classOf(r.Reason) == class })
	}
	if n < 0 {
		if len(t.Reasons) == maxReasons {
			t.Others++
			return
		}
		n = len(t.Reasons)
		t.Reasons = append(slices.Clip(t.Reasons), Reason{Reason: p.Reason})
	}
	r := &t.Reasons[n]
	r.Count++
	if len(r.First) < maxPlaces {
		r.First = append(slices.Clip(r.First), p.At.String())
	}
}

func (t Tally) clone() Tally { return Tally{slices.Clone(t.Reasons), t.Others} }

func (t *Tally) addAll(all problems) {
	for _, p := range all {
		t.add(p)
	}
}

// particular matches the words of a reason that differ from record to record.
var particular = regexp.MustCompile(`"(?:[^"\\]|\\.)*"|\S*[0-9:]\S*`)

// classOf returns what reasons of one kind have in common.
func classOf(reason string) string { return particular.ReplaceAllString(reason, "…") }
