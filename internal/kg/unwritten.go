package kg

import (
	"context"
	"hash/maphash"
	"iter"
	"slices"
	"sync/atomic"
)

// unwritten knows what certainly is not in a store. While much is loaded, most
// questions of a write are for what is not there, and to find that out of the store
// takes longer than to work the write out. It is a Bloom filter: it never forgets, and
// at times takes something for written that is not. It is safe for concurrent use.
type unwritten struct {
	// complete says that what was there before it began to take notes is noted
	// too; only then it knows anything.
	complete atomic.Bool

	seed maphash.Seed
	bits []atomic.Uint64
}

const (
	// unwrittenHashes is how many bits stand for one thing, and bitsOfAClaim how
	// many there are for each claim, which is about several things, so that one
	// question in a hundred is asked for nothing.
	unwrittenHashes = 4
	bitsOfAClaim    = 64
	// mostBits are enough for the claims of a million companies; past that, more
	// questions go to the store.
	mostBits = 1 << 29
)

// newUnwritten makes room for so many claims.
func newUnwritten(claims int64) *unwritten {
	bits := min(max(claims, 1000)*bitsOfAClaim, mostBits)
	return &unwritten{seed: maphash.MakeSeed(), bits: make([]atomic.Uint64, bits/64)}
}

// The things about which there are questions.
const (
	aboutID          = "i"
	aboutFamily      = "f"
	aboutClaims      = "c" // of an entity
	aboutRelations   = "r"
	aboutFigures     = "o"
	aboutConflicts   = "x"
	aboutNames       = "n"
	aboutIdentifiers = "k"
)

// places calls do with the bits of a thing until it returns false.
func (u *unwritten) places(about, thing string, do func(word *atomic.Uint64, bit uint64) bool) {
	var h maphash.Hash
	h.SetSeed(u.seed)
	// A hash fails to write nothing.
	_, _ = h.WriteString(about)
	_, _ = h.WriteString(thing)
	sum := h.Sum64()
	step := sum>>32 | 1
	for range unwrittenHashes {
		at := sum % uint64(len(u.bits)*64)
		if !do(&u.bits[at/64], 1<<(at%64)) {
			return
		}
		sum += step
	}
}

func (u *unwritten) add(about, thing string) {
	u.places(about, thing, func(word *atomic.Uint64, bit uint64) bool {
		word.Or(bit)
		return true
	})
}

// may reports that something may have been written.
func (u *unwritten) may(about, thing string) bool {
	all := true
	u.places(about, thing, func(word *atomic.Uint64, bit uint64) bool {
		all = word.Load()&bit != 0
		return all
	})
	return all
}

// note takes down what a batch writes, and tells the engine which of its records
// are under ids that never had any.
func (u *unwritten) note(b *Batch) {
	if u.complete.Load() {
		b.Fresh = make([]bool, len(b.Put))
		for i, r := range b.Put {
			b.Fresh[i] = !u.may(aboutID, string(r.RecordID()))
		}
	}
	for _, r := range b.Put {
		u.noteRecord(r)
	}
}

// noteRecord takes down a record, and by what it is asked for.
func (u *unwritten) noteRecord(r Record) {
	u.add(aboutID, string(r.RecordID()))
	switch r := r.(type) {
	case *Claim:
		u.add(aboutFamily, r.Family())
		for _, m := range r.Mentioned() {
			u.add(aboutClaims, string(m.Entity))
		}
	case *Entity:
		for _, k := range r.NameKeys() {
			u.add(aboutNames, k.Fold)
		}
		for _, x := range r.Identifiers {
			scheme, value := IdentifierKey(x.Scheme, x.Value)
			u.add(aboutIdentifiers, scheme+"\x00"+value)
		}
	case *Relation:
		u.add(aboutRelations, string(r.From))
		u.add(aboutRelations, string(r.To))
		u.add(aboutRelations, standing(r.From, Out, r.Type))
		u.add(aboutRelations, standing(r.To, In, r.Type))
		if r.Type.IsSymmetric() {
			u.add(aboutRelations, standing(r.From, In, r.Type))
			u.add(aboutRelations, standing(r.To, Out, r.Type))
		}
	case *Observation:
		u.add(aboutFigures, string(r.Subject))
	case *Conflict:
		u.add(aboutConflicts, string(r.About))
	}
}

// read takes down all records of a kind.
func (u *unwritten) read(ctx context.Context, snap Snapshot, kind RecordKind) error {
	switch kind {
	case RecordClaim:
		// All at once, which is faster than one by one.
		for m, err := range snap.ClaimsAbout(ctx, ClaimQuery{All: true}) {
			if err != nil {
				return err
			}
			u.noteRecord(m.Claim)
		}
	case RecordRelation:
		for e, err := range snap.Relations(ctx, RelationQuery{All: true}) {
			if err != nil {
				return err
			}
			u.noteRecord(e.Relation)
		}
	default:
		for r, err := range snap.Scan(ctx, ScanQuery{Kind: kind}) {
			if err != nil {
				return err
			}
			u.noteRecord(r)
		}
	}
	return nil
}

// sparing is a snapshot that is asked only for what may be there.
type sparing struct {
	Snapshot
	written *unwritten
}

// spare returns those of a list that may be there, and where each stands in it.
func spare[T any](u *unwritten, about string, list []T, thing func(T) string) (there []T, at []int) {
	for i, x := range list {
		if u.may(about, thing(x)) {
			there, at = append(there, x), append(at, i)
		}
	}
	return there, at
}

func idText(id ID) string { return string(id) }

func itself(s string) string { return s }

// Get asks for the records that may be there.
func (s *sparing) Get(ctx context.Context, ids []ID) ([]Record, error) {
	there, at := spare(s.written, aboutID, ids, idText)
	records := make([]Record, len(ids))
	if len(there) == 0 {
		return records, ctx.Err()
	}
	found, err := s.Snapshot.Get(ctx, there)
	if err != nil {
		return nil, err
	}
	for i, r := range found {
		records[at[i]] = r
	}
	return records, nil
}

// Find asks for the keys that somebody may carry.
func (s *sparing) Find(ctx context.Context, keys []FindKey) ([][]Match, error) {
	var there []FindKey
	var at []int
	for i, k := range keys {
		if k.Scheme == "" && s.written.may(aboutNames, k.Name) || k.Scheme != "" && s.written.may(aboutIdentifiers, k.Scheme+"\x00"+k.Value) {
			there, at = append(there, k), append(at, i)
		}
	}
	matches := make([][]Match, len(keys))
	if len(there) == 0 {
		return matches, ctx.Err()
	}
	found, err := s.Snapshot.Find(ctx, there)
	if err != nil {
		return nil, err
	}
	for i, m := range found {
		matches[at[i]] = m
	}
	return matches, nil
}

// Claims asks for the families that may be there.
func (s *sparing) Claims(ctx context.Context, families []string) iter.Seq2[*Claim, error] {
	there, _ := spare(s.written, aboutFamily, families, itself)
	return s.Snapshot.Claims(ctx, there)
}

// ClaimsAbout asks about the entities of which a claim may speak.
func (s *sparing) ClaimsAbout(ctx context.Context, q ClaimQuery) iter.Seq2[Mention, error] {
	if q.All {
		return s.Snapshot.ClaimsAbout(ctx, q)
	}
	there, at := spare(s.written, aboutClaims, q.Of, idText)
	q.Of = there
	return placed(s.Snapshot.ClaimsAbout(ctx, q), func(m *Mention) { m.At = at[m.At] })
}

// standing stands for the relations of a type that an entity has at one end.
func standing(id ID, d Direction, t RelationType) string {
	return string(id) + "\x00" + string([]byte{byte(d), byte(t)})
}

// Relations asks for those of entities that may have any: of the types, where the
// query names some at one end.
func (s *sparing) Relations(ctx context.Context, q RelationQuery) iter.Seq2[Edge, error] {
	if q.All {
		return s.Snapshot.Relations(ctx, q)
	}
	there, at := spare(s.written, aboutRelations, q.Of, idText)
	if len(q.Types) > 0 && q.Direction != Both {
		there, at = nil, nil
		for i, id := range q.Of {
			if slices.ContainsFunc(q.Types, func(t RelationType) bool { return s.written.may(aboutRelations, standing(id, q.Direction, t)) }) {
				there, at = append(there, id), append(at, i)
			}
		}
	}
	q.Of = there
	return placed(s.Snapshot.Relations(ctx, q), func(e *Edge) { e.At = at[e.At] })
}

// Observations asks for those of entities that may have any.
func (s *sparing) Observations(ctx context.Context, q ObservationQuery) iter.Seq2[Figured, error] {
	there, at := spare(s.written, aboutFigures, q.Of, idText)
	q.Of = there
	return placed(s.Snapshot.Observations(ctx, q), func(f *Figured) { f.At = at[f.At] })
}

// Conflicts asks about entities of which there may be some.
func (s *sparing) Conflicts(ctx context.Context, about []ID) iter.Seq2[*Conflict, error] {
	if about == nil {
		return s.Snapshot.Conflicts(ctx, nil)
	}
	there, _ := spare(s.written, aboutConflicts, about, idText)
	return s.Snapshot.Conflicts(ctx, slices.Clip(append([]ID{}, there...)))
}

// placed puts what a query about some entities yields where it stands in the list
// of all.
func placed[T any](found iter.Seq2[T, error], place func(*T)) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		for x, err := range found {
			if err == nil {
				place(&x)
			}
			if !yield(x, err) {
				return
			}
		}
	}
}
