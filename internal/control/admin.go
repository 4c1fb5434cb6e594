package control

import (
	"context"
	"io"
	"time"
)

// Admin is what can be done to a store while it is in use. It is safe for
// concurrent use.
type Admin interface {
	// Backup writes a backup of the newest moment, or of what has happened
	// behind a point. A point that the store has not been through is a
	// kg.ErrInvalid.
	Backup(ctx context.Context, to io.Writer, behind *Point) error
	// BackupDone takes note of what became of a backup, for stats and metrics.
	BackupDone(ctx context.Context, o BackupOutcome) error
}

// Point is the moment at which a backup ends and the next may begin.
type Point struct {
	// Store is the name of the store.
	Store string `json:"store"`
	// Revision is that of the moment, History the digest of how it came about.
	Revision uint64 `json:"revision"`
	History  string `json:"history"`
}

// BackupOutcome says what became of a backup.
type BackupOutcome struct {
	// Failed reports that there is none; nothing else but At is then set.
	Failed bool `json:"failed"`
	// At is when it was complete and safe, or had failed.
	At time.Time `json:"at"`
	// Increment tells an increment from a full backup.
	Increment bool   `json:"increment"`
	Revision  uint64 `json:"revision"`
	// Bytes is the length of the file.
	Bytes    int64  `json:"bytes"`
	Checksum string `json:"checksum"`
}
