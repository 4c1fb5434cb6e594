package kg

import (
	"reflect"
	"slices"
	"strings"
	"time"
)

// Source is a document or data set that says things.
type Source struct {
	ID    ID
	Title string
	// Publisher, Author, Kind, URL and Note are "" where unknown.
	Publisher, Author, Kind, URL, Note string
	// Published is when it appeared, as precisely as known; Updated is later
	// where parts of it are newer.
	Published, Updated PartialDate
	// Langs are the BCP 47 tags of its languages.
	Langs []string

	// Recorded, Revision and By say when and by whom it was so described; they
	// are set by Graph.Apply, and zero where that was never noted.
	Recorded time.Time
	Revision Revision
	By       string
	// Earlier are the descriptions that this one replaced, oldest first; none
	// of them has earlier ones of its own.
	Earlier []*Source
}

// RecordID returns the source's id.
func (s *Source) RecordID() ID { return s.ID }

// RecordKind returns RecordSource.
func (s *Source) RecordKind() RecordKind { return RecordSource }

// maxLangs and maxEditions bound the lists of a source.
const (
	maxLangs    = 50
	maxEditions = 200
)

func (s *Source) check() error {
	if err := s.ID.Check(); err != nil {
		return inArgument("id", err)
	}
	switch {
	case strings.TrimSpace(s.Title) == "":
		return Invalidf("title", "the source %s has no title", s.ID)
	case s.Published.IsYearly():
		return Invalidf("published", "a day of every year cannot be when %s appeared", s.ID)
	case s.Updated.IsYearly():
		return Invalidf("updated", "a day of every year cannot be when %s was updated", s.ID)
	case len(s.Langs) > maxLangs:
		return Invalidf("langs", "a source has at most %d languages, not %d", maxLangs, len(s.Langs))
	}
	for argument, text := range map[string]string{
		"title": s.Title, "publisher": s.Publisher, "author": s.Author, "kind": s.Kind, "url": s.URL, "note": s.Note,
		"langs": strings.Join(s.Langs, ""),
	} {
		if len(text) > maxText {
			return Invalidf(argument, "longer than %d bytes", maxText)
		}
		if argument == "note" {
			continue // a note may have lines
		}
		if err := checkTexts(text); err != nil {
			return inArgument(argument, err)
		}
	}
	return nil
}

// describes reports that both descriptions say the same.
func (s *Source) describes(other *Source) bool {
	bare := func(s *Source) Source {
		b := *s
		b.Recorded, b.Revision, b.By, b.Earlier = time.Time{}, 0, "", nil
		b.Langs = slices.Clone(b.Langs)
		return b
	}
	return reflect.DeepEqual(bare(s), bare(other))
}

// asOf returns the description that held at the moment, or nil where there was
// none yet.
func (s *Source) asOf(at time.Time) *Source {
	if !s.Recorded.After(at) {
		return s
	}
	for i, earlier := range slices.Backward(s.Earlier) {
		if !earlier.Recorded.After(at) {
			then := *earlier
			then.Earlier = s.Earlier[:i:i]
			return &then
		}
	}
	return nil
}

// Citation is where a fact is stated.
type Citation struct {
	// Claim is the claim that rests on it.
	Claim ID
	// Source is the source that says so.
	Source ID
	// Locator says where in the source, such as "line 49"; "" for the whole of it.
	Locator string
	// AttributedTo is the entity whom the source itself quotes, or "".
	AttributedTo ID
}
