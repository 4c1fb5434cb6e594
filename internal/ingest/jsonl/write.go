package jsonl

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"

	"keiretsu/internal/kg"
)

// Written says how much was written.
type Written struct {
	Sources, Metrics, Claims, Conflicts int
	// TakenBack counts the claims that were left out because they do not stand.
	TakenBack int
}

// Losses says what the format leaves out, a sentence for each.
func (w Written) Losses() []string {
	losses := []string{"when and by whom things were recorded, and earlier descriptions of sources: backups keep them"}
	if w.TakenBack > 0 {
		losses = append(losses, fmt.Sprintf("claims that were taken back, with their reasons (%d): backups keep them", w.TakenBack))
	}
	return append(losses, "ids of relations that rest on several claims: they are worked out anew when the file is read, and may differ")
}

// Write writes everything that the snapshot holds: sources, metrics, claims about
// entities themselves, all other claims, and conflicts that people noted.
//
// The order is that of ids for all but the source of judgements, which stands before
// the first that cites it, and claims; those come as the snapshot yields
// them, family by family, within one sorted by their bytes. So the same contents
// in the same engine give the same bytes.
func Write(ctx context.Context, snap kg.Snapshot, to io.Writer) (Written, error) {
	w := newWriter(to)
	err := w.write(ctx, snap)
	if flushed := w.to.Flush(); err == nil {
		err = flushed
	}
	return w.Written, err
}

type writer struct {
	Written
	to   *bufio.Writer
	json *json.Encoder
	text bytes.Buffer
	// judgements is the graph's own source of judgements, as long as it is not
	// written: it stands before the first that cites it. Where nothing does, it
	// is left out, so that what is judged and taken back leaves no trace.
	judgements *kg.Source
	// family is the one of which lines are gathered.
	family string
	lines  [][]byte
}

func newWriter(to io.Writer) *writer {
	w := &writer{to: bufio.NewWriterSize(to, 1<<18)}
	w.json = json.NewEncoder(&w.text)
	w.json.SetEscapeHTML(false)
	return w
}

func (w *writer) write(ctx context.Context, snap kg.Snapshot) error {
	if err := w.put(&line{Header: &header{formatName, Version, identitiesStated}}); err != nil {
		return err
	}
	for _, kind := range []kg.RecordKind{kg.RecordSource, kg.RecordMetric} {
		for r, err := range snap.Scan(ctx, kg.ScanQuery{Kind: kind}) {
			if err != nil {
				return err
			}
			if s, ok := r.(*kg.Source); ok && s.ID == kg.JudgementSource {
				w.judgements = s
				continue
			}
			if err := w.describe(r); err != nil {
				return err
			}
		}
	}
	for _, itself := range []bool{true, false} {
		if err := w.claims(ctx, snap, itself); err != nil {
			return err
		}
	}
	for r, err := range snap.Scan(ctx, kg.ScanQuery{Kind: kg.RecordConflict}) {
		if err != nil {
			return err
		}
		c := r.(*kg.Conflict)
		if c.Rule != "" {
			continue // it follows from the claims
		}
		w.Conflicts++
		records, err := snap.Get(ctx, []kg.ID{c.About})
		if err != nil {
			return err
		}
		var ids []kg.ID
		if e, ok := records[0].(*kg.Entity); ok {
			ids = e.Merged
		}
		for _, p := range c.Claims {
			for _, cite := range p.Citations {
				if err := w.cite(cite.Source); err != nil {
					return err
				}
			}
		}
		if err := w.put(&line{Conflict: conflictLine(c, c.NotedAbout(ids))}); err != nil {
			return err
		}
	}
	return nil
}

func (w *writer) describe(r kg.Record) error {
	switch r := r.(type) {
	case *kg.Source:
		w.Sources++
		return w.put(&line{Source: &source{
			ID: r.ID, Title: r.Title, Publisher: r.Publisher, Author: r.Author, Kind: r.Kind, URL: r.URL,
			Published: r.Published.String(), Updated: r.Updated.String(), Langs: r.Langs, Note: r.Note,
		}})
	case *kg.Metric:
		w.Metrics++
		return w.put(&line{Metric: &metric{r.Name, r.Definition, r.Unit, r.AddsOverTime, r.AddsOverParts, r.SameAs}})
	}
	return nil
}

// cite writes the source of judgements, where it is the source and was not written.
func (w *writer) cite(source kg.ID) error {
	if source != kg.JudgementSource || w.judgements == nil {
		return nil
	}
	err := w.describe(w.judgements)
	w.judgements = nil
	return err
}

// claims writes those about entities themselves, or all others.
func (w *writer) claims(ctx context.Context, snap kg.Snapshot, itself bool) error {
	q := kg.ClaimQuery{All: true}
	if itself {
		q.As = []kg.Aspect{{Part: kg.PartItself}}
	}
	for m, err := range snap.ClaimsAbout(ctx, q) {
		if err != nil {
			return err
		}
		c := m.Claim
		if itself != (aboutItself(c) != "") {
			continue
		}
		if !c.Live() {
			w.TakenBack++
			continue
		}
		if family := c.Family(); family != w.family {
			if err := w.endFamily(); err != nil {
				return err
			}
			w.family = family
		}
		l, err := claimLine(c)
		if err == nil {
			err = w.cite(c.Source)
		}
		if err != nil {
			return err
		}
		w.Claims++
		text, err := w.encode(&line{Claim: l})
		if err != nil {
			return err
		}
		w.lines = append(w.lines, slices.Clone(text))
	}
	return w.endFamily()
}

// endFamily writes the lines of a family: in order of their bytes, that an
// entity exists first.
func (w *writer) endFamily() error {
	slices.SortFunc(w.lines, bytes.Compare)
	for _, text := range w.lines {
		if _, err := w.to.Write(text); err != nil {
			return err
		}
	}
	w.lines = w.lines[:0]
	return nil
}

func (w *writer) put(l *line) error {
	text, err := w.encode(l)
	if err != nil {
		return err
	}
	_, err = w.to.Write(text)
	return err
}

// encode returns the line, good until the next call.
func (w *writer) encode(l *line) ([]byte, error) {
	w.text.Reset()
	if err := w.json.Encode(l); err != nil {
		return nil, err
	}
	return w.text.Bytes(), nil
}
