package jsonl

import "keiretsu/internal/kg"

// Line returns the line of a claim.
func Line(c *kg.Claim) (string, error) {
	w := newWriter(nil)
	l, err := claimLine(c)
	if err != nil {
		return "", err
	}
	text, err := w.encode(&line{Claim: l})
	return string(text), err
}
