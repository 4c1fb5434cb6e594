package jsonl

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"strings"

	"keiretsu/internal/ingest"
	"keiretsu/internal/kg"
)

// Format is the format as the import command knows it.
var Format = ingest.Format{
	Name: "jsonl",
	Help: "Keiretsu's own lossless format, as the command export writes it: one JSON object a line",
	Read: Read,
}

// formatName stands in the first line of every file.
const formatName = "keiretsu-jsonl"

// Read yields the drafts of a file. Lines about one entity itself, one behind the
// other, are one draft: a new entity needs its name at once.
func Read(in ingest.Input) iter.Seq2[ingest.Draft, error] {
	return func(yield func(ingest.Draft, error) bool) {
		r := &reader{in: in, yield: yield}
		for text, err := range in.Lines() {
			if err != nil {
				r.fail(err)
			} else if len(bytes.TrimSpace(text.Text)) > 0 {
				r.line(text)
			}
			if r.ended {
				return
			}
		}
		if !r.begun {
			r.fail(ingest.Brokenf(in.At(1), "the file is empty"))
		}
		r.flush()
	}
}

// maxGroup bounds the claims about one entity that become one draft.
const maxGroup = 2000

type reader struct {
	in    ingest.Input
	yield func(ingest.Draft, error) bool
	// begun says that the header has been read, ended that nothing more is wanted.
	begun, ended bool
	// group gathers claims about the entity itself.
	group *ingest.Claims
	about kg.ID
}

func (r *reader) emit(d ingest.Draft) {
	if !r.ended {
		r.ended = !r.yield(d, nil)
	}
}

// fail yields what is wrong; all but a *ingest.Problem ends the file.
func (r *reader) fail(err error) {
	r.flush()
	if r.ended {
		return
	}
	_, goOn := errors.AsType[*ingest.Problem](err)
	r.ended = !r.yield(nil, err) || !goOn
}

func (r *reader) flush() {
	if r.group != nil {
		r.emit(r.group)
	}
	r.group = nil
}

func (r *reader) line(text ingest.Line) {
	at := r.in.At(text.Number)
	l, err := decode(text.Text)
	switch {
	case !r.begun:
		r.begun = true
		switch {
		case err != nil || l.Header == nil || l.Header.Format != formatName:
			r.fail(ingest.Brokenf(at, `this is no jsonl file of Keiretsu: the first line of one is {"keiretsu":{"format":%q,"version":%d}}`, formatName, Version))
		case l.Header.Version > Version:
			r.fail(ingest.Brokenf(at, "the file is of version %d of the format, and this program knows %d; use a newer one", l.Header.Version, Version))
		case l.Header.Identities == identitiesStated:
			r.emit(&ingest.Settled{At: at})
		case l.Header.Identities != "":
			r.fail(ingest.Brokenf(at, "identities: %q: expected %q, or nothing", l.Header.Identities, identitiesStated))
		}
	case err != nil && text.Unended && !json.Valid(text.Text):
		r.fail(ingest.Brokenf(at, "the file ends in the middle of a record: it has been cut off"))
	case err != nil:
		r.fail(ingest.Problemf(at, "%v", err))
	case l.Claim != nil && l.things() == 1:
		r.claim(at, l.Claim)
	default:
		r.flush()
		d, err := other(at, l)
		if err != nil {
			r.fail(ingest.Problemf(at, "%v", err))
			return
		}
		r.emit(d)
	}
}

func (r *reader) claim(at ingest.Position, l *claim) {
	c, err := l.claim()
	if err != nil {
		r.fail(ingest.Problemf(at, "%v", err))
		return
	}
	about := aboutItself(c)
	if r.group != nil && (about == "" || about != r.about || len(r.group.Claims) == maxGroup) {
		r.flush()
	}
	if r.group == nil {
		r.group, r.about = &ingest.Claims{At: at}, about
	}
	r.group.Claims, r.group.Places = append(r.group.Claims, c), append(r.group.Places, at)
}

// aboutItself returns the entity about which itself the claim is, or "".
func aboutItself(c *kg.Claim) kg.ID {
	if m := c.Mentioned(); m[0].Part == kg.PartItself {
		return m[0].Entity
	}
	return ""
}

// decode reads the one object of a line.
func decode(text []byte) (*line, error) {
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	l := &line{}
	if err := d.Decode(l); err != nil {
		return nil, plain(err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("more than one object stands in the line")
	}
	return l, nil
}

// plain says what is wrong with JSON in the words of the format.
func plain(err error) error {
	if wrong, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		return fmt.Errorf("%s cannot be a %s", wrong.Field, wrong.Value)
	}
	if _, ok := errors.AsType[*json.SyntaxError](err); ok || errors.Is(err, io.ErrUnexpectedEOF) {
		return errors.New("the line is not one JSON object")
	}
	return errors.New(strings.TrimPrefix(err.Error(), "json: "))
}

// things counts what stands in the line.
func (l *line) things() (n int) {
	for _, there := range []bool{l.Header != nil, l.Source != nil, l.Metric != nil, l.Claim != nil, l.Conflict != nil} {
		if there {
			n++
		}
	}
	return n
}

// other returns the draft of a line that is no claim.
func other(at ingest.Position, l *line) (ingest.Draft, error) {
	switch {
	case l.things() != 1:
		return nil, errors.New("a line holds exactly one of source, metric, claim and conflict")
	case l.Source != nil:
		return l.Source.draft(at), nil
	case l.Metric != nil:
		return l.Metric.draft(at), nil
	case l.Conflict != nil:
		c, err := l.Conflict.conflict()
		return &ingest.Noted{At: at, Conflict: c}, err
	}
	return nil, errors.New("the header stands in the first line alone")
}

func (l *source) draft(at ingest.Position) ingest.Draft {
	s := &ingest.Source{
		At: at, ID: at.Text(string(l.ID)), Title: at.Text(l.Title), Publisher: at.Text(l.Publisher), Author: at.Text(l.Author),
		Kind: at.Text(l.Kind), URL: at.Text(l.URL), Published: at.Text(l.Published), Updated: at.Text(l.Updated), Note: at.Text(l.Note),
	}
	for _, lang := range l.Langs {
		s.Langs = append(s.Langs, at.Text(lang))
	}
	return s
}

func (l *metric) draft(at ingest.Position) ingest.Draft {
	answer := func(b bool) ingest.Text {
		if b {
			return at.Text("yes")
		}
		return at.Text("no")
	}
	m := &ingest.Metric{
		At: at, Name: at.Text(l.Name), Definition: at.Text(l.Definition), Unit: at.Text(l.Unit),
		OverTime: answer(l.AddsOverTime), OverParts: answer(l.AddsOverParts),
	}
	for _, same := range l.SameAs {
		m.SameAs = append(m.SameAs, at.Text(same))
	}
	return m
}
