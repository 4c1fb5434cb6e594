package badgerstore

import "hash/maphash"

// sum stands for a set of rows in whatever order they are added. Two sets with one
// sum are the same but for one chance in 2^128, unless somebody knows the seeds,
// which are drawn anew by every adder.
type sum struct {
	rows int64
	hash [2]uint64
}

// adder adds rows to sums. Sums of one adder may be compared.
type adder struct{ seeds [2]maphash.Seed }

func newAdder() adder { return adder{[2]maphash.Seed{maphash.MakeSeed(), maphash.MakeSeed()}} }

func (a adder) add(s *sum, key, value []byte) {
	s.rows++
	for i, seed := range a.seeds {
		var h maphash.Hash
		h.SetSeed(seed)
		// A hash fails to write nothing. How long the key is belongs to what is
		// added, so that no byte can move from the one to the other.
		_, _ = h.Write(key)
		_ = h.WriteByte(byte(len(key)))
		_ = h.WriteByte(byte(len(key) >> 8))
		_, _ = h.Write(value)
		s.hash[i] += h.Sum64()
	}
}

// noSums returns an empty sum for every family.
func noSums() map[*family]*sum {
	sums := make(map[*family]*sum, len(keyspace))
	for _, f := range keyspace {
		sums[f] = &sum{}
	}
	return sums
}
