package badgerstore

import (
	"bytes"
	"log/slog"
	"testing"
)

// TestWhatBadgerSays: only what somebody must do something about is told unasked.
func TestWhatBadgerSays(t *testing.T) {
	for name, c := range map[string]struct {
		say  func(logger)
		want string
	}{
		"a merge that fails": {func(l logger) { l.Warningf("[Compactor: %d] %s", 1, "no space left\n") }, "level=WARN msg=\"badger: [Compactor: 1] no space left\"\n"},
		"a small cache":      {func(l logger) { l.Warningf("%s might be too small. Metrics: %s\n", "Block cache", "hit: 1") }, ""},
		"more of the cache":  {func(l logger) { l.Warningf("Cache life expectancy (in seconds): %+v\n", 3) }, ""},
		"its own workings":   {func(l logger) { l.Infof("All %d tables opened", 3) }, ""},
		"what Open returns":  {func(l logger) { l.Errorf("Received err: %v. Cleaning up...", "x") }, ""},
	} {
		t.Run(name, func(t *testing.T) {
			var said bytes.Buffer
			c.say(logger{log: slog.New(slog.NewTextHandler(&said, &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
				if a.Key == slog.TimeKey {
					return slog.Attr{}
				}
				return a
			}}))})
			if said.String() != c.want {
				t.Errorf("said %q, want %q", &said, c.want)
			}
		})
	}
}
