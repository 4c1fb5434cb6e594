package kg

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Write is what one call of Graph.Apply records: all of it or nothing.
type Write struct {
	// Sources and Metrics are added, or replace those of the same id.
	Sources []*Source
	Metrics []*Metric
	// Claims are recorded. Apply sets their ID, Recorded and Revision.
	Claims []*Claim
	// Conflicts are disagreements that a person has noted because no rule can
	// find them. Apply sets their ID.
	Conflicts []*Conflict
	// Retractions take claims back. They come into force together with the
	// claims of the same write, so that one write corrects a mistake.
	Retractions []Retract

	// Splits take back that entities are the same as others.
	Splits []Split

	// By is who writes, such as token:anna; at most MaxAuthor bytes.
	By string
	// Key, where it is set, is a name that the writer gave the write. A second
	// write of the same writer under the same key is not done: Apply answers
	// with what the first did if both say the same, and refuses it if they do
	// not. At most MaxKey bytes.
	Key string
	// At is the moment under which the write is recorded, zero for now: for what
	// was recorded elsewhere before, and brings its own history. It may lie
	// neither before the newest change of the graph nor in the future, so that
	// what is known by a moment never changes afterwards. Milliseconds count.
	At time.Time
	// Since, where it is set, is the revision on which the write rests. If
	// anything that the write touches has changed since, Apply refuses with a
	// *ConflictError: a claim of the same families, or a source described.
	Since *Revision
	// KeepRetracted leaves claims that had been taken back as they are, instead
	// of recording them again: a file that is read once more does not overrule
	// whoever found it wrong.
	KeepRetracted bool
	// KeepExcept, where it is set, is a reason: claims that were taken back for it
	// are recorded again in spite of KeepRetracted.
	KeepExcept string
}

// Retract takes claims back.
type Retract struct {
	// ID names a claim; or a relation, an observation or an entity, and then
	// all claims on which it rests. An entity can only go when nothing else
	// speaks of it. To take back what has been taken back changes nothing.
	ID ID
	// Reason says why; it must not be empty.
	Reason string
}

// Split takes back every claim that an entity is the same as another. What others
// are the same as by way of it stays with it.
type Split struct {
	// Entity is the id that is to stand for itself again.
	Entity ID
	// Reason says why; it must not be empty.
	Reason string
}

// Bounds of the texts of a write itself, in bytes.
const (
	MaxKey    = 200
	MaxAuthor = 300
)

// Applied says what a write did.
type Applied struct {
	// Revision is the state that holds the write.
	Revision Revision
	// Recorded counts the claims that were new, Known those that the graph
	// held already.
	Recorded, Known int
	// Withheld counts the claims that Write.KeepRetracted left taken back.
	Withheld int
	// Retracted counts the claims that were taken back.
	Retracted int
	// Claims are the ids of the claims of the write, aligned with them.
	Claims []ID
	// Taken are the ids of the claims that were taken back, in id order.
	Taken []ID
	// Replayed reports that the write had been done before under its key;
	// Revision is then that of the first time, and the counts are 0.
	Replayed bool
	// Entities, Relations and Observations count the facts that were added or changed.
	Entities, Relations, Observations int
}

// WriteList names a list of a Write.
type WriteList string

// The lists.
const (
	InSources   WriteList = "sources"
	InMetrics   WriteList = "metrics"
	InClaims    WriteList = "claims"
	InConflicts WriteList = "conflicts"
	// InRetractions names Write.Retractions.
	InRetractions WriteList = "retractions"
	InSplits      WriteList = "splits"
)

// Problem is one thing wrong with a write.
type Problem struct {
	// In and Index name the item.
	In    WriteList
	Index int
	// Err says what is wrong and what was expected.
	Err error
}

// Rejection is the ErrInvalid of a write of which nothing was recorded.
type Rejection struct {
	// Problems are in order of list and index; at most MaxProblems of them.
	Problems []Problem
	// More counts the problems left out.
	More int
}

// MaxProblems bounds the problems listed in a Rejection.
const MaxProblems = 50

// Error lists the problems, one a line.
func (r *Rejection) Error() string {
	var b strings.Builder
	for i, p := range r.Problems {
		if i > 0 {
			b.WriteByte('\n')
		}
		fmt.Fprintf(&b, "%s[%d]: %v", p.In, p.Index, p.Err)
	}
	if r.More > 0 {
		fmt.Fprintf(&b, "\nand %d more", r.More)
	}
	return b.String()
}

// Is reports that every Rejection is an ErrInvalid.
func (r *Rejection) Is(target error) bool { return target == ErrInvalid }

func (r *Rejection) add(in WriteList, index int, err error) {
	if err == nil {
		return
	}
	var several interface{ Unwrap() []error } // of errors.Join
	if errors.As(err, &several) {
		for _, err := range several.Unwrap() {
			r.add(in, index, err)
		}
		return
	}
	if len(r.Problems) == MaxProblems {
		r.More++
		return
	}
	r.Problems = append(r.Problems, Problem{in, index, err})
}

// orNil returns the rejection if it holds a problem.
func (r *Rejection) orNil() error {
	if len(r.Problems) == 0 {
		return nil
	}
	return r
}

// check returns an ErrInvalid unless the write itself, apart from what it says,
// can be right.
func (w *Write) check(newest Revision) error {
	switch {
	case len(w.Key) > MaxKey:
		return Invalidf("key", "a key has at most %d bytes", MaxKey)
	case len(w.By) > MaxAuthor:
		return Invalidf("", "the name of who writes has at most %d bytes", MaxAuthor)
	case w.Since != nil && *w.Since > newest:
		return Invalidf("since", "there is no revision %d yet; the newest is %d", *w.Since, newest)
	}
	return inArgument("key", checkTexts(w.Key))
}

// receipt returns what remembers the write, or nil where it has no key.
func (w *Write) receipt(at time.Time, revision Revision) *Receipt {
	if w.Key == "" {
		return nil
	}
	return &Receipt{ID: derivedID(receiptPrefix, w.By, w.Key), By: w.By, Digest: w.digest(), Revision: revision, At: at}
}

// digest is a hash of everything that the write says. Two writes with one digest
// do the same.
func (w *Write) digest() string {
	h := sha256.New()
	part := func(texts ...string) {
		for _, s := range texts {
			fmt.Fprintf(h, "%d:%s", len(s), s)
		}
		h.Write([]byte{'\n'})
	}
	if !w.At.IsZero() {
		part("at", w.At.UTC().Truncate(time.Millisecond).Format(time.RFC3339Nano))
	}
	for _, s := range w.Sources {
		part(append([]string{"source", string(s.ID), s.Title, s.Publisher, s.Author, s.Kind, s.URL, s.Note, s.Published.String(), s.Updated.String()}, s.Langs...)...)
	}
	for _, m := range w.Metrics {
		part(append([]string{"metric", m.Name, m.Definition, m.Unit, strconv.FormatBool(m.AddsOverTime), strconv.FormatBool(m.AddsOverParts)}, m.SameAs...)...)
	}
	for _, c := range w.Claims {
		part("claim", string(c.ContentID()), c.Note)
	}
	for _, c := range w.Conflicts {
		part("conflict", string(c.About), c.Predicate, c.Kind.String(), c.Note)
		for _, p := range c.Claims {
			part("position", p.Value)
			for _, cite := range p.Citations {
				part("cites", string(cite.Source), cite.Locator, string(cite.AttributedTo))
			}
		}
	}
	for _, r := range w.Retractions {
		part("retract", string(r.ID), r.Reason)
	}
	for _, s := range w.Splits {
		part("split", string(s.Entity), s.Reason)
	}
	return hex.EncodeToString(h.Sum(nil))
}
