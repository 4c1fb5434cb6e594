package search

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"keiretsu/internal/kg"
)

// TestIndexFindsWhatFits compares the index with the plain way of searching: to
// compare every name of every entity with the text.
func TestIndexFindsWhatFits(t *testing.T) {
	entities := append(generated(400), world()...)
	x := open(t, t.TempDir(), filled(t, entities...))
	names := make(map[kg.ID][]folded)
	var texts []string
	for _, e := range entities {
		for _, n := range e.Names {
			f := foldEntityName(n)
			names[e.ID] = append(names[e.ID], f)
			texts = append(texts, n.Text)
			texts = append(texts, f.readings...)
		}
	}
	random := rand.New(rand.NewPCG(5, 6))
	for range 300 {
		text := texts[random.IntN(len(texts))]
		for range random.IntN(4) {
			text = changed(random, text, texts)
		}
		a := ask(text)
		if a == nil {
			continue
		}
		var want []ranked
		r := newRanker(a)
		for id, n := range names {
			if place, fits := r.rank(id, n); fits {
				want = append(want, place)
			}
		}
		if len(want) >= maxRanked {
			t.Fatalf("%q fits %d entities, too many for this test", text, len(want))
		}
		slices.SortFunc(want, ranked.compare)
		var hits []kg.TextHit
		for _, place := range want {
			hits = append(hits, place.hit)
		}
		got, total := find(t, x, kg.TextQuery{Text: text})
		if diff := cmp.Diff(hits, got); diff != "" || total != len(want) {
			t.Errorf("%q finds %d (-one by one +index):\n%s", text, total, diff)
		}
	}
}

// changed returns the text with something done to it that people do.
func changed(r *rand.Rand, text string, texts []string) string {
	runes := []rune(text)
	at := r.IntN(len(runes))
	switch r.IntN(8) {
	case 0: // not yet typed to the end
		runes = runes[:at+1]
	case 1: // begun in the middle
		runes = runes[at:]
	case 2: // a letter left out
		if len(runes) > 1 {
			runes = slices.Delete(runes, at, at+1)
		}
	case 3: // a letter twice
		runes = slices.Insert(runes, at, runes[at])
	case 4: // two letters in the wrong order
		if at > 0 {
			runes[at-1], runes[at] = runes[at], runes[at-1]
		}
	case 5: // a space too many
		runes = slices.Insert(runes, at, ' ')
	case 6: // words in another order
		words := strings.Fields(text)
		r.Shuffle(len(words), func(i, j int) { words[i], words[j] = words[j], words[i] })
		return strings.Join(words, " ") + " "
	default: // words of something else
		return text + " " + texts[r.IntN(len(texts))]
	}
	return string(runes)
}

func TestSlips(t *testing.T) {
	for _, c := range []struct {
		name, a, b string
		want       int
	}{
		{"same", "amap", "amap", 0},
		{"one wrong", "amap", "amat", 1},
		{"one too many", "amap", "ammap", 1},
		{"one too few", "amap", "map", 1},
		{"neighbours in the wrong order", "autonvai", "autonavi", 1},
		{"two", "autonvai", "autonaviy", 2},
		{"letters, not bytes", "高得地图", "高德地图", 1},
		{"lengths too far apart", "amap", "amapabcd", 3},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := slips(c.a, c.b, 2); got != c.want {
				t.Errorf("%d slips between %q and %q, wanted %d", got, c.a, c.b, c.want)
			}
		})
	}
}

func TestScoresKeepTheOrder(t *testing.T) {
	random := rand.New(rand.NewPCG(7, 8))
	places := make([]ranked, 2000)
	for i := range places {
		places[i] = ranked{
			fit:      fit{someParts + tier(random.IntN(int(wholeName))), uint8(random.IntN(256))},
			standing: kg.NamePreferred + kg.NameKind(random.IntN(4)),
			length:   random.IntN(maxLength + 1),
		}
	}
	slices.SortFunc(places, ranked.compare)
	for i := 1; i < len(places); i++ {
		before, after := places[i-1], places[i]
		if before.score() < after.score() || (before.score() == after.score()) != (before == after) {
			t.Fatalf("%+v scores %v, %+v behind it %v", before, before.score(), after, after.score())
		}
	}
	if last := places[len(places)-1].score(); last < 1 || last <= restScore(0) {
		t.Errorf("the least score of a compared hit is %v, the highest of the others %v", last, restScore(0))
	}
	for length := range maxLength + 1 {
		if got := lengthOf(restScore(length)); got != length {
			t.Fatalf("the length %d comes back as %d", length, got)
		}
	}
}
