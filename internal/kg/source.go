package kg

import (
	"errors"
	"reflect"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
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
	bad := []error{inArgument("id", s.ID.Check())}
	wrong := func(is bool, argument, format string, args ...any) {
		if is {
			bad = append(bad, Invalidf(argument, format, args...))
		}
	}
	wrong(strings.TrimSpace(s.Title) == "", "title", "the source %s has no title", clip(string(s.ID)))
	wrong(s.Published.IsYearly(), "published", "a day of every year cannot be when a source appeared")
	wrong(s.Updated.IsYearly(), "updated", "a day of every year cannot be when a source was updated")
	wrong(len(s.Langs) > maxLangs, "langs", "a source has at most %d languages, not %d", maxLangs, len(s.Langs))
	for _, t := range []struct{ argument, text string }{
		{"title", s.Title},
		{"publisher", s.Publisher},
		{"author", s.Author},
		{"kind", s.Kind},
		{"url", s.URL},
		{"langs", strings.Join(s.Langs, "")},
	} {
		wrong(len(t.text) > maxText, t.argument, "it is longer than %d bytes", maxText)
		bad = append(bad, inArgument(t.argument, checkTexts(t.text)))
	}
	wrong(len(s.Note) > maxText, "note", "it is longer than %d bytes", maxText)
	wrong(!utf8.ValidString(s.Note), "note", "it is not UTF-8") // but may have lines
	return errors.Join(bad...)
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
