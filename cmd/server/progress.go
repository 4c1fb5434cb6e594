package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"
)

// progress is a line on a terminal that says how far something has come. Where
// there is no terminal it says nothing.
type progress struct {
	to     io.Writer
	shown  int // runes on the line
	newest time.Time
}

// progressEvery is how often the line changes.
const progressEvery = 200 * time.Millisecond

func newProgress(to io.Writer) *progress {
	if !isTerminal(to) {
		to = nil
	}
	return &progress{to: to}
}

func isTerminal(w any) bool {
	file, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := file.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

// say shows the text, unless the last was shown just now.
func (p *progress) say(format string, args ...any) {
	if p.to == nil || time.Since(p.newest) < progressEvery {
		return
	}
	p.newest = time.Now()
	p.show(fmt.Sprintf(format, args...))
}

// done clears the line away.
func (p *progress) done() {
	if p.to != nil && p.shown > 0 {
		p.show("")
		fmt.Fprint(p.to, "\r")
	}
}

func (p *progress) show(text string) {
	n := len([]rune(text))
	fmt.Fprint(p.to, "\r", text, strings.Repeat(" ", max(0, p.shown-n)))
	p.shown = n
}
