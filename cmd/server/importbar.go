package main

import (
	"fmt"
	"io"
	"time"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"

	"keiretsu/internal/ingest"
)

// importBar shows how far an import has come: a bar for each phase on a
// terminal, elsewhere a line now and then.
type importBar struct {
	to io.Writer
	// bars is nil where there is no terminal.
	bars *mpb.Progress
	bar  *mpb.Bar
	// began is when the phase did.
	phase       ingest.Phase
	began, last time.Time
	total       int64
}

// importLineEvery is how often there is a line where there is no terminal.
const importLineEvery = 10 * time.Second

func newImportBar(to io.Writer) *importBar {
	b := &importBar{to: to}
	if isTerminal(to) {
		b.bars = mpb.New(mpb.WithOutput(to), mpb.WithRefreshRate(progressEvery))
	}
	return b
}

// show shows how far the import has come.
func (b *importBar) show(p ingest.Progress) {
	now := time.Now()
	done, total := p.Bytes, p.OfBytes
	counters, speed := decor.CountersKibiByte("% .1f of % .1f"), decor.AverageSpeed(decor.SizeB1024(0), ", % .1f")
	soFar := fmt.Sprintf("%d records, %s of %s", p.Records, bytesText(done), bytesText(total))
	if p.Phase == ingest.Sweeping || p.Phase == ingest.Recalling {
		done, total = p.Records, p.Of
		counters, speed = decor.CountersNoUnit("%d of %d claims"), decor.AverageSpeed(0, ", %.0f a second")
		soFar = fmt.Sprintf("%d of %d claims", done, total)
	}
	if p.Phase != b.phase {
		b.finish()
		b.phase, b.began, b.last, b.total = p.Phase, now, now, total
		if b.bars != nil {
			b.bar = b.bars.AddBar(total,
				mpb.PrependDecorators(decor.Name(fmt.Sprintf("%-10s", p.Phase)), decor.Percentage(decor.WCSyncSpace)),
				mpb.AppendDecorators(counters, speed, decor.AverageETA(decor.ET_STYLE_GO, decor.WC{C: decor.DextraSpace}), decor.Name(" left")))
		}
	}
	switch {
	case b.bar != nil:
		b.bar.SetCurrent(min(done, b.total))
	case b.bars == nil && now.Sub(b.last) >= importLineEvery:
		b.last = now
		took := now.Sub(b.began)
		left := "unknown"
		if done > 0 {
			left = time.Duration(float64(took) * float64(total-done) / float64(done)).Round(time.Second).String()
		}
		fmt.Fprintf(b.to, "import: %s: %s, %.0f a second, %s left\n", p.Phase, soFar, float64(p.Records)/took.Seconds(), left)
	}
}

// finish completes the bar of a phase.
func (b *importBar) finish() {
	if b.bar != nil {
		b.bar.SetTotal(-1, true)
		b.bar = nil
	}
}

// done leaves the terminal as it is.
func (b *importBar) done() {
	if b.bar != nil {
		b.bar.Abort(false)
		b.bar = nil
	}
	if b.bars != nil {
		b.bars.Wait()
	}
}
