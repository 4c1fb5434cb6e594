package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"

	"keiretsu/internal/control"
	"keiretsu/internal/ingest"
	"keiretsu/internal/kg"
	"keiretsu/internal/kg/badgerstore"
	"keiretsu/internal/search"
)

// check is the command that looks everything through.
type check struct {
	Repair bool `help:"Make again what can be made again: rows by which records are found, counts, facts, the search index. Never touches claims. No server may run. Default ${default}, environment KEIRETSU_REPAIR." default:"false"`
	JSON   bool `name:"json" help:"Write JSON, a line for each finding and one for the summary. Default ${default}, environment KEIRETSU_JSON." default:"false"`
}

// Help goes on where the first line of help ends.
func (c *check) Help() string {
	return `Every row is compared with the record it belongs to, every fact with what its
claims give. "must" is lost or wrong, "should" can be made again. Exit code 1
where anything is wrong. A running server does the looking itself.`
}

// Run checks, and repairs if that is asked for.
func (c *check) Run(ctx context.Context, m *Main, f *folder) error {
	out := report{m: m, json: c.JSON}
	if c.Repair {
		if err := c.repair(ctx, m, f, out); err != nil {
			return err
		}
	}
	var summary control.CheckSummary
	err := f.administer(ctx, m, func(ctx context.Context, admin control.Admin) (err error) {
		summary, err = admin.Check(ctx, out.finding)
		return err
	})
	if err != nil {
		return err
	}
	if err := out.summary(summary); err != nil {
		return err
	}
	if summary.Findings > 0 {
		remedy := "see docs/operations.md; check --repair makes good what can be made again"
		if c.Repair {
			remedy = "what the repair has left takes a backup: see docs/operations.md"
		}
		return fmt.Errorf("%s: %s in the store; %s", f.Data, counted(summary.Findings, "thing is wrong", "%d things are wrong"), remedy)
	}
	return nil
}

// repair makes again what can be made again, and says what it found.
func (c *check) repair(ctx context.Context, m *Main, f *folder, out report) error {
	client, err := control.Dial(ctx, f.socket())
	if err == nil {
		return errors.Join(fmt.Errorf("%s is in use by a running server; stop it to repair", f.Data), client.Close())
	}
	if !errors.Is(err, control.ErrNobody) {
		return err
	}
	here, err := f.open(ctx, badgerstore.Options{Logger: m.warnings()})
	if err != nil {
		return err
	}
	err = errors.Join(here.repair(ctx, out.repaired), here.close())
	if ctx.Err() != nil && errors.Is(err, ctx.Err()) {
		return errInterrupted
	}
	return err
}

// report writes what a check says.
type report struct {
	m    *Main
	json bool
}

func grade(must bool) string {
	if must {
		return "must"
	}
	return "should"
}

func (r report) finding(f control.Finding) error { return r.line(f, "") }

// repaired writes what a repair has found before it was healed.
func (r report) repaired(f control.Finding) error {
	if f.Repairable {
		return r.line(f, "repaired: ")
	}
	return r.line(f, "left: ")
}

func (r report) line(f control.Finding, what string) error {
	if r.json {
		return json.NewEncoder(r.m.Stdout).Encode(struct {
			control.Finding
			Repair string `json:"repair,omitempty"`
		}{f, map[string]string{"repaired: ": "repaired", "left: ": "left"}[what]})
	}
	_, err := fmt.Fprintf(r.m.Stdout, "%s%s %s %s: %s\n", what, grade(f.Must), f.Family, f.Key, f.Problem)
	return err
}

func (r report) summary(s control.CheckSummary) error {
	if r.json {
		return json.NewEncoder(r.m.Stdout).Encode(map[string]control.CheckSummary{"summary": s})
	}
	var rows int64
	for _, n := range s.Rows {
		rows += n
	}
	facts := "facts as their claims give them"
	if s.FactsSkipped {
		facts = "facts not compared, since rows are damaged"
	}
	sum := s.Checksum
	if sum == "" {
		sum = "unknown"
	}
	_, err := fmt.Fprintf(r.m.Stdout, "revision %d: %s in %s, %s, %s wrong, checksum %s\n",
		s.Revision, counted(s.Records, "record", ""), counted(rows, "row", ""), facts, counted(s.Findings, "thing", ""), sum)
	return err
}

// sound is what makes a record sound by itself.
func checking(found func(control.Finding) error, stop *bool) badgerstore.Checking {
	return badgerstore.Checking{Sound: kg.Sound, Found: func(f badgerstore.Finding) error {
		*stop = true
		return found(control.Finding(f))
	}}
}

// factsFamily and searchFamily name what is no family of rows.
const (
	factsFamily  = "facts"
	searchFamily = "search"
)

func flawOf(f kg.Flaw) control.Finding {
	return control.Finding{
		Must: true, Family: factsFamily, Key: fmt.Sprintf("%s %s", f.Kind, f.ID), Problem: f.Problem, Repairable: f.Derived,
	}
}

// Check looks through rows, facts and the search index.
func (a *administration) Check(ctx context.Context, found func(control.Finding) error) (control.CheckSummary, error) {
	damaged := false
	checked, err := a.store.Check(ctx, checking(found, &damaged))
	if err != nil {
		return control.CheckSummary{}, err
	}
	s := control.CheckSummary{
		Point:    control.Point{Store: checked.Store, Revision: uint64(checked.Revision), History: checked.History},
		Checksum: checked.Sum, Records: checked.Records, Rows: checked.Rows, Findings: checked.Findings, FactsSkipped: damaged,
	}
	if !damaged {
		snap, err := a.store.Snapshot(ctx)
		if err != nil {
			return control.CheckSummary{}, err
		}
		defer snap.Close()
		err = kg.Audit(ctx, snap, func(f kg.Flaw) error {
			s.Findings++
			return found(flawOf(f))
		})
		if err != nil {
			return control.CheckSummary{}, err
		}
	}
	standing, err := a.searchStanding(ctx)
	if err != nil {
		return control.CheckSummary{}, err
	}
	if standing.Problem != "" {
		s.Findings++
		err = found(control.Finding{Family: searchFamily, Key: "index", Problem: standing.Problem, Repairable: true})
	}
	return s, err
}

// searchStanding says how the search index stands, without changing it.
func (a *administration) searchStanding(ctx context.Context) (search.Standing, error) {
	if a.index != nil {
		return search.Standing{Revision: a.index.Revision()}, nil
	}
	return search.Inspect(ctx, a.folder.search(), a.store)
}

// repair makes good what can be, rows before the facts that are read from them.
// What it finds on the way is passed on.
func (a *administration) repair(ctx context.Context, found func(control.Finding) error) (err error) {
	line := a.announcement(ctx, "check --repair", localUser())
	if err := line.begin(a.folder, a.log); err != nil {
		return err
	}
	defer func() { line.done(ingest.Sum{}, err) }()
	damaged, left := false, false
	_, err = a.store.Repair(ctx, checking(func(f control.Finding) error {
		left = left || !f.Repairable
		return found(f)
	}, &damaged))
	if err != nil || left {
		return err // facts would be worked out from claims that are not all there
	}
	if _, err := kg.NewGraph(a.store, kg.Options{}).Repair(ctx, func(f kg.Flaw) error { return found(flawOf(f)) }); err != nil {
		return err
	}
	standing, err := a.searchStanding(ctx)
	if err != nil || standing.Problem == "" {
		return err
	}
	if err := found(control.Finding{Family: searchFamily, Key: "index", Problem: standing.Problem, Repairable: true}); err != nil {
		return err
	}
	_, err = a.Reindex(ctx)
	return err
}

// warnings is the log of a command that a person runs.
func (m *Main) warnings() *slog.Logger {
	return slog.New(slog.NewTextHandler(m.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
}
