package kg

import (
	"context"
	"slices"
	"strings"
)

// This file tells where entities are, as far as candidates are compared by it.
//
// A country is a place with an identifier of the scheme iso3166, or one in which an
// entity is said to be registered or seated (RELATED_TO with RegisteredIn, SeatedIn
// or InCountry). Of one to which it is LinkedTo it is not known whether it is there:
// that two have one in common speaks for them, and that they have not against
// nothing. Headquarters in a city lie in the country of which the city is PART_OF,
// over up to seatLevels places. A part of a country that has a code of its own, such
// as US-DE, counts as the country. What dates the relations have does not
// matter: a company that has moved away was there all the same.

// Bounds of what is read of one entity and above one place.
const (
	seatRelations = 20
	seatLevels    = 4
)

// countryScheme is the register of the codes of countries.
const countryScheme = "iso3166"

// seat is where an entity is.
type seat struct {
	// codes are the codes of its countries; countries their ids, with or without
	// code.
	codes     []string
	countries []ID
	// linked are the countries to which it is linked, and linkedCodes their codes.
	linked      []ID
	linkedCodes []string
	// headquarters are those that are no countries; around them lie the places of
	// which they are part.
	headquarters, around []ID
}

// seats returns where each of some distinct entities is.
func (v *View) seats(ctx context.Context, of []ID) (map[ID]*seat, error) {
	seats := make(map[ID]*seat)
	named := make(map[ID]bool) // as a country, by a relation
	var places []ID
	for e, err := range v.snap.Relations(ctx, RelationQuery{
		Of: of, Direction: Out, Types: []RelationType{HeadquarteredIn, RelatedTo}, Kinds: []EntityKind{KindPlace}, Direct: true, Limit: seatRelations,
	}) {
		if err != nil {
			return nil, err
		}
		isCountry := slices.Contains([]string{RegisteredIn, SeatedIn, InCountry}, e.Relation.Text)
		if e.Relation.Type == RelatedTo && !isCountry && e.Relation.Text != LinkedTo {
			continue
		}
		s, to := seats[of[e.At]], e.Relation.To
		if s == nil {
			s = &seat{}
			seats[of[e.At]] = s
		}
		places = append(places, to)
		switch {
		case isCountry && e.Relation.Type == RelatedTo:
			named[to] = true
			s.countries = append(s.countries, to)
		case e.Relation.Type == RelatedTo:
			s.linked = append(s.linked, to)
		default:
			s.headquarters = append(s.headquarters, to)
		}
	}
	above, err := v.placesAbove(ctx, places)
	if err != nil {
		return nil, err
	}
	all := distinct(places)
	for _, parents := range above {
		all = append(all, parents...)
	}
	all = distinct(all)
	entities, err := v.entities(ctx, all)
	if err != nil {
		return nil, err
	}
	codes := make(map[ID]string)
	for i, e := range entities {
		if e == nil {
			continue
		}
		for _, x := range e.Identifiers {
			if strings.EqualFold(x.Scheme, countryScheme) {
				codes[all[i]], _, _ = strings.Cut(strings.ToUpper(x.Value), "-")
			}
		}
	}
	for _, s := range seats {
		s.settle(above, codes, named)
	}
	return seats, nil
}

// settle finds the countries in which the headquarters lie.
func (s *seat) settle(above map[ID][]ID, codes map[ID]string, named map[ID]bool) {
	var cities []ID
	for _, id := range s.headquarters {
		if codes[id] != "" || named[id] {
			s.countries = append(s.countries, id)
			continue
		}
		cities = append(cities, id)
		level, seen := []ID{id}, map[ID]bool{id: true}
		for range seatLevels {
			var next []ID
			for _, place := range level {
				for _, parent := range above[place] {
					if seen[parent] {
						continue
					}
					seen[parent] = true
					s.around = append(s.around, parent)
					if codes[parent] != "" {
						s.countries = append(s.countries, parent)
					} else {
						next = append(next, parent)
					}
				}
			}
			level = next
		}
	}
	s.headquarters, s.countries = distinct(cities), distinct(s.countries)
	of := func(countries []ID) []string {
		var found []string
		for _, id := range countries {
			if code := codes[id]; code != "" && !slices.Contains(found, code) {
				found = append(found, code)
			}
		}
		return found
	}
	s.codes, s.linkedCodes = of(s.countries), of(distinct(s.linked))
}

// placesAbove returns of which places each of some is part, and those above them.
func (v *View) placesAbove(ctx context.Context, places []ID) (map[ID][]ID, error) {
	above := make(map[ID][]ID)
	known := make(map[ID]bool)
	level := distinct(places)
	for range seatLevels {
		if len(level) == 0 {
			break
		}
		for _, id := range level {
			known[id] = true
		}
		var next []ID
		for e, err := range v.snap.Relations(ctx, RelationQuery{
			Of: level, Direction: Out, Types: []RelationType{PartOf}, Kinds: []EntityKind{KindPlace}, Direct: true, Limit: seatRelations,
		}) {
			if err != nil {
				return nil, err
			}
			place, parent := level[e.At], e.Relation.To
			above[place] = append(above[place], parent)
			if !known[parent] {
				known[parent] = true
				next = append(next, parent)
			}
		}
		level = next
	}
	return above, nil
}

// distinct returns a list without repetitions, in order of id.
func distinct(ids []ID) []ID {
	ids = slices.Clone(ids)
	slices.Sort(ids)
	return slices.Compact(ids)
}

// shared returns the first entry of one list that stands in another.
func shared[T comparable](a, b []T) (T, bool) {
	for _, x := range a {
		if slices.Contains(b, x) {
			return x, true
		}
	}
	var none T
	return none, false
}

// compareCountries compares codes. Where one has none, it cannot be said that they
// differ.
func compareCountries(a, b *seat) CandidateReason {
	if a == nil || b == nil {
		return CandidateReason{}
	}
	if code, ok := shared(a.codes, b.codes); ok {
		return CandidateReason{"country", code, 0.1}
	}
	if id, ok := shared(a.countries, b.countries); ok {
		return CandidateReason{"country", string(id), 0.1}
	}
	if code, ok := shared(slices.Concat(a.codes, a.linkedCodes), slices.Concat(b.codes, b.linkedCodes)); ok {
		return CandidateReason{"country", code, 0.1}
	}
	if len(a.codes) == 0 || len(b.codes) == 0 {
		return CandidateReason{}
	}
	return CandidateReason{"country", strings.Join(a.codes, ", ") + " / " + strings.Join(b.codes, ", "), -0.2}
}

// compareHeadquarters compares places below countries. One that lies in the other
// says the same, less precisely.
func compareHeadquarters(a, b *seat) CandidateReason {
	if a == nil || b == nil || len(a.headquarters) == 0 || len(b.headquarters) == 0 {
		return CandidateReason{}
	}
	if id, ok := shared(a.headquarters, b.headquarters); ok {
		return CandidateReason{"headquarters", string(id), 0.1}
	}
	_, within := shared(a.headquarters, b.around)
	_, around := shared(a.around, b.headquarters)
	if within || around {
		return CandidateReason{}
	}
	return CandidateReason{"headquarters", string(a.headquarters[0]) + " / " + string(b.headquarters[0]), -0.1}
}
