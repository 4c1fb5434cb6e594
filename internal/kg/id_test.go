package kg

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestIDsThatMayBeChosen(t *testing.T) {
	for _, id := range []ID{
		"alibaba-group", "a", "lei:5493001KJTIIGC8Y1R12", "wd:Q1359568", "doc-000", "高德地图", "É", "a/b?c=d", "r-short", "r-0123456789abcdefg", "R-0123456789abcdef",
		"y-0123456789abcdef", "r-0123456789abcdeW", "r_0123456789abcdef", "metrics:x", ID(strings.Repeat("a", MaxIDLength)),
	} {
		if err := id.Check(); err != nil {
			t.Errorf("%q: %v", id, err)
		}
	}
	for id, want := range map[ID]string{
		"":                                     "must not be empty",
		ID(strings.Repeat("a", MaxIDLength+1)): "longer than 200 bytes, and this one has 201",
		ID(strings.Repeat("高", MaxIDLength/3+1)): "longer than 200 bytes",
		"a\xff":                                  "must be UTF-8",
		"a b":                                    "holds a space or control character",
		"a\u00a0b":                               "holds a space",
		"a\u3000b":                               "holds a space",
		"a\n":                                    "holds a space",
		"a\x00":                                  "holds a space or control character",
		"a\u0085":                                "holds a space",
		"metric:staff":                           "kept for derived ids",
		"metric:":                                "kept for derived ids",
		"r-0123456789abcdef":                     "kept for derived ids",
		derivedID(claimPrefix, "a"):              "kept for derived ids",
		derivedID(observationPrefix, "a", "b"):   "kept for derived ids",
		derivedID(conflictPrefix):                "kept for derived ids",
		derivedID(relationPrefix, "a", "b", "c"): "kept for derived ids",
		(&Metric{Name: "staff"}).RecordID():      "kept for derived ids",
		ID(strings.Repeat("x", 60) + " and spaces"): `"` + strings.Repeat("x", 40) + `…"`,
	} {
		if err := id.Check(); !errors.Is(err, ErrInvalid) || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: error %v; want %q in it", id, err, want)
		}
	}
}

func TestDerivedIDsTellTheirContentsApart(t *testing.T) {
	// An id, once given, stands in other people's notes: it is the same in
	// every version.
	if got, want := derivedID(relationPrefix, "OWNS", "a", "b"), ID("r-cqr1o0q557m0lr3g"); got != want {
		t.Errorf("OWNS a b is %s, want %s", got, want)
	}
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringMatching(`[ab-]{0,2}`)
		a, b := rapid.SliceOfN(text, 1, 4).Draw(t, "a"), rapid.SliceOfN(text, 1, 4).Draw(t, "b")
		x, y := derivedID(relationPrefix, a...), derivedID(relationPrefix, b...)
		if (x == y) != slices.Equal(a, b) {
			t.Errorf("%q is %s and %q is %s", a, x, b, y)
		}
		if derivedID(claimPrefix, a...) == x || !isDerivedID(x) {
			t.Errorf("%q is %s", a, x)
		}
	})
}
