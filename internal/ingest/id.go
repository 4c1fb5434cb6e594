package ingest

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"unicode"

	"keiretsu/internal/kg"
)

// NewID returns the id under which a thing is known that a register calls by a
// value: scheme:value. What an id cannot hold is written as % and two digits, and
// of a value that is too long the end gives way to a hash.
func NewID(scheme, value string) string {
	var b strings.Builder
	b.WriteString(scheme + ":")
	for _, r := range strings.ToValidUTF8(value, "\ufffd") {
		if r == '%' || unicode.IsSpace(r) || unicode.IsControl(r) {
			for _, c := range []byte(string(r)) {
				fmt.Fprintf(&b, "%%%02X", c)
			}
			continue
		}
		b.WriteRune(r)
	}
	id := b.String()
	if len(id) > kg.MaxIDLength {
		sum := sha256.Sum256([]byte(id))
		id = strings.ToValidUTF8(id[:kg.MaxIDLength-17], "") + "~" + hex.EncodeToString(sum[:8])
	}
	return id
}

// Ordinal tells attributes of one key apart, by what is put behind the key: nothing
// for the first, counted from 0, then _2, _3.
func Ordinal(i int) string {
	if i == 0 {
		return ""
	}
	return fmt.Sprintf("_%d", i+1)
}

// Clipped shortens what a text or the value of an attribute cannot hold.
func Clipped(s string) string {
	const most = 1500
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "…"
}
