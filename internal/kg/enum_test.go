package kg

import (
	"errors"
	"strings"
	"testing"
)

func TestEnumerations(t *testing.T) {
	for name, c := range map[string]struct {
		text  func(uint8) string
		parse func(string) (uint8, error)
		what  string
		// first and last are the values in use; unused names what lies before them.
		first, last uint8
		names       string
	}{
		"RelationType": {
			func(i uint8) string { return RelationType(i).String() },
			func(s string) (uint8, error) { x, err := ParseRelationType(s); return uint8(x), err },
			"relation type", uint8(Owns), uint8(Controls),
			"OWNS ACQUIRED INVESTED_IN AFFILIATE_OF PARTNERS_WITH CUSTOMER_OF SUPPLIES COMPETES_WITH OFFERS PART_OF HOLDS_ROLE FOUNDED MERGED_INTO " +
				"SPUN_OFF_FROM SUCCEEDED OPERATES_IN HEADQUARTERED_IN LISTED_ON RELATED_TO CONTROLS",
		},
		"EntityKind": {
			func(i uint8) string { return EntityKind(i).String() },
			func(s string) (uint8, error) { x, err := ParseEntityKind(s); return uint8(x), err },
			"kind of entity", uint8(KindCompany), uint8(KindConcept),
			"COMPANY ORGANIZATION PERSON PRODUCT SEGMENT PLACE EVENT WORK CONCEPT",
		},
		"NameKind": {
			func(i uint8) string { return NameKind(i).String() },
			func(s string) (uint8, error) { x, err := ParseNameKind(s); return uint8(x), err },
			"kind of name", uint8(NamePreferred), uint8(NameFormer), "PREFERRED LEGAL ALIAS FORMER",
		},
		"ConflictKind": {
			func(i uint8) string { return ConflictKind(i).String() },
			func(s string) (uint8, error) { x, err := ParseConflictKind(s); return uint8(x), err },
			"kind of conflict", uint8(Contradiction), uint8(UnitConflict), "CONTRADICTION APPARENT DERIVED UNIT",
		},
		"AbsenceKind": {
			func(i uint8) string { return AbsenceKind(i).String() },
			func(s string) (uint8, error) { x, err := ParseAbsenceKind(s); return uint8(x), err },
			"kind of absence", uint8(AbsenceUnknown), uint8(AbsenceWithheld), "UNKNOWN NONE WITHHELD",
		},
		"Direction": {
			func(i uint8) string { return Direction(i).String() },
			func(s string) (uint8, error) { x, err := ParseDirection(s); return uint8(x), err },
			"direction", uint8(Out), uint8(Both), "OUT IN BOTH",
		},
		"Qualifier": {
			func(i uint8) string { return Qualifier(i).String() },
			func(s string) (uint8, error) { x, err := ParseQualifier(s); return uint8(x), err },
			"qualifier", uint8(Exactly), uint8(LessThan), "EXACT ABOUT MORE_THAN LESS_THAN",
		},
		"Nature": {
			func(i uint8) string { return Nature(i).String() },
			func(s string) (uint8, error) { x, err := ParseNature(s); return uint8(x), err },
			"nature", uint8(Actual), uint8(Superseded), "ACTUAL GROWTH SHARE ESTIMATE FORECAST TARGET SUPERSEDED",
		},
		"Certainty": {
			func(i uint8) string { return Certainty(i).String() },
			func(s string) (uint8, error) { x, err := ParseCertainty(s); return uint8(x), err },
			"certainty", uint8(Certain), uint8(Possible), "CERTAIN POSSIBLE",
		},
	} {
		t.Run(name, func(t *testing.T) {
			var names []string
			for i := c.first; i <= c.last; i++ {
				names = append(names, c.text(i))
				if back, err := c.parse(c.text(i)); err != nil || back != i {
					t.Errorf("%d is written %q and read as %d: %v", i, c.text(i), back, err)
				}
			}
			if got := strings.Join(names, " "); got != c.names {
				t.Errorf("the names are %s; want %s", got, c.names)
			}
			if c.first > 0 && c.text(0) != "" {
				t.Errorf("no value is written %q", c.text(0))
			}
			for _, i := range []uint8{c.last + 1, 255} {
				if c.text(i) != "?" {
					t.Errorf("%d is written %q", i, c.text(i))
				}
			}
			for _, text := range []string{"", "?", strings.ToLower(names[0]), " " + names[0], names[0] + "S"} {
				i, err := c.parse(text)
				if !errors.Is(err, ErrInvalid) || i != 0 {
					t.Errorf("%q is read as %d: %v", text, i, err)
					continue
				}
				if want := "is not a known " + c.what + "; known are " + strings.ReplaceAll(c.names, " ", ", "); !strings.Contains(err.Error(), want) {
					t.Errorf("%q: %v; want %q in it", text, err, want)
				}
			}
		})
	}
}

func TestListsOfValuesAreWhole(t *testing.T) {
	for i, x := range RelationTypes() {
		if x != RelationType(i+1) {
			t.Errorf("relation type %d is %s", i, x)
		}
	}
	for i, x := range EntityKinds() {
		if x != EntityKind(i+1) {
			t.Errorf("entity kind %d is %s", i, x)
		}
	}
	for i, x := range RecordKinds() {
		if x != RecordKind(i+1) || x.String() == "" || x.String() == "?" {
			t.Errorf("record kind %d is %s", i, x)
		}
	}
	if n := len(RelationTypes()) + len(EntityKinds()) + len(RecordKinds()); n != 20+9+9 {
		t.Errorf("%d values in all", n)
	}
}
