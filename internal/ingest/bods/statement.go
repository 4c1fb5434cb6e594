package bods

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"time"
)

// statement is one statement of any version of the standard.
type statement struct {
	id, record string
	// subjectOf is entity, person or relationship; status new, updated or closed.
	kind, status string
	// date is as written; at is the instant it means.
	date string
	at   time.Time
	// stated is the instant that it bears, which is before that under which it is
	// recorded where it waits for others.
	stated time.Time
	// turn is its place in the chain of its record, where that is a data set's.
	turn    turn
	line    int
	details details
	// replaces are the statements whose place it takes, in version 0.2 and 0.3.
	replaces  []string
	publisher string
}

// details are what a statement says of its record.
type details struct {
	EntityType struct {
		Type, Subtype, Details string
	} `json:"-"`
	PersonType string `json:"personType"`
	// Name and AlternateNames are those of an entity, Names those of a person.
	Name           string   `json:"name"`
	AlternateNames []string `json:"alternateNames"`
	Names          []struct {
		Type     string `json:"type"`
		FullName string `json:"fullName"`
		Family   string `json:"familyName"`
		Given    string `json:"givenName"`
	} `json:"names"`
	Jurisdiction struct{ Name, Code string } `json:"jurisdiction"`
	// Incorporated is the jurisdiction in version 0.2.
	Incorporated struct{ Name, Code string } `json:"incorporatedInJurisdiction"`
	Identifiers  []struct {
		ID, Scheme, SchemeName string
	} `json:"identifiers"`
	FoundingDate       string       `json:"foundingDate"`
	DissolutionDate    string       `json:"dissolutionDate"`
	BirthDate          string       `json:"birthDate"`
	DeathDate          string       `json:"deathDate"`
	UnspecifiedPerson  *unspecified `json:"unspecifiedPersonDetails"`
	UnspecifiedEntity  *unspecified `json:"unspecifiedEntityDetails"`
	Subject            party        `json:"subject"`
	InterestedParty    party        `json:"interestedParty"`
	Interests          []interest   `json:"interests"`
	EntityTypeAsIs     any          `json:"entityType"`
	MissingInformation string       `json:"missingInfoReason"`
}

// unspecified says why somebody is not named.
type unspecified struct {
	Reason      string `json:"reason"`
	Description string `json:"description"`
}

// party is an end of a relationship: a record, or why there is none.
type party struct {
	record string
	why    *unspecified
}

// UnmarshalJSON reads the id of a record, the reason why there is none, or what
// version 0.2 wraps around either.
func (p *party) UnmarshalJSON(b []byte) error {
	if bytes.HasPrefix(b, []byte(`"`)) {
		return json.Unmarshal(b, &p.record)
	}
	var wrapped struct {
		Entity, Person  string
		Unspecified     *unspecified
		DescribedEntity string `json:"describedByEntityStatement"`
		DescribedPerson string `json:"describedByPersonStatement"`
		unspecified
	}
	if err := json.Unmarshal(b, &wrapped); err != nil {
		return err
	}
	switch {
	case wrapped.DescribedEntity != "" || wrapped.DescribedPerson != "":
		p.record = wrapped.DescribedEntity + wrapped.DescribedPerson
	case wrapped.Unspecified != nil:
		p.why = wrapped.Unspecified
	case wrapped.Reason != "" || wrapped.Description != "":
		p.why = &wrapped.unspecified
	}
	return nil
}

// interest is one thing that a party holds.
type interest struct {
	Type    string `json:"type"`
	Direct  string `json:"directOrIndirect"`
	Level   string `json:"interestLevel"` // the same in version 0.2 and 0.3
	Details string `json:"details"`
	Share   *share `json:"share"`
	Start   string `json:"startDate"`
	End     string `json:"endDate"`
	Owner   *bool  `json:"beneficialOwnershipOrControl"`
}

// share is a part in percent.
type share struct {
	Exact            *json.Number `json:"exact"`
	Minimum          *json.Number `json:"minimum"`
	Maximum          *json.Number `json:"maximum"`
	ExclusiveMinimum exclusive    `json:"exclusiveMinimum"`
	ExclusiveMaximum exclusive    `json:"exclusiveMaximum"`
}

// exclusive is a bound that is not reached in version 0.4; before, a mark at the
// bound beside it.
type exclusive struct {
	bound string
	mark  bool
}

// UnmarshalJSON reads either.
func (e *exclusive) UnmarshalJSON(b []byte) error {
	text := strings.TrimSpace(string(b))
	if text == "true" || text == "false" || text == "null" {
		e.mark = text == "true"
		return nil
	}
	var n json.Number
	err := json.Unmarshal(b, &n)
	e.bound = n.String()
	return err
}

// text writes the share as kg.ParseShare reads it, "" where nothing is said.
func (s *share) text() string {
	if s == nil {
		return ""
	}
	if s.Exact != nil {
		return s.Exact.String()
	}
	lo, hi, open, shut := "0", "100", "[", "]"
	said := false
	if s.Minimum != nil {
		lo, said = s.Minimum.String(), true
		if s.ExclusiveMinimum.mark {
			open = "("
		}
	}
	if s.Maximum != nil {
		hi, said = s.Maximum.String(), true
		if s.ExclusiveMaximum.mark {
			shut = ")"
		}
	}
	if s.ExclusiveMinimum.bound != "" {
		lo, open, said = s.ExclusiveMinimum.bound, "(", true
	}
	if s.ExclusiveMaximum.bound != "" {
		hi, shut, said = s.ExclusiveMaximum.bound, ")", true
	}
	if !said {
		return ""
	}
	return open + lo + "," + hi + shut
}

// raw is a statement as it is written, in any version.
type raw struct {
	StatementID  string          `json:"statementId"`
	RecordID     string          `json:"recordId"`
	RecordType   string          `json:"recordType"`
	RecordStatus string          `json:"recordStatus"`
	Date         string          `json:"statementDate"`
	Details      json.RawMessage `json:"recordDetails"`

	// Version 0.2 and 0.3.
	OldID     string   `json:"statementID"`
	OldType   string   `json:"statementType"`
	Replaces  []string `json:"replacesStatements"`
	Published struct {
		Date      string                `json:"publicationDate"`
		Publisher struct{ Name string } `json:"publisher"`
	} `json:"publicationDetails"`
}

var oldKinds = map[string]string{
	"entityStatement": "entity", "personStatement": "person", "ownershipOrControlStatement": "relationship",
}

// parse reads a statement. What is wrong with it is said in words for whoever
// wrote the file.
func parse(b json.RawMessage) (*statement, error) {
	var r raw
	if err := json.Unmarshal(b, &r); err != nil {
		return nil, notOurs(err)
	}
	s := &statement{id: r.StatementID, record: r.RecordID, kind: r.RecordType, status: r.RecordStatus, date: r.Date, publisher: r.Published.Publisher.Name}
	inner := r.Details
	if r.OldID != "" {
		s.id, s.record, s.kind, s.status, s.replaces = r.OldID, r.OldID, oldKinds[r.OldType], "new", r.Replaces
		inner = b
	}
	if s.date == "" {
		s.date = r.Published.Date
	}
	switch {
	case s.id == "":
		return nil, fmt.Errorf("this is no statement of BODS: it lacks a statementId")
	case s.record == "":
		return nil, fmt.Errorf("the statement %.60s lacks a recordId", s.id)
	case s.kind != "entity" && s.kind != "person" && s.kind != "relationship":
		return nil, fmt.Errorf("the statement %.60s is about %.40q; expected entity, person or relationship", s.id, s.kind+r.OldType)
	case len(inner) == 0:
		return nil, fmt.Errorf("the statement %.60s lacks recordDetails", s.id)
	}
	if err := json.Unmarshal(inner, &s.details); err != nil {
		return nil, notOurs(err)
	}
	switch t := s.details.EntityTypeAsIs.(type) {
	case string:
		s.details.EntityType.Type = t
	case map[string]any:
		s.details.EntityType.Type, _ = t["type"].(string)
	}
	if s.details.Jurisdiction.Code == "" {
		s.details.Jurisdiction = s.details.Incorporated
	}
	for i := range s.details.Interests {
		in := &s.details.Interests[i]
		in.Type = camel(in.Type)
		if in.Direct == "" {
			in.Direct = in.Level
		}
	}
	if at, ok := instant(s.date); ok {
		s.at, s.stated = at, at
		return s, nil
	}
	return nil, fmt.Errorf("the statement %.60s has the date %.40q; expected one such as 2021-06-01", s.id, s.date)
}

// unreadable says what the statement tells of its record that cannot be taken, so that
// the rest is taken without.
func (s *statement) unreadable() (reasons []string) {
	d := &s.details
	dates := []string{d.FoundingDate, d.DissolutionDate, d.BirthDate, d.DeathDate}
	for _, in := range d.Interests {
		dates = append(dates, in.Start, in.End)
	}
	for _, date := range dates {
		if date != "" && day(date) == "" {
			reasons = append(reasons, fmt.Sprintf("%.40q is no date; it is left out", date))
		}
	}
	for _, id := range d.Identifiers {
		if strings.TrimSpace(id.ID) != "" && strings.TrimSpace(id.Scheme+id.SchemeName) == "" {
			reasons = append(reasons, fmt.Sprintf("the identifier %.40q has no scheme; it is left out", id.ID))
		}
	}
	switch {
	case s.kind == "entity" && d.Jurisdiction.Code != "" && jurisdiction(s) == "":
		reasons = append(reasons, fmt.Sprintf("%.40q is no code of a jurisdiction; expected one of ISO 3166 such as GB or US-DE", d.Jurisdiction.Code))
	case s.kind == "relationship" && d.Subject.record == "" && d.Subject.why == nil:
		reasons = append(reasons, fmt.Sprintf("the statement %.60s names no subject", s.id))
	case s.kind == "relationship" && d.InterestedParty.record == "" && d.InterestedParty.why == nil:
		reasons = append(reasons, fmt.Sprintf("the statement %.60s names no interestedParty", s.id))
	}
	return reasons
}

// instant reads the date of a statement, to the millisecond.
func instant(date string) (at time.Time, ok bool) {
	for _, form := range []string{time.RFC3339Nano, "2006-01-02T15:04:05", time.DateOnly, "2006-01", "2006"} {
		if at, err := time.Parse(form, date); err == nil {
			return at.UTC().Truncate(time.Millisecond), true
		}
	}
	return at, false
}

// notOurs says that JSON has another shape than a statement.
func notOurs(err error) error {
	if t, ok := err.(*json.UnmarshalTypeError); ok { //nolint:errorlint // json returns it as it is
		return fmt.Errorf("this is no statement of BODS: %.60s is a %s", t.Field, t.Value)
	}
	return fmt.Errorf("this is no statement of BODS")
}

// camel writes the codes of version 0.2, such as voting-rights, as later ones do.
func camel(code string) string {
	words := strings.Split(code, "-")
	for i, w := range words {
		if i > 0 && w != "" {
			words[i] = strings.ToUpper(w[:1]) + w[1:]
		}
	}
	return strings.Join(words, "")
}

// day returns the day, month or year of a date, without a time; "" where it is none.
func day(s string) string {
	if i := strings.IndexByte(s, 'T'); i > 0 {
		s = s[:i]
	}
	for _, form := range []string{time.DateOnly, "2006-01", "2006"} {
		if _, err := time.Parse(form, s); err == nil {
			return s
		}
	}
	return ""
}
