package badgerstore

import (
	"bytes"
	"flag"
	"fmt"
	"math"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"keiretsu/internal/kg"
)

var update = flag.Bool("update", false, "write golden files")

// TestKeysOnDisk fixes the bytes of a key of every family. A difference is a new
// format version, also where it comes from how names are folded or sorted.
func TestKeysOnDisk(t *testing.T) {
	date := kg.MustDate("2014-04").Place()
	entity := &kg.Entity{ID: "alibaba-group", Kind: kg.KindCompany, Names: []kg.Name{{Text: "Alibaba Group Holding Ltd.", Kind: kg.NamePreferred}}}
	name := entity.NameKeys()[1]
	keys := map[*family][]byte{
		metaRows:        metaRows.key(textOf("head")),
		changeRows:      changeRows.key(numberOf(812)),
		idRows:          idRows.key(idOf("alibaba-group")),
		kindRows:        kindRows.key(byteOf(kg.RecordSource), idOf("doc-000")),
		orderRows:       orderRows.key(byteOf(entity.Kind), textOf(string(entity.SortKey())), idOf(entity.ID)),
		nameRows:        nameRows.key(flagOf(name.Core), textOf(name.Fold), byteOf(name.Rank), idOf(entity.ID)),
		identifierRows:  identifierRows.key(textOf("lei"), textOf("5493001nthe\x00"), idOf("alibaba-group")),
		adjacencyRows:   adjacencyRows.key(hashOf("alibaba-group"), byteOf(kg.Out), byteOf(kg.Acquired), placeOf(date), idOf("r-0123456789abcdef")),
		timelineRows:    timelineRows.key(byteOf(kg.Acquired), placeOf(kg.PartialDate{}.Place()), idOf("r-0123456789abcdef")),
		observationRows: observationRows.key(hashOf("alibaba-group"), textOf("revenue"), placeOf(date), idOf("o-1")),
		claimRows:       claimRows.key(hashOf("e\x00alibaba-group"), idOf("c-1")),
		mentionRows:     mentionRows.key(hashOf("alibaba-group"), byteOf(kg.PartFrom), byteOf(kg.Acquired), idOf("c-1")),
		conflictRows:    conflictRows.key(textOf("alibaba-group"), textOf("revenue"), idOf("x-1")),
	}
	var got strings.Builder
	for _, f := range keyspace {
		fmt.Fprintf(&got, "%x\n    %s\n", keys[f], printKey(keys[f]))
	}
	golden(t, "testdata/keys.golden", got.String())
}

func golden(t *testing.T, path, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got); -update writes it anew:\n%s", path, diff)
	}
}

// TestKeyspaceIsSound checks the declarations against each other and against
// the drawing in doc.go.
func TestKeyspaceIsSound(t *testing.T) {
	doc, err := os.ReadFile("doc.go")
	if err != nil {
		t.Fatal(err)
	}
	drawn := strings.Join(strings.Fields(string(doc)), " ")
	for i, f := range keyspace {
		if i > 0 && keyspace[i-1].prefix >= f.prefix {
			t.Errorf("%s does not lie behind %s", f.name, keyspace[i-1].name)
		}
		if f.prefix == '!' {
			t.Errorf("%s begins like the keys of Badger itself", f.name)
		}
		var names []string
		for j, field := range f.fields {
			names = append(names, field.name)
			if field.part == anID && j != len(f.fields)-1 {
				t.Errorf("%s: an id must be the last field", f.name)
			}
		}
		if line := fmt.Sprintf("// %02x %s %s ", f.prefix, f.name, strings.Join(names, " · ")); !strings.Contains(drawn, line) {
			t.Errorf("doc.go does not draw %q", line)
		}
		if f.holds == "" || f.serves == "" {
			t.Errorf("%s does not say what it holds and which question it serves", f.name)
		}
	}
}

// drawTerm draws what a field of a key may hold.
func drawTerm(t *rapid.T, p part, label string) term {
	day := rapid.OneOf(rapid.Int32Range(-1, 1), rapid.Int32(), rapid.SampledFrom([]int32{math.MinInt32, math.MaxInt32}))
	text := rapid.StringOf(rapid.RuneFrom([]rune{0, 1, 'a', 'b', 'é', '\uffff'}))
	switch p {
	case aByte:
		return byteOf(rapid.Uint8().Draw(t, label))
	case aHash:
		return hashOf(text.Draw(t, label))
	case aNumber:
		return numberOf(rapid.Uint64().Draw(t, label))
	case aPlace:
		return placeOf(kg.DatePlace{Earliest: kg.Day(day.Draw(t, label+" earliest")), Latest: kg.Day(day.Draw(t, label+" latest"))})
	case aText:
		return textOf(text.Draw(t, label))
	}
	return idOf(kg.ID(text.Draw(t, label)))
}

func drawKey(t *rapid.T, f *family, label string) []term {
	terms := make([]term, len(f.fields))
	for i, field := range f.fields {
		terms[i] = drawTerm(t, field.part, label+" "+field.name)
	}
	return terms
}

// compareTerms is the order of the domain, which that of the bytes must follow.
func compareTerms(a, b []term) int {
	return slices.CompareFunc(a, b, func(a, b term) int {
		switch a.part {
		case aPlace:
			return a.place().Compare(b.place())
		case aText, anID:
			return strings.Compare(a.s, b.s)
		}
		if a.n < b.n {
			return -1
		}
		if a.n > b.n {
			return 1
		}
		return 0
	})
}

func TestKeysRoundTripAndKeepOrder(t *testing.T) {
	for _, f := range keyspace {
		t.Run(f.name, func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				a, b := drawKey(t, f, "a"), drawKey(t, f, "b")
				same := rapid.IntRange(0, len(a)).Draw(t, "same")
				copy(b, a[:same])
				ka, kb := f.key(a...), f.key(b...)
				if got, want := bytes.Compare(ka, kb), compareTerms(a, b); got != want {
					t.Fatalf("%s and %s compare as %d, want %d", printKey(ka), printKey(kb), got, want)
				}
				back, err := f.parse(ka)
				if err != nil || !slices.Equal(back, a) {
					t.Fatalf("parsed %v, %v, want %v", back, err, a)
				}
				if f.fields[len(f.fields)-1].part == anID {
					if got, want := f.id(ka), kg.ID(a[len(a)-1].s); got != want {
						t.Fatalf("the id of %s is %q, want %q", printKey(ka), got, want)
					}
				}
				prefix := f.key(a[:same]...)
				if !bytes.HasPrefix(kb, prefix) || bytes.Compare(kb, following(prefix)) >= 0 {
					t.Fatalf("%s does not lie within %x", printKey(kb), prefix)
				}
				if next := behind(ka); bytes.Compare(ka, next) >= 0 || bytes.Compare(kb, ka) > 0 && bytes.Compare(kb, next) < 0 {
					t.Fatalf("%s lies between %s and what follows it", printKey(kb), printKey(ka))
				}
			})
		})
	}
}

// FuzzParseKey sees to it that no bytes upset the parser, and that what it
// takes for a key is one.
func FuzzParseKey(f *testing.F) {
	f.Add(adjacencyRows.key(hashOf("a"), byteOf(kg.In), byteOf(kg.Owns), placeOf(kg.DatePlace{}), idOf("r")))
	f.Add(conflictRows.key(textOf("a\x00b"), textOf(""), idOf("x")))
	f.Add([]byte{0x40, 0, 1, 0, 0})
	f.Fuzz(func(t *testing.T, key []byte) {
		_ = printKey(key)
		for _, family := range keyspace {
			_ = family.id(key)
			terms, err := family.parse(key)
			if err != nil {
				continue
			}
			if back := family.key(terms...); !bytes.Equal(back, key) {
				t.Fatalf("%x was parsed as %s, which is %x", key, printKey(key), back)
			}
		}
	})
}
