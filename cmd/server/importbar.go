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
	if p.Phase != b.phase {
		b.finish()
		b.phase, b.began, b.last, b.total = p.Phase, now, now, p.OfBytes
		if b.bars != nil {
			b.bar = b.bars.AddBar(p.OfBytes,
				mpb.PrependDecorators(decor.Name(fmt.Sprintf("%-10s", p.Phase)), decor.Percentage(decor.WCSyncSpace)),
				mpb.AppendDecorators(
					decor.CountersKibiByte("% .1f of % .1f"), decor.AverageSpeed(decor.SizeB1024(0), ", % .1f"),
					decor.AverageETA(decor.ET_STYLE_GO, decor.WC{C: decor.DextraSpace}), decor.Name(" left"),
				))
		}
	}
	switch {
	case b.bar != nil:
		b.bar.SetCurrent(min(p.Bytes, b.total))
	case b.bars == nil && now.Sub(b.last) >= importLineEvery:
		b.last = now
		took := now.Sub(b.began)
		left := "unknown"
		if p.Bytes > 0 {
			left = time.Duration(float64(took) * float64(p.OfBytes-p.Bytes) / float64(p.Bytes)).Round(time.Second).String()
		}
		fmt.Fprintf(b.to, "import: %s: %d records, %s of %s, %.0f records a second, %s left\n",
			p.Phase, p.Records, bytesText(p.Bytes), bytesText(p.OfBytes), float64(p.Records)/took.Seconds(), left)
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
