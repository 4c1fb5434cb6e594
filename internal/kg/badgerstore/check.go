package badgerstore

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/dgraph-io/badger/v4"

	"keiretsu/internal/kg"
)

// Finding is one thing that is wrong with a store.
type Finding struct {
	// Must tells what is lost or wrong from what can be made again of the rest.
	Must bool
	// Family is the family of rows concerned, Key the row, for people.
	Family, Key string
	// Problem says what is wrong.
	Problem string
	// Repairable reports that Repair heals it; of facts, together with working
	// them out again.
	Repairable bool
}

// Checked says what a check has looked at.
type Checked struct {
	Checksum
	// Rows counts the rows of every family by name, Findings what was found.
	Rows     map[string]int64
	Findings int
}

// Checking says what to do in a check.
type Checking struct {
	// Found is called with every finding. Its error ends the check.
	Found func(Finding) error
	// Sound, if set, says what is wrong with a record by itself. One that is not
	// sound is lost, and nothing is made of it.
	Sound func(kg.Record) error
}

// Check reads every row at the newest moment and passes on what is not as
// doc.go promises. Writers go on meanwhile. The sum is "" where a record cannot
// be read.
func (s *Store) Check(ctx context.Context, o Checking) (Checked, error) {
	return s.check(ctx, o, nil)
}

// Repair checks, and makes again what follows from the rest: rows by which
// records are found, and counts. Of facts that cannot be read it takes away what
// is left, so that they can be worked out again from their claims; claims, and
// whatever else nothing else says, it leaves as they are. Nobody writes
// meanwhile. The revision stays as it was.
func (s *Store) Repair(ctx context.Context, o Checking) (Checked, error) {
	if err := s.gate.enter(ctx); err != nil {
		return Checked{}, wrap("repair", err)
	}
	defer s.gate.inside.Done()
	select {
	case s.writing <- struct{}{}:
		defer func() { <-s.writing }()
	case <-ctx.Done():
		return Checked{}, wrap("repair", ctx.Err())
	}
	// What is looked at is what is durable: that is everything, once the last
	// group is.
	s.mu.Lock()
	last := s.last
	s.mu.Unlock()
	if err := last.wait(ctx); err != nil {
		return Checked{}, wrap("repair", err)
	}
	m := &mender{store: s}
	checked, err := s.check(ctx, o, m)
	if err == nil {
		err = wrap("repair", m.flush())
	}
	return checked, err
}

func (s *Store) check(ctx context.Context, o Checking, m *mender) (Checked, error) {
	var checked Checked
	err := s.atNewest(ctx, "check", func(r *reader, at kg.Revision) error {
		c := &checker{
			reader: r, Checking: o, at: at, mender: m, digest: newDigest(),
			counts: make(map[kg.RecordKind]int64), adder: newAdder(), asked: noSums(),
			broken: make(map[kg.ID]bool), told: make(map[kg.ID]bool),
			checked: Checked{Rows: make(map[string]int64)},
		}
		err := c.run()
		checked = c.checked
		return err
	})
	return checked, err
}

// mender writes what heals, in commits that make no revision. The caller holds
// the right to write.
type mender struct {
	store *Store
	rows  []row
}

// mendAtOnce is how many rows are written in one commit.
const mendAtOnce = 5000

func (m *mender) write(rows ...row) error {
	m.rows = append(m.rows, rows...)
	if len(m.rows) < mendAtOnce {
		return nil
	}
	return m.flush()
}

func (m *mender) flush() error {
	if len(m.rows) == 0 {
		return nil
	}
	s := m.store
	if err := s.amend(m.rows, head{s.newest.revision, s.counts}); err != nil {
		return err
	}
	m.rows = nil
	return nil
}

// amend commits rows as a commit that appears in no change log, and says by the
// head where the store then stands. The caller holds the right to write.
func (s *Store) amend(rows []row, h head) error {
	if err := s.space.check(sizeOf(rows)); err != nil {
		return err
	}
	s.mu.Lock()
	staged, broken := s.staged, s.broken
	s.mu.Unlock()
	if broken != nil {
		return s.fail(broken)
	}
	next := moment{h.revision, staged.timestamp + 1}
	if err := s.write(append(rows, h.row()), next.timestamp); err != nil {
		return s.fail(err)
	}
	s.counts = h.counts
	return s.take(next).wait(context.Background())
}

// checker goes through all records in the order of their ids and adds up the rows
// that they ask for, and then through all rows in the order in which they lie.
// Where the two sums of a family are one, its rows are what they should be. Only
// where not are they looked at one by one, for which the records are read again.
type checker struct {
	*reader
	Checking
	at     kg.Revision
	mender *mender // nil where nothing is to be changed

	digest *digest
	// counts are the records that there are, asked the rows of every family that
	// they ask for.
	counts map[kg.RecordKind]int64
	adder  adder
	asked  map[*family]*sum
	// changes counts the entries of the change log.
	changes int64
	// broken are ids whose record cannot be read, told those that are reported
	// as a whole.
	broken, told map[kg.ID]bool
	// strays are records at home to which no row of an id leads, and which
	// nothing else says; nil until they have been looked for.
	strays  map[kg.ID]kg.Record
	checked Checked
}

func (c *checker) run() error {
	for _, part := range []func() error{c.meta, c.changeLog, c.records, c.tally, c.standing} {
		if err := part(); err != nil {
			return err
		}
	}
	c.checked.Records = c.digest.held
	history, sum := c.digest.sums()
	if c.checked.History = history; len(c.broken) == 0 {
		c.checked.Sum = sum
	}
	return nil
}

// familyAt returns the family of a key, or nil.
func familyAt(key []byte) *family {
	i := slices.IndexFunc(keyspace, func(f *family) bool { return len(key) > 0 && f.prefix == key[0] })
	if i < 0 {
		return nil
	}
	return keyspace[i]
}

// lost reports what nothing can bring back but a backup.
func (c *checker) lost(key []byte, format string, args ...any) error {
	return c.report(Finding{Must: true, Problem: fmt.Sprintf(format, args...)}, key)
}

// heal reports what the rows make good.
func (c *checker) heal(must bool, key []byte, rows []row, format string, args ...any) error {
	if err := c.report(Finding{Must: must, Problem: fmt.Sprintf(format, args...), Repairable: true}, key); err != nil {
		return err
	}
	return c.mend(rows...)
}

func (c *checker) mend(rows ...row) error {
	if c.mender == nil {
		return nil
	}
	return c.mender.write(rows...)
}

func (c *checker) report(f Finding, key []byte) error {
	f.Family, f.Key = "unknown", printKey(key)
	if family := familyAt(key); family != nil {
		f.Family = family.name
	}
	c.checked.Findings++
	return c.Found(f)
}

// plainly returns what is wrong with a row, which is named beside it.
func plainly(err error) string {
	text := err.Error()
	if strings.HasPrefix(text, "there is no row") {
		return "it is missing"
	}
	return "it cannot be read"
}

// meta looks at what says what the store is.
func (c *checker) meta() error {
	who, err := c.identity()
	if err != nil {
		return c.lost(metaRows.key(textOf(identityName)), "%s", plainly(err))
	}
	c.checked.Store, c.checked.Revision = storeName(who.store), c.at
	return nil
}

// changeLog looks at every entry, and for those that are not there.
func (c *checker) changeLog() error {
	next := kg.Revision(1)
	gap := func(until kg.Revision) error {
		for ; next < until; next++ {
			if err := c.lost(changeRows.key(numberOf(uint64(next))), "it is missing: no increment can be made across it"); err != nil {
				return err
			}
		}
		return nil
	}
	_, err := c.sweep(spanOf(changeRows.key()), false, func(key, value []byte) (bool, error) {
		terms, err := changeRows.parse(key)
		if err != nil {
			return true, nil // found when rows are counted
		}
		c.changes++
		revision := kg.Revision(terms[0].n)
		if revision > c.at {
			return true, c.lost(key, "it is of a revision that the store has not come to")
		}
		if err := gap(revision); err != nil {
			return false, err
		}
		next = revision + 1
		c.digest.change(revision, value)
		d := newDecoder(value)
		d.change(revision)
		if err := d.finish(); err != nil {
			return true, c.lost(key, "%s: no increment can be made across it", plainly(err))
		}
		return true, nil
	})
	if err != nil {
		return err
	}
	return gap(c.at + 1)
}

// records looks at every record, and adds up the rows that it asks for.
func (c *checker) records() error {
	return c.windows(func(records []loaded) error {
		for _, l := range records {
			rows, err := c.asks(l)
			if err != nil {
				return err
			}
			for _, row := range rows {
				c.adder.add(c.asked[familyAt(row.key)], row.key, row.value)
			}
		}
		return nil
	})
}

// compareAll looks for every row that a record asks for of the families, those of
// a window in the order in which they lie, and counts those that are there.
func (c *checker) compareAll(families map[*family]bool, there map[*family]int64) error {
	return c.windows(func(records []loaded) error {
		var asked []askedRow
		for _, l := range records {
			if l.err != nil || c.broken[l.id] {
				continue // told of
			}
			rows, err := rowsOf(l.record)
			if err != nil {
				return err
			}
			for i, row := range rows {
				if families[familyAt(row.key)] {
					asked = append(asked, askedRow{row, l.record, i == 0 || i == 1 && !livesAtID(l.record.RecordKind())})
				}
			}
		}
		slices.SortFunc(asked, func(a, b askedRow) int { return bytes.Compare(a.key, b.key) })
		for _, a := range asked {
			ok, err := c.compare(a)
			if err != nil {
				return err
			}
			if ok {
				there[familyAt(a.key)]++
			}
		}
		return nil
	})
}

// askedRow is a row that a record asks for. First are those from which the record
// was read.
type askedRow struct {
	row
	record kg.Record
	first  bool
}

// asks returns the rows that a record asks for, unless it is reported as a whole.
func (c *checker) asks(l loaded) ([]row, error) {
	if l.err != nil {
		return nil, c.unreadable(idRows.key(idOf(l.id)), l.value, l.err)
	}
	rows, err := rowsOf(l.record)
	if err != nil {
		return nil, c.unreadable(idRows.key(idOf(l.id)), l.value, err)
	}
	kind := l.record.RecordKind()
	c.counts[kind]++
	if c.Sound != nil {
		if err := c.Sound(l.record); err != nil {
			c.broken[l.id] = true
			return nil, c.lost(rows[min(1, len(rows)-1)].key, "the %s %s was altered (%v); restore the folder from a backup", kind, l.id, err)
		}
	}
	e := newEncoder()
	if err := e.record(l.record); err != nil {
		return nil, err
	}
	c.digest.record(kind, l.id, e.b)
	return rows, nil
}

// compare looks whether a row of a record is there and says what it should.
func (c *checker) compare(want askedRow) (there bool, err error) {
	same := false
	there, err = c.get(want.key, func(value []byte) error {
		same = bytes.Equal(value, want.value) || olderForm(want.record, want.row, value)
		return nil
	})
	if err != nil {
		return false, err
	}
	kind, id := want.record.RecordKind(), want.record.RecordID()
	switch {
	case !there:
		return there, c.heal(want.first, want.key, []row{want.row}, "it is missing: the %s %s needs it", kind, id)
	case !same:
		return there, c.heal(want.first, want.key, []row{want.row}, "it does not say what the %s %s does", kind, id)
	}
	return there, nil
}

// olderForm reports that a value is what an older codec wrote for the row.
func olderForm(record kg.Record, want row, value []byte) bool {
	if len(value) < 2 || len(want.value) < 2 || want.value[0] != codecVersion || value[0] >= codecVersion {
		return false
	}
	id, kind := record.RecordID(), record.RecordKind()
	if want.key[0] == idRows.prefix && !livesAtID(kind) {
		return bytes.Equal(value[1:], want.value[1:])
	}
	if want.key[0] == idRows.prefix {
		a, err := parseAtID(id, value)
		if err != nil || a.record == nil {
			return false
		}
		rows, err := rowsOf(a.record)
		return err == nil && bytes.Equal(rows[0].value, want.value)
	}
	old, err := parseHome(kind, id, value)
	if err != nil {
		return false
	}
	e := newEncoder()
	return e.record(old) == nil && bytes.Equal(e.b, want.value)
}

// unreadable reports an id whose record cannot be read. A fact is given up, to be
// worked out again; a record that lies at home nevertheless is led to again.
func (c *checker) unreadable(key, value []byte, cause error) error {
	id := idRows.id(key)
	c.broken[id], c.told[id] = true, true
	a, err := parseAtID(id, value)
	kind := a.kind
	if err != nil || !slices.Contains(kg.RecordKinds(), kind) {
		a.home, cause = nil, errMalformed
		if kind, err = c.kindOf(id); err != nil {
			return err
		}
	}
	if stray, err := c.stray(id); err != nil {
		return err
	} else if stray != nil {
		return c.attach(stray, "it does not lead to the %s %s, which is there", kind, id)
	}
	if a.home != nil {
		key = a.home
	}
	again := ""
	if kind == kg.RecordConflict {
		again = ", unless a person noted it: then it is lost"
	}
	if isFact(kind) {
		return c.heal(true, key, []row{{key: idRows.key(idOf(id))}}, "%s: the %s %s has to be worked out again%s", plainly(cause), kind, id, again)
	}
	return c.lost(key, "%s: the %s %s is lost; restore the folder from a backup", plainly(cause), kind, id)
}

// attach reports a record at home to which nothing led.
func (c *checker) attach(r kg.Record, format string, args ...any) error {
	rows, err := rowsOf(r)
	if err != nil {
		return err
	}
	c.counts[r.RecordKind()]++
	return c.heal(true, rows[0].key, rows, format, args...)
}

// isFact reports that records of the kind are worked out from claims. Conflicts
// count: those that a rule has found are found again.
func isFact(kind kg.RecordKind) bool {
	switch kind {
	case kg.RecordEntity, kg.RecordRelation, kg.RecordObservation, kg.RecordConflict:
		return true
	}
	return false
}

// kindOf returns the kind of a record whose row of the id is damaged.
func (c *checker) kindOf(id kg.ID) (kg.RecordKind, error) {
	for _, kind := range kg.RecordKinds() {
		there, err := c.get(kindRows.key(byteOf(kind), idOf(id)), func([]byte) error { return nil })
		if there || err != nil {
			return kind, err
		}
	}
	return kg.RecordEntity, nil // which alone has no row of its kind
}

// stray returns the record with the id that lies at home without a row of the id
// that leads there, if it is one that no claim gives: a claim itself, or a
// conflict that a person noted.
func (c *checker) stray(id kg.ID) (kg.Record, error) {
	if c.strays == nil {
		c.strays = make(map[kg.ID]kg.Record)
		// Another reader, since this one may be in the middle of a sweep.
		other := &reader{ctx: c.ctx, txn: c.txn, work: c.work, pieces: c.pieces}
		defer func() {
			if other.it != nil {
				other.it.Close()
			}
		}()
		for f, kind := range map[*family]kg.RecordKind{claimRows: kg.RecordClaim, conflictRows: kg.RecordConflict} {
			_, err := other.sweep(spanOf(f.key()), false, func(key, value []byte) (bool, error) {
				r, err := parseHome(kind, f.id(key), value)
				if err != nil {
					return true, nil // of no use, and told of elsewhere
				}
				if conflict, ok := r.(*kg.Conflict); ok && conflict.Rule != "" {
					return true, nil
				}
				rows, err := rowsOf(r)
				if err != nil || !bytes.Equal(rows[1].key, key) || c.Sound != nil && c.Sound(r) != nil {
					return true, nil
				}
				led := false
				_, err = other.get(rows[0].key, func(value []byte) error {
					a, err := parseAtID(r.RecordID(), value)
					led = err == nil && bytes.Equal(a.home, key)
					return nil
				})
				if !led {
					c.strays[r.RecordID()] = r
				}
				return true, err
			})
			if err != nil {
				return nil, err
			}
		}
	}
	return c.strays[id], nil
}

// tally adds up all rows, looks one by one at those of families whose sum is not
// what the records ask for, and for rows that no record asks for where there are
// more than there should be.
func (c *checker) tally() error {
	rows := noSums()
	it := c.txn.NewIterator(badger.IteratorOptions{})
	defer it.Close()
	for it.Rewind(); it.Valid(); it.Next() {
		if err := c.count(); err != nil {
			return err
		}
		item := it.Item()
		key := item.Key()
		f := familyAt(key)
		if f == nil {
			key = bytes.Clone(key)
			if err := c.heal(false, key, []row{{key: key}}, "no row begins like this"); err != nil {
				return err
			}
			continue
		}
		err := item.Value(func(value []byte) error {
			c.adder.add(rows[f], key, value)
			return nil
		})
		if err != nil {
			return err
		}
	}
	suspect := make(map[*family]bool)
	for _, f := range keyspace {
		c.checked.Rows[f.name] = rows[f].rows
		// No record asks for what the store is, or for the change log.
		if f != metaRows && f != changeRows && *rows[f] != *c.asked[f] {
			suspect[f] = true
		}
	}
	wanted := map[*family]int64{metaRows: 2, changeRows: c.changes}
	if len(suspect) > 0 {
		if err := c.compareAll(suspect, wanted); err != nil {
			return err
		}
	}
	for _, f := range keyspace {
		if want, looked := wanted[f]; (looked || suspect[f]) && rows[f].rows > want {
			if err := c.phantoms(f); err != nil {
				return err
			}
		}
	}
	return nil
}

// phantoms looks for the rows of a family that no record asks for.
func (c *checker) phantoms(f *family) error {
	_, err := c.sweep(spanOf(f.key()), false, func(key, _ []byte) (bool, error) {
		gone := row{key: bytes.Clone(key)}
		terms, err := f.parse(key)
		if err != nil {
			return true, c.heal(false, key, []row{gone}, "no row of this family looks like this")
		}
		switch f {
		case idRows, changeRows:
			return true, nil // each has been looked at
		case metaRows:
			if name := terms[0].s; name != identityName && name != headName {
				return true, c.heal(false, key, []row{gone}, "nothing is known by this name")
			}
			return true, nil
		}
		return true, c.phantom(f, gone)
	})
	return err
}

// phantom looks whether the record that a row names asks for it.
func (c *checker) phantom(f *family, gone row) error {
	id := f.id(gone.key)
	if c.broken[id] {
		// Told of already. What is left of a fact goes with it.
		kind, err := c.kindOf(id)
		if err != nil || !isFact(kind) {
			return err
		}
		stray, err := c.stray(id)
		if err != nil || stray != nil {
			return err
		}
		return c.mend(gone)
	}
	record, err := c.record(id)
	if err != nil {
		return err
	}
	if record == nil {
		return c.orphan(f, gone, id)
	}
	rows, err := rowsOf(record)
	if err != nil {
		return err
	}
	if slices.ContainsFunc(rows, func(r row) bool { return bytes.Equal(r.key, gone.key) }) {
		return nil
	}
	return c.heal(false, gone.key, []row{gone}, "the %s %s does not ask for it", record.RecordKind(), id)
}

// orphan reports a row of an id that leads nowhere.
func (c *checker) orphan(f *family, gone row, id kg.ID) error {
	stray, err := c.stray(id)
	if err != nil {
		return err
	}
	if stray != nil {
		if c.told[id] {
			return nil
		}
		c.told[id] = true
		return c.attach(stray, "it is missing: the %s %s is there", stray.RecordKind(), id)
	}
	kind, key := kg.RecordClaim, gone.key
	if f == kindRows {
		kind, key = kg.RecordKind(gone.key[1]), idRows.key(idOf(id))
	}
	if (f == kindRows || f == claimRows || f == mentionRows) && !isFact(kind) {
		if c.told[id] {
			return nil
		}
		c.told[id] = true
		return c.lost(key, "the %s %s is lost; restore the folder from a backup", kind, id)
	}
	return c.heal(false, gone.key, []row{gone}, "nothing has the id %s", id)
}

// standing compares the head with what was counted.
func (c *checker) standing() error {
	key := metaRows.key(textOf(headName))
	h, err := c.head()
	if err != nil {
		return c.lost(key, "%s", plainly(err))
	}
	if h.revision != c.at {
		return c.lost(key, "it says revision %d, and the store is at %d", h.revision, c.at)
	}
	if c.mender != nil {
		// Those of what is left when all that heals has been written.
		c.mender.store.counts = c.counts
	}
	for _, kind := range kg.RecordKinds() {
		if h.counts[kind] == c.counts[kind] {
			continue
		}
		err := c.heal(false, key, []row{head{c.at, c.counts}.row()}, "it counts %d records of the kind %s, and there are %d", h.counts[kind], kind, c.counts[kind])
		if err != nil {
			return err
		}
	}
	return nil
}
