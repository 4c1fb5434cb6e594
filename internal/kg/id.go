package kg

import (
	"crypto/sha256"
	"encoding/base32"
	"strings"
	"unicode"
	"unicode/utf8"
)

// ID names one record for ever. It is opaque to clients and the same on every
// engine: a slug for an entity or source from the seeds, scheme:value for what
// was imported, and a letter with a hash for what is derived from content.
type ID string

// MaxIDLength bounds an id, in bytes.
const MaxIDLength = 200

// idAlphabet keeps the order of the bytes it encodes.
var idAlphabet = base32.NewEncoding("0123456789abcdefghijklmnopqrstuv").WithPadding(base32.NoPadding)

// The letters of derived ids.
const (
	relationPrefix    = "r"
	observationPrefix = "o"
	claimPrefix       = "c"
	conflictPrefix    = "x"
	receiptPrefix     = "k"
	metricPrefix      = "metric:"
)

// derivedID hashes the parts to 80 bits behind a letter. Parts are separated,
// so that moving text between them gives another id.
func derivedID(prefix string, parts ...string) ID {
	h := sha256.New()
	for _, p := range parts {
		h.Write([]byte(p))
		h.Write([]byte{0})
	}
	return ID(prefix + "-" + idAlphabet.EncodeToString(h.Sum(nil)[:10]))
}

// isDerivedID reports that the id has the shape that derivedID gives.
func isDerivedID(id ID) bool {
	if len(id) != 18 || id[1] != '-' || !strings.ContainsRune(relationPrefix+observationPrefix+claimPrefix+conflictPrefix+receiptPrefix, rune(id[0])) {
		return false
	}
	return strings.Trim(string(id[2:]), "0123456789abcdefghijklmnopqrstuv") == ""
}

// Check returns an ErrInvalid unless the id may be chosen for an entity or a
// source: 1 to MaxIDLength bytes of UTF-8 without spaces and control
// characters, and not of a shape that is derived from content.
func (id ID) Check() error {
	switch {
	case id == "":
		return Invalidf("", "an id must not be empty")
	case len(id) > MaxIDLength:
		return Invalidf("", "an id must not be longer than %d bytes, and this one has %d", MaxIDLength, len(id))
	case !utf8.ValidString(string(id)):
		return Invalidf("", "an id must be UTF-8")
	case strings.ContainsFunc(string(id), func(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) }):
		return Invalidf("", "the id %q holds a space or control character", clip(string(id)))
	case isDerivedID(id) || strings.HasPrefix(string(id), metricPrefix):
		return Invalidf("", "the id %q has a form kept for derived ids; choose another", id)
	}
	return nil
}
