package kg

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"golang.org/x/text/currency"
)

// Share is a part of a whole in percent, as an interval within 0 to 100: what
// the source allows the value to be. 40 % is [40,40], "more than 25 %" is
// (25,100], a controlling share is (50,100], unknown is [0,100].
type Share struct {
	// Min and Max are the ends in percent.
	Min, Max float64
	// MinOpen and MaxOpen exclude the end itself.
	MinOpen, MaxOpen bool
	// Wording keeps the source's words where it gave no number.
	Wording string
}

// Named shares.
var (
	// UnknownShare is what nothing is known of.
	UnknownShare = Share{Min: 0, Max: 100}
	// ControllingShare is more than half.
	ControllingShare = Share{Min: 50, Max: 100, MinOpen: true, Wording: "controlling"}
	// WholeShare is all of it.
	WholeShare = Share{Min: 100, Max: 100, Wording: "wholly owned"}
	// MinorityShare is less than half.
	MinorityShare = Share{Min: 0, Max: 50, MaxOpen: true, Wording: "minority"}
)

// ExactShare returns the share of exactly that many percent.
func ExactShare(percent float64) Share { return Share{Min: percent, Max: percent} }

// ParseShare reads a share as people write it: a number of percent ("40",
// "97.1", "40 %"), a bound (">25", ">=25", "<50", "<=50"), a range ("25..50"; with
// open or closed ends "[25,50)"), or one of the words controlling, wholly owned, minority.
func ParseShare(s string) (Share, error) {
	bad := func() (Share, error) {
		return Share{}, fmt.Errorf("%q is not a share; expected percent from 0 to 100 such as 97.1, >25, >=25, <50, 25..50, or controlling, wholly owned, minority", clip(s))
	}
	text := strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(s), "%"))
	switch strings.ToLower(text) {
	case "controlling":
		return ControllingShare, nil
	case "wholly owned", "wholly-owned":
		return WholeShare, nil
	case "minority":
		return MinorityShare, nil
	}
	number := func(t string) (float64, bool) {
		f, err := ParseNumber(t)
		return math.Abs(f), err == nil && f >= 0 && f <= 100 // -0 is 0
	}
	if from, to, ok := strings.Cut(text, ".."); ok {
		lo, ok1 := number(from)
		hi, ok2 := number(to)
		if !ok1 || !ok2 || lo > hi {
			return bad()
		}
		return Share{Min: lo, Max: hi}, nil
	}
	if inner := strings.TrimRight(strings.TrimLeft(text, "[("), ")]"); len(inner) == len(text)-2 {
		from, to, ok := strings.Cut(inner, ",")
		lo, ok1 := number(strings.TrimSpace(from))
		hi, ok2 := number(strings.TrimSpace(to))
		s := Share{Min: lo, Max: hi, MinOpen: text[0] == '(', MaxOpen: text[len(text)-1] == ')'}
		if !ok || !ok1 || !ok2 || strings.ContainsAny(text[:1], ")]") || strings.ContainsAny(text[len(text)-1:], "[(") || s.Check() != nil {
			return bad()
		}
		return s, nil
	}
	share := Share{Min: 0, Max: 100}
	for _, op := range []string{">=", "<=", ">", "<"} {
		rest, ok := strings.CutPrefix(text, op)
		if !ok {
			continue
		}
		f, ok := number(rest)
		if !ok {
			return bad()
		}
		if op[0] == '>' {
			share.Min, share.MinOpen = f, op == ">"
		} else {
			share.Max, share.MaxOpen = f, op == "<"
		}
		if share.Check() != nil {
			return bad()
		}
		return share, nil
	}
	f, ok := number(text)
	if !ok {
		return bad()
	}
	return ExactShare(f), nil
}

// Check returns an ErrInvalid unless the share is a non-empty interval within 0 to 100.
func (s Share) Check() error {
	empty := s.Min > s.Max || (s.Min == s.Max && (s.MinOpen || s.MaxOpen))
	if !(s.Min >= 0) || !(s.Max <= 100) || empty {
		return Invalidf("", "a share must be a non-empty interval between 0 and 100 percent, not %s", s)
	}
	return nil
}

// Exact returns the percent where both ends agree.
func (s Share) Exact() (float64, bool) { return s.Min, s.Min == s.Max }

// Meets reports that both shares can be the same number.
func (s Share) Meets(t Share) bool {
	below := func(a, b Share) bool { // a can be no larger than the start of b
		return a.Max < b.Min || (a.Max == b.Min && (a.MaxOpen || b.MinOpen))
	}
	return !below(s, t) && !below(t, s)
}

// Intersect returns what both shares allow; ok is false where that is nothing.
// The wording is that of the narrower one; of equally narrow ones, that which
// has one.
func (s Share) Intersect(t Share) (both Share, ok bool) {
	if !s.Meets(t) {
		return Share{}, false
	}
	both = s
	if t.Min > s.Min || (t.Min == s.Min && t.MinOpen) {
		both.Min, both.MinOpen = t.Min, t.MinOpen
	}
	if t.Max < s.Max || (t.Max == s.Max && t.MaxOpen) {
		both.Max, both.MaxOpen = t.Max, t.MaxOpen
	}
	if width := (t.Max - t.Min) - (s.Max - s.Min); width < 0 || (width == 0 && s.Wording == "") {
		both.Wording = t.Wording
	}
	return both, true
}

// Times returns the share that a chain of the two gives: all products of a
// number from each. Both ends are computed; the wording is dropped.
func (s Share) Times(t Share) Share {
	p := Share{Min: s.Min * t.Min / 100, Max: s.Max * t.Max / 100}
	nothing := func(s Share) bool { return s.Min == 0 && !s.MinOpen } // which makes any product nothing
	p.MinOpen = (s.MinOpen || t.MinOpen) && !nothing(s) && !nothing(t)
	p.MaxOpen = (s.MaxOpen && t.Max > 0) || (t.MaxOpen && s.Max > 0)
	return p
}

// Plus returns the share that two separate holdings give together, cut off at 100.
func (s Share) Plus(t Share) Share {
	p := Share{Min: s.Min + t.Min, Max: s.Max + t.Max, MinOpen: s.MinOpen || t.MinOpen, MaxOpen: s.MaxOpen || t.MaxOpen}
	if p.Min >= 100 {
		p.Min, p.MinOpen = 100, false
	}
	if p.Max > 100 || (p.Max == 100 && !p.MaxOpen) {
		p.Max, p.MaxOpen = 100, false
	}
	if p.Min == p.Max {
		p.MinOpen, p.MaxOpen = false, false
	}
	return p
}

// AtLeast reports that the share cannot be less than that many percent.
func (s Share) AtLeast(percent float64) bool { return s.Min >= percent }

// String returns interval notation, such as 40 %, (50,100] % or [0,100] %.
func (s Share) String() string {
	number := func(f float64) string { return strconv.FormatFloat(f, 'f', -1, 64) }
	if s.Min == s.Max {
		return number(s.Min) + " %"
	}
	open, end := "[", "]"
	if s.MinOpen {
		open = "("
	}
	if s.MaxOpen {
		end = ")"
	}
	return open + number(s.Min) + "," + number(s.Max) + end + " %"
}

// Money is an amount of one currency.
type Money struct {
	// Amount is in whole units of the currency, not in cents.
	Amount float64
	// Currency is an ISO 4217 code.
	Currency string
}

// ParseMoney reads an amount and a currency code, such as "177000000 USD" or "2.2e9 CNY".
func ParseMoney(s string) (Money, error) {
	fields := strings.Fields(s)
	if len(fields) == 2 {
		f, err := ParseNumber(fields[0])
		if err == nil && IsCurrency(fields[1]) {
			return Money{Amount: f, Currency: fields[1]}, nil
		}
	}
	return Money{}, fmt.Errorf("%q is not a sum of money; expected an amount and an ISO 4217 code such as 177000000 USD", clip(s))
}

// String returns the amount and the code.
func (m Money) String() string {
	return strconv.FormatFloat(m.Amount, 'f', -1, 64) + " " + m.Currency
}

// newerCurrencies are codes of ISO 4217 that golang.org/x/text/currency, which
// follows CLDR 32 of 2017, does not know yet.
var newerCurrencies = map[string]bool{
	"MRU": true, "SLE": true, "STN": true, "UYW": true, "VED": true, "VES": true, "XCG": true, "ZWG": true,
}

// IsCurrency reports that the code is one of ISO 4217, in capital letters: of a
// currency of today or of the past.
func IsCurrency(code string) bool {
	if newerCurrencies[code] {
		return true
	}
	unit, err := currency.ParseISO(code)
	return err == nil && unit.String() == code
}

// ParseNumber reads a finite decimal number; underscores may group its digits.
func ParseNumber(s string) (float64, error) {
	f, err := strconv.ParseFloat(strings.ReplaceAll(strings.TrimSpace(s), "_", ""), 64)
	if err != nil || f-f != 0 || strings.ContainsAny(s, "xXpP") {
		return 0, fmt.Errorf("%q is not a number; expected digits such as 2300000, 2_300_000 or 2.3e6", clip(s))
	}
	return f, nil
}
