package export

import (
	"regexp"
	"strings"
)

// role is what sort of office a title names, as far as the formats of registers
// tell offices apart.
type role uint8

const (
	roleOther role = iota
	roleChair
	roleBoard
	roleOfficer
	roleMember
)

// The words by which offices are told apart; of several that fit, the first counts.
var roleWords = []struct {
	role  role
	words *regexp.Regexp
}{
	{roleBoard, regexp.MustCompile(`\b(vice|deputy)[- ]?chair`)},
	{roleChair, regexp.MustCompile(`\bchair(man|woman|person)?\b`)},
	{roleOfficer, regexp.MustCompile(`\b(chief|officer|president|managing|executive director|secretary|treasurer|c[a-z]o)\b`)},
	{roleBoard, regexp.MustCompile(`\b(board|director|directors)\b`)},
	{roleMember, regexp.MustCompile(`\bmember\b`)},
}

func roleOf(title string) role {
	title = strings.ToLower(title)
	for _, r := range roleWords {
		if r.words.MatchString(title) {
			return r.role
		}
	}
	return roleOther
}
