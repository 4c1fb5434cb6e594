package export

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"keiretsu/internal/ingest/bods"
	"keiretsu/internal/ingest/ftm"
	"keiretsu/internal/ingest/gleif"
	"keiretsu/internal/ingest/ingesttest"
	"keiretsu/internal/kg"
)

var official = flag.String("bods-schema", "", "the folder schema of the standard, to judge by that as well")

// bodsSchemas are our schema and, where it is given, the standard's own.
func bodsSchemas(t *testing.T) map[string]*jsonschema.Schema {
	t.Helper()
	schemas := map[string]*jsonschema.Schema{"our": readSchema(t, "urn:keiretsu:bods-0.4", "testdata/bods-0.4.schema.json")}
	if *official != "" {
		schemas["the standard's"] = readSchema(t, "urn:statement", schemaFiles(t, *official)...)
	}
	return schemas
}

// bodsFiles are those by which the reader is tested: an owner who is replaced after
// the fact, shares that change, summaries, parties that are not named, corrections.
var bodsFiles = []string{"ferry.json", "weaver.jsonl", "grid.json", "mill.json", "old.json", "ends.jsonl", "lock.json"}

func bodsGraph(t *testing.T, name, text string) kg.Snapshot {
	t.Helper()
	g, store := ingesttest.NewGraph(t)
	ingesttest.History(t, g, bods.Format, ingesttest.File(name, []byte(text)))
	return opened(t, store)
}

func bodsFile(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile("../ingest/bods/testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestBODSFitsTheSchema: what is written of every sort of graph passes.
func TestBODSFitsTheSchema(t *testing.T) {
	graphs := map[string]kg.Snapshot{"nothing": func() kg.Snapshot { _, store := ingesttest.NewGraph(t); return opened(t, store) }(), "demo": demo(t)}
	for _, name := range bodsFiles {
		graphs[name] = bodsGraph(t, name, bodsFile(t, name))
	}
	quay, err := os.ReadFile("testdata/quay.ftm.json")
	if err != nil {
		t.Fatal(err)
	}
	graphs["ftm"] = imported(t, ftm.Format, "quay", string(quay))
	for _, name := range []string{"lei2.xml", "rr.xml", "repex.xml"} {
		text, err := os.ReadFile("../ingest/gleif/testdata/" + name)
		if err != nil {
			t.Fatal(err)
		}
		graphs[name] = imported(t, gleif.Format, name, string(text))
	}
	schemas := bodsSchemas(t)
	for name, snap := range graphs {
		t.Run(name, func(t *testing.T) {
			text, _ := written(t, snap, "bods")
			for whose, schema := range schemas {
				if err := breaks(t, schema, text); err != nil {
					t.Errorf("by %s schema: %.2000s", whose, err)
				}
			}
			refers(t, text)
		})
	}
}

// refers makes sure of what a schema cannot say: statements have ids of their own,
// a record begins new and goes on as one kind, and what is named has been told.
func refers(t *testing.T, text string) {
	t.Helper()
	var all []bodsStatement
	if err := json.Unmarshal([]byte(text), &all); err != nil {
		t.Fatal(err)
	}
	seen, records, closed := make(map[string]bool), make(map[string]string), make(map[string]bool)
	for i, s := range all {
		if seen[s.StatementID] {
			t.Errorf("the statement %s comes twice", s.StatementID)
		}
		seen[s.StatementID] = true
		kind, known := records[s.RecordID]
		if known && (kind != s.RecordType || closed[s.RecordID] || s.RecordStatus == "new" || s.StatementDate < all[i-1].StatementDate || all[i-1].RecordID != s.RecordID) ||
			!known && s.RecordStatus == "updated" {
			t.Errorf("the record %s goes on wrongly: %+v", s.RecordID, s)
		}
		records[s.RecordID], closed[s.RecordID] = s.RecordType, s.RecordStatus == "closed"
		if records[s.DeclarationSubject] == "" || records[s.DeclarationSubject] == "relationship" {
			t.Errorf("the subject %s of a declaration is no record", s.DeclarationSubject)
		}
		if s.RecordType != "relationship" {
			continue
		}
		var r bodsRelationship
		if err := json.Unmarshal(s.RecordDetails, &r); err != nil {
			t.Fatal(err)
		}
		party, named := r.InterestedParty.(string)
		subject, isRecord := r.Subject.(string)
		if named && records[party] != "entity" && records[party] != "person" || isRecord && records[subject] != "entity" || !named && !isRecord {
			t.Errorf("a relationship of %v with %v, which are no records", r.InterestedParty, r.Subject)
		}
	}
}

// TestTheSchemaIsNoRubberStamp: each of these faults is found, by our own words and
// by the standard's.
func TestTheSchemaIsNoRubberStamp(t *testing.T) {
	schemas := bodsSchemas(t)
	text, _ := written(t, bodsGraph(t, "mill.json", bodsFile(t, "mill.json")), "bods")
	for name, c := range map[string]struct{ is, becomes string }{
		"a short id":              {`"statementId":"[^"]*"`, `"statementId":"s1"`},
		"a date that is none":     {`"statementDate":"[^"]*"`, `"statementDate":"May 2018"`},
		"a kind of record":        {`"recordType":"entity"`, `"recordType":"boat"`},
		"a status":                {`"recordStatus":"new"`, `"recordStatus":"gone"`},
		"no subject":              {`"declarationSubject":"[^"]*",`, ``},
		"no publisher":            {`"publisher":\{[^}]*\}`, `"publisher":{}`},
		"a version":               {`"bodsVersion":"0.4"`, `"bodsVersion":"four"`},
		"a type of entity":        {`"registeredEntity"`, `"company"`},
		"a founding year":         {`"foundingDate":"2002-01-01"`, `"foundingDate":"2002"`},
		"a type of name":          {`"type":"former"`, `"type":"old"`},
		"a person of no type":     {`"personType":"knownPerson",`, ``},
		"an identifier of no-one": {`"scheme":"XI-LEI","schemeName":"[^"]*"`, `"uri":"urn:x"`},
		"an interest":             {`"type":"votingRights"`, `"type":"votes"`},
		"a share above the whole": {`"minimum":25`, `"minimum":125`},
		"a share in words":        {`"minimum":25`, `"minimum":"25"`},
		"a month as a start":      {`"startDate":"2016-01-01"`, `"startDate":"2016-01"`},
		"a reason":                {`"reason":"[^"]*"`, `"reason":"shy"`},
		"no interested party":     {`"interestedParty":"eve",`, ``},
		"a component or not":      {`"isComponent":false,"subject"`, `"subject"`},
		"truth in words":          {`"beneficialOwnershipOrControl":true`, `"beneficialOwnershipOrControl":"true"`},
	} {
		t.Run(name, func(t *testing.T) {
			spoiled := regexp.MustCompile(c.is).ReplaceAllString(text, c.becomes)
			if spoiled == text {
				t.Fatalf("nothing is written like %s", c.is)
			}
			for whose, schema := range schemas {
				if breaks(t, schema, spoiled) == nil {
					t.Errorf("it passes by %s schema", whose)
				}
			}
		})
	}
}

// held lists what a graph says to stand between its entities on a day, as known by a moment.
func held(t *testing.T, snap kg.Snapshot, on kg.Day, known time.Time) []string {
	t.Helper()
	past := kg.KnownBy(snap, known)
	list := []string{}
	for edge, err := range past.Relations(t.Context(), kg.RelationQuery{All: true, When: kg.When{AsOf: &on}}) {
		if err != nil {
			t.Fatal(err)
		}
		r := edge.Relation
		stake := ""
		if r.Stake != nil {
			stake = r.Stake.String()
		}
		list = append(list, fmt.Sprint(r.From, " ", r.Type, " ", r.To, " ", stake, " ", r.Text, " ", r.Attributes))
	}
	for record, err := range past.Scan(t.Context(), kg.ScanQuery{Kind: kg.RecordEntity}) {
		if err != nil {
			t.Fatal(err)
		}
		e := record.(*kg.Entity)
		for _, a := range e.AbsencesAsOf(&on) {
			list = append(list, fmt.Sprint(e.ID, " ", a.Relation, " ", a.Direction, " ", a.Kind, " ", nobody(&a))) // codes as version 0.4 has them
		}
		list = append(list, fmt.Sprint(e.ID, " is called ", e.Name("")))
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// byNumber matches what is written of companies of which nothing but the number of a
// register tells where they are registered, and is then said aloud.
var byNumber = regexp.MustCompile(`^\S+ RELATED_TO country:(GB|MO)  is registered in \[\]$|^country:(GB|MO) is called (GB|MO)$`)

// TestBODSThereAndBack: written and read again, a register tells the same of every
// day, as known at every moment: who owned what share, who was on the board, who
// was not named, and how everybody was called.
func TestBODSThereAndBack(t *testing.T) {
	dates := regexp.MustCompile(`"(?:statementDate|startDate|endDate|publicationDate)": ?"(\d{4}(?:-\d\d)?(?:-\d\d)?)`)
	for _, name := range bodsFiles {
		t.Run(name, func(t *testing.T) {
			file := bodsFile(t, name)
			first := bodsGraph(t, name, file)
			text, _ := written(t, first, "bods")
			second := bodsGraph(t, "again.json", text)
			days, moments := map[kg.Day]bool{}, map[time.Time]bool{}
			for _, m := range dates.FindAllStringSubmatch(file, -1) {
				day := kg.MustDate(m[1]).Earliest()
				for _, d := range []kg.Day{day - 1, day, day + 1} {
					days[d] = true
				}
			}
			var stated []bodsStatement
			if err := json.Unmarshal([]byte(text), &stated); err != nil {
				t.Fatal(err)
			}
			for _, s := range stated {
				at, err := time.Parse(time.RFC3339Nano, s.StatementDate)
				if err != nil {
					at, err = time.Parse(time.DateOnly, s.StatementDate)
				}
				if err != nil {
					t.Fatal(err)
				}
				moments[at], moments[at.Add(-time.Second)] = true, true
			}
			for day := range days {
				for at := range moments {
					was := held(t, first, day, at)
					is := slices.DeleteFunc(held(t, second, day, at), func(line string) bool { return byNumber.MatchString(line) && !slices.Contains(was, line) })
					if diff := cmp.Diff(was, is); diff != "" {
						t.Fatalf("on %s, as known at %s (-first +second):\n%s\n%s", day, at, diff, text)
					}
				}
			}
			again, _ := written(t, second, "bods")
			if again != text {
				t.Errorf("written, read and written again (-first +second):\n%s", cmp.Diff(strings.Split(text, "\n"), strings.Split(again, "\n")))
			}
		})
	}
}

// TestBODSJurisdictions: where an entity is registered goes in and out, and a later
// statement corrects it.
func TestBODSJurisdictions(t *testing.T) {
	statement := func(id, date, record, status, rest string) string {
		return `{"statementId":"` + id + `","statementDate":"` + date + `","declarationSubject":"a","recordId":"` + record + `","recordType":"entity","recordStatus":"` + status +
			`","recordDetails":{"isComponent":false,"entityType":{"type":"registeredEntity"},"name":"` + record + ` Ltd"` + rest + `},` +
			`"publicationDetails":{"publicationDate":"2020-01-01","bodsVersion":"0.4","publisher":{"name":"Register of Moor"}}}`
	}
	file := "[" + strings.Join([]string{
		statement("s1", "2019-01-01", "a", "new", `,"jurisdiction":{"name":"Delaware","code":"US-DE"}`),
		statement("s2", "2019-01-01", "b", "new", `,"jurisdiction":{"name":"Nowhere"}`),
		statement("s3", "2019-01-01", "c", "new", `,"jurisdiction":{"name":"Ireland","code":"IE"}`),
		statement("s4", "2020-01-01", "a", "updated", `,"jurisdiction":{"name":"Ireland","code":"IE"}`),
		statement("s5", "2020-01-01", "c", "updated", ""),
	}, ",\n") + "]"
	snap := bodsGraph(t, "where.json", file)
	registered := func(known string) (list []string) {
		at, err := time.Parse(time.DateOnly, known)
		if err != nil {
			t.Fatal(err)
		}
		for edge, err := range kg.KnownBy(snap, at).Relations(t.Context(), kg.RelationQuery{All: true}) {
			if err != nil {
				t.Fatal(err)
			}
			list = append(list, fmt.Sprint(edge.Relation.From, " ", edge.Relation.Text, " ", edge.Relation.To))
		}
		slices.Sort(list)
		return list
	}
	for known, want := range map[string][]string{
		"2019-06-01": {"bods:a is registered in country:US-DE", "bods:c is registered in country:IE"},
		"2020-06-01": {"bods:a is registered in country:IE"},
	} {
		if diff := cmp.Diff(want, registered(known)); diff != "" {
			t.Errorf("as known on %s (-want +got):\n%s", known, diff)
		}
	}
	text, _ := written(t, snap, "bods")
	if again, _ := written(t, bodsGraph(t, "again.json", text), "bods"); again != text {
		t.Errorf("-first +second:\n%s", cmp.Diff(strings.Split(text, "\n"), strings.Split(again, "\n")))
	}
}

// chain lists the statements about a record, shortened.
func chain(t *testing.T, text, record string) (list []string) {
	t.Helper()
	var all []bodsStatement
	if err := json.Unmarshal([]byte(text), &all); err != nil {
		t.Fatal(err)
	}
	for _, s := range all {
		var details bytes.Buffer
		if err := json.Compact(&details, s.RecordDetails); err != nil {
			t.Fatal(err)
		}
		if s.RecordID == record {
			list = append(list, s.StatementDate+" "+s.RecordStatus+" "+details.String())
		}
	}
	return list
}

// TestBODSTakenBack: what was taken back is not read as ended, by which statement ever
// all else had ended; where it had an end itself, that is a loss.
func TestBODSTakenBack(t *testing.T) {
	statement := func(id, date, status, interests string) string {
		return `{"statementId":"` + id + `","statementDate":"` + date + `","recordId":"r","recordType":"relationship","recordStatus":"` + status +
			`","recordDetails":{"subject":"a","interestedParty":"p","interests":[` + interests + `]}}`
	}
	file := `[{"statementId":"s1","statementDate":"2019-01-01","recordId":"a","recordType":"entity","recordDetails":{"name":"Acorn"}},
{"statementId":"s2","statementDate":"2019-01-01","recordId":"p","recordType":"person","recordDetails":{"names":[{"fullName":"Pat Stone"}]}},
` + statement("s3", "2019-01-01", "new", `{"type":"boardMember","startDate":"2018-01-01"},{"type":"nominee","startDate":"2018-01-01"}`) + ",\n" +
		statement("s4", "2020-01-01", "updated", `{"type":"boardMember","startDate":"2018-01-01","endDate":"2019-06-01"}`) + "]"
	text, losses := written(t, bodsGraph(t, "taken.json", file), "bods")
	want := []string{
		`2019-01-01 new {"isComponent":false,"subject":"a","interestedParty":"p","interests":[` +
			`{"type":"boardMember","directOrIndirect":"direct","startDate":"2018-01-01"},{"type":"nominee","directOrIndirect":"direct","startDate":"2018-01-01"}]}`,
		`2020-01-01 updated {"isComponent":false,"subject":"a","interestedParty":"p","interests":[` +
			`{"type":"boardMember","directOrIndirect":"direct","startDate":"2018-01-01","endDate":"2019-06-01"}]}`,
	}
	if diff := cmp.Diff(want, chain(t, text, hashedID("interests", "p", "a"))); diff != "" || slices.ContainsFunc(losses, lostEnd) {
		t.Errorf("losses %v (-want +got):\n%s", losses, diff)
	}
	if again, _ := written(t, bodsGraph(t, "again.json", text), "bods"); again != text {
		t.Errorf("-first +second:\n%s", cmp.Diff(strings.Split(text, "\n"), strings.Split(again, "\n")))
	}
	if _, losses := written(t, bodsGraph(t, "quarry.jsonl", bodsFile(t, "quarry.jsonl")), "bods"); !slices.ContainsFunc(losses, lostEnd) {
		t.Errorf("an interest that had ended and was taken back is not counted: %v", losses)
	}
}

func lostEnd(loss string) bool {
	return strings.HasPrefix(loss, "1 interests that were taken back when they had ended")
}

// TestBODSChains: a record has a statement for each moment at which it changed, and
// is closed when all of it has ended.
func TestBODSChains(t *testing.T) {
	text, losses := written(t, bodsGraph(t, "ferry.json", bodsFile(t, "ferry.json")), "bods")
	for party, want := range map[string][]string{
		"ada": {
			`2019-09-11T11:17:23Z new {"isComponent":false,"subject":"ferry","interestedParty":"ada","interests":[` +
				`{"type":"shareholding","directOrIndirect":"direct","beneficialOwnershipOrControl":true,"share":{"exact":50},"startDate":"2019-09-11"},` +
				`{"type":"boardMember","directOrIndirect":"direct","beneficialOwnershipOrControl":true,"startDate":"2019-09-11"}]}`,
			`2021-09-11T14:02:11Z closed {"isComponent":false,"subject":"ferry","interestedParty":"ada","interests":[` +
				`{"type":"shareholding","directOrIndirect":"direct","beneficialOwnershipOrControl":true,"share":{"exact":50},"startDate":"2019-09-11","endDate":"2021-04-03"},` +
				`{"type":"boardMember","directOrIndirect":"direct","beneficialOwnershipOrControl":true,"startDate":"2019-09-11","endDate":"2021-04-03"}]}`,
		},
		"ben": {
			`2019-09-11T11:17:23Z new {"isComponent":false,"subject":"ferry","interestedParty":"ben","interests":[` +
				`{"type":"shareholding","directOrIndirect":"direct","beneficialOwnershipOrControl":true,"share":{"exact":50},"startDate":"2019-09-11"},` +
				`{"type":"boardMember","directOrIndirect":"direct","beneficialOwnershipOrControl":true,"startDate":"2019-09-11"}]}`,
			`2022-01-21T11:56:47Z updated {"isComponent":false,"subject":"ferry","interestedParty":"ben","interests":[` +
				`{"type":"shareholding","directOrIndirect":"direct","beneficialOwnershipOrControl":true,"share":{"exact":50},"startDate":"2019-09-11","endDate":"2022-01-21"},` +
				`{"type":"boardMember","directOrIndirect":"direct","beneficialOwnershipOrControl":true,"startDate":"2019-09-11"},` +
				`{"type":"shareholding","directOrIndirect":"direct","beneficialOwnershipOrControl":true,"share":{"exact":100},"startDate":"2022-01-21"}]}`,
			`2022-06-01T09:00:00Z updated {"isComponent":false,"subject":"ferry","interestedParty":"ben","interests":[` +
				`{"type":"shareholding","directOrIndirect":"direct","beneficialOwnershipOrControl":true,"share":{"exact":50},"startDate":"2019-09-11","endDate":"2022-01-21"},` +
				`{"type":"shareholding","directOrIndirect":"direct","beneficialOwnershipOrControl":true,"share":{"exact":100},"startDate":"2022-01-21"}]}`,
		},
	} {
		if diff := cmp.Diff(want, chain(t, text, hashedID("interests", party, "ferry"))); diff != "" {
			t.Errorf("%s (-want +got):\n%s", party, diff)
		}
	}
	if want := []string{"4 definitions of metrics", lostJudged}; !slices.Equal(losses, want) {
		t.Errorf("losses: %q, want %q", losses, want)
	}
}

// said is a claim that was recorded on a day, and taken back on another where that
// is not "".
type said struct {
	on, backOn string
	statement  kg.Statement
}

// recorded returns a snapshot of a graph that learned things on these days.
func recorded(t *testing.T, source *kg.Source, all ...said) kg.Snapshot {
	t.Helper()
	_, store := ingesttest.NewGraph(t)
	days := []string{}
	for _, s := range all {
		days = append(days, s.on)
		if s.backOn != "" {
			days = append(days, s.backOn)
		}
	}
	slices.Sort(days)
	for _, day := range slices.Compact(days) {
		w := kg.Write{Sources: []*kg.Source{source}}
		for _, s := range all {
			c := &kg.Claim{Statement: s.statement, Source: source.ID}
			if s.on == day {
				w.Claims = append(w.Claims, c)
			}
			if s.backOn == day {
				w.Retractions = append(w.Retractions, kg.Retract{ID: c.ContentID(), Reason: "wrong"})
			}
		}
		g := kg.NewGraph(store, kg.Options{Now: func() time.Time { return kg.MustDate(day).Earliest().Time() }})
		if _, err := g.Apply(t.Context(), w); err != nil {
			t.Fatal(err)
		}
	}
	return opened(t, store)
}

// TestBODSOfOthers: what never was in the format is said in its terms, and where
// these would say something else, it is not said.
func TestBODSOfOthers(t *testing.T) {
	const first, later = "2020-01-01", "2021-03-04"
	entity := func(id kg.ID, kind kg.EntityKind, name string) []said {
		return []said{{first, "", &kg.EntityStatement{Entity: id, Kind: kind}}, {first, "", &kg.NameStatement{Entity: id, Text: name, Kind: kg.NameLegal}}}
	}
	relation := func(from kg.ID, t kg.RelationType, to kg.ID, text string) *kg.RelationStatement {
		return &kg.RelationStatement{Type: t, From: from, To: to, Text: text}
	}
	held := relation("lei:P", kg.Owns, "acme", "")
	held.Stake, held.Start, held.End = &kg.ControllingShare, kg.MustDate("2001"), kg.MustDate("2010-05")
	consolidated := relation("lei:P", kg.Controls, "guild", "accounting consolidation, ultimate")
	consolidated.Attributes = []kg.Attribute{{Key: kg.AttributeDeclared, Value: kg.DeclaredUltimate}, {Key: "status", Value: "ACTIVE"}}
	votes := relation("anna", kg.Controls, "guild", "voting rights")
	votes.Attributes = []kg.Attribute{{Key: "share", Value: ">50"}}
	all := slices.Concat(
		entity("acme", kg.KindCompany, "Acme"), entity("lei:P", kg.KindCompany, "Parent"), entity("guild", kg.KindOrganization, "Guild"),
		entity("anna", kg.KindPerson, "Anna Lee"), entity("thing", kg.KindProduct, "Thing"),
		[]said{
			{first, "", &kg.NameStatement{Entity: "acme", Text: "Acme of old", Kind: kg.NameFormer}},
			{later, "", &kg.NameStatement{Entity: "anna", Text: "Anna Moor", Kind: kg.NameFormer}},
			{first, "", &kg.IdentifierStatement{Entity: "acme", Scheme: "reg:IE", Value: "77"}},
			{first, "", &kg.IdentifierStatement{Entity: "acme", Scheme: "reg:GB", Value: "78"}},
			{first, "", &kg.IdentifierStatement{Entity: "acme", Scheme: "wikidata", Value: "Q1"}},
			{first, "", held},
			{first, "", consolidated},
			{first, "", votes},
			{first, "", relation("anna", kg.HoldsRole, "guild", "Chief Executive")},
			{first, "", relation("anna", kg.HoldsRole, "acme", "spokeswoman")},
			{first, "", relation("acme", kg.PartnersWith, "guild", "")},
			{first, "", relation("acme", kg.RelatedTo, "guild", "shares an address with")},
			{first, later, relation("anna", kg.Owns, "lei:P", "")},
			{first, "", &kg.AbsenceStatement{Entity: "acme", Relation: kg.Controls, Direction: kg.In, Kind: kg.AbsenceNone, Reason: "NATURAL_PERSONS", Text: "parent"}},
			{first, "", &kg.AbsenceStatement{Entity: "guild", Relation: kg.Owns, Direction: kg.In, Kind: kg.AbsenceNone}},
			{first, later, &kg.AbsenceStatement{Entity: "guild", Relation: kg.Controls, Direction: kg.In, Kind: kg.AbsenceWithheld}},
			{first, "", &kg.AbsenceStatement{Entity: "guild", Relation: kg.Controls, Direction: kg.Out, Kind: kg.AbsenceWithheld, Reason: "NON_PUBLIC"}},
			{first, "", &kg.AbsenceStatement{Entity: "anna", Relation: kg.HeadquarteredIn, Direction: kg.Out, Kind: kg.AbsenceUnknown}},
		},
	)
	text, losses := written(t, recorded(t, &kg.Source{ID: "s", Title: "Register of Moor", Publisher: "The Office", Kind: "register", URL: "https://office.example/a"}, all...), "bods")
	var statements []bodsStatement
	if err := json.Unmarshal([]byte(text), &statements); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, s := range statements {
		got = append(got, s.StatementDate+" "+s.RecordStatus+" "+string(s.RecordDetails))
	}
	want := []string{
		`2020-01-01 new {"isComponent":false,"entityType":{"type":"registeredEntity"},"name":"Acme","alternateNames":["Acme of old"],"jurisdiction":{"name":"GB","code":"GB"},` +
			`"identifiers":[{"id":"78","scheme":"GB-COH","schemeName":"Companies House"},{"id":"77","schemeName":"reg:IE"},{"id":"Q1","schemeName":"wikidata","uri":"http://www.wikidata.org/entity/Q1"}]}`,
		`2020-01-01 new {"isComponent":false,"personType":"knownPerson","names":[{"type":"legal","fullName":"Anna Lee"}]}`,
		`2021-03-04 updated {"isComponent":false,"personType":"knownPerson","names":[{"type":"legal","fullName":"Anna Lee"},{"type":"former","fullName":"Anna Moor"}]}`,
		`2020-01-01 new {"isComponent":false,"entityType":{"type":"legalEntity"},"name":"Guild"}`,
		`2020-01-01 new {"isComponent":false,"entityType":{"type":"registeredEntity"},"name":"Parent"}`,
		`2020-01-01 closed {"isComponent":false,"subject":"acme","interestedParty":"lei:P","interests":[` +
			`{"type":"shareholding","directOrIndirect":"direct","details":"controlling","share":{"exclusiveMinimum":50},"startDate":"2001-01-01","endDate":"2010-05-01"}]}`,
		`2020-01-01 new {"isComponent":false,"subject":"acme","interestedParty":{"reason":"unknown","description":"NATURAL_PERSONS: parent"},"interests":[{"type":"unknownInterest"}]}`,
		`2020-01-01 new {"isComponent":false,"subject":"guild","interestedParty":"anna","interests":[` +
			`{"type":"seniorManagingOfficial","directOrIndirect":"direct","details":"Chief Executive"},{"type":"votingRights","directOrIndirect":"direct","share":{"exclusiveMinimum":50}}]}`,
		`2020-01-01 new {"isComponent":false,"subject":"guild","interestedParty":"lei:P","interests":[` +
			`{"type":"otherInfluenceOrControl","directOrIndirect":"indirect","details":"accounting consolidation, ultimate"}]}`,
		`2020-01-01 new {"isComponent":false,"subject":"guild","interestedParty":{"reason":"noBeneficialOwners"},"interests":[{"type":"shareholding"}]}`,
		`2020-01-01 new {"isComponent":false,"subject":{"reason":"subjectExemptFromDisclosure","description":"NON_PUBLIC"},"interestedParty":"guild","interests":[{"type":"unknownInterest"}]}`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	source := &bodsSourceNamed{Type: []string{"officialRegister"}, Description: "Register of Moor", URL: "https://office.example/a"}
	publication := bodsPublication{PublicationDate: first, BODSVersion: "0.4", Publisher: bodsPublisher{"The Office", "https://office.example/a"}}
	if diff := cmp.Diff(source, statements[0].Source) + cmp.Diff(publication, statements[0].PublicationDetails); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	lost := []string{
		"3 relations that are no interests in a company or organization, such as deals, partnerships and links in words",
		"2 dates of a month or year: the first day stands for them",
		"1 entities that are neither companies, organizations nor persons",
		"1 whether further names of companies are legal, other or former ones",
		"1 attributes of relations",
		"1 relationships of which everything was taken back",
		"1 known unknowns that are no interests in a company or organization",
		lostJudged,
	}
	slices.Sort(losses)
	slices.Sort(lost)
	if diff := cmp.Diff(lost, losses); diff != "" {
		t.Errorf("losses (-want +got):\n%s", diff)
	}
}
