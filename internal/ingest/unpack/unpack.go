package unpack

import (
	"archive/zip"
	"bufio"
	"bytes"
	"compress/flate"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"keiretsu/internal/ingest"
)

// Bounds of what is unpacked.
const (
	// maxRatio is how many times its packed size a file may have: registers
	// are packed 10 to 60 times, and nothing that is meant to be read reaches
	// 250. Up to freeSize nobody counts.
	maxRatio = 250
	freeSize = 16 << 20
	// maxMembers bounds the files of an archive, maxListing how much of it is read
	// for their list, in bytes: the list takes several times that in memory.
	maxMembers = 10_000
	maxListing = 16 << 20
)

// How packed files begin.
var (
	gzipMagic   = []byte{0x1f, 0x8b}
	zipMagic    = []byte("PK\x03\x04")
	emptyZip    = []byte("PK\x05\x06")
	xzMagic     = []byte("\xfd7zXZ\x00")
	bzip2Magic  = []byte("BZh")
	zstdMagic   = []byte{0x28, 0xb5, 0x2f, 0xfd}
	sevenZip    = []byte("7z\xbc\xaf\x27\x1c")
	otherPacked = map[string][]byte{"xz": xzMagic, "bzip2": bzip2Magic, "zstd": zstdMagic, "7-Zip": sevenZip}
)

// Files returns what is in a file: itself, or the files of an archive in their
// order there. Places call it by name.
func Files(path, name string) ([]ingest.File, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if info.IsDir() {
		return nil, fmt.Errorf("%s is a folder; name the files in it", name)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	start := make([]byte, 8)
	n, err := io.ReadFull(f, start)
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	start = start[:n]
	begins := func(magic []byte) bool { return strings.HasPrefix(string(start), string(magic)) }
	if begins(zipMagic) || begins(emptyZip) {
		return members(path, name, f, info.Size())
	}
	for kind, magic := range otherPacked {
		if begins(magic) {
			return nil, ingest.Brokenf(ingest.Position{File: name}, "it is packed as %s, which is not understood; unpack it, or pack it as gzip or zip", kind)
		}
	}
	return []ingest.File{{Name: name, Size: info.Size(), Open: func(ctx context.Context) (io.ReadCloser, error) {
		f, err := os.Open(path)
		if err != nil {
			return nil, err
		}
		packed := &counter{from: f}
		return open(ctx, name, packed, packed, f)
	}}}, nil
}

// members returns the files of a zip archive.
func members(path, name string, f *os.File, size int64) ([]ingest.File, error) {
	at := ingest.Position{File: name}
	archive, err := zip.NewReader(&listing{f, maxListing}, size)
	if errors.Is(err, errListing) {
		return nil, ingest.Brokenf(at, "the zip archive lists more than %d files", maxMembers)
	}
	if err != nil {
		return nil, ingest.Brokenf(at, "the zip archive is damaged or cut off: its list of files cannot be read")
	}
	if len(archive.File) > maxMembers {
		return nil, ingest.Brokenf(at, "the zip archive holds %d files, more than %d", len(archive.File), maxMembers)
	}
	var files []ingest.File
	for n, m := range archive.File {
		base := m.Name[strings.LastIndexByte(m.Name, '/')+1:]
		if base == "" || strings.HasPrefix(base, ".") || strings.HasPrefix(m.Name, "__MACOSX/") {
			continue // folders, and what file managers leave behind
		}
		inside := name + "/" + m.Name
		if m.Flags&1 != 0 {
			return nil, ingest.Brokenf(ingest.Position{File: inside}, "it is encrypted; unpack it first")
		}
		files = append(files, ingest.File{Name: inside, Size: int64(m.CompressedSize64), Open: func(ctx context.Context) (io.ReadCloser, error) {
			return openMember(ctx, path, inside, n)
		}})
	}
	if len(files) == 0 {
		return nil, ingest.Brokenf(at, "the zip archive holds no file")
	}
	return files, nil
}

// listing is an archive of which the list of files is read.
type listing struct {
	from io.ReaderAt
	left int
}

var errListing = errors.New("too long a list")

func (l *listing) ReadAt(p []byte, offset int64) (int, error) {
	if l.left -= len(p); l.left < 0 {
		return 0, errListing
	}
	return l.from.ReadAt(p, offset)
}

func openMember(ctx context.Context, path, name string, n int) (io.ReadCloser, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	packed := &counter{at: f}
	archive, err := zip.NewReader(packed, info.Size())
	if err != nil || n >= len(archive.File) {
		return nil, errors.Join(fmt.Errorf("%s: the archive has changed meanwhile", name), f.Close())
	}
	packed.n = 0 // the list of files is none of its own bytes
	m, err := archive.File[n].Open()
	if errors.Is(err, zip.ErrAlgorithm) {
		err = ingest.Brokenf(ingest.Position{File: name}, "it is packed by a method that is not understood (%d); pack it anew as plain zip", archive.File[n].Method)
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return open(ctx, name, packed, m, m, f)
}

// open returns what is in from, unpacked where it is gzip. Packed counts the bytes
// that are read of the file.
func open(ctx context.Context, name string, packed *counter, from io.Reader, closers ...io.Closer) (io.ReadCloser, error) {
	start := bufio.NewReaderSize(from, 1<<16)
	r := &reader{ctx: ctx, name: name, packed: packed, from: start, close: closers}
	magic, err := start.Peek(len(gzipMagic))
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, errors.Join(r.explain(err), r.Close())
	}
	if !bytes.Equal(magic, gzipMagic) {
		return r, nil
	}
	unpacked, err := gzip.NewReader(start)
	if err != nil {
		return nil, errors.Join(r.explain(err), r.Close())
	}
	r.from, r.close = unpacked, append([]io.Closer{unpacked}, closers...)
	return r, nil
}

// counter counts what is read of a file.
type counter struct {
	from io.Reader
	at   io.ReaderAt
	n    int64
}

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.from.Read(p)
	c.n += int64(n)
	return n, err
}

func (c *counter) ReadAt(p []byte, offset int64) (int, error) {
	n, err := c.at.ReadAt(p, offset)
	c.n += int64(n)
	return n, err
}

// reader is a file that is being unpacked.
type reader struct {
	ctx    context.Context
	name   string
	packed *counter
	from   io.Reader
	out    int64
	close  []io.Closer
}

// Read reads what is unpacked, up to where that becomes absurd.
func (r *reader) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	n, err := r.from.Read(p)
	r.out += int64(n)
	if r.out > freeSize && r.out/maxRatio > r.packed.n {
		return 0, ingest.Brokenf(ingest.Position{File: r.name}, "it unpacks to more than %d times its size, as no real file does; if you trust it, unpack it yourself", maxRatio)
	}
	return n, r.explain(err)
}

// Packed is how many bytes of the file itself have been read.
func (r *reader) Packed() int64 { return r.packed.n }

// explain says what is wrong with packed data.
func (r *reader) explain(err error) error {
	at := ingest.Position{File: r.name}
	var damaged flate.CorruptInputError
	switch {
	case errors.Is(err, io.ErrUnexpectedEOF):
		return ingest.Brokenf(at, "the packed data is cut off; fetch the file again")
	case errors.Is(err, gzip.ErrChecksum), errors.Is(err, gzip.ErrHeader), errors.Is(err, zip.ErrChecksum), errors.As(err, &damaged):
		return ingest.Brokenf(at, "the packed data is damaged; fetch the file again")
	}
	return err
}

// Close closes the file.
func (r *reader) Close() error {
	var bad error
	for _, c := range r.close {
		bad = errors.Join(bad, c.Close())
	}
	return bad
}
