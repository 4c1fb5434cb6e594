package ingest

import (
	"fmt"
	"io"
	"iter"
	"path"
	"strings"

	"keiretsu/internal/kg"
)

// Format is a foreign format and its reader. Which formats there are is a list
// in the program; a reader does not announce itself.
type Format struct {
	// Name is the word for it on the command line and in ids of sources, such
	// as gleif.
	Name string
	// Help says in one line which files are meant.
	Help string
	// History: its files say when each thing was recorded, by drafts that are
	// a *Moment.
	History bool
	// Naming: its files describe things that are no entities unless something else
	// names them, by drafts that are a *Naming.
	Naming bool
	// Record returns the record to which the locator of a citation belongs; nil
	// where records have no ids that stay the same from file to file. Files of
	// formats that have it can be issues of a data set, which are compared.
	Record func(locator string) string
	// Follow, where it is set, is for files that tell what has changed since those
	// before them: an issue of a data set goes on from what the data set has said.
	// It is given the files, and the claims of the graph as they stood before the
	// import, in no order and of all sources, those included that were taken back for
	// another reason than Outdated. What it returns begins a passage over the files:
	// it reads them one behind the other, as Read reads one, and gives the same drafts
	// in every passage. Each sequence can be gone through again.
	Follow func(files iter.Seq2[Input, error], said iter.Seq2[*kg.Claim, error]) (func() func(Input) iter.Seq2[Draft, error], error)
	// Read yields what stands in a file, in the order of the file, and keeps
	// no more of it in memory than one record and what it must know to
	// understand the next.
	//
	// A record that cannot be understood is yielded as a *Problem and passed
	// over. Where the file itself is not what it should be, the last error
	// is a *Broken. What reading the input fails with is yielded as it is,
	// and ends the sequence too. An input is read once; whoever reads twice
	// opens it twice, so Read must give the same drafts for the same bytes.
	Read func(in Input) iter.Seq2[Draft, error]
}

// Input is a file to be read: plain, for whoever opened it has unpacked it.
type Input struct {
	// Name is what places call the file: its path as it was given, - for
	// standard input, or the path of an archive, a slash and the path in it.
	Name string
	// Dataset is the name of the data set of which the file is an issue, "" where
	// nobody has said so. It stands in the id of the source in place of the file.
	Dataset string
	// Reader yields the bytes. It is bounded: what unpacks to more than an
	// import takes ends in a *Broken.
	io.Reader
}

// Base returns the name without folders and without the endings of packing and
// format: what stands in the id of a source where the file does not say which
// data set it is.
func (in Input) Base() string {
	base := path.Base(strings.ReplaceAll(in.Name, `\`, "/"))
	for _, ending := range []string{".gz", ".zip"} {
		base = strings.TrimSuffix(base, ending)
	}
	if short := strings.TrimSuffix(base, path.Ext(base)); short != "" {
		base = short
	}
	if base == "-" || base == "." || base == "/" {
		return "stdin"
	}
	return base
}

// Issue returns what tells the source from others of the format: the data set where
// the file is an issue of one, else the words for the file.
func (in Input) Issue(file string) string {
	if in.Dataset != "" {
		return "dataset:" + in.Dataset
	}
	return file
}

// At returns a place in the file: a line counted from 1, or 0 for the file as a
// whole.
func (in Input) At(line int) Position { return Position{File: in.Name, Line: line} }

// Broken says that a file as a whole is not what it should be: cut off, packed
// badly, in another encoding, or of another format. It ends an import. It is a
// kg.ErrInvalid, and no *Problem, which would concern one record.
type Broken struct {
	At Position
	// Reason says what is wrong and what to do about it.
	Reason string
}

// Error returns file:line: reason.
func (b *Broken) Error() string { return b.At.String() + ": " + b.Reason }

// Is reports that every Broken is a kg.ErrInvalid.
func (b *Broken) Is(target error) bool { return target == kg.ErrInvalid }

// Brokenf returns a *Broken.
func Brokenf(at Position, format string, args ...any) *Broken {
	return &Broken{at, fmt.Sprintf(format, args...)}
}

// Problemf returns a *Problem.
func Problemf(at Position, format string, args ...any) *Problem {
	return &Problem{at, fmt.Sprintf(format, args...)}
}
