package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"keiretsu/internal/control"
	"keiretsu/internal/kg"
)

// stats is the command that says how everything stands.
type stats struct {
	Checksum bool `help:"Sum up everything that the store holds, which takes as long as a backup. Default ${default}, environment KEIRETSU_CHECKSUM." default:"false"`
	JSON     bool `name:"json" help:"Write JSON. Default ${default}, environment KEIRETSU_JSON." default:"false"`
}

// Run says it.
func (c *stats) Run(ctx context.Context, m *Main, f *folder) error {
	return f.administer(ctx, m, func(ctx context.Context, admin control.Admin) error {
		s, err := admin.Stats(ctx, c.Checksum)
		if err != nil {
			return err
		}
		if c.JSON {
			out := json.NewEncoder(m.Stdout)
			out.SetIndent("", "  ")
			return out.Encode(s)
		}
		_, err = fmt.Fprint(m.Stdout, statsText(s))
		return err
	})
}

// statsText returns the stats for people.
func statsText(s control.Stats) string {
	var b strings.Builder
	line := func(name, format string, args ...any) {
		fmt.Fprintf(&b, "%-10s%s\n", name, fmt.Sprintf(format, args...))
	}
	held := "no server runs"
	if s.Online {
		held = "held by a running server"
	}
	line("store", "%s, %s", s.Store, held)
	line("revision", "%d", s.Revision)
	if s.Checksum != "" {
		line("checksum", "%s", s.Checksum)
	}
	var records []string
	for _, kind := range kg.RecordKinds() {
		records = append(records, counted(s.Records[kind.String()], kind.String(), plural(kind)))
	}
	line("records", "%s", strings.Join(records, ", "))
	var disk []string
	var sum int64
	for _, part := range slices.Sorted(maps.Keys(s.Disk)) {
		disk = append(disk, part+" "+bytesText(s.Disk[part]))
		sum += s.Disk[part]
	}
	line("disk", "%s: %s; %s free", bytesText(sum), strings.Join(disk, ", "), bytesText(int64(s.DiskFree)))
	for _, l := range s.Levels {
		line("level "+fmt.Sprint(l.Level), "%s, %s", counted(l.Tables, "table", ""), bytesText(l.Bytes))
	}
	line("memory", "rows become a table at %s; %s open", bytesText(s.MemoryTable), counted(s.Snapshots, "snapshot", ""))
	if s.Writable {
		line("writes", "taken")
	} else {
		line("writes", "refused: %s", s.Unwritable)
	}
	switch {
	case s.Search.Problem != "":
		line("search", "of no use (%s); it is built anew when a server starts", s.Search.Problem)
	case s.Search.Behind == 0:
		line("search", "up to date")
	default:
		line("search", "at revision %d, %d behind for %.0f s or more", s.Search.Revision, s.Search.Behind, s.Search.BehindSeconds)
	}
	line("backup", "%s", backupText(s))
	return b.String()
}

func backupText(s control.Stats) string {
	text := "none is known of"
	if o := s.LastBackup; o != nil {
		text = fmt.Sprintf("%s, up to revision %d, %s", o.At.Format(time.RFC3339), o.Revision, bytesText(o.Bytes))
		if full := s.LastFullBackup; o.Increment && full != nil {
			text += "; the last full one " + full.At.Format(time.RFC3339)
		}
	}
	if s.BackupFailures > 0 {
		text += fmt.Sprintf("; %s since", counted(s.BackupFailures, "has failed", "%d have failed"))
	}
	return text
}

func plural(kind kg.RecordKind) string {
	if kind == kg.RecordEntity {
		return "%d entities"
	}
	return ""
}

// Stats says how everything stands.
func (a *administration) Stats(ctx context.Context, checksum bool) (control.Stats, error) {
	store, err := a.store.Stats(ctx)
	if err != nil {
		return control.Stats{}, err
	}
	history := a.backups.history()
	s := control.Stats{
		Online: a.index != nil, Store: store.Store, Revision: uint64(store.Revision), Records: make(map[string]int64),
		Disk: store.Disk, DiskFree: store.Free, DiskNeeded: store.Needed,
		MemoryTable: store.MemoryTable, Snapshots: store.Snapshots, Writable: store.Unwritable == "", Unwritable: store.Unwritable,
		LastBackup: history.Last, LastFullBackup: history.LastFull, BackupFailures: history.Failures,
	}
	for _, kind := range kg.RecordKinds() {
		s.Records[kind.String()] = store.Records[kind]
	}
	for _, l := range store.Levels {
		s.Levels = append(s.Levels, control.Level(l))
	}
	if s.Disk["search"], err = sizeOf(a.folder.search()); err != nil {
		return control.Stats{}, err
	}
	standing, err := a.searchStanding(ctx)
	if err != nil {
		return control.Stats{}, err
	}
	s.Search = control.Search{Revision: uint64(standing.Revision), Problem: standing.Problem}
	if standing.Revision < store.Revision {
		s.Search.Behind = uint64(store.Revision - standing.Revision)
	}
	if a.lag != nil {
		s.Search.BehindSeconds = a.lag.look(store.Revision, standing.Revision).Seconds()
	}
	if checksum {
		sum, err := a.store.Checksum(ctx)
		if err != nil {
			return control.Stats{}, err
		}
		s.Checksum = sum.Sum
	}
	return s, nil
}

// sizeOf sums up the lengths of all files in a folder, 0 where there is none.
func sizeOf(dir string) (sum int64, err error) {
	err = filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			var info fs.FileInfo
			if info, err = d.Info(); err == nil {
				sum += info.Size()
			}
		}
		if errors.Is(err, fs.ErrNotExist) {
			return nil // removed meanwhile, or not there yet
		}
		return err
	})
	return sum, err
}
