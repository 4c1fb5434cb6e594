package ingest

import "regexp"

var jurisdictionForm = regexp.MustCompile(`^[A-Z]{2}(-[A-Z0-9]{1,3})?$`)

// IsJurisdiction reports that a text has the form of a code of ISO 3166 for a country
// or a part of one, such as DE or US-DE.
func IsJurisdiction(code string) bool { return jurisdictionForm.MatchString(code) }

// Country returns the id of the country, or part of one, that has a code, and what the
// code tells of it. The codes are in capitals.
func Country(at Position, code string) (id Text, hint *Hint) {
	return at.Text(NewID("country", code)), &Hint{
		Kind: at.Text("place"), Name: at.Text(code), Sure: true,
		Identifiers: []Identifier{{Scheme: at.Text("iso3166"), Value: at.Text(code)}},
	}
}
