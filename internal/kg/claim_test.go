package kg

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
)

func TestAClaimIsWhatItSaysAndWhereItStands(t *testing.T) {
	stake, other := ExactShare(40), Share{Min: 40, Max: 40, Wording: "two fifths"}
	claims := map[string]*Claim{}
	add := func(name string, c *Claim) { claims[name] = c }
	say := func(name string, s Statement) { add(name, &Claim{Statement: s, Source: "s", Locator: "line 1"}) }

	say("an entity", &EntityStatement{"a", KindCompany})
	say("an entity of another kind", &EntityStatement{"a", KindPerson})
	say("another entity", &EntityStatement{"b", KindCompany})
	say("a name", &NameStatement{"a", "Ant", "en", NameAlias})
	say("another name", &NameStatement{"a", "ANT", "en", NameAlias})
	say("a name in another language", &NameStatement{"a", "Ant", "de", NameAlias})
	say("a name of another standing", &NameStatement{"a", "Ant", "en", NameFormer})
	say("an identifier", &IdentifierStatement{"a", "lei", "1"})
	say("an identifier in another register", &IdentifierStatement{"a", "wd", "1"})
	say("another identifier", &IdentifierStatement{"a", "lei", "2"})
	say("a fiscal year", &FiscalYearStatement{"a", MustDate("--03-31")})
	say("another fiscal year", &FiscalYearStatement{"a", MustDate("--12-31")})
	base := RelationStatement{Type: Owns, From: "a", To: "b"}
	relation := func(name string, change func(s *RelationStatement)) {
		s := base
		change(&s)
		say(name, &s)
	}
	relation("a relation", func(*RelationStatement) {})
	relation("a relation of another type", func(s *RelationStatement) { s.Type = Supplies })
	relation("a relation the other way", func(s *RelationStatement) { s.From, s.To = "b", "a" })
	relation("a relation with a start", func(s *RelationStatement) { s.Start = MustDate("2014") })
	relation("a relation with an end", func(s *RelationStatement) { s.End = MustDate("2014") })
	relation("a relation with a stake", func(s *RelationStatement) { s.Stake = &stake })
	relation("a relation with a stake in words", func(s *RelationStatement) { s.Stake = &other })
	relation("a relation with a sum", func(s *RelationStatement) { s.Money = &Money{1, "USD"} })
	relation("a relation with another currency", func(s *RelationStatement) { s.Money = &Money{1, "CNY"} })
	relation("a relation with a text", func(s *RelationStatement) { s.Text = "1 USD" })
	relation("a relation with a qualifier", func(s *RelationStatement) { s.Attributes = []Attribute{{"seats", "2"}} })
	relation("a relation with another qualifier", func(s *RelationStatement) { s.Attributes = []Attribute{{"seats", "3"}} })
	figure := func(name string, change func(f *Figure)) {
		f := Figure{Subject: "a", Metric: "staff", Value: 500, Unit: "people"}
		change(&f)
		say(name, &f)
	}
	figure("a figure", func(*Figure) {})
	figure("a figure of another subject", func(f *Figure) { f.Subject = "b" })
	figure("a figure of another metric", func(f *Figure) { f.Metric = "users" })
	figure("another figure", func(f *Figure) { f.Value = 501 })
	figure("a figure in another unit", func(f *Figure) { f.Unit = "teams" })
	figure("a figure of another nature", func(f *Figure) { f.Nature = Target })
	figure("a figure of a period", func(f *Figure) { f.Period = MustPeriod("2014") })
	figure("a figure of a label", func(f *Figure) { f.Label = "2014" })
	figure("a figure of a scope", func(f *Figure) { f.Scope = "2014" })
	figure("a figure that is a date", func(f *Figure) { f.Date = MustDate("2014") })
	figure("a figure of a part", func(f *Figure) { f.Dimensions = []Attribute{{"country", "CN"}} })
	add("an absence", &Claim{Statement: &AbsenceStatement{Entity: "a", Relation: Owns, Direction: In, Kind: AbsenceNone}, Source: "s", Locator: "line 1"})
	add("an absence at the other end", &Claim{Statement: &AbsenceStatement{Entity: "a", Relation: Owns, Direction: Out, Kind: AbsenceNone}, Source: "s", Locator: "line 1"})
	add("an absence for a reason", &Claim{Statement: &AbsenceStatement{Entity: "a", Relation: Owns, Direction: In, Kind: AbsenceNone, Reason: "x"}, Source: "s", Locator: "line 1"})
	add("an absence in words", &Claim{Statement: &AbsenceStatement{Entity: "a", Relation: Owns, Direction: In, Kind: AbsenceNone, Text: "x"}, Source: "s", Locator: "line 1"})
	add("in another source", &Claim{Statement: &EntityStatement{"a", KindCompany}, Source: "t", Locator: "line 1"})
	add("at another place", &Claim{Statement: &EntityStatement{"a", KindCompany}, Source: "s", Locator: "line 2"})
	add("quoting someone", &Claim{Statement: &EntityStatement{"a", KindCompany}, Source: "s", Locator: "line 1", AttributedTo: "b"})

	seen := make(map[ID]string)
	for name, c := range claims {
		id := c.ContentID()
		if twin, ok := seen[id]; ok {
			t.Errorf("%s and %s are one claim", name, twin)
		}
		seen[id] = name
		remarked := *c
		remarked.Note, remarked.Fact, remarked.Revision = "a remark", "x", 7
		if remarked.ContentID() != id {
			t.Errorf("%s: a remark makes another claim of it", name)
		}
	}
	over := &Figure{Subject: "a", Metric: "staff", Value: 500, Unit: "people", Qualifier: MoreThan}
	if c := (&Claim{Statement: over, Source: "s", Locator: "line 1"}); seen[c.ContentID()] != "a figure" {
		t.Error(`"over 500" and "500" at one place are two claims`)
	}
	if got, want := claims["a relation"].ContentID(), ID("c-ennkj3qij5np7uq8"); got != want {
		t.Errorf("the id of a claim has changed to %s; it was %s", got, want)
	}
}

func TestFamilies(t *testing.T) {
	figure := func(value float64, qualifier Qualifier) *Figure {
		return &Figure{Subject: "a", Metric: "staff", Value: value, Unit: "people", Qualifier: qualifier}
	}
	families := [][]Statement{
		{
			&EntityStatement{"a", KindCompany}, &NameStatement{Entity: "a", Text: "A"}, &IdentifierStatement{"a", "lei", "1"},
			&FiscalYearStatement{"a", MustDate("--03-31")}, &AbsenceStatement{Entity: "a", Relation: Owns, Direction: In, Kind: AbsenceNone},
		},
		{&EntityStatement{"ab", KindCompany}},
		{&RelationStatement{Type: Owns, From: "a", To: "b"}, &RelationStatement{Type: Owns, From: "a", To: "b", Start: MustDate("2014"), Text: "again"}},
		{&RelationStatement{Type: Owns, From: "b", To: "a"}},
		{&RelationStatement{Type: Acquired, From: "a", To: "b"}},
		{&RelationStatement{Type: PartnersWith, From: "a", To: "b"}, &RelationStatement{Type: PartnersWith, From: "b", To: "a"}},
		{&RelationStatement{Type: PartnersWith, From: "a", To: "a"}},
		{figure(500, Exactly), figure(500, MoreThan)},
		{figure(501, Exactly)},
	}
	seen := make(map[string]int)
	for i, statements := range families {
		for _, s := range statements {
			c := &Claim{Statement: s}
			if other, ok := seen[c.Family()]; ok && other != i {
				t.Errorf("%+v belongs to family %d, too", s, other)
			} else if !ok && s != statements[0] {
				t.Errorf("%+v has a family of its own", s)
			}
			seen[c.Family()] = i
		}
	}
}

func TestStatementsThatCannotBeRight(t *testing.T) {
	share, none := ExactShare(40), ExactShare(140)
	long := strings.Repeat("x", maxText+1)
	many := make([]Attribute, maxAttributes+1)
	for i := range many {
		many[i] = Attribute{Key: fmt.Sprintf("%03d", i)}
	}
	owns := RelationStatement{Type: Owns, From: "a", To: "b"}
	with := func(change func(s *RelationStatement)) Statement {
		s := owns
		change(&s)
		return &s
	}
	figure := func(change func(f *Figure)) Statement {
		f := Figure{Subject: "a", Metric: "staff", Value: 1, Unit: "people"}
		change(&f)
		return &f
	}
	for _, c := range []struct {
		s    Statement
		want string // part of the error, "" for none
	}{
		{&EntityStatement{"a", KindCompany}, ""},
		{&EntityStatement{"a", KindConcept}, ""},
		{&EntityStatement{"", KindCompany}, "an id must not be empty"},
		{&EntityStatement{"a", 0}, "a has no kind; expected one of [COMPANY"},
		{&EntityStatement{"a", KindConcept + 1}, "a has no kind"},
		{&NameStatement{"a", "Ant", "", NameFormer}, ""},
		{&NameStatement{"a", "高", "zh", NamePreferred}, ""},
		{&NameStatement{"a", "", "", NameAlias}, "a name of a holds no letter or digit"},
		{&NameStatement{"a", " — ", "", NameAlias}, "holds no letter or digit"},
		{&NameStatement{"a", strings.Repeat("x", maxNameText), "", NameAlias}, ""},
		{&NameStatement{"a", strings.Repeat("x", maxNameText+1), "", NameAlias}, "longer than 1000 bytes"},
		{&NameStatement{"a", "Ant", "", 0}, `the name "Ant" of a has no kind`},
		{&NameStatement{"a", "Ant", "", NameFormer + 1}, "has no kind"},
		{&IdentifierStatement{"a", "lei", "1"}, ""},
		{&IdentifierStatement{"a", " ", "1"}, "an identifier of a needs a scheme and a value"},
		{&IdentifierStatement{"a", "lei", " "}, "needs a scheme and a value"},
		{&IdentifierStatement{"a", "lei", long}, "needs a scheme and a value"},
		{&FiscalYearStatement{"a", MustDate("--03-31")}, ""},
		{&FiscalYearStatement{"a", MustDate("2014-03-31")}, `such as --03-31, not "2014-03-31"`},
		{&FiscalYearStatement{"a", PartialDate{}}, `such as --03-31, not ""`},
		{&AbsenceStatement{Entity: "a", Relation: Controls, Direction: In, Kind: AbsenceNone, Reason: "NATURAL_PERSONS"}, ""},
		{&AbsenceStatement{Entity: "a", Direction: In, Kind: AbsenceNone}, "an absence at a needs the type of the relation"},
		{&AbsenceStatement{Entity: "a", Relation: Owns, Direction: Both, Kind: AbsenceNone}, "the end at which it stands, OUT or IN"},
		{&AbsenceStatement{Entity: "a", Relation: Owns, Direction: In}, "is UNKNOWN, NONE or WITHHELD"},
		{&AbsenceStatement{Entity: "a", Relation: Owns, Direction: In, Kind: AbsenceNone, Reason: long}, "longer than 2000 bytes"},
		{&AbsenceStatement{Entity: "a", Relation: Owns, Direction: In, Kind: AbsenceNone, Text: long}, "longer than 2000 bytes"},
		{&AbsenceStatement{Entity: "a", Relation: Owns, Direction: In, Kind: AbsenceNone, Text: "a\x00"}, "control character"},
		{&AbsenceStatement{Entity: "a", Relation: Owns, Direction: In, Kind: AbsenceNone, Start: MustDate("--03-31")}, "a day of every year"},
		{&AbsenceStatement{Entity: "a", Relation: Owns, Direction: In, Kind: AbsenceNone, End: MustDate("--03-31")}, "a day of every year"},
		{&AbsenceStatement{Entity: "a", Relation: Owns, Direction: In, Kind: AbsenceNone, Start: MustDate("2015"), End: MustDate("2014")}, "ends (2014) before it begins (2015)"},
		{with(func(s *RelationStatement) { s.Type, s.Stake = Controls, &share }), "CONTROLS cannot carry a stake"},
		{&owns, ""},
		{with(func(s *RelationStatement) { s.Type = 0 }), "a relation between a and b has no type"},
		{with(func(s *RelationStatement) { s.Type = Controls + 1 }), "has no type"},
		{with(func(s *RelationStatement) { s.Type = RelatedTo }), "RELATED_TO from a to b needs a label"},
		{with(func(s *RelationStatement) { s.Type, s.Text = RelatedTo, "admires" }), ""},
		{with(func(s *RelationStatement) { s.Start = MustDate("--03-31") }), "OWNS from a to b: a day of every year cannot be its date"},
		{with(func(s *RelationStatement) { s.End = MustDate("--03-31") }), "a day of every year cannot be its date"},
		{with(func(s *RelationStatement) { s.Type, s.Start = Acquired, MustDate("2014") }), ""},
		{with(func(s *RelationStatement) { s.Type, s.End = Acquired, MustDate("2014") }), "ACQUIRED from a to b happens on a date and has no end"},
		{with(func(s *RelationStatement) { s.Start, s.End = MustDate("2014"), MustDate("2014") }), ""},
		{with(func(s *RelationStatement) { s.Start, s.End = MustDate("[2014..]"), MustDate("2015") }), ""},
		{with(func(s *RelationStatement) { s.Start, s.End = MustDate("2015"), MustDate("2014") }), "OWNS from a to b ends (2014) before it begins (2015)"},
		{with(func(s *RelationStatement) { s.Stake = &share }), ""},
		{with(func(s *RelationStatement) { s.Stake = &none }), "a share must be a non-empty interval between 0 and 100 percent, not 140 %"},
		{with(func(s *RelationStatement) { s.Type, s.Stake = Supplies, &share }), "SUPPLIES cannot carry a stake; only OWNS, ACQUIRED and INVESTED_IN can"},
		{with(func(s *RelationStatement) { s.Type, s.Money = InvestedIn, &Money{1, "USD"} }), ""},
		{with(func(s *RelationStatement) { s.Type, s.Money = PartnersWith, &Money{1, "usd"} }), `"usd" is not an ISO 4217 currency code`},
		{with(func(s *RelationStatement) { s.Money = &Money{1, "USD"} }), "OWNS cannot carry a sum of money; only ACQUIRED, INVESTED_IN and PARTNERS_WITH can"},
		{with(func(s *RelationStatement) { s.Text = long }), "OWNS from a to b: its text is longer than 2000 bytes"},
		{with(func(s *RelationStatement) { s.Attributes = []Attribute{{"a", "1"}, {"b", "1"}} }), ""},
		{with(func(s *RelationStatement) { s.Attributes = []Attribute{{"b", "1"}, {"a", "1"}} }), "they must be sorted by key"},
		{with(func(s *RelationStatement) { s.Attributes = []Attribute{{"a", "1"}, {"a", "2"}} }), `"a" must have a key of its own`},
		{with(func(s *RelationStatement) { s.Attributes = []Attribute{{"", "1"}} }), `"" must have a key of its own and at most 2000 bytes`},
		{with(func(s *RelationStatement) { s.Attributes = []Attribute{{"a", long}} }), "at most 2000 bytes"},
		{with(func(s *RelationStatement) { s.Attributes = many }), "at most 50 are allowed, not 51"},
		{with(func(s *RelationStatement) { s.Attributes = many[:maxAttributes] }), ""},
		{figure(func(*Figure) {}), ""},
		{figure(func(f *Figure) { f.Value = math.NaN() }), "staff of a must be a finite number"},
		{figure(func(f *Figure) { f.Value = math.Inf(-1) }), "must be a finite number"},
		{figure(func(f *Figure) { f.Unit, f.Date = UnitDate, MustDate("2014") }), ""},
		{figure(func(f *Figure) { f.Unit = UnitDate }), "staff of a needs a date"},
		{figure(func(f *Figure) { f.Date = MustDate("2014") }), "staff of a is measured in people and cannot be a date"},
		{figure(func(f *Figure) { f.Scope = long }), "staff of a: its scope is longer than 2000 bytes"},
		{figure(func(f *Figure) { f.Dimensions = []Attribute{{"b", "1"}, {"a", "1"}} }), "they must be sorted by key"},
	} {
		err := c.s.check()
		if c.want == "" && err != nil || c.want != "" && (!errors.Is(err, ErrInvalid) || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%+v: %v; want %q in it", c.s, err, c.want)
		}
	}
}

func TestWhatStatementsSpeakOf(t *testing.T) {
	for _, c := range []struct {
		s    Statement
		want []ID
	}{
		{&EntityStatement{Entity: "a"}, []ID{"a"}},
		{&NameStatement{Entity: "a"}, []ID{"a"}},
		{&IdentifierStatement{Entity: "a"}, []ID{"a"}},
		{&FiscalYearStatement{Entity: "a"}, []ID{"a"}},
		{&AbsenceStatement{Entity: "a"}, []ID{"a"}},
		{&RelationStatement{From: "a", To: "b"}, []ID{"a", "b"}},
		{&Figure{Subject: "a"}, []ID{"a"}},
	} {
		if got := c.s.mentions(); !slices.Equal(got, c.want) {
			t.Errorf("%T speaks of %v, want %v", c.s, got, c.want)
		}
	}
}
