package main

import (
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"keiretsu/internal/control"
	"keiretsu/internal/export"
	"keiretsu/internal/ingest/jsonl"
	"keiretsu/internal/kg"
	"keiretsu/internal/server"
)

// exporting is the command that writes what the graph holds.
type exporting struct {
	Format string `arg:"" help:"Format to write: see below. jsonl is lossless and can be imported."`
	File   string `arg:"" optional:"" default:"-" help:"File to write, packed where its name ends in .gz; - is standard output. It gets its name once it is complete. Default ${default}."`
	Force  bool   `help:"Replace FILE if it exists. Default ${default}, environment KEIRETSU_FORCE." default:"false"`
}

// Help goes on where the first line of help ends.
func (c *exporting) Help() string {
	var formats strings.Builder
	for _, f := range exports() {
		fmt.Fprintf(&formats, "\n  %-8s %s", f.Name, f.Help)
	}
	return `The graph is written as it is at one moment, also while a server holds the folder
and writes. What the format cannot say is told on standard error.

Formats:` + formats.String()
}

// Run writes the file.
func (c *exporting) Run(ctx context.Context, m *Main, f *folder) error {
	if err := free(c.File, c.Force); err != nil {
		return err
	}
	to, complete := m.Stdout, ""
	if c.File != "-" {
		partial, err := beside(c.File)
		if err != nil {
			return err
		}
		complete = partial.Name()
		defer func() {
			_ = partial.Close() // where it is complete, it has been closed and has its name
			_ = os.Remove(complete)
		}()
		to = partial
	}
	var losses []string
	err := f.administer(ctx, m, func(ctx context.Context, admin control.Admin) (err error) {
		losses, err = c.write(ctx, admin, to)
		return err
	})
	if err == nil && complete != "" {
		err = name(complete, c.File, c.Force)
	}
	if err != nil {
		return err
	}
	fmt.Fprintf(m.Stderr, "%s leaves out:\n", c.Format)
	for _, loss := range losses {
		fmt.Fprintf(m.Stderr, "  %s\n", loss)
	}
	return nil
}

// write writes what the graph holds and, into a file, forces it to the disk.
func (c *exporting) write(ctx context.Context, admin control.Admin, to io.Writer) (losses []string, err error) {
	if strings.HasSuffix(c.File, ".gz") {
		packed := gzip.NewWriter(to) // without name and time, which would differ each time
		losses, err = admin.Export(ctx, c.Format, packed)
		err = errors.Join(err, packed.Close())
	} else {
		losses, err = admin.Export(ctx, c.Format, to)
	}
	if file, ok := to.(*os.File); ok && err == nil && c.File != "-" {
		err = errors.Join(file.Sync(), file.Close())
	}
	return losses, err
}

// exports are the formats that can be written, the lossless one first.
func exports() []export.Format {
	lossless := export.Format{Name: jsonl.Format.Name, Help: "everything that is said, to be imported again", Write: func(ctx context.Context, snap kg.Snapshot, to io.Writer) ([]string, error) {
		written, err := jsonl.Write(ctx, snap, to)
		return written.Losses(), err
	}}
	return append([]export.Format{lossless}, export.Formats()...)
}

// overHTTP are the same formats as a server offers them.
func (a *administration) overHTTP() []server.Export {
	var list []server.Export
	for _, f := range exports() {
		ending, media := f.File()
		list = append(list, server.Export{
			Name: f.Name, Help: f.Help, File: "keiretsu." + ending, Media: media,
			Write: func(ctx context.Context, to io.Writer) ([]string, error) { return a.Export(ctx, f.Name, to) },
		})
	}
	return list
}

// Export writes the newest moment of the store.
func (a *administration) Export(ctx context.Context, format string, to io.Writer) ([]string, error) {
	var names []string
	at := slices.IndexFunc(exports(), func(f export.Format) bool {
		names = append(names, f.Name)
		return f.Name == format
	})
	if at < 0 {
		return nil, kg.Invalidf("", "nothing can be exported as %.40q; there is %s", format, strings.Join(names, ", "))
	}
	snap, err := a.store.Snapshot(ctx)
	if err != nil {
		return nil, err
	}
	defer snap.Close()
	return exports()[at].Write(ctx, snap, to)
}
