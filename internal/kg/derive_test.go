package kg

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// relationsOf reads lines such as "acme OWNS bolt 2014..2016 60"; the last word,
// a share, may be absent, and so may dates.
func relationsOf(t *testing.T, lines ...string) (deals, holdings, mergers []*Relation) {
	t.Helper()
	for i, line := range lines {
		words := strings.Fields(line)
		kind, err := ParseRelationType(words[1])
		if err != nil {
			t.Fatal(err)
		}
		r := &Relation{ID: ID(fmt.Sprintf("r%d", i)), Type: kind, From: ID(words[0]), To: ID(words[2])}
		r.Citations = []Citation{{Source: ID(fmt.Sprintf("s%d", i))}}
		start, end := words[3], ""
		if at := strings.LastIndex(start, ".."); at >= 0 && !strings.HasSuffix(start, "]") {
			start, end = start[:at], start[at+2:]
		}
		if start != "" {
			r.Start = MustDate(start)
		}
		if end != "" {
			r.End = MustDate(end)
		}
		if len(words) > 4 {
			share, err := ParseShare(words[4])
			if err != nil {
				t.Fatal(err)
			}
			r.Stake = &share
		}
		switch kind {
		case Acquired:
			deals = append(deals, r)
		case Owns:
			holdings = append(holdings, r)
		default:
			mergers = append(mergers, r)
		}
	}
	return deals, holdings, mergers
}

func TestDealsOpenHoldings(t *testing.T) {
	for name, c := range map[string]struct{ facts, want []string }{
		"a deal alone": {
			[]string{"acme ACQUIRED bolt 2014"}, []string{"acme 2014.. (50,100] % s0"},
		},
		"a deal without a date": {
			[]string{"acme ACQUIRED bolt .."}, []string{"acme .. (50,100] % s0"},
		},
		"a controlling stake, and a number without a date": {
			[]string{"acme ACQUIRED bolt 2016-04 >50", "acme OWNS bolt .. 97.1"}, []string{"acme 2016-04.. 97.1 % s0 s1"},
		},
		"a holding that was seen": {
			[]string{"acme ACQUIRED bolt 2014", "acme OWNS bolt [..2017-11-12]"}, []string{"acme 2014.. unknown s0 s1"},
		},
		"a deal without a date, and a holding that was seen": {
			[]string{"acme ACQUIRED bolt ..", "acme OWNS bolt [..2017-11-12]"}, []string{"acme [..2017-11-12].. unknown s0 s1"},
		},
		"a holding before the deal is another": {
			[]string{"acme OWNS bolt 2010.. 20", "acme ACQUIRED bolt 2016"}, []string{"acme 2010..2016 20 % s0 s1", "acme 2016.. (50,100] % s1"},
		},
		"a deal before a later stake": {
			[]string{"acme ACQUIRED bolt 2010", "acme OWNS bolt 2016.. 20"}, []string{"acme 2010..2016 (50,100] % s0 s1", "acme 2016.. 20 % s1"},
		},
		"sold to another buyer": {
			[]string{"acme ACQUIRED bolt 2010", "zeta ACQUIRED bolt 2016"}, []string{"acme 2010..2016 (50,100] % s0 s1", "zeta 2016.. (50,100] % s1"},
		},
		"a minority bought by another leaves control where it was": {
			[]string{"acme ACQUIRED bolt 2010", "zeta ACQUIRED bolt 2016 30"}, []string{"acme 2010.. (50,100] % s0", "zeta 2016.. 30 % s1"},
		},
		"merged away": {
			[]string{"acme ACQUIRED bolt 2010", "bolt MERGED_INTO zeta 2017-04"}, []string{"acme 2010..2017-04 (50,100] % s0 s1"},
		},
		"divested, as a source says": {
			[]string{"acme ACQUIRED bolt 2010", "acme OWNS bolt ..2015"}, []string{"acme 2010..2015 unknown s0 s1"},
		},
		"bought back after it was sold": {
			[]string{"acme OWNS bolt 2008..2012 60", "acme ACQUIRED bolt 2016"}, []string{"acme 2008..2012 60 % s0", "acme 2016.. (50,100] % s1"},
		},
		"no more held": {
			[]string{"acme ACQUIRED bolt 2010", "acme OWNS bolt 2015.. 0"}, []string{"acme 2010..2015 (50,100] % s0 s1", "acme 2015..2015 0 % s1"},
		},
		"one deal told twice": {
			[]string{"acme ACQUIRED bolt 2010", "acme ACQUIRED bolt .."}, []string{"acme 2010.. (50,100] % s0"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			deals, holdings, mergers := relationsOf(t, c.facts...)
			var got []string
			for _, h := range deriveHoldings(deals, holdings, mergers) {
				stake := "unknown"
				if h.Stake != nil {
					stake = h.Stake.String()
				}
				line := fmt.Sprintf("%s %s..%s %s", h.From, h.Start, h.End, stake)
				for _, c := range h.Citations {
					line += " " + string(c.Source)
				}
				got = append(got, line)
			}
			slices.Sort(got)
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("holdings (-want +got):\n%s", diff)
			}
		})
	}
}
