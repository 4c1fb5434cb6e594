package badgerstore

import (
	"crypto/sha256"
	"encoding/hex"
	"hash"

	"keiretsu/internal/kg"
)

// digest is the logical checksum of a store on its way: a SHA-256 over what the
// store holds, in an order that has nothing to do with where rows lie. Two
// stores have the same one exactly if they hold the same records and went the
// same way to come there.
//
// It is the SHA-256 of every record in the order of ids (bytes), each as
// appendRecord writes it, followed by the 32 bytes of the history: the SHA-256
// of every entry of the change log in the order of revisions, each as
// appendChange writes it.
type digest struct {
	records, history hash.Hash
	entry            []byte
	held             int64
}

func newDigest() *digest { return &digest{records: sha256.New(), history: sha256.New()} }

// change adds an entry of the change log, and returns it as it was added.
func (d *digest) change(revision kg.Revision, fields []byte) []byte {
	d.entry = appendChange(d.entry[:0], revision, fields)
	_, _ = d.history.Write(d.entry)
	return d.entry
}

// record adds a record, and returns it as it was added.
func (d *digest) record(kind kg.RecordKind, id kg.ID, fields []byte) []byte {
	d.entry = appendRecord(d.entry[:0], kind, id, fields)
	_, _ = d.records.Write(d.entry)
	d.held++
	return d.entry
}

// sums returns the digest of the history and that of everything, once all has
// been added.
func (d *digest) sums() (history, everything string) {
	sum := d.history.Sum(nil)
	_, _ = d.records.Write(sum)
	return hex.EncodeToString(sum), hexSum(d.records)
}
