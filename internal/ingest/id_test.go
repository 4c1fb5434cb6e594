package ingest

import (
	"strings"
	"testing"

	"keiretsu/internal/kg"
)

func TestNewID(t *testing.T) {
	long := strings.Repeat("é", 150)
	seen := make(map[string]bool)
	for value, want := range map[string]string{
		"5493001KJTIIGC8Y1R12": "x:5493001KJTIIGC8Y1R12",
		"a b":                  "x:a%20b",
		"a%20b":                "x:a%2520b",
		"a\u00a0\tb":           "x:a%C2%A0%09b",
		"阿里":                   "x:阿里",
		"a\xff":                "x:a\ufffd",
		long:                   "",
		long + "1":             "",
	} {
		got := NewID("x", value)
		if want != "" && got != want {
			t.Errorf("%q: got %q, want %q", value, got, want)
		}
		if err := kg.ID(got).Check(); err != nil || seen[got] {
			t.Errorf("%q gives %q: %v", value, got, err)
		}
		seen[got] = true
	}
}
