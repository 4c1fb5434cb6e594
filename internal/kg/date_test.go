package kg

import (
	"bytes"
	"errors"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// day returns the day of a literal YYYY-MM-DD.
func day(text string) Day { return MustDate(text).Earliest() }

func TestDates(t *testing.T) {
	for text, want := range map[string]struct {
		earliest, latest Day
		year             int // 0 where it is not settled
		span             int64
	}{
		"2014":                     {day("2014-01-01"), day("2014-12-31"), 2014, 365},
		"2016":                     {day("2016-01-01"), day("2016-12-31"), 2016, 366},
		"2014-04":                  {day("2014-04-01"), day("2014-04-30"), 2014, 30},
		"2014-12":                  {day("2014-12-01"), day("2014-12-31"), 2014, 31},
		"2016-02":                  {day("2016-02-01"), day("2016-02-29"), 2016, 29},
		"2014-04-13":               {day("2014-04-13"), day("2014-04-13"), 2014, 1},
		"2000-02-29":               {day("2000-02-29"), day("2000-02-29"), 2000, 1},
		"0001":                     {day("0001-01-01"), day("0001-12-31"), 1, 365},
		"9999-12-31":               {day("9999-12-31"), day("9999-12-31"), 9999, 1},
		"[2014..]":                 {day("2014-01-01"), EndOfTime, 0, int64(EndOfTime) - int64(day("2014-01-01")) + 1},
		"[2014-04-13..]":           {day("2014-04-13"), EndOfTime, 0, int64(EndOfTime) - int64(day("2014-04-13")) + 1},
		"[..2014]":                 {BeginningOfTime, day("2014-12-31"), 0, int64(day("2014-12-31")) - int64(BeginningOfTime) + 1},
		"[..2014-02]":              {BeginningOfTime, day("2014-02-28"), 0, int64(day("2014-02-28")) - int64(BeginningOfTime) + 1},
		"[2014..2015]":             {day("2014-01-01"), day("2015-12-31"), 0, 730},
		"[2014-03..2014-04-13]":    {day("2014-03-01"), day("2014-04-13"), 2014, 44},
		"[2014-06..2014]":          {day("2014-06-01"), day("2014-12-31"), 2014, 214},
		"[2014-04-13..2014-04-13]": {day("2014-04-13"), day("2014-04-13"), 2014, 1},
		"--02-29":                  {BeginningOfTime, EndOfTime, 0, math.MaxInt64},
		"--12-31":                  {BeginningOfTime, EndOfTime, 0, math.MaxInt64},
	} {
		t.Run(text, func(t *testing.T) {
			d, err := ParseDate(text)
			if err != nil {
				t.Fatal(err)
			}
			if d.String() != text {
				t.Errorf("String is %q", d)
			}
			if d.Earliest() != want.earliest || d.Latest() != want.latest {
				t.Errorf("from %s to %s, want from %s to %s", d.Earliest(), d.Latest(), want.earliest, want.latest)
			}
			year, ok := d.Year()
			if year != want.year && ok || ok != (want.year != 0) {
				t.Errorf("Year is %d, %v; want %d", year, ok, want.year)
			}
			if d.Span() != want.span {
				t.Errorf("Span is %d, want %d", d.Span(), want.span)
			}
			if yearly := strings.HasPrefix(text, "--"); d.IsZero() || d.IsYearly() != yearly || d.Placed() == yearly {
				t.Errorf("IsZero %v, IsYearly %v, Placed %v", d.IsZero(), d.IsYearly(), d.Placed())
			}
		})
	}
}

func TestTheUnknownDate(t *testing.T) {
	var d PartialDate
	if !d.IsZero() || d.Placed() || d.IsYearly() || d.String() != "" {
		t.Errorf("IsZero %v, Placed %v, IsYearly %v, %q", d.IsZero(), d.Placed(), d.IsYearly(), d)
	}
	if d.Earliest() != BeginningOfTime || d.Latest() != EndOfTime || d.Span() != math.MaxInt64 {
		t.Errorf("from %s to %s, %d days", d.Earliest(), d.Latest(), d.Span())
	}
	if _, ok := d.Year(); ok {
		t.Error("an unknown date has a year")
	}
}

func TestTextThatIsNoDate(t *testing.T) {
	for text, want := range map[string]string{
		"":                          `"" is not a date; expected`,
		" 2014":                     "is not a date",
		"2014 ":                     "is not a date",
		"14":                        "is not a date",
		"02014":                     "is not a date",
		"-2014":                     "is not a date",
		"+2014":                     "is not a date",
		"２０１４":                      "is not a date",
		"2014-4":                    "is not a date",
		"2014-04-1":                 "is not a date",
		"2014-04-013":               "is not a date",
		"2014/04":                   "is not a date",
		"2014-04-13-01":             "is not a date",
		"2014-04-13T00:00:00Z":      "is not a date",
		"2014-":                     "is not a date",
		"2014?":                     "is not a date",
		"2014~":                     "is not a date",
		"201X":                      "is not a date",
		"April 2014":                "is not a date",
		"0000":                      `"0000" has no year between 0001 and 9999`,
		"2014-00":                   `"2014-00" has no month between 01 and 12`,
		"2014-13":                   "has no month between 01 and 12",
		"2014-04-00":                "has no day between 01 and 30",
		"2014-04-31":                `"2014-04-31" has no day between 01 and 30`,
		"2014-02-29":                "has no day between 01 and 28",
		"1900-02-29":                "has no day between 01 and 28",
		"[2014]":                    "is not a date",
		"[..]":                      "is not a date",
		"[]":                        "is not a date",
		"[":                         "is not a date",
		"[2014..":                   "is not a date",
		"2014..2015":                "is not a date",
		"[2014...2015]":             "is not a date",
		"[2014..2015..2016]":        "is not a date",
		"[2014, 2015]":              "is not a date",
		"[2015..2014]":              `"[2015..2014]" ends before it begins`,
		"[2014-02..2014-01-31]":     "ends before it begins",
		"[2014-13..]":               "has no month",
		"[..2014-02-30]":            "has no day",
		"--03":                      `"--03" is not a day of every year; expected --MM-DD`,
		"--13-01":                   "is not a day of every year",
		"--02-30":                   "is not a day of every year",
		"---31":                     "is not a day of every year",
		"--":                        "is not a day of every year",
		"----03-31":                 "is not a day of every year",
		"[--03-31..]":               "is not a date",
		strings.Repeat("高", 100):    strings.Repeat("高", 40) + "…",
		"\xff\xfe":                  "is not a date",
		"2014-04-13" + "\x00":       "is not a date",
		"9999999999999999999999999": "is not a date",
	} {
		d, err := ParseDate(text)
		switch {
		case err == nil:
			t.Errorf("%q is read as %s", text, d)
		case !strings.Contains(err.Error(), want):
			t.Errorf("%q: %v; want %q in it", text, err, want)
		case d != PartialDate{}:
			t.Errorf("%q: a date comes with the error", text)
		}
	}
}

func TestDays(t *testing.T) {
	for text, want := range map[string]Day{"1970-01-01": 0, "1969-12-31": -1, "2000-03-01": 11017, "0001-01-01": -719162, "9999-12-31": 2932896} {
		d := day(text)
		if d != want || d.String() != text || d.Date() != MustDate(text) || DayOf(d.Time()) != d {
			t.Errorf("%s is day %d, %s, %s, %s; want %d", text, d, d, d.Date(), d.Time(), want)
		}
	}
	for _, d := range []Day{BeginningOfTime, EndOfTime} {
		if d.String() != ".." {
			t.Errorf("%d is written %s", d, d)
		}
	}
	east := time.FixedZone("east", 8*3600)
	if got := DayOf(time.Date(2014, 4, 14, 7, 59, 0, 0, east)); got != day("2014-04-13") {
		t.Errorf("the day in UTC is %s", got)
	}
	if got := DayOf(time.Date(1969, 12, 31, 23, 59, 59, 0, time.UTC)); got != -1 {
		t.Errorf("the second before 1970 is on day %d", got)
	}
}

func TestByDate(t *testing.T) {
	for from, want := range map[string]string{
		"2014": "[..2014]", "2014-04-13": "[..2014-04-13]", "[2013..2014]": "[..2014]", "[..2014]": "[..2014]", "[2014..]": "[2014..]", "": "", "--03-31": "--03-31",
	} {
		d := PartialDate{}
		if from != "" {
			d = MustDate(from)
		}
		if got := ByDate(d).String(); got != want {
			t.Errorf("by %q is %q, want %q", from, got, want)
		}
	}
}

func TestDatesThatMeet(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want bool
	}{
		{"2014", "2014-04-13", true},
		{"2014-04", "2014-05", false},
		{"2014-12-31", "2015", false},
		{"[2014..]", "2013-12-31", false},
		{"[2014..]", "[..2014-01-01]", true},
		{"[2014..]", "9999", true},
		{"[..2014]", "[2015..]", false},
		{"[2013..2015]", "2014", true},
		{"", "2014", true},
		{"", "", true},
		{"", "--03-31", true},
		{"--03-31", "--03-31", true},
		{"--03-31", "--12-31", false},
		{"--03-31", "2014-03-31", false},
	} {
		read := func(text string) PartialDate {
			if text == "" {
				return PartialDate{}
			}
			return MustDate(text)
		}
		a, b := read(c.a), read(c.b)
		if a.Meets(b) != c.want || b.Meets(a) != c.want {
			t.Errorf("%q and %q: %v, %v; want %v", c.a, c.b, a.Meets(b), b.Meets(a), c.want)
		}
	}
}

func TestOrderOfDates(t *testing.T) {
	want := []string{
		"[..1969]", "[..2014]", "0001", "1969-12-31", "1970-01-01", "1970", "2013", "2014-01-01", "2014-01", "2014", "[2014..2014]", "[2014..2015]",
		"[2014..]", "2014-04", "2014-04-13", "--01-01", "--12-31", "",
	}
	var dates []PartialDate
	for _, text := range slices.Backward(want) {
		if text == "" {
			dates = append(dates, PartialDate{})
			continue
		}
		dates = append(dates, MustDate(text))
	}
	slices.SortFunc(dates, CompareDates)
	for i, d := range dates {
		if d.String() != want[i] {
			t.Errorf("place %d: %q, want %q", i, d, want[i])
		}
	}
}

func TestPeriods(t *testing.T) {
	for text, want := range map[string]struct {
		first, last Day
		days        int64
		text        string
	}{
		"2014":                  {day("2014-01-01"), day("2014-12-31"), 365, "2014"},
		"2014/2014":             {day("2014-01-01"), day("2014-12-31"), 365, "2014"},
		"2014-02":               {day("2014-02-01"), day("2014-02-28"), 28, "2014-02"},
		"2014-04-13":            {day("2014-04-13"), day("2014-04-13"), 1, "2014-04-13"},
		"2014/2016":             {day("2014-01-01"), day("2016-12-31"), 1096, "2014/2016"},
		"2014-04/2015-03":       {day("2014-04-01"), day("2015-03-31"), 365, "2014-04/2015-03"},
		"2014-01/2014-12":       {day("2014-01-01"), day("2014-12-31"), 365, "2014-01/2014-12"},
		"2014-04-01/..":         {day("2014-04-01"), EndOfTime, math.MaxInt64, "2014-04-01/.."},
		"../2016":               {BeginningOfTime, day("2016-12-31"), math.MaxInt64, "../2016"},
		"../..":                 {BeginningOfTime, EndOfTime, math.MaxInt64, "../.."},
		"2014-06/2014":          {day("2014-06-01"), day("2014-12-31"), 214, "2014-06/2014"},
		"0001-01-01/9999-12-31": {day("0001-01-01"), day("9999-12-31"), 3652059, "0001-01-01/9999-12-31"},
	} {
		t.Run(text, func(t *testing.T) {
			p, err := ParsePeriod(text)
			if err != nil {
				t.Fatal(err)
			}
			if p.IsZero() || p.First() != want.first || p.Last() != want.last || p.Days() != want.days || p.String() != want.text {
				t.Errorf("from %s to %s, %d days, %q; want from %s to %s, %d days, %q",
					p.First(), p.Last(), p.Days(), p, want.first, want.last, want.days, want.text)
			}
		})
	}
	var unknown Period
	if !unknown.IsZero() || unknown.String() != "" || unknown.First() != BeginningOfTime || unknown.Last() != EndOfTime || unknown.Days() != math.MaxInt64 {
		t.Errorf("the unknown period is %+v", unknown)
	}
	if unknown == MustPeriod("../..") {
		t.Error("no period and all of time are one")
	}
}

func TestTextThatIsNoPeriod(t *testing.T) {
	for text, want := range map[string]string{
		"":                 `"" is not a period; expected`,
		"..":               "is not a period",
		"/":                "is not a period",
		"2014/":            "is not a period",
		"/2014":            "is not a period",
		"2014/2015/2016":   "is not a period",
		"2014..2016":       "is not a period",
		"[2014..2016]":     "is not a period",
		"2014-13/..":       "is not a period",
		"2014 / 2016":      "is not a period",
		"--03-31":          "is not a period",
		"2016/2014":        `"2016/2014" ends before it begins`,
		"2014-02/2014-01":  "ends before it begins",
		"2014-06-01/./../": "is not a period",
	} {
		p, err := ParsePeriod(text)
		switch {
		case err == nil:
			t.Errorf("%q is read as %s", text, p)
		case !strings.Contains(err.Error(), want):
			t.Errorf("%q: %v; want %q in it", text, err, want)
		case !p.IsZero():
			t.Errorf("%q: a period comes with the error", text)
		}
	}
}

func TestPeriodOf(t *testing.T) {
	for _, c := range []struct {
		first, last Day
		want        string
	}{
		{day("2014-01-01"), day("2014-12-31"), "2014-01-01/2014-12-31"},
		{day("2014-01-01"), day("2014-01-01"), "2014-01-01"},
		{day("2014-01-01"), EndOfTime, "2014-01-01/.."},
		{BeginningOfTime, day("2014-01-01"), "../2014-01-01"},
		{BeginningOfTime, EndOfTime, "../.."},
	} {
		if p := PeriodOf(c.first, c.last); p != MustPeriod(c.want) || p.First() != c.first || p.Last() != c.last {
			t.Errorf("from %s to %s is %s, want %s", c.first, c.last, p, c.want)
		}
	}
}

func TestPeriodsInPeriods(t *testing.T) {
	for _, c := range []struct {
		p, q               string
		overlaps, contains bool
	}{
		{"2014", "2014-04", true, true},
		{"2014", "2014", true, true},
		{"2014-04", "2014", true, false},
		{"2014", "2014-12-31/2015-01-01", true, false},
		{"2014", "2015", false, false},
		{"2014/..", "2015/..", true, true},
		{"2014/..", "../2014-01-01", true, false},
		{"../2013", "2014/..", false, false},
		{"../..", "2014", true, true},
		{"../..", "../..", true, true},
		{"2014", "../..", true, false},
	} {
		p, q := MustPeriod(c.p), MustPeriod(c.q)
		if p.Overlaps(q) != c.overlaps || q.Overlaps(p) != c.overlaps || p.Contains(q) != c.contains {
			t.Errorf("%s and %s: overlap %v and %v, contains %v; want %v, %v", p, q, p.Overlaps(q), q.Overlaps(p), p.Contains(q), c.overlaps, c.contains)
		}
	}
}

func TestOrderOfPeriods(t *testing.T) {
	want := []string{"../1969", "../2014", "../..", "1969-12-31", "2014-01-01", "2014", "2014-01/2014-12", "2014/2015", "2014/..", "2014-02", ""}
	var periods []Period
	for _, text := range slices.Backward(want) {
		if text == "" {
			periods = append(periods, Period{})
			continue
		}
		periods = append(periods, MustPeriod(text))
	}
	slices.SortFunc(periods, ComparePeriods)
	for i, p := range periods {
		if p.String() != want[i] {
			t.Errorf("place %d: %q, want %q", i, p, want[i])
		}
	}
}

func TestMustPanics(t *testing.T) {
	for name, f := range map[string]func(){"MustDate": func() { MustDate("soon") }, "MustPeriod": func() { MustPeriod("soon") }} {
		func() {
			defer func() {
				if err, ok := recover().(error); !ok || !strings.Contains(err.Error(), "soon") {
					t.Errorf("%s: %v", name, err)
				}
			}()
			f()
		}()
	}
}

// anyCalendar draws a year, month or day, most of them near each other.
func anyCalendar(t *rapid.T) string {
	years := rapid.OneOf(rapid.SampledFrom([]int{1, 4, 1900, 1969, 1970, 2000, 9999}), rapid.IntRange(2012, 2016))
	c := calendar{year: int16(years.Draw(t, "year"))}
	c.month = uint8(rapid.IntRange(0, 12).Draw(t, "month"))
	if c.month > 0 {
		c.day = uint8(rapid.IntRange(0, int(c.last()-c.first())+1).Draw(t, "day"))
	}
	return c.String()
}

// anyDate draws a date of any form.
func anyDate(t *rapid.T) PartialDate {
	a := anyCalendar(t)
	switch rapid.SampledFrom([]string{"exact", "exact", "from", "until", "within", "yearly", "unknown"}).Draw(t, "form") {
	case "exact":
		return MustDate(a)
	case "from":
		return MustDate("[" + a + "..]")
	case "until":
		return MustDate("[.." + a + "]")
	case "within":
		b := anyCalendar(t)
		if MustDate(a).Earliest() > MustDate(b).Latest() {
			a, b = b, a
		}
		return MustDate("[" + a + ".." + b + "]")
	case "yearly":
		return MustDate(rapid.SampledFrom([]string{"--01-01", "--02-29", "--03-31", "--12-31"}).Draw(t, "yearly"))
	}
	return PartialDate{}
}

// anyPeriod draws a period of any form.
func anyPeriod(t *rapid.T) Period {
	a := anyCalendar(t)
	switch rapid.SampledFrom([]string{"one", "one", "from", "until", "two", "all", "unknown"}).Draw(t, "form") {
	case "one":
		return MustPeriod(a)
	case "from":
		return MustPeriod(a + "/..")
	case "until":
		return MustPeriod("../" + a)
	case "two":
		b := anyCalendar(t)
		if MustDate(a).Earliest() > MustDate(b).Latest() {
			a, b = b, a
		}
		return MustPeriod(a + "/" + b)
	case "all":
		return MustPeriod("../..")
	}
	return Period{}
}

// totalOrder fails unless compare orders the three as a total order does, in
// which only equals are equal.
func totalOrder[T comparable](t *rapid.T, compare func(x, y T) int, a, b, c T) {
	if compare(a, b) != -compare(b, a) {
		t.Errorf("%v and %v: %d one way, %d the other", a, b, compare(a, b), compare(b, a))
	}
	if (compare(a, b) == 0) != (a == b) {
		t.Errorf("%v and %v: compare says %d", a, b, compare(a, b))
	}
	if compare(a, b) <= 0 && compare(b, c) <= 0 && compare(a, c) > 0 {
		t.Errorf("%v ≤ %v ≤ %v, but not the first and the last", a, b, c)
	}
}

func TestDatesHaveATotalOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b, c := anyDate(t), anyDate(t), anyDate(t)
		totalOrder(t, CompareDates, a, b, c)
		if place := a.Place().Compare(b.Place()); place != 0 && place != CompareDates(a, b) {
			t.Errorf("%q and %q: the place says %d, the order %d", a, b, place, CompareDates(a, b))
		}
	})
}

func TestPeriodsHaveATotalOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b, c := anyPeriod(t), anyPeriod(t), anyPeriod(t)
		totalOrder(t, ComparePeriods, a, b, c)
		if place := a.Place().Compare(b.Place()); place != 0 && place != ComparePeriods(a, b) {
			t.Errorf("%q and %q: the place says %d, the order %d", a, b, place, ComparePeriods(a, b))
		}
	})
}

func TestDatesAreWhatTheyWrite(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d, e := anyDate(t), anyDate(t)
		if d.Earliest() > d.Latest() {
			t.Errorf("%q is from %s to %s", d, d.Earliest(), d.Latest())
		}
		if d.Meets(e) != e.Meets(d) {
			t.Errorf("%q and %q meet in one direction only", d, e)
		}
		if !d.Meets(d) || !d.Meets(PartialDate{}) {
			t.Errorf("%q does not meet itself or the unknown", d)
		}
		if by := ByDate(d); by.Latest() != d.Latest() {
			t.Errorf("by %q is %q", d, by)
		}
		checkDate(t, d)
	})
}

func TestPeriodsAreWhatTheyWrite(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p, q := anyPeriod(t), anyPeriod(t)
		if p.First() > p.Last() {
			t.Errorf("%q is from %s to %s", p, p.First(), p.Last())
		}
		if p.Overlaps(q) != q.Overlaps(p) || p.Contains(q) && !p.Overlaps(q) || p.Contains(q) && q.Contains(p) && p.Days() != q.Days() {
			t.Errorf("%q and %q: overlap %v and %v, contain %v and %v", p, q, p.Overlaps(q), q.Overlaps(p), p.Contains(q), q.Contains(p))
		}
		checkPeriod(t, p)
	})
}

// checkDate fails unless the date comes back from its text and from its bytes.
func checkDate(t interface{ Errorf(string, ...any) }, d PartialDate) {
	if !d.IsZero() {
		if back, err := ParseDate(d.String()); err != nil || back != d {
			t.Errorf("%q comes back from its text as %q: %v", d, back, err)
		}
	}
	packed := d.Append([]byte("before"))
	back, rest, err := CutDate(append(packed, "behind"...)[len("before"):])
	if err != nil || back != d || string(rest) != "behind" || len(packed) != len("before")+packedDate {
		t.Errorf("%q comes back from its bytes as %q and %q: %v", d, back, rest, err)
	}
}

func checkPeriod(t interface{ Errorf(string, ...any) }, p Period) {
	if !p.IsZero() {
		if back, err := ParsePeriod(p.String()); err != nil || back != p {
			t.Errorf("%q comes back from its text as %q: %v", p, back, err)
		}
	}
	packed := p.Append([]byte("before"))
	back, rest, err := CutPeriod(append(packed, "behind"...)[len("before"):])
	if err != nil || back != p || string(rest) != "behind" || len(packed) != len("before")+packedDate {
		t.Errorf("%q comes back from its bytes as %q and %q: %v", p, back, rest, err)
	}
}

func TestBytesThatAreNoDate(t *testing.T) {
	good := MustDate("[2014-04..2015]").Append(nil)
	for name, change := range map[string]func(b []byte) []byte{
		"cut off":               func(b []byte) []byte { return b[:packedDate-1] },
		"nothing":               func([]byte) []byte { return nil },
		"another form":          func(b []byte) []byte { b[0] = byte(dateYearly) + 1; return b },
		"an end without a form": func(b []byte) []byte { b[0] = byte(dateExact); return b },
		"days without a form":   func(b []byte) []byte { b[0] = byte(dateNone); return b },
		"a yearly year":         func(b []byte) []byte { b[0] = byte(dateYearly); return b },
		"month 13":              func(b []byte) []byte { b[3] = 13; return b },
		"April 31":              func(b []byte) []byte { b[4] = 31; return b },
		"a day without a month": func(b []byte) []byte { b[3], b[4] = 0, 1; return b },
		"year 0":                func(b []byte) []byte { b[1], b[2] = 0, 0; return b },
		"a year before 0":       func(b []byte) []byte { b[1] = 0xff; return b },
		"an end before":         func(b []byte) []byte { b[6]--; b[6]--; return b },
	} {
		if d, _, err := CutDate(change(slices.Clone(good))); !errors.Is(err, ErrInvalid) || !d.IsZero() {
			t.Errorf("%s: %q, error %v", name, d, err)
		}
	}
}

func TestBytesThatAreNoPeriod(t *testing.T) {
	good := MustPeriod("2014-04/2015").Append(nil)
	for name, change := range map[string]func(b []byte) []byte{
		"cut off":              func(b []byte) []byte { return b[:packedDate-1] },
		"another bit":          func(b []byte) []byte { b[0] |= 8; return b },
		"days of no period":    func(b []byte) []byte { b[0] = 0; return b },
		"a start that is open": func(b []byte) []byte { b[0] |= 2; return b },
		"an end that is open":  func(b []byte) []byte { b[0] |= 4; return b },
		"month 13":             func(b []byte) []byte { b[7] = 13; return b },
		"an end before":        func(b []byte) []byte { b[6]--; b[6]--; return b },
	} {
		if p, _, err := CutPeriod(change(slices.Clone(good))); !errors.Is(err, ErrInvalid) || !p.IsZero() {
			t.Errorf("%s: %q, error %v", name, p, err)
		}
	}
}

func FuzzParseDate(f *testing.F) {
	for _, text := range []string{"2014", "2014-04", "2014-04-13", "[2014..]", "[..2014]", "[2014..2015-02]", "--03-31", "[2015..2014]", "", "[..]", "[2014...2015]"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		d, err := ParseDate(text)
		if err != nil {
			return
		}
		if d.String() != text || d.IsZero() {
			t.Errorf("%q is read as %q", text, d)
		}
		checkDate(t, d)
	})
}

func FuzzParsePeriod(f *testing.F) {
	for _, text := range []string{"2014", "2014-04", "2014/2016", "2014-04-01/..", "../2016", "../..", "2014/2014", "", "..", "2016/2014"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		p, err := ParsePeriod(text)
		if err != nil {
			return
		}
		if start, end, _ := strings.Cut(text, "/"); p.String() != text && (start != end || p.String() != start) || p.IsZero() {
			t.Errorf("%q is read as %q", text, p)
		}
		checkPeriod(t, p)
	})
}

func FuzzCutDate(f *testing.F) {
	for _, text := range []string{"2014", "[2014-04-13..]", "[..2014-02]", "[2014..2015]", "--02-29"} {
		f.Add(MustDate(text).Append(nil))
	}
	f.Add(PartialDate{}.Append(nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		d, rest, err := CutDate(b)
		if err != nil {
			return
		}
		if !bytes.Equal(append(d.Append(nil), rest...), b) {
			t.Errorf("%x is read as %q", b, d)
		}
		checkDate(t, d)
	})
}

func FuzzCutPeriod(f *testing.F) {
	for _, text := range []string{"2014", "2014-04-01/..", "../2016", "../..", "2014/2016-02"} {
		f.Add(MustPeriod(text).Append(nil))
	}
	f.Add(Period{}.Append(nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		p, rest, err := CutPeriod(b)
		if err != nil {
			return
		}
		if !bytes.Equal(append(p.Append(nil), rest...), b) {
			t.Errorf("%x is read as %q", b, p)
		}
		checkPeriod(t, p)
	})
}
