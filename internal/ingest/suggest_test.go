package ingest_test

import (
	"slices"
	"strings"
	"testing"

	"keiretsu/internal/ingest"
)

func TestNearest(t *testing.T) {
	known := []string{"alibaba-group", "alibaba-cloud", "over", "under", "owns", "a", "hat", "bat", "阿里云"}
	cases := map[string]struct{ typed, want string }{
		"as it is":               {"owns", "owns"},
		"letter changed":         {"alibaba-groop", "alibaba-group"},
		"letter dropped":         {"alibab-group", "alibaba-group"},
		"letter too many":        {"overr", "over"},
		"neighbours swapped":     {"onws", "owns"},
		"two words, one nearer":  {"alibaba-clud", "alibaba-cloud"},
		"other script":           {"阿里雲", "阿里云"},
		"one letter":             {"b", "a"},
		"nothing near":           {"amazon", ""},
		"empty":                  {"", "a"},
		"long":                   {strings.Repeat("a", 1000), ""},
		"equals, first in order": {"cat", "bat"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			if got := ingest.Nearest(c.typed, slices.Values(known)); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
			backwards := slices.Clone(known)
			slices.Reverse(backwards)
			if got := ingest.Nearest(c.typed, slices.Values(backwards)); got != c.want {
				t.Errorf("in another order of words: got %q, want %q", got, c.want)
			}
		})
	}
}
