package kg

import (
	"errors"
	"math"
	"math/big"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestParseShare(t *testing.T) {
	for text, want := range map[string]Share{
		"40":             ExactShare(40),
		"97.1":           ExactShare(97.1),
		"40 %":           ExactShare(40),
		"40%":            ExactShare(40),
		" 40 % ":         ExactShare(40),
		"0":              ExactShare(0),
		"-0":             ExactShare(0),
		"100":            ExactShare(100),
		"0.5e1":          ExactShare(5),
		">25":            {Min: 25, Max: 100, MinOpen: true},
		"> 25 %":         {Min: 25, Max: 100, MinOpen: true},
		">=25":           {Min: 25, Max: 100},
		"<50":            {Min: 0, Max: 50, MaxOpen: true},
		"<=50":           {Min: 0, Max: 50},
		">=0":            UnknownShare,
		"<=0":            ExactShare(0),
		">=100":          ExactShare(100),
		"25..50":         {Min: 25, Max: 50},
		"[25,50] %":      {Min: 25, Max: 50},
		"[25,50)":        {Min: 25, Max: 50, MaxOpen: true},
		"(25, 50]":       {Min: 25, Max: 50, MinOpen: true},
		"(0,100)":        {Max: 100, MinOpen: true, MaxOpen: true},
		"25 .. 50 %":     {Min: 25, Max: 50},
		"50..50":         ExactShare(50),
		"controlling":    ControllingShare,
		"Controlling":    ControllingShare,
		"wholly owned":   WholeShare,
		"wholly-owned":   WholeShare,
		"minority":       MinorityShare,
		" minority ":     MinorityShare,
		"33.333333333":   ExactShare(33.333333333),
		"0.000000000001": ExactShare(1e-12),
	} {
		got, err := ParseShare(text)
		if err != nil || got != want || math.Signbit(got.Min) {
			t.Errorf("%q is %+v, error %v; want %+v", text, got, err, want)
		}
	}
	for _, text := range []string{
		"", "%", "40 %%", "-1", "100.1", ">100", "<0", ">", ">>25", "=25", "25..", "..25", "50..25", "25..50..75", "25-50", "NaN", "Inf", "1e3",
		"0x10", "0x1p4", "four", "40 percent", "wholly", "25..NaN", ">-1", "<=101", strings.Repeat("9", 100), "\xff",
	} {
		got, err := ParseShare(text)
		if err == nil || got != (Share{}) || !strings.Contains(err.Error(), "is not a share; expected percent") {
			t.Errorf("%q is %+v, error %v", text, got, err)
		}
	}
}

func TestCheckShare(t *testing.T) {
	for _, s := range []Share{
		UnknownShare, ControllingShare, WholeShare, MinorityShare, ExactShare(0), ExactShare(100), {Min: 0, Max: 100, MinOpen: true, MaxOpen: true},
	} {
		if err := s.Check(); err != nil {
			t.Errorf("%s: %v", s, err)
		}
	}
	nan, inf := math.NaN(), math.Inf(1)
	for _, s := range []Share{
		{Min: -1, Max: 50},
		{Min: 0, Max: 101},
		{Min: 50, Max: 40},
		{Min: 50, Max: 50, MinOpen: true},
		{Min: 50, Max: 50, MaxOpen: true},
		{Min: nan, Max: 50},
		{Min: 0, Max: nan},
		{Min: nan, Max: nan},
		{Min: 0, Max: inf},
		{Min: -inf, Max: 50},
	} {
		if err := s.Check(); !errors.Is(err, ErrInvalid) {
			t.Errorf("%s: error %v", s, err)
		}
	}
}

func TestSharesInWriting(t *testing.T) {
	for want, s := range map[string]Share{
		"40 %":       ExactShare(40),
		"97.1 %":     ExactShare(97.1),
		"100 %":      WholeShare,
		"(50,100] %": ControllingShare,
		"[0,50) %":   MinorityShare,
		"[0,100] %":  UnknownShare,
		"(25,75) %":  {Min: 25, Max: 75, MinOpen: true, MaxOpen: true},
		"0.0000001 %": {
			Min: 1e-7, Max: 1e-7,
		},
	} {
		if s.String() != want {
			t.Errorf("%+v is written %q, want %q", s, s, want)
		}
	}
}

func TestWhatTwoSharesAllow(t *testing.T) {
	fifth := Share{Min: 20, Max: 60, Wording: "a fifth, or more"}
	for _, c := range []struct {
		name string
		s, t Share
		want Share
		ok   bool
	}{
		{"a number within a range", ControllingShare, ExactShare(60), ExactShare(60), true},
		{"two numbers", ExactShare(40), ExactShare(41), Share{}, false},
		{"an open end and its number", ControllingShare, ExactShare(50), Share{}, false},
		{"a closed end and its number", Share{Min: 50, Max: 100}, ExactShare(50), ExactShare(50), true},
		{"two ends that touch", Share{Min: 0, Max: 50}, Share{Min: 50, Max: 100}, ExactShare(50), true},
		{"two ends that do not quite touch", MinorityShare, Share{Min: 50, Max: 100}, Share{}, false},
		{"the same end, once open", Share{Min: 25, Max: 75}, Share{Min: 25, Max: 75, MinOpen: true, MaxOpen: true}, Share{Min: 25, Max: 75, MinOpen: true, MaxOpen: true}, true},
		{"words of the narrower", UnknownShare, ControllingShare, ControllingShare, true},
		{"words of the narrower of two", ControllingShare, fifth, Share{Min: 50, Max: 60, MinOpen: true, Wording: fifth.Wording}, true},
		{"words where the numbers are the same", ExactShare(100), WholeShare, WholeShare, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, pair := range [][2]Share{{c.s, c.t}, {c.t, c.s}} {
				got, ok := pair[0].Intersect(pair[1])
				if got != c.want || ok != c.ok || pair[0].Meets(pair[1]) != c.ok {
					t.Errorf("%+v and %+v: %+v, %v, meet %v; want %+v, %v", pair[0], pair[1], got, ok, pair[0].Meets(pair[1]), c.want, c.ok)
				}
			}
		})
	}
}

func TestChainsAndSumsOfShares(t *testing.T) {
	some := Share{Min: 0, Max: 100, MinOpen: true}
	for _, c := range []struct {
		name       string
		s, t       Share
		times, sum Share
	}{
		{"numbers", ExactShare(60), ExactShare(30), ExactShare(18), ExactShare(90)},
		{"nothing", ExactShare(0), ControllingShare, ExactShare(0), Share{Min: 50, Max: 100, MinOpen: true}},
		{"all of it", WholeShare, ControllingShare, Share{Min: 50, Max: 100, MinOpen: true}, ExactShare(100)},
		{"two majorities", ControllingShare, ControllingShare, Share{Min: 25, Max: 100, MinOpen: true}, ExactShare(100)},
		{"two minorities", MinorityShare, MinorityShare, Share{Min: 0, Max: 25, MaxOpen: true}, Share{Min: 0, Max: 100, MaxOpen: true}},
		{"unknown", UnknownShare, ExactShare(40), Share{Min: 0, Max: 40}, Share{Min: 40, Max: 100}},
		{"some of some", some, some, some, some},
		{"some of unknown", some, UnknownShare, UnknownShare, some},
		{"more than can be", ExactShare(60), Share{Min: 40, Max: 60, MinOpen: true}, Share{Min: 24, Max: 36, MinOpen: true}, ExactShare(100)},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := c.s.Times(c.t); got != c.times || c.t.Times(c.s) != got {
				t.Errorf("a chain gives %+v, or %+v; want %+v", got, c.t.Times(c.s), c.times)
			}
			if got := c.s.Plus(c.t); got != c.sum || c.t.Plus(c.s) != got {
				t.Errorf("together they give %+v, or %+v; want %+v", got, c.t.Plus(c.s), c.sum)
			}
		})
	}
}

func TestSharesThatCannotBeLess(t *testing.T) {
	for _, c := range []struct {
		s       Share
		percent float64
		want    bool
	}{
		{ExactShare(40), 40, true},
		{ExactShare(40), 40.1, false},
		{ControllingShare, 50, true},
		{ControllingShare, 50.1, false},
		{UnknownShare, 0, true},
		{UnknownShare, 1, false},
	} {
		if c.s.AtLeast(c.percent) != c.want {
			t.Errorf("%s, at least %g: %v", c.s, c.percent, !c.want)
		}
	}
	if percent, ok := WholeShare.Exact(); percent != 100 || !ok {
		t.Errorf("all of it is %g, %v", percent, ok)
	}
	if _, ok := ControllingShare.Exact(); ok {
		t.Error("a controlling share is exact")
	}
}

// anyShare draws a share with ends that are halves, of which products and sums
// are exact.
func anyShare(t *rapid.T, name string) Share {
	lo := rapid.IntRange(0, 200).Draw(t, name+" min")
	hi := rapid.IntRange(lo, 200).Draw(t, name+" max")
	s := Share{Min: float64(lo) / 2, Max: float64(hi) / 2}
	if lo < hi {
		s.MinOpen, s.MaxOpen = rapid.Bool().Draw(t, name+" min open"), rapid.Bool().Draw(t, name+" max open")
	}
	return s
}

// within reports that a share allows the number.
func within(s Share, x *big.Rat) bool {
	above, below := x.Cmp(new(big.Rat).SetFloat64(s.Min)), x.Cmp(new(big.Rat).SetFloat64(s.Max))
	return (above > 0 || above == 0 && !s.MinOpen) && (below < 0 || below == 0 && !s.MaxOpen)
}

// points returns numbers that a share allows: its ends where they are closed,
// else numbers near to them, and one between.
func points(s Share) []*big.Rat {
	lo, hi := new(big.Rat).SetFloat64(s.Min), new(big.Rat).SetFloat64(s.Max)
	near := new(big.Rat).Mul(new(big.Rat).Sub(hi, lo), big.NewRat(1, 1000))
	if s.MinOpen {
		lo.Add(lo, near)
	}
	if s.MaxOpen {
		hi.Sub(hi, near)
	}
	middle := new(big.Rat).Add(lo, hi)
	return []*big.Rat{lo, middle.Quo(middle, big.NewRat(2, 1)), hi}
}

func TestIntersectionsAreWhatBothAllow(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s, u := anyShare(t, "s"), anyShare(t, "t")
		both, ok := s.Intersect(u)
		if ok != s.Meets(u) || s.Meets(u) != u.Meets(s) {
			t.Errorf("%s and %s: intersect %v, meet %v and %v", s, u, ok, s.Meets(u), u.Meets(s))
		}
		if again, _ := u.Intersect(s); again != both {
			t.Errorf("%s and %s: %s one way, %s the other", s, u, both, again)
		}
		if ok && both.Check() != nil {
			t.Errorf("%s and %s: %s: %v", s, u, both, both.Check())
		}
		for _, x := range append(append(points(s), points(u)...), points(both)...) {
			if in := within(s, x) && within(u, x); in != (ok && within(both, x)) {
				t.Errorf("%s and %s allow %s: %v, but %s does not agree", s, u, x.FloatString(6), in, both)
			}
		}
	})
}

func TestChainsHoldEveryProduct(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s, u := anyShare(t, "s"), anyShare(t, "t")
		got := s.Times(u)
		if err := got.Check(); err != nil {
			t.Fatalf("%s of %s: %v", s, u, err)
		}
		holds(t, got, s, u, func(x, y *big.Rat) *big.Rat {
			p := new(big.Rat).Mul(x, y)
			return p.Quo(p, big.NewRat(100, 1))
		})
	})
}

func TestSumsHoldEverySum(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s, u := anyShare(t, "s"), anyShare(t, "t")
		got := s.Plus(u)
		if err := got.Check(); err != nil {
			t.Fatalf("%s and %s: %v", s, u, err)
		}
		whole := big.NewRat(100, 1)
		holds(t, got, s, u, func(x, y *big.Rat) *big.Rat {
			if sum := new(big.Rat).Add(x, y); sum.Cmp(whole) < 0 {
				return sum
			}
			return whole
		})
	})
}

// holds fails unless got allows what the operation makes of numbers that s and
// u allow, and its ends are reached, or come near to where they are open.
func holds(t *rapid.T, got, s, u Share, operation func(x, y *big.Rat) *big.Rat) {
	t.Helper()
	var results []*big.Rat
	for _, x := range points(s) {
		for _, y := range points(u) {
			results = append(results, operation(x, y))
		}
	}
	least, most := results[0], results[0]
	for _, x := range results {
		// The ends of got are rounded to the nearest float.
		if !within(got, x) && !closeTo(x, got.Min, 1e-12) && !closeTo(x, got.Max, 1e-12) {
			t.Errorf("%s and %s: %s does not allow %s", s, u, got, x.FloatString(6))
		}
		if x.Cmp(least) < 0 {
			least = x
		}
		if x.Cmp(most) > 0 {
			most = x
		}
	}
	for _, end := range []struct {
		reached *big.Rat
		at      float64
		open    bool
	}{{least, got.Min, got.MinOpen}, {most, got.Max, got.MaxOpen}} {
		if !closeTo(end.reached, end.at, 0.5) || closeTo(end.reached, end.at, 1e-12) == end.open {
			t.Errorf("%s and %s: %s, of which the end %g is not what is reached, %s", s, u, got, end.at, end.reached.FloatString(9))
		}
	}
}

func closeTo(x *big.Rat, at, by float64) bool {
	f, _ := x.Float64()
	return math.Abs(f-at) <= by
}

func FuzzParseShare(f *testing.F) {
	for _, text := range []string{"40", "97.1 %", ">25", ">=25", "<50", "<=50", "25..50", "controlling", "wholly owned", "minority", "-0", "0x10", "1e400", ""} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		s, err := ParseShare(text)
		if err != nil {
			return
		}
		if err := s.Check(); err != nil {
			t.Errorf("%q is read as %+v: %v", text, s, err)
		}
		if percent, ok := s.Exact(); ok {
			if back, err := ParseShare(s.String()); err != nil || back != ExactShare(percent) {
				t.Errorf("%q is written %q and read as %+v: %v", text, s, back, err)
			}
		}
	})
}

func TestParseMoney(t *testing.T) {
	for text, want := range map[string]Money{
		"177000000 USD":   {177_000_000, "USD"},
		"177_000_000 USD": {177_000_000, "USD"},
		"2.2e9 CNY":       {2.2e9, "CNY"},
		" 0.05   EUR ":    {0.05, "EUR"},
		"-3 GBP":          {-3, "GBP"},
		"0 XXX":           {0, "XXX"},
	} {
		got, err := ParseMoney(text)
		if err != nil || got != want {
			t.Errorf("%q is %+v, error %v; want %+v", text, got, err, want)
		}
	}
	for _, text := range []string{
		"", "177000000", "USD", "USD 177000000", "177 000 000 USD", "177,000,000 USD", "177 usd", "177 US", "177 USDT", "177 $", "NaN USD", "Inf USD",
		"1e999 USD", "0x10 USD", "_ USD", "177 ＵＳＤ", "177 USD USD",
	} {
		got, err := ParseMoney(text)
		if err == nil || got != (Money{}) || !strings.Contains(err.Error(), "is not a sum of money; expected") {
			t.Errorf("%q is %+v, error %v", text, got, err)
		}
	}
	for want, m := range map[string]Money{
		"177000000 USD":                {177_000_000, "USD"},
		"0.1 CNY":                      {0.1, "CNY"},
		"-5 EUR":                       {-5, "EUR"},
		"100000000000000000000000 JPY": {1e23, "JPY"},
	} {
		if m.String() != want {
			t.Errorf("%+v is written %q, want %q", m, m, want)
		}
	}
}

func TestParseNumber(t *testing.T) {
	for text, want := range map[string]float64{
		"2300000": 2_300_000, "2_300_000": 2_300_000, "2.3e6": 2_300_000, "-1.5": -1.5, "+7": 7, ".5": 0.5, "1e-3": 0.001,
	} {
		if got, err := ParseNumber(text); err != nil || got != want {
			t.Errorf("%q is %g, error %v; want %g", text, got, err, want)
		}
	}
	if got, err := ParseNumber(" 7 "); err != nil || got != 7 {
		t.Errorf("a number between spaces is %g, error %v", got, err)
	}
	for _, text := range []string{"", "_", "1,000", "1 000", "1.000.000", "NaN", "nan", "Inf", "-inf", "infinity", "1e999", "0x10", "0X1P4", "0b1", "٣", "million"} {
		if got, err := ParseNumber(text); err == nil || got != 0 || !strings.Contains(err.Error(), "is not a number; expected digits") {
			t.Errorf("%q is %g, error %v", text, got, err)
		}
	}
}

func FuzzParseMoney(f *testing.F) {
	for _, text := range []string{"177000000 USD", "2.2e9 CNY", "1_000 EUR", "-0 USD", "1e999 USD", "NaN USD", "0x1p4 USD", "1e-320 USD", ""} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		m, err := ParseMoney(text)
		if err != nil {
			return
		}
		if back, err := ParseMoney(m.String()); err != nil || back != m || !IsCurrency(m.Currency) || m.Amount-m.Amount != 0 {
			t.Errorf("%q is read as %+v, written %q and read as %+v: %v", text, m, m, back, err)
		}
	})
}
