package control

import (
	"context"
	"io"
	"time"

	"keiretsu/internal/ingest"
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
	// Check looks everything through without changing anything, and calls found
	// with what is wrong; its error ends the check.
	Check(ctx context.Context, found func(Finding) error) (CheckSummary, error)
	// Stats says how everything stands. The logical checksum, which takes as
	// long as a backup, is in it if asked for.
	Stats(ctx context.Context, checksum bool) (Stats, error)
	// Reindex builds the search index anew while the old one answers.
	Reindex(ctx context.Context) (Reindexed, error)
	// Import imports files, and calls told from time to time with how far it
	// has come. Where it fails, the report says what was done until then.
	Import(ctx context.Context, q ImportRequest, told func(ingest.Progress)) (ingest.Report, error)
	// Export writes the newest moment in a format, and returns what the format
	// cannot say, a sentence for each.
	Export(ctx context.Context, format string, to io.Writer) (losses []string, err error)
}

// ImportRequest says what to import.
type ImportRequest struct {
	// Format is the name of the format of all files.
	Format string       `json:"format"`
	Files  []ImportFile `json:"files"`
	// Mapping is the content of the mapping file of a table, and MappingName
	// how errors call it; "" for formats that need none.
	Mapping     string `json:"mapping"`
	MappingName string `json:"mappingName"`
	// DryRun reads and writes nothing; Resume goes on where an import of the
	// same files was interrupted.
	DryRun bool `json:"dryRun"`
	Resume bool `json:"resume"`
	// Dataset and Complete are those of an ingest.Import.
	Dataset  string `json:"dataset"`
	Complete bool   `json:"complete"`
	// Recorded says under which moments things are recorded.
	Recorded ingest.Recorded `json:"recorded"`
	// By is who imports.
	By string `json:"by"`
}

// ImportFile is a file on this machine, as places call it.
type ImportFile struct {
	Path string `json:"path"`
	Name string `json:"name"`
}

// Finding is one thing that is wrong.
type Finding struct {
	// Must tells what is lost or wrong from what can be made again of the rest.
	Must bool `json:"must"`
	// Family is the family of rows, "facts" or "search", Key the row or id.
	Family string `json:"family"`
	Key    string `json:"key"`
	// Problem says what is wrong.
	Problem string `json:"problem"`
	// Repairable reports that a repair heals it.
	Repairable bool `json:"repairable"`
}

// CheckSummary says what a check has looked at.
type CheckSummary struct {
	Point
	// Checksum is the logical checksum; "" where something cannot be read.
	Checksum string `json:"checksum"`
	Records  int64  `json:"records"`
	// Rows counts the rows of the store by family.
	Rows map[string]int64 `json:"rows"`
	// Findings counts what is wrong.
	Findings int `json:"findings"`
	// FactsSkipped reports that facts were not compared with claims, since
	// rows are damaged from which both are read.
	FactsSkipped bool `json:"factsSkipped"`
}

// Stats says how a store and what belongs to it stands.
type Stats struct {
	// Online reports that a server holds the store.
	Online   bool   `json:"online"`
	Store    string `json:"store"`
	Revision uint64 `json:"revision"`
	// Records counts the records by kind.
	Records map[string]int64 `json:"records"`
	// Checksum is the logical checksum, "" where it was not asked for.
	Checksum string `json:"checksum,omitempty"`
	// Disk is what the parts take on the disk, in bytes: tables, logs, values
	// and rest of the store, and search.
	Disk map[string]int64 `json:"disk"`
	// DiskFree is how much can still be written, in bytes, and DiskNeeded how
	// much there must be for the store to take writes.
	DiskFree   uint64 `json:"diskFree"`
	DiskNeeded uint64 `json:"diskNeeded"`
	// Levels are the levels of tables that hold any.
	Levels []Level `json:"levels"`
	// MemoryTable is the size up to which rows are kept in memory, in bytes.
	MemoryTable int64 `json:"memoryTable"`
	// Snapshots counts the moments that somebody holds open.
	Snapshots int `json:"snapshots"`
	// Writable reports that writes are taken; Unwritable says why not.
	Writable   bool   `json:"writable"`
	Unwritable string `json:"unwritable,omitempty"`
	Search     Search `json:"search"`
	// LastBackup and LastFullBackup are nil where none is known of.
	LastBackup     *BackupOutcome `json:"lastBackup"`
	LastFullBackup *BackupOutcome `json:"lastFullBackup"`
	// BackupFailures counts those that failed since the last that did not.
	BackupFailures int `json:"backupFailures"`
}

// Level is one level of tables.
type Level struct {
	Level  int   `json:"level"`
	Tables int   `json:"tables"`
	Bytes  int64 `json:"bytes"`
}

// Search says how the search index stands to the store.
type Search struct {
	// Revision is the one up to which it has come, Behind how many are missing.
	Revision uint64 `json:"revision"`
	Behind   uint64 `json:"behind"`
	// BehindSeconds is for how long it has been behind, at least; only a server
	// knows.
	BehindSeconds float64 `json:"behindSeconds"`
	// Problem says why it is of no use and will be built anew.
	Problem string `json:"problem,omitempty"`
}

// Reindexed says what a new search index has come to.
type Reindexed struct {
	Revision uint64 `json:"revision"`
	// Seconds is how long it took.
	Seconds float64 `json:"seconds"`
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
