package ingest

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"
	"unicode/utf8"
)

// MaxRecord bounds one record of a file, in bytes: a line, or an element of an
// array. It is far above what any register writes.
const MaxRecord = 64 << 20

// MaxTree bounds a record of which a reader keeps every part in memory as a value of
// its own, in bytes. Where three bytes of a hostile file become a value of three hundred,
// a record of MaxRecord would take all the memory of a machine.
const MaxTree = 4 << 20

// TooLong says of a record that it is longer than MaxTree.
func TooLong(at Position) *Problem {
	return Problemf(at, "the record is longer than %d MiB; none of this format is", MaxTree>>20)
}

// Lines yields the lines of a file that holds UTF-8, without their ends, numbered
// from 1. A byte order mark is dropped, a carriage return before the line feed
// too; the last line needs no end. A line is good until the next one.
//
// A line that is not UTF-8 or longer than MaxRecord, and bytes that are no text,
// are a *Broken.
func (in Input) Lines() iter.Seq2[Line, error] {
	return func(yield func(Line, error) bool) {
		r := bufio.NewReaderSize(in.Reader, 1<<16)
		if err := in.checkStart(r); err != nil {
			yield(Line{}, err)
			return
		}
		var long []byte
		for n := 1; ; n++ {
			text, err := readLine(r, &long)
			switch {
			case errors.Is(err, errTooLong):
				yield(Line{}, Brokenf(in.At(n), "the line is longer than %d MiB; no record of this format is", MaxRecord>>20))
				return
			case errors.Is(err, io.EOF) && len(text) == 0:
				return
			case err != nil && !errors.Is(err, io.EOF):
				yield(Line{}, at(in.At(n), err))
				return
			}
			if !utf8.Valid(text) {
				yield(Line{}, Brokenf(in.At(n), "the line is not UTF-8; convert the file, for example with iconv -f latin1 -t utf-8"))
				return
			}
			if i := bytes.IndexByte(text, 0); i >= 0 {
				yield(Line{}, Brokenf(in.At(n), "the line holds zero bytes: the file is damaged or no text"))
				return
			}
			if !yield(Line{n, text, err != nil}, nil) || err != nil {
				return
			}
		}
	}
}

// Line is a line of a file.
type Line struct {
	// Number counts from 1.
	Number int
	Text   []byte
	// Unended: the file ends without a line feed behind it. What is torn here
	// has been cut off.
	Unended bool
}

var errTooLong = errors.New("too long")

// readLine reads up to the next line feed. A line that does not fit the buffer
// of r is gathered in long, which is used again.
func readLine(r *bufio.Reader, long *[]byte) ([]byte, error) {
	text, err := r.ReadSlice('\n')
	if errors.Is(err, bufio.ErrBufferFull) {
		*long = append((*long)[:0], text...)
		for errors.Is(err, bufio.ErrBufferFull) {
			text, err = r.ReadSlice('\n')
			if len(*long)+len(text) > MaxRecord {
				return nil, errTooLong
			}
			*long = append(*long, text...)
		}
		text = *long
	}
	text = bytes.TrimSuffix(text, []byte("\n"))
	return bytes.TrimSuffix(text, []byte("\r")), err
}

// at gives an error of reading its place, unless it has one.
func at(p Position, err error) error {
	if broken, ok := errors.AsType[*Broken](err); ok {
		if broken.At.Line == 0 {
			broken.At.Line = p.Line
		}
		return err
	}
	return fmt.Errorf("%s: %w", p, err)
}

// checkStart drops a byte order mark, and looks whether a file begins as text.
func (in Input) checkStart(r *bufio.Reader) error {
	start, err := r.Peek(512)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, bufio.ErrBufferFull) {
		return at(in.At(1), err)
	}
	known := func(magic string) bool { return bytes.HasPrefix(start, []byte(magic)) }
	switch {
	case len(start) == 0:
		return Brokenf(in.At(1), "the file is empty")
	case known("\xef\xbb\xbf"):
		_, _ = r.Discard(3) // they were peeked at
	case known("\xff\xfe"), known("\xfe\xff"):
		return Brokenf(in.At(1), "the file is UTF-16; convert it, for example with iconv -f utf-16 -t utf-8")
	case len(start) >= 4 && start[0] != 0 && start[1] == 0 && start[2] != 0 && start[3] == 0:
		return Brokenf(in.At(1), "the file is UTF-16; convert it, for example with iconv -f utf-16le -t utf-8")
	case len(start) >= 4 && start[0] == 0 && start[1] != 0 && start[2] == 0 && start[3] != 0:
		return Brokenf(in.At(1), "the file is UTF-16; convert it, for example with iconv -f utf-16be -t utf-8")
	case slices.Contains(start, 0):
		return Brokenf(in.At(1), "the file is no text")
	}
	return nil
}

// Text returns the bytes of a file that holds UTF-8 for a parser that reads by
// itself, and tells it the lines of what it has read. A byte order mark is
// dropped. Bytes that are no UTF-8 end it in a *Broken with their line.
func (in Input) Text() *TextReader {
	return &TextReader{in: in, r: bufio.NewReaderSize(in.Reader, 1<<16), line: 1}
}

// TextReader is the text of an Input, byte by byte.
type TextReader struct {
	in      Input
	r       *bufio.Reader
	started bool
	// line is that of the byte to be read next, part holds the bytes of a
	// character that is not complete yet.
	line int
	part []byte
	// numbered: Line is asked. offset counts the bytes read; feeds are the offsets
	// of line feeds that Line has not passed yet, and behind the line on which they
	// begin.
	numbered bool
	offset   int64
	feeds    []int64
	behind   int
	failed   error
	// last is the last byte that was read.
	last byte
	// bounded: no more than MaxRecord may be read until the next call of
	// Record; since counts it.
	bounded bool
	since   int64
}

// Numbered makes Line answer, and returns t. Whoever does not ask for lines again and
// again must not call it, since the ends of all lines not asked for are kept.
func (t *TextReader) Numbered() *TextReader {
	t.numbered = true
	return t
}

// Record says that a record begins where the parser stands: from there to the
// next call it has at most MaxRecord bytes, or the text ends in a *Broken.
func (t *TextReader) Record() { t.bounded, t.since = true, 0 }

// Read reads as io.Reader wants it.
func (t *TextReader) Read(p []byte) (int, error) {
	if t.failed != nil {
		return 0, t.failed
	}
	if !t.started {
		t.started = true
		if t.failed = t.in.checkStart(t.r); t.failed != nil {
			return 0, t.failed
		}
	}
	n, err := t.r.Read(p)
	if t.since += int64(n); t.Exceeded() {
		t.failed = Brokenf(t.in.At(t.line), "a record is longer than %d MiB; none of this format is", MaxRecord>>20)
		return 0, t.failed
	}
	if bad := t.check(p[:n], errors.Is(err, io.EOF)); bad >= 0 {
		t.failed = Brokenf(t.in.At(t.line), "the line is not UTF-8; convert the file, for example with iconv -f latin1 -t utf-8")
		if bad < n && p[bad] == 0 {
			t.failed = Brokenf(t.in.At(t.line), "the line holds zero bytes: the file is damaged or no text")
		}
		return bad, t.failed
	}
	if n > 0 {
		t.last = p[n-1]
	}
	if err != nil && !errors.Is(err, io.EOF) {
		err = at(t.in.At(t.line), err)
	}
	t.failed = err
	return n, err
}

// Exceeded reports that the text ended because a record was too long.
func (t *TextReader) Exceeded() bool { return t.bounded && t.since > MaxRecord+1<<16 }

// Unended reports that the text has come to its end without a line feed: what is
// torn there has been cut off.
func (t *TextReader) Unended() bool { return errors.Is(t.failed, io.EOF) && t.last != '\n' }

// check counts lines, and returns the index of the first byte that cannot be
// UTF-8, or -1.
func (t *TextReader) check(p []byte, last bool) int {
	for i, b := range p {
		if b == '\n' && len(t.part) == 0 {
			t.line++
			if t.numbered {
				t.feeds = append(t.feeds, t.offset+int64(i))
			}
			continue
		}
		if b < utf8.RuneSelf && len(t.part) == 0 && b != 0 {
			continue
		}
		t.part = append(t.part, b)
		if utf8.FullRune(t.part) {
			if r, size := utf8.DecodeRune(t.part); r == utf8.RuneError && size == 1 || b == 0 {
				return i
			}
			t.part = t.part[:0]
		}
	}
	t.offset += int64(len(p))
	if last && len(t.part) > 0 {
		return len(p)
	}
	return -1
}

// Line returns the line of a byte that has been read, by its offset behind the
// byte order mark, of a text that is Numbered. Offsets are asked for in rising order: lines before the last
// answer are forgotten.
func (t *TextReader) Line(offset int64) int {
	n, _ := slices.BinarySearch(t.feeds, offset)
	t.behind += n
	t.feeds = slices.Delete(t.feeds, 0, n)
	return t.behind + 1
}
