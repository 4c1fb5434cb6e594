package badgerstore

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
)

// logger passes on what Badger has to say. Its reports on its own workings are
// for debugging; what goes wrong behind the back of every call, such as a
// compaction that fails, would be told nowhere else.
//
// Badger also calls it when it is about to make a table, which is when a full disk
// must hold it back: there is no other way to be asked.
type logger struct {
	log *slog.Logger
	// beforeTable is called before a merge writes a table, beforeFlush before a
	// log becomes one.
	beforeTable, beforeFlush func()
}

// How the messages begin that say so.
const (
	tableComes = "[%d] LOG Compact. Added"
	flushComes = "Flushing memtable, "
)

// hints are what Badger has to say of its cache, which serves reading everything
// once as badly as it must.
var hints = []string{"%s might be too small.", "Cache life expectancy"}

func (l logger) Errorf(format string, args ...any) {
	if strings.HasPrefix(format, "Received err: ") {
		return // it is returned as well, by the Open that gives up
	}
	l.say(slog.LevelWarn, format, args)
}

func (l logger) Warningf(format string, args ...any) {
	level := slog.LevelWarn
	if slices.ContainsFunc(hints, func(hint string) bool { return strings.HasPrefix(format, hint) }) {
		level = slog.LevelDebug
	}
	l.say(level, format, args)
}

func (l logger) Infof(format string, args ...any) { l.say(slog.LevelDebug, format, args) }

func (l logger) Debugf(format string, args ...any) {
	l.say(slog.LevelDebug, format, args)
	switch {
	case strings.HasPrefix(format, tableComes):
		l.beforeTable()
	case strings.HasPrefix(format, flushComes):
		l.beforeFlush()
	}
}

func (l logger) say(level slog.Level, format string, args []any) {
	if l.log.Enabled(context.Background(), level) {
		l.log.Log(context.Background(), level, "badger: "+strings.TrimSpace(fmt.Sprintf(format, args...)))
	}
}
