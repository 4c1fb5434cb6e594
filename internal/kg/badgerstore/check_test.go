package badgerstore

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/dgraph-io/badger/v4"

	"keiretsu/internal/kg"
	"keiretsu/internal/kg/kgtest"
)

// graphed fills a store through the one door for writes: with every kind of
// record, a conflict that a rule finds and one that is noted.
func graphed(t testing.TB, s *Store) {
	t.Helper()
	at := noon
	g := kg.NewGraph(s, kg.Options{Now: func() time.Time { at = at.Add(time.Second); return at }})
	write := func(w kg.Write) {
		if _, err := g.Apply(context.Background(), w); err != nil {
			t.Fatal(err)
		}
	}
	say := func(statements ...kg.Statement) (claims []*kg.Claim) {
		for i, s := range statements {
			claims = append(claims, &kg.Claim{Statement: s, Source: "doc", Locator: fmt.Sprint("line ", i)})
		}
		return claims
	}
	company := func(id kg.ID) []kg.Statement {
		return []kg.Statement{
			&kg.EntityStatement{Entity: id, Kind: kg.KindCompany},
			&kg.NameStatement{Entity: id, Text: string(id) + " Group", Kind: kg.NamePreferred},
			&kg.IdentifierStatement{Entity: id, Scheme: "lei", Value: string(id)},
		}
	}
	write(kg.Write{
		Sources: []*kg.Source{{ID: "doc", Title: "A document"}},
		Metrics: []*kg.Metric{{Name: "staff", Definition: "Who works there.", Unit: "people"}},
		Claims:  say(slices.Concat(company("a"), company("b"), company("c"))...),
		By:      "token:anna", Key: "once",
	})
	figure := kg.Figure{Subject: "a", Metric: "staff", Unit: "people", Qualifier: kg.Exactly, Nature: kg.Actual, Period: kg.MustPeriod("2014")}
	one, two := figure, figure
	one.Value, two.Value = 100, 250
	write(kg.Write{
		Claims: say(
			&kg.RelationStatement{Type: kg.Acquired, From: "a", To: "b", Start: kg.MustDate("2014")},
			&kg.RelationStatement{Type: kg.PartnersWith, From: "b", To: "c", Start: kg.MustDate("2016-03")},
			&one, &two,
		),
		Conflicts: []*kg.Conflict{{
			About: "c", Predicate: "name", Kind: kg.Apparent, Note: "as a person noted",
			Claims: []kg.Position{{Value: "C", Citations: []kg.Citation{{Source: "doc"}}}},
		}},
	})
	said := say(&kg.NameStatement{Entity: "c", Text: "See", Kind: kg.NameAlias})
	write(kg.Write{Claims: said})
	write(kg.Write{Claims: say(&kg.RelationStatement{Type: kg.InvestedIn, From: "c", To: "a", Start: kg.MustDate("2019")})})
	snap := snapshotOf(t, s)
	for r, err := range snap.Scan(context.Background(), kg.ScanQuery{Kind: kg.RecordRelation}) {
		if err != nil {
			t.Fatal(err)
		}
		if r := r.(*kg.Relation); r.Type == kg.InvestedIn {
			write(kg.Write{Retractions: []kg.Retract{{ID: r.ID, Reason: "wrong"}}}) // leaves a redirect
		}
	}
}

// wrongIn checks a store and returns a line for each finding.
func wrongIn(t testing.TB, s *Store) (lines []string, checked Checked) {
	t.Helper()
	checked, err := s.Check(context.Background(), Checking{Sound: kg.Sound, Found: func(f Finding) error {
		lines = append(lines, finding(f))
		return nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	return lines, checked
}

func finding(f Finding) string {
	grade := "should"
	if f.Must {
		grade = "must"
	}
	return fmt.Sprintf("%s %s %s: %s (%t)", grade, f.Family, f.Key, f.Problem, f.Repairable)
}

// rowsIn returns the rows of a family, with their values.
func rowsIn(t testing.TB, s *Store, f *family) (rows []row) {
	t.Helper()
	txn := s.db.NewTransactionAt(s.newest.timestamp, false)
	defer txn.Discard()
	it := txn.NewIterator(badger.IteratorOptions{Prefix: f.key()})
	defer it.Close()
	for it.Rewind(); it.Valid(); it.Next() {
		value, err := it.Item().ValueCopy(nothing)
		if err != nil {
			t.Fatal(err)
		}
		rows = append(rows, row{it.Item().KeyCopy(nil), value})
	}
	return rows
}

// tamper writes a row behind the back of the store.
func tamper(t testing.TB, s *Store, r row) {
	t.Helper()
	txn := s.db.NewTransactionAt(s.newest.timestamp, true)
	if err := r.into(txn); err != nil {
		t.Fatal(err)
	}
	if err := txn.CommitAt(s.newest.timestamp, nil); err != nil {
		t.Fatal(err)
	}
}

// TestCheckOfSoundStores finds nothing wrong with what Apply has written, nor
// with what was restored.
func TestCheckOfSoundStores(t *testing.T) {
	for seed := range uint64(10) {
		s := openTest(t, t.TempDir())
		for _, step := range kgtest.World(seed + 1).Steps {
			if _, err := s.Apply(t.Context(), step.Batch); err != nil {
				t.Fatal(err)
			}
		}
		var lines []string
		checked, err := s.Check(t.Context(), Checking{Found: func(f Finding) error {
			lines = append(lines, finding(f))
			return nil
		}})
		if err != nil || len(lines) > 0 {
			t.Errorf("world %d: %v\n%s", seed+1, err, strings.Join(lines, "\n"))
		}
		if sum := checksumOf(t, s); checked.Checksum != sum {
			t.Errorf("world %d: the check sums up to %+v, want %+v", seed+1, checked.Checksum, sum)
		}
	}
	s := openTest(t, t.TempDir())
	graphed(t, s)
	full, _ := backUp(t, s, nil)
	for name, s := range map[string]*Store{"written": s, "restored": restored(t, full)} {
		if lines, _ := wrongIn(t, s); len(lines) > 0 {
			t.Errorf("%s:\n%s", name, strings.Join(lines, "\n"))
		}
		snap := snapshotOf(t, s)
		err := kg.Audit(t.Context(), snap, func(f kg.Flaw) error { return fmt.Errorf("%+v", f) })
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestCheckFindsDamage takes away, alters or adds one row of each family behind
// the back of the store, for every row in turn. The check finds it and names the
// family; what can be made again is as it was after the repair, and claims are
// left as they are in any case.
func TestCheckFindsDamage(t *testing.T) {
	s := openTest(t, t.TempDir())
	graphed(t, s)
	whole := make(map[string][]byte)
	for _, f := range keyspace {
		if len(rowsIn(t, s, f)) == 0 {
			t.Fatalf("there is no row of the family %s to damage", f.name)
		}
		for _, r := range rowsIn(t, s, f) {
			whole[string(r.key)] = r.value
		}
	}
	// noted is the conflict that no claim gives.
	noted := ""
	for _, r := range rowsIn(t, s, conflictRows) {
		id := conflictRows.id(r.key)
		c, err := parseHome(kg.RecordConflict, id, r.value)
		if err != nil {
			t.Fatal(err)
		}
		if c.(*kg.Conflict).Rule == "" {
			noted = string(id)
		}
	}
	folder := s.dir
	closeStore(t, s)
	copied := func() *Store {
		dir := filepath.Join(t.TempDir(), "store")
		copyFolder(t, folder, dir)
		return openTest(t, dir)
	}
	same := func(s *Store, but string) (left []string) {
		now := make(map[string][]byte)
		for _, f := range keyspace {
			for _, r := range rowsIn(t, s, f) {
				now[string(r.key)] = r.value
			}
		}
		for key, value := range whole {
			if but != "" && strings.Contains(key, but) {
				continue
			}
			if key[0] != changeRows.prefix && key[0] != metaRows.prefix && !bytes.Equal(now[key], value) {
				left = append(left, printKey([]byte(key)))
			}
		}
		for key := range now {
			if _, ok := whole[key]; !ok && key[0] != changeRows.prefix {
				left = append(left, "more: "+printKey([]byte(key)))
			}
		}
		return left
	}
	// lastingly are the damages that only a backup makes good.
	lastingly := func(r row) bool {
		switch familyAt(r.key) {
		case metaRows:
			return strings.Contains(printKey(r.key), identityName)
		case changeRows, claimRows:
			return true
		case idRows:
			a, err := parseAtID(idRows.id(r.key), r.value)
			if err != nil {
				t.Fatal(err)
			}
			switch a.kind {
			case kg.RecordSource, kg.RecordMetric, kg.RecordReceipt, kg.RecordRedirect:
				return true
			}
			return false
		}
		return false
	}
	kinds := map[string]int{}
	try := func(name string, f *family, lasting bool, damage ...row) {
		kinds[f.name]++
		s := copied()
		for _, r := range damage {
			tamper(t, s, r)
		}
		before := rowsIn(t, s, claimRows)
		lines, _ := wrongIn(t, s)
		if len(lines) == 0 {
			t.Errorf("%s: nothing is found", name)
			return
		}
		if !strings.Contains(strings.Join(lines, "\n"), " "+f.name+" ") {
			t.Errorf("%s: the family %s is not named:\n%s", name, f.name, strings.Join(lines, "\n"))
		}
		if lasting != slices.ContainsFunc(lines, func(l string) bool { return strings.HasSuffix(l, "(false)") }) {
			t.Errorf("%s: it is said to be for ever or not, want %t:\n%s", name, lasting, strings.Join(lines, "\n"))
		}
		if _, err := s.Repair(t.Context(), Checking{Sound: kg.Sound, Found: func(Finding) error { return nil }}); err != nil {
			t.Errorf("%s: %v", name, err)
			return
		}
		equal := func(a, b row) bool { return bytes.Equal(a.key, b.key) && bytes.Equal(a.value, b.value) }
		if !slices.EqualFunc(before, rowsIn(t, s, claimRows), equal) {
			t.Errorf("%s: the repair has touched claims", name)
		}
		if !lasting {
			if _, err := kg.NewGraph(s, kg.Options{}).Repair(t.Context(), func(kg.Flaw) error { return nil }); err != nil {
				t.Errorf("%s: facts: %v", name, err)
				return
			}
			but := ""
			if f == conflictRows && strings.Contains(name, noted) {
				but = noted // only what a rule has found comes back
			}
			if left := same(s, but); len(left) > 0 {
				t.Errorf("%s: after the repair these are not as they were: %q", name, left)
			}
			if lines, _ := wrongIn(t, s); len(lines) > 0 {
				t.Errorf("%s: after the repair:\n%s", name, strings.Join(lines, "\n"))
			}
		}
		dir := s.dir
		closeStore(t, s)
		if s, err := Open(t.Context(), Options{Dir: dir}); err == nil {
			closeStore(t, s)
		} else if f != metaRows {
			t.Errorf("%s: after the repair it does not open: %v", name, err)
		}
		if err := os.RemoveAll(dir); err != nil { // all of them would take gigabytes
			t.Fatal(err)
		}
	}
	all := copied()
	for _, f := range keyspace {
		forms := map[string]int{}
		for _, r := range rowsIn(t, all, f) {
			// Of rows of one form, two will do.
			form := ""
			switch f {
			case idRows:
				form = string(r.value[:2])
			case kindRows:
				form = string(r.key[:2])
			case claimRows, mentionRows:
				form = string(r.value[:2])
			}
			if forms[form]++; forms[form] > 2 {
				continue
			}
			if f != metaRows {
				try("without "+printKey(r.key), f, lastingly(r), row{key: r.key})
			}
			if f == kindRows || f == orderRows {
				try("with a value "+printKey(r.key), f, false, row{r.key, []byte{7}})
				continue
			}
			if f != metaRows {
				try("garbled "+printKey(r.key), f, lastingly(r), row{r.key, append([]byte{codecVersion}, bytes.Repeat([]byte{0xff}, 9)...)})
			}
		}
	}
	h := head{all.newest.revision, map[kg.RecordKind]int64{kg.RecordClaim: 5}}
	try("with wrong counts", metaRows, false, h.row())
	try("with another name in meta", metaRows, false, row{metaRows.key(textOf("other")), []byte{codecVersion}})
	h.revision++
	try("with a head of another revision", metaRows, true, h.row())
	try("with a change from the future", changeRows, true, row{changeRows.key(numberOf(99)), rowsIn(t, all, changeRows)[0].value})
	stranger := relation("r-0000000000000000", kg.Owns, "a", "b", "2001")
	strange, err := rowsOf(stranger)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range strange[1:] {
		try("with a phantom "+printKey(r.key), familyAt(r.key), false, r)
	}
	for _, f := range []*family{orderRows, nameRows, identifierRows, observationRows, mentionRows, conflictRows} {
		r := rowsIn(t, all, f)[0]
		other := append(bytes.Clone(r.key), 'x')
		try("with a phantom "+printKey(other), f, f == mentionRows, row{other, r.value})
	}
	try("with a phantom of an id there is", nameRows, false, row{nameRows.key(flagOf(false), textOf("another"), byteOf(kg.NameAlias), idOf("a")), []byte{byte(kg.KindCompany)}})
	try("with a phantom of a kind", kindRows, false, row{kindRows.key(byteOf(kg.RecordRelation), idOf("a")), nothing})
	try("with a source of which nothing is left", idRows, true, row{kindRows.key(byteOf(kg.RecordSource), idOf("gone")), nothing})
	try("with a claim of which nothing is left", claimRows, true, row{claimRows.key(hashOf("gone"), idOf("c-0000000000000000")), []byte{codecVersion, 9}})
	try("with a row that has no form", adjacencyRows, false, row{adjacencyRows.key(), []byte{1}})
	for _, f := range keyspace {
		if kinds[f.name] < 2 {
			t.Errorf("the family %s was damaged %d times only", f.name, kinds[f.name])
		}
	}
	unknown := copied()
	tamper(t, unknown, row{[]byte{0x77, 1}, []byte{1}})
	if lines, _ := wrongIn(t, unknown); len(lines) != 1 || !strings.Contains(lines[0], "unknown/7701") {
		t.Errorf("with a row of no family: %q", lines)
	}
}

// TestCheckWhileWriting checks a store that is written to, and finds nothing.
func TestCheckWhileWriting(t *testing.T) {
	s := openSmall(t, t.TempDir())
	stop, stopped := make(chan struct{}), make(chan error)
	go func() {
		for i := 0; ; i++ {
			select {
			case <-stop:
				stopped <- nil
				return
			default:
			}
			if _, err := s.Apply(context.Background(), writing(i)); err != nil {
				stopped <- err
				return
			}
		}
	}()
	for range 8 {
		if lines, _ := wrongIn(t, s); len(lines) > 0 {
			t.Errorf("%s", strings.Join(lines, "\n"))
		}
	}
	close(stop)
	if err := <-stopped; err != nil {
		t.Fatal(err)
	}
}

// TestRowsOfAnOlderCodecAreSound writes rows as version 1 of the codec did.
func TestRowsOfAnOlderCodecAreSound(t *testing.T) {
	s := openTest(t, t.TempDir())
	apply(t, s, company("a"), relation("r", kg.Owns, "a", "a", "2014"), &kg.Redirect{From: "old", To: "a"})
	for _, f := range []*family{idRows, adjacencyRows, timelineRows} {
		for _, r := range rowsIn(t, s, f) {
			r.value[0] = 1
			tamper(t, s, r)
		}
	}
	if lines, _ := wrongIn(t, s); len(lines) > 0 {
		t.Errorf("%s", strings.Join(lines, "\n"))
	}
}
