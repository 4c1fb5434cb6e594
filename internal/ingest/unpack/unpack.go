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
	// maxMembers bounds the files of an archive and of those in it, maxListing how
	// much of it is read for their lists, in bytes: a list takes several times that
	// in memory.
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
		return (&archive{path: path, name: name, size: info.Size()}).files(&listing{f, maxListing}, maxMembers)
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

// archive is a zip archive: a file, or a part of one.
type archive struct {
	path, name   string
	offset, size int64
	inner        bool // in another archive
}

// files returns what is in the archive, at most as many files as there is room for.
// An archive in it that is stored as it is gives its own files, so that several
// archives can be sent as one.
func (a *archive) files(from *listing, room int) ([]ingest.File, error) {
	at := ingest.Position{File: a.name}
	list, err := a.read(from)
	if errors.Is(err, errListing) {
		return nil, ingest.Brokenf(at, "the zip archive has too long a list of files; put fewer into one")
	}
	if err != nil {
		return nil, ingest.Brokenf(at, "the zip archive is damaged or cut off: its list of files cannot be read")
	}
	if len(list.File) > room {
		return nil, ingest.Brokenf(at, "the zip archive holds more than %d files", maxMembers)
	}
	var files []ingest.File
	for n, m := range list.File {
		base := m.Name[strings.LastIndexByte(m.Name, '/')+1:]
		if base == "" || strings.HasPrefix(base, ".") || strings.HasPrefix(m.Name, "__MACOSX/") {
			continue // folders, and what file managers leave behind
		}
		inside := a.name + "/" + m.Name
		if m.Flags&1 != 0 {
			return nil, ingest.Brokenf(ingest.Position{File: inside}, "it is encrypted; unpack it first")
		}
		if part := a.part(from, m); part != nil {
			more, err := part.files(from, room-len(files))
			if err != nil {
				return nil, err
			}
			files = append(files, more...)
			continue
		}
		files = append(files, ingest.File{Name: inside, Size: int64(m.CompressedSize64), Open: func(ctx context.Context) (io.ReadCloser, error) {
			return a.open(ctx, inside, n)
		}})
	}
	switch {
	case len(files) == 0:
		return nil, ingest.Brokenf(at, "the zip archive holds no file")
	case len(files) > room:
		return nil, ingest.Brokenf(at, "the zip archive holds more than %d files", maxMembers)
	}
	return files, nil
}

// listing is a file of which lists of files are read.
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

// read reads the list of files.
func (a *archive) read(from io.ReaderAt) (*zip.Reader, error) {
	return zip.NewReader(io.NewSectionReader(from, a.offset, a.size), a.size)
}

// part returns the archive that a member is, as it stands in the file; nil where it
// is none.
func (a *archive) part(from *listing, m *zip.File) *archive {
	if a.inner || m.Method != zip.Store {
		return nil
	}
	start := make([]byte, len(zipMagic))
	offset, err := m.DataOffset()
	if err != nil {
		return nil // reading the member says what is wrong with it
	}
	if _, err := from.ReadAt(start, a.offset+offset); err != nil || !bytes.Equal(start, zipMagic) && !bytes.Equal(start, emptyZip) {
		return nil
	}
	return &archive{path: a.path, name: a.name + "/" + m.Name, offset: a.offset + offset, size: int64(m.UncompressedSize64), inner: true}
}

// open opens the n-th member, which places call by name.
func (a *archive) open(ctx context.Context, name string, n int) (io.ReadCloser, error) {
	f, err := os.Open(a.path)
	if err != nil {
		return nil, err
	}
	packed := &counter{at: f}
	list, err := a.read(packed)
	if err != nil || n >= len(list.File) {
		return nil, errors.Join(fmt.Errorf("%s: the archive has changed meanwhile", name), f.Close())
	}
	packed.n = 0 // the list of files is none of its own bytes
	m, err := list.File[n].Open()
	if errors.Is(err, zip.ErrAlgorithm) {
		err = ingest.Brokenf(ingest.Position{File: name}, "it is packed by a method that is not understood (%d); pack it anew as plain zip", list.File[n].Method)
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
	magic, err := start.Peek(len(zipMagic))
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, errors.Join(r.explain(err), r.Close())
	}
	if bytes.Equal(magic, zipMagic) {
		return nil, errors.Join(ingest.Brokenf(ingest.Position{File: name}, "it is a zip archive in another; unpack that first"), r.Close())
	}
	if !bytes.HasPrefix(magic, gzipMagic) {
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
