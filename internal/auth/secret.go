package auth

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"strings"
)

// A token is krt_<id>_<secret>: the prefix lets scanners of leaked secrets find
// it, the id finds its row, and the secret proves it. Both are random, in the
// lower-case base32 of RFC 4648 without padding, which no shell, URL or double
// click breaks up.
const (
	tokenPrefix = "krt_"
	idBytes     = 10
	secretBytes = 32 // 256 bits
)

var (
	encoding     = base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)
	idLength     = encoding.EncodedLen(idBytes)
	secretLength = encoding.EncodedLen(secretBytes)
)

// digest is the SHA-256 of a secret as it is written in the token.
type digest [sha256.Size]byte

func digestOf(secret string) digest { return sha256.Sum256([]byte(secret)) }

// newToken makes up a token. Reading random bytes does not fail.
func newToken() (token, id string, sum digest) {
	id = randomText(idBytes)
	secret := randomText(secretBytes)
	return tokenPrefix + id + "_" + secret, id, digestOf(secret)
}

func randomText(n int) string {
	b := make([]byte, n)
	_, _ = rand.Read(b) // it ends the program rather than fail
	return encoding.EncodeToString(b)
}

// splitToken returns the parts of what has the form of a token.
func splitToken(token string) (id, secret string, ok bool) {
	rest, ok := strings.CutPrefix(token, tokenPrefix)
	if !ok {
		return "", "", false
	}
	id, secret, ok = strings.Cut(rest, "_")
	return id, secret, ok && isID(id) && len(secret) == secretLength
}

// isID reports whether a text has the form of a token's id.
func isID(text string) bool {
	return len(text) == idLength && strings.Trim(text, "abcdefghijklmnopqrstuvwxyz234567") == ""
}
