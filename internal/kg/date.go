package kg

import (
	"cmp"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// Day is a day of the proleptic Gregorian calendar, counted from 1970-01-01.
// BeginningOfTime and EndOfTime stand for "no bound".
type Day int32

// The two unbounded days.
const (
	BeginningOfTime Day = math.MinInt32
	EndOfTime       Day = math.MaxInt32
)

// DayOf returns the day on which the instant falls in UTC.
func DayOf(t time.Time) Day {
	t = t.UTC()
	return civilDay(t.Year(), int(t.Month()), t.Day())
}

func civilDay(year, month, day int) Day {
	return Day(time.Date(year, time.Month(month), day, 0, 0, 0, 0, time.UTC).Unix() / 86400)
}

// Time returns midnight UTC at which the day begins. It means nothing for the
// two unbounded days.
func (d Day) Time() time.Time { return time.Unix(int64(d)*86400, 0).UTC() }

// String returns the day as YYYY-MM-DD, or ".." for an unbounded one.
func (d Day) String() string {
	if d == BeginningOfTime || d == EndOfTime {
		return ".."
	}
	return d.Time().Format("2006-01-02")
}

// Date returns the day as a date of day precision.
func (d Day) Date() PartialDate {
	t := d.Time()
	return PartialDate{form: dateExact, a: calendar{int16(t.Year()), uint8(t.Month()), uint8(t.Day())}}
}

// calendar is a year, month or day as it was written: month and day are zero
// where they were not given.
type calendar struct {
	year       int16
	month, day uint8
}

func (c calendar) first() Day {
	return civilDay(int(c.year), max(1, int(c.month)), max(1, int(c.day)))
}

func (c calendar) last() Day {
	switch {
	case c.month == 0:
		return civilDay(int(c.year), 12, 31)
	case c.day == 0:
		return civilDay(int(c.year), int(c.month)+1, 1) - 1
	}
	return c.first()
}

func (c calendar) String() string {
	switch {
	case c.month == 0:
		return fmt.Sprintf("%04d", c.year)
	case c.day == 0:
		return fmt.Sprintf("%04d-%02d", c.year, c.month)
	}
	return fmt.Sprintf("%04d-%02d-%02d", c.year, c.month, c.day)
}

const dateExpected = "expected a date such as 2014, 2014-04, 2014-04-13, [2014..] or [..2014]"

func parseCalendar(s string) (calendar, error) {
	var c calendar
	parts := strings.Split(s, "-")
	widths := [...]int{4, 2, 2}
	if len(parts) > 3 {
		return c, fmt.Errorf("%q is not a date; %s", clip(s), dateExpected)
	}
	var n [3]int
	for i, p := range parts {
		if len(p) != widths[i] || strings.Trim(p, "0123456789") != "" {
			return c, fmt.Errorf("%q is not a date; %s", clip(s), dateExpected)
		}
		n[i], _ = strconv.Atoi(p)
	}
	if n[0] == 0 {
		return c, fmt.Errorf("%q has no year between 0001 and 9999", clip(s))
	}
	if len(parts) > 1 && (n[1] < 1 || n[1] > 12) {
		return c, fmt.Errorf("%q has no month between 01 and 12", clip(s))
	}
	c = calendar{year: int16(n[0]), month: uint8(n[1])}
	if len(parts) > 2 {
		if lastOf := int(c.last()-c.first()) + 1; n[2] < 1 || n[2] > lastOf {
			return c, fmt.Errorf("%q has no day between 01 and %d", clip(s), lastOf)
		}
		c.day = uint8(n[2])
	}
	return c, nil
}

// clip shortens text from outside before it is quoted in an error.
func clip(s string) string {
	const limit = 40
	if r := []rune(s); len(r) > limit {
		return string(r[:limit]) + "…"
	}
	return s
}

type dateForm uint8

const (
	dateNone   dateForm = iota
	dateExact           // a
	dateFrom            // [a..]
	dateUntil           // [..a]
	dateWithin          // [a..b]
	dateYearly          // --MM-DD, in a
)

// PartialDate is a date as precise as its source: a year, month or day, one
// day out of a range of which an end may be open, or a day that returns every
// year. It is comparable with ==; the zero value means that no date is known.
//
// The text form is EDTF (Library of Congress, Extended Date/Time Format):
// level 0 dates, and from level 2 "one of a set" with two dots. The yearly form
// is --MM-DD as in XML Schema's gMonthDay.
type PartialDate struct {
	form dateForm
	a, b calendar
}

// ParseDate reads the text form. The empty string is an error, not an unknown date.
func ParseDate(s string) (PartialDate, error) {
	switch {
	case strings.HasPrefix(s, "--"):
		c, err := parseCalendar("2000-" + strings.TrimPrefix(s, "--"))
		if err != nil || c.day == 0 {
			return PartialDate{}, fmt.Errorf("%q is not a day of every year; expected --MM-DD", clip(s))
		}
		c.year = 0
		return PartialDate{form: dateYearly, a: c}, nil
	case strings.HasPrefix(s, "[") && strings.HasSuffix(s, "]"):
		from, to, ok := strings.Cut(s[1:len(s)-1], "..")
		if !ok || (from == "" && to == "") {
			return PartialDate{}, fmt.Errorf("%q is not a date; %s", clip(s), dateExpected)
		}
		var d PartialDate
		var err error
		switch {
		case to == "":
			d.form = dateFrom
			d.a, err = parseCalendar(from)
		case from == "":
			d.form = dateUntil
			d.a, err = parseCalendar(to)
		default:
			d.form = dateWithin
			if d.a, err = parseCalendar(from); err == nil {
				d.b, err = parseCalendar(to)
			}
			if err == nil && d.a.first() > d.b.last() {
				err = fmt.Errorf("%q ends before it begins", clip(s))
			}
		}
		if err != nil {
			return PartialDate{}, err
		}
		return d, nil
	}
	c, err := parseCalendar(s)
	if err != nil {
		return PartialDate{}, err
	}
	return PartialDate{form: dateExact, a: c}, nil
}

// MustDate is ParseDate for literals; it panics on malformed text.
func MustDate(s string) PartialDate {
	d, err := ParseDate(s)
	if err != nil {
		panic(err)
	}
	return d
}

// ByDate returns the date "on d or before": what is known of the start of a
// state that was seen to hold on d.
func ByDate(d PartialDate) PartialDate {
	switch d.form {
	case dateExact:
		return PartialDate{form: dateUntil, a: d.a}
	case dateWithin:
		return PartialDate{form: dateUntil, a: d.b}
	}
	return d
}

// String returns the text form, and "" for an unknown date.
func (d PartialDate) String() string {
	switch d.form {
	case dateExact:
		return d.a.String()
	case dateFrom:
		return "[" + d.a.String() + "..]"
	case dateUntil:
		return "[.." + d.a.String() + "]"
	case dateWithin:
		return "[" + d.a.String() + ".." + d.b.String() + "]"
	case dateYearly:
		return fmt.Sprintf("--%02d-%02d", d.a.month, d.a.day)
	}
	return ""
}

// IsZero reports that no date is known.
func (d PartialDate) IsZero() bool { return d.form == dateNone }

// IsYearly reports a day that returns every year; it has no place on the time line.
func (d PartialDate) IsYearly() bool { return d.form == dateYearly }

// Placed reports that the date says something about when: it is neither
// unknown nor yearly.
func (d PartialDate) Placed() bool { return d.form != dateNone && d.form != dateYearly }

// Earliest is the first day the date can mean, BeginningOfTime where open or unknown.
func (d PartialDate) Earliest() Day {
	switch d.form {
	case dateExact, dateFrom, dateWithin:
		return d.a.first()
	}
	return BeginningOfTime
}

// Latest is the last day the date can mean, EndOfTime where open or unknown.
func (d PartialDate) Latest() Day {
	switch d.form {
	case dateExact, dateUntil:
		return d.a.last()
	case dateWithin:
		return d.b.last()
	}
	return EndOfTime
}

// Year returns the calendar year if the date settles it.
func (d PartialDate) Year() (int, bool) {
	if !d.Placed() || d.Earliest() == BeginningOfTime || d.Latest() == EndOfTime {
		return 0, false
	}
	y := d.Earliest().Time().Year()
	return y, y == d.Latest().Time().Year()
}

// Span is the number of days the date may mean: 1 for a day, 365 or 366 for a
// year, and a number larger than any of these where an end is open.
func (d PartialDate) Span() int64 {
	if !d.Placed() {
		return math.MaxInt64
	}
	return int64(d.Latest()) - int64(d.Earliest()) + 1
}

// Meets reports that both dates can mean the same day. Unknown dates meet
// every date; yearly ones meet only their like.
func (d PartialDate) Meets(e PartialDate) bool {
	if d.form == dateYearly || e.form == dateYearly {
		return d == e || d.form == dateNone || e.form == dateNone
	}
	return d.Earliest() <= e.Latest() && e.Earliest() <= d.Latest()
}

// CompareDates is the order of dates everywhere: by the earliest day they can
// mean, then by the latest; open beginnings first, yearly and unknown ones last.
func CompareDates(d, e PartialDate) int {
	return cmp.Or(
		cmp.Compare(dateRank(d), dateRank(e)),
		cmp.Compare(d.Earliest(), e.Earliest()),
		cmp.Compare(d.Latest(), e.Latest()),
		strings.Compare(d.String(), e.String()),
	)
}

func dateRank(d PartialDate) int {
	switch d.form {
	case dateNone:
		return 2
	case dateYearly:
		return 1
	}
	return 0
}

// Period is a span of days, both ends included, either of which may be open.
// It is comparable with ==; the zero value means that no period is known.
//
// The text form is EDTF level 0 and 1: 2014, 2014-04, 2014/2016,
// 2014-04-01/.. and ../2016.
type Period struct {
	set                bool
	openStart, openEnd bool
	a, b               calendar
}

const periodExpected = "expected a period such as 2014, 2014-04, 2014/2016, 2014-04-01/.. or ../2016"

// ParsePeriod reads the text form. The empty string is an error, not an unknown period.
func ParsePeriod(s string) (Period, error) {
	p := Period{set: true}
	from, to, ok := strings.Cut(s, "/")
	if !ok {
		to = from
	}
	var err error
	if ok && from == ".." {
		p.openStart = true
	} else if p.a, err = parseCalendar(from); err != nil {
		return Period{}, fmt.Errorf("%q is not a period; %s", clip(s), periodExpected)
	}
	if ok && to == ".." {
		p.openEnd = true
	} else if p.b, err = parseCalendar(to); err != nil {
		return Period{}, fmt.Errorf("%q is not a period; %s", clip(s), periodExpected)
	}
	if p.First() > p.Last() {
		return Period{}, fmt.Errorf("%q ends before it begins", clip(s))
	}
	return p, nil
}

// MustPeriod is ParsePeriod for literals; it panics on malformed text.
func MustPeriod(s string) Period {
	p, err := ParsePeriod(s)
	if err != nil {
		panic(err)
	}
	return p
}

// PeriodOf returns the period from the first to the last day, both included.
func PeriodOf(first, last Day) Period {
	p := Period{set: true, openStart: first == BeginningOfTime, openEnd: last == EndOfTime}
	if !p.openStart {
		p.a = first.Date().a
	}
	if !p.openEnd {
		p.b = last.Date().a
	}
	return p
}

// IsZero reports that no period is known.
func (p Period) IsZero() bool { return !p.set }

// First is the first day of the period, BeginningOfTime where open or unknown.
func (p Period) First() Day {
	if !p.set || p.openStart {
		return BeginningOfTime
	}
	return p.a.first()
}

// Last is the last day of the period, EndOfTime where open or unknown.
func (p Period) Last() Day {
	if !p.set || p.openEnd {
		return EndOfTime
	}
	return p.b.last()
}

// End returns the last year, month or day of the period as precisely as it was
// written, or the zero date where it is open or unknown.
func (p Period) End() PartialDate {
	if !p.set || p.openEnd {
		return PartialDate{}
	}
	return PartialDate{form: dateExact, a: p.b}
}

// Days is the length of the period in days, and a number larger than any
// bounded one where an end is open or the period unknown.
func (p Period) Days() int64 {
	if p.First() == BeginningOfTime || p.Last() == EndOfTime {
		return math.MaxInt64
	}
	return int64(p.Last()) - int64(p.First()) + 1
}

// Overlaps reports that the periods share a day.
func (p Period) Overlaps(q Period) bool { return p.First() <= q.Last() && q.First() <= p.Last() }

// Contains reports that every day of q lies in p.
func (p Period) Contains(q Period) bool { return p.First() <= q.First() && q.Last() <= p.Last() }

// String returns the text form, and "" for an unknown period.
func (p Period) String() string {
	switch {
	case !p.set:
		return ""
	case p.openStart && p.openEnd:
		return "../.."
	case p.openStart:
		return "../" + p.b.String()
	case p.openEnd:
		return p.a.String() + "/.."
	case p.a == p.b:
		return p.a.String()
	}
	return p.a.String() + "/" + p.b.String()
}

// ComparePeriods is the order of periods everywhere: by first day, then by
// last; unknown ones last.
func ComparePeriods(p, q Period) int {
	rank := func(p Period) int {
		if p.set {
			return 0
		}
		return 1
	}
	return cmp.Or(
		cmp.Compare(rank(p), rank(q)),
		cmp.Compare(p.First(), q.First()),
		cmp.Compare(p.Last(), q.Last()),
		strings.Compare(p.String(), q.String()),
	)
}

// Certainty says how much a period filter asks of dates that are not exact.
type Certainty uint8

// The two certainties.
const (
	// Certain asks that the known dates settle it.
	Certain Certainty = iota
	// Possible also takes what the known dates do not rule out.
	Possible
)

var certaintyNames = enumNames{"CERTAIN", "POSSIBLE"}

// String returns the name in capitals.
func (c Certainty) String() string { return certaintyNames.text(uint8(c)) }

// ParseCertainty reads what String returns.
func ParseCertainty(s string) (Certainty, error) {
	c, err := certaintyNames.parse("certainty", s)
	return Certainty(c), err
}

// packedDate is the length of a packed date or period.
const packedDate = 9

func pack(b []byte, head byte, c, d calendar) []byte {
	return append(b, head, byte(c.year>>8), byte(c.year), c.month, c.day, byte(d.year>>8), byte(d.year), d.month, d.day)
}

func unpack(b []byte) (head byte, c, d calendar, rest []byte, err error) {
	if len(b) < packedDate {
		return 0, c, d, nil, fmt.Errorf("a packed date of %d bytes: %w", len(b), ErrInvalid)
	}
	c = calendar{int16(b[1])<<8 | int16(b[2]), b[3], b[4]}
	d = calendar{int16(b[5])<<8 | int16(b[6]), b[7], b[8]}
	return b[0], c, d, b[packedDate:], nil
}

// Append appends the date in 9 bytes, for engines that store it.
func (d PartialDate) Append(b []byte) []byte { return pack(b, byte(d.form), d.a, d.b) }

// CutDate reads what Append wrote and returns the bytes behind it. Bytes that
// no date gives are an ErrInvalid.
func CutDate(b []byte) (PartialDate, []byte, error) {
	form, first, second, rest, err := unpack(b)
	if err != nil {
		return PartialDate{}, nil, err
	}
	d := PartialDate{form: dateForm(form), a: first, b: second}
	if !d.wellFormed() {
		return PartialDate{}, nil, fmt.Errorf("a packed date that is none: %x: %w", b[:packedDate], ErrInvalid)
	}
	return d, rest, nil
}

func (d PartialDate) wellFormed() bool {
	none := calendar{}
	switch d.form {
	case dateNone:
		return d.a == none && d.b == none
	case dateExact, dateFrom, dateUntil:
		return d.a.wellFormed() && d.b == none
	case dateWithin:
		return d.a.wellFormed() && d.b.wellFormed() && d.a.first() <= d.b.last()
	case dateYearly:
		leap := calendar{2000, d.a.month, d.a.day}
		return d.a.year == 0 && d.a.day > 0 && leap.wellFormed() && d.b == none
	}
	return false
}

// wellFormed reports a year, month or day that the text form can write.
func (c calendar) wellFormed() bool {
	switch {
	case c.year < 1 || c.year > 9999 || c.month > 12:
		return false
	case c.month == 0:
		return c.day == 0
	case c.day <= 28:
		return true
	}
	month := calendar{year: c.year, month: c.month}
	return Day(c.day) <= month.last()-month.first()+1
}

// Append appends the period in 9 bytes, for engines that store it.
func (p Period) Append(b []byte) []byte {
	var head byte
	for i, bit := range []bool{p.set, p.openStart, p.openEnd} {
		if bit {
			head |= 1 << i
		}
	}
	return pack(b, head, p.a, p.b)
}

// CutPeriod reads what Append wrote and returns the bytes behind it. Bytes that
// no period gives are an ErrInvalid.
func CutPeriod(b []byte) (Period, []byte, error) {
	head, first, second, rest, err := unpack(b)
	if err != nil {
		return Period{}, nil, err
	}
	p := Period{set: head&1 != 0, openStart: head&2 != 0, openEnd: head&4 != 0, a: first, b: second}
	if head > 7 || !p.wellFormed() {
		return Period{}, nil, fmt.Errorf("a packed period that is none: %x: %w", b[:packedDate], ErrInvalid)
	}
	return p, rest, nil
}

func (p Period) wellFormed() bool {
	none := calendar{}
	if !p.set {
		return p == Period{}
	}
	start, end := p.a.wellFormed(), p.b.wellFormed()
	if p.openStart {
		start = p.a == none
	}
	if p.openEnd {
		end = p.b == none
	}
	return start && end && p.First() <= p.Last()
}
