package factfile

import (
	"fmt"
	"io"
	"io/fs"
	"iter"
	"path"

	"keiretsu/internal/ingest"
	"keiretsu/internal/kg"
)

// MaxFileSize bounds a file, in bytes: parsing takes some two hundred times as
// much memory. Larger collections are many files.
const MaxFileSize = 2 << 20

// Read yields the drafts of all .yaml files below the root of the file system,
// in order of their names. Mistakes in a file are yielded as *ingest.Problem
// and reading goes on; a file system that fails ends it, and so does one that
// holds no such file (kg.ErrInvalid).
func Read(fsys fs.FS) iter.Seq2[ingest.Draft, error] {
	return func(yield func(ingest.Draft, error) bool) {
		all := &reader{ids: make(map[string]ingest.Position), metrics: make(map[string]ingest.Position)}
		files := 0
		err := fs.WalkDir(fsys, ".", func(name string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() {
				return err
			}
			f := &file{reader: all, name: name}
			switch path.Ext(name) {
			case ".yml":
				f.problem(ingest.Position{File: name, Line: 1, Column: 1}, "the file is passed over; call it .yaml")
			case ".yaml":
				text, err := readBounded(fsys, name)
				if err != nil {
					return err
				}
				f.read(text)
			default:
				return nil
			}
			files++
			for _, p := range f.problems {
				if !yield(nil, p) {
					return fs.SkipAll
				}
			}
			for _, d := range f.drafts {
				if !yield(d, nil) {
					return fs.SkipAll
				}
			}
			return nil
		})
		if err == nil && files == 0 {
			err = fmt.Errorf("there is no .yaml file: %w", kg.ErrInvalid)
		}
		if err != nil {
			yield(nil, fmt.Errorf("factfile: %w", err))
		}
	}
}

// readBounded reads a file, or one byte more than is allowed of it.
func readBounded(fsys fs.FS, name string) ([]byte, error) {
	f, err := fsys.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, MaxFileSize+1))
}

// reader is what the files of one reading share.
type reader struct {
	// ids holds where entities and sources were added, metrics where metrics were.
	ids, metrics map[string]ingest.Position
}

// file is one file on its way into drafts.
type file struct {
	*reader
	name string
	// source is that of the whole file, or empty.
	source   ingest.Text
	problems []*ingest.Problem
	drafts   []ingest.Draft
}

func (f *file) problem(at ingest.Position, format string, args ...any) {
	f.problems = append(f.problems, &ingest.Problem{At: at, Reason: fmt.Sprintf(format, args...)})
}

func (f *file) add(d ingest.Draft) { f.drafts = append(f.drafts, d) }

// unique reports an id that has been added before.
func (f *file) unique(added map[string]ingest.Position, t ingest.Text) {
	if t.Value == "" {
		return
	}
	if first, again := added[t.Value]; again {
		f.problem(t.At, "%.40q is added a second time; the first is at %s", t.Value, first)
		return
	}
	added[t.Value] = t.At
}
