package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"

	"keiretsu/internal/auth"
	"keiretsu/internal/ingest"
	"keiretsu/internal/kg"
	"keiretsu/internal/server"
)

// audit is the path of the audit log where no other is named.
func (f *folder) audit() string { return filepath.Join(f.Data, "audit.jsonl") }

// announcement is what the audit log says of a command that writes. It comes before
// the first thing that is written, so that a command which finds nothing to write
// leaves no line.
type announcement struct {
	log   *auth.Log
	entry auth.Entry
	// own says that the log was opened for this command, begun that there is a first
	// line.
	own, begun bool
}

// announcement prepares the lines about what somebody writes: whoever the request of
// the context came from or, where no request did, an account of this machine.
func (a *administration) announcement(ctx context.Context, command, by string) *announcement {
	entry, ok := auth.EntryFrom(ctx)
	if !ok {
		entry = auth.Entry{RequestID: rand.Text(), Principal: by, Path: command}
	}
	return &announcement{log: a.audit, entry: entry}
}

// begin adds the first line, once. Where that fails, nothing may be written.
func (n *announcement) begin(f *folder, log *slog.Logger) (err error) {
	if n.begun {
		return nil
	}
	if n.log == nil {
		// A command that has the folder to itself.
		if n.log, err = auth.OpenLog(f.audit(), log); err != nil {
			return fmt.Errorf("nothing is written: %w", err)
		}
		n.own = true
	}
	n.entry.Event = auth.EventBegin
	if err := n.log.Append(n.entry); err != nil {
		return fmt.Errorf("nothing is written, because the audit log takes nothing: %w", errors.Join(kg.ErrUnavailable, err))
	}
	n.begun = true
	return nil
}

// done adds what came of it, where it had begun.
func (n *announcement) done(sum ingest.Sum, err error) {
	if n.begun {
		n.entry.Event, n.entry.Code = auth.EventDone, server.CodeOf(err)
		n.entry.Revision, n.entry.Counts = uint64(sum.Revision), sum.Counts()
		// The write has happened: what cannot be told here is in the log.
		_ = n.log.Append(n.entry)
	}
	if n.own {
		_ = n.log.Close() // each line has been taken or reported
	}
}

// announced is a stream whose first write is announced.
type announced struct {
	*kg.Stream
	begin func() error
}

// Apply announces the write, and writes.
func (s announced) Apply(ctx context.Context, w kg.Write) (kg.Applied, error) {
	if err := s.begin(); err != nil {
		return kg.Applied{}, err
	}
	return s.Stream.Apply(ctx, w)
}
