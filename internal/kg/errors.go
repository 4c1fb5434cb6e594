package kg

import (
	"errors"
	"fmt"
	"strings"
)

// The classes of error that leave this package or an engine. Wrap them with
// %w; test for them with errors.Is. Whoever shows an error to a client maps the
// class and prints only what Error returns for the types below; every other
// error is internal.
var (
	// ErrNotFound: the thing named by an id does not exist.
	ErrNotFound = errors.New("not found")
	// ErrInvalid: the input cannot be right whatever the store holds.
	ErrInvalid = errors.New("invalid input")
	// ErrAmbiguous: a name fits several entities equally well.
	ErrAmbiguous = errors.New("ambiguous name")
	// ErrConflict: the write contradicts what the store holds by now.
	ErrConflict = errors.New("conflict")
	// ErrTooLarge: a batch or an answer is larger than the stated limit.
	ErrTooLarge = errors.New("too large")
	// ErrTooComplex: answering would cost more than one request may.
	ErrTooComplex = errors.New("too complex")
	// ErrUnavailable: the engine cannot answer at present; trying later may help.
	ErrUnavailable = errors.New("unavailable")
	// ErrClosed: the store, snapshot or index has been closed.
	ErrClosed = errors.New("closed")
)

// InvalidError is an ErrInvalid that names what was wrong with which argument.
// Its text is safe to show to a client.
type InvalidError struct {
	// Argument is the path of the offending argument, such as "first" or
	// "by.name"; empty where the caller knows it better.
	Argument string
	// Reason says what is wrong and what was expected.
	Reason string
}

// Error returns the argument, if known, and the reason.
func (e *InvalidError) Error() string {
	if e.Argument == "" {
		return e.Reason
	}
	return e.Argument + ": " + e.Reason
}

// Is reports that every InvalidError is an ErrInvalid.
func (e *InvalidError) Is(target error) bool { return target == ErrInvalid }

// Invalidf returns an InvalidError for the argument.
func Invalidf(argument, format string, args ...any) error {
	return &InvalidError{Argument: argument, Reason: fmt.Sprintf(format, args...)}
}

// inArgument names the argument of which an InvalidError without one speaks.
func inArgument(argument string, err error) error {
	if invalid, ok := errors.AsType[*InvalidError](err); ok && invalid.Argument == "" {
		return &InvalidError{Argument: argument, Reason: invalid.Reason}
	}
	return err
}

// NotFoundError is an ErrNotFound that says what is not there. Its text is safe
// to show to a client.
type NotFoundError struct {
	// Argument is the path of the argument that names it; empty where the
	// caller knows it better.
	Argument string
	Reason   string
}

// Error returns the reason.
func (e *NotFoundError) Error() string { return e.Reason }

// Is reports that every NotFoundError is an ErrNotFound.
func (e *NotFoundError) Is(target error) bool { return target == ErrNotFound }

// ConflictError is an ErrConflict that lists what has changed since the revision
// on which a write rests. Its text is safe to show to a client.
type ConflictError struct {
	// Since is that revision.
	Since Revision
	// Changed are newer claims, retractions and descriptions of sources that
	// bear on what the write touches, oldest first; at most MaxProblems.
	Changed []Entry
}

// Error says how much has changed, and which revision to read.
func (e *ConflictError) Error() string {
	newest := e.Changed[len(e.Changed)-1]
	return fmt.Sprintf("what this write touches has changed since revision %d, last in revision %d; read again and decide anew", e.Since, newest.Revision)
}

// Is reports that every ConflictError is an ErrConflict.
func (e *ConflictError) Is(target error) bool { return target == ErrConflict }

// AmbiguousError is an ErrAmbiguous that carries the entities the name fits.
type AmbiguousError struct {
	// Name is the name as it was asked for.
	Name string
	// Candidates are the entities it fits equally well, in id order, at most
	// MaxCandidates of them.
	Candidates []Candidate
	// More reports that there are further candidates.
	More bool
}

// Candidate is one entity that an ambiguous name may mean.
type Candidate struct {
	ID   ID         `json:"id"`
	Name string     `json:"name"`
	Kind EntityKind `json:"kind"`
}

// MaxCandidates bounds the candidates listed in an AmbiguousError.
const MaxCandidates = 20

// Error names the candidates.
func (e *AmbiguousError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "the name %q fits several entities; ask by id: ", e.Name)
	for i, c := range e.Candidates {
		if i > 0 {
			b.WriteString(", ")
		}
		fmt.Fprintf(&b, "%s (%s)", c.ID, c.Name)
	}
	if e.More {
		b.WriteString(", …")
	}
	return b.String()
}

// Is reports that every AmbiguousError is an ErrAmbiguous.
func (e *AmbiguousError) Is(target error) bool { return target == ErrAmbiguous }

// TooComplexError is an ErrTooComplex that says which bound was met and what to
// do about it. Its text is safe to show to a client.
type TooComplexError struct{ Reason string }

// Error returns the reason.
func (e *TooComplexError) Error() string { return e.Reason }

// Is reports that every TooComplexError is an ErrTooComplex.
func (e *TooComplexError) Is(target error) bool { return target == ErrTooComplex }

// UnavailableError is an ErrUnavailable that says why, and what ends it. Its text
// is safe to show to a client.
type UnavailableError struct{ Reason string }

// Error returns the reason.
func (e *UnavailableError) Error() string { return e.Reason }

// Is reports that every UnavailableError is an ErrUnavailable.
func (e *UnavailableError) Is(target error) bool { return target == ErrUnavailable }

func tooComplexf(format string, args ...any) error {
	return &TooComplexError{Reason: fmt.Sprintf(format, args...)}
}
