package bods

import (
	"cmp"
	"regexp"
	"strconv"
	"strings"
	"time"

	"keiretsu/internal/ingest"
)

// turn is the place of a statement in the chain of its record.
type turn struct {
	at time.Time
	// nth counts the statements of the record that bear the same date, from 0.
	nth int
}

func (t turn) compare(u turn) int { return cmp.Or(t.at.Compare(u.at), cmp.Compare(t.nth, u.nth)) }

// locator is where a data set says something. It tells all that must be known of a
// statement to go on from it when the statement itself is not at hand.
type locator struct {
	// statement and record are ids as token writes them.
	statement, record string
	// status is new, updated or closed, date as it was written.
	status, date string
	turn
	// interest counts those of the statement from 1; it is 0 where the claim says
	// what follows from the statement for earlier ones, or is about an entity.
	interest int
}

// key tells a statement from others; the id alone does not in all files.
func (l locator) key() string { return l.statement + " " + l.date }

// String writes s10 of r-ben, updated 2022-01-21T11:56:47Z, interest 1.
func (l locator) String() string {
	text := l.statement + " of " + l.record + ", " + l.status + " " + l.date + ingest.Ordinal(l.nth)
	if l.interest > 0 {
		text += ", interest " + strconv.Itoa(l.interest)
	}
	return text
}

var locatorForm = regexp.MustCompile(`^(\S+) of (\S+), (new|updated|closed) ([^\s,_]+)(?:_(\d+))?(?:, interest (\d+))?$`)

// parseLocator reads what String writes; ok is false for all else.
func parseLocator(text string) (l locator, ok bool) {
	m := locatorForm.FindStringSubmatch(text)
	if m == nil {
		return l, false
	}
	l = locator{statement: m[1], record: m[2], status: m[3], date: m[4]}
	l.at, ok = instant(l.date)
	if nth, err := strconv.Atoi(m[5]); err == nil {
		l.nth = nth - 1
	}
	if n, err := strconv.Atoi(m[6]); err == nil {
		l.interest = n
	}
	return l, ok
}

// token writes an id without spaces, and no longer than ids may be.
func token(id string) string { return strings.TrimPrefix(ingest.NewID("bods", id), "bods:") }

// recordOf returns the record of a locator of a data set, "" where it is none.
func recordOf(text string) string {
	l, _ := parseLocator(text)
	return l.record
}
