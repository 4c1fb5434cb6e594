package ftm

import (
	"regexp"
	"strconv"
	"strings"

	"keiretsu/internal/kg"
)

// The forms in which people write shares, with the decimal comma made a point and
// the percent signs taken away.
var (
	plainForm = regexp.MustCompile(`^(\d+(?:\.\d+)?)$`)
	rangeForm = regexp.MustCompile(`^(?:from |between )?(\d+(?:\.\d+)?) ?(?:-|–|—|to|and|\.\.) ?(\d+(?:\.\d+)?)$`)
	moreForm  = regexp.MustCompile(`^(?:>|more than|over|above) ?(\d+(?:\.\d+)?)$`)
	leastForm = regexp.MustCompile(`^(?:>=|≥|at least|from|minimum|min\.?) ?(\d+(?:\.\d+)?)$|^(\d+(?:\.\d+)?) ?(?:\+|or more)$`)
	lessForm  = regexp.MustCompile(`^(?:<|less than|under|below) ?(\d+(?:\.\d+)?)$`)
	mostForm  = regexp.MustCompile(`^(?:<=|≤|at most|up to|maximum|max\.?) ?(\d+(?:\.\d+)?)$|^(\d+(?:\.\d+)?) ?or less$`)
	commaForm = regexp.MustCompile(`(\d),(\d{1,2})([^\d]|$)`) // three digits behind it are thousands
)

// percentage reads a share as somebody typed it, and writes it as kg.ParseShare
// reads it; "" where no number or range can be made of it.
func percentage(text string) string {
	s := strings.ToLower(strings.Join(strings.Fields(text), " "))
	s = strings.NewReplacer("%", "", "percent", "", "per cent", "", "pct", "").Replace(s)
	s = strings.Join(strings.Fields(commaForm.ReplaceAllString(s, "$1.$2$3")), " ")
	share := ""
	first := func(groups []string) string { return strings.Join(groups[1:], "") }
	if m := plainForm.FindStringSubmatch(s); m != nil {
		share = m[1]
	} else if m := rangeForm.FindStringSubmatch(s); m != nil {
		share = m[1] + ".." + m[2]
	} else if m := leastForm.FindStringSubmatch(s); m != nil {
		share = ">=" + first(m)
	} else if m := mostForm.FindStringSubmatch(s); m != nil {
		share = "<=" + first(m)
	} else if m := moreForm.FindStringSubmatch(s); m != nil {
		share = ">" + m[1]
	} else if m := lessForm.FindStringSubmatch(s); m != nil {
		share = "<" + m[1]
	}
	if share == "" {
		return ""
	}
	if _, err := kg.ParseShare(share); err != nil {
		return ""
	}
	return share
}

// plainNumber returns the number that a share says, as it is written anew where
// no words are kept; "" where it is none.
func plainNumber(share string) string {
	s, err := kg.ParseShare(share)
	exact, ok := s.Exact()
	if err != nil || !ok {
		return ""
	}
	return strconv.FormatFloat(exact, 'f', -1, 64)
}
