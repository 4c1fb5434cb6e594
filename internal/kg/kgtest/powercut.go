package kgtest

import (
	"context"
	"errors"

	"keiretsu/internal/kg"
)

// ErrPower is the error of the write at which the power of a PowerCut is cut.
var ErrPower = errors.New("the power was cut")

// PowerCut is a stream whose power is cut before or after a write.
type PowerCut struct {
	*kg.Stream
	// Writes is at which write: at 1 the first is not made, at n the write n-1 is
	// made and not confirmed; at 0 the power stays.
	Writes int
	// Most is how many claims a write takes, 0 for as many as the stream does.
	Most int
}

// Apply writes, unless it is its turn to fail with ErrPower.
func (p *PowerCut) Apply(ctx context.Context, w kg.Write) (kg.Applied, error) {
	if p.Most > 0 && len(w.Claims) > p.Most {
		return kg.Applied{}, kg.ErrTooLarge
	}
	p.Writes--
	if p.Writes == 0 {
		return kg.Applied{}, ErrPower
	}
	applied, err := p.Stream.Apply(ctx, w)
	if p.Writes == 1 && err == nil {
		err = ErrPower
	}
	return applied, err
}
