package badgerstore

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"hash/crc32"
	"io"
	"os"
	"time"

	"github.com/klauspost/compress/zstd"

	"keiretsu/internal/kg"
)

// This file is the form of backup files, which docs/backup-format.md describes
// field by field: a magic, frames with a checksum each, and at the end the
// checksum of everything before.

// BackupMagic is what every backup file begins with.
const BackupMagic = "keiretsu-backup\n"

// backupVersion is the form of the file. That of what is in it is formatVersion.
const backupVersion = 1

// The kinds of frame, in the order in which they come.
const (
	frameHeader  = 'H'
	frameChanges = 'C'
	frameRecords = 'R'
	frameTrailer = 'T'
)

const (
	// frameHead is the kind and the length, frameTail the checksum of a frame.
	frameHead, frameTail = 1 + 4, 4
	// endSize is the length of the trailer's frame and the SHA-256 of the file.
	endSize = 4 + sha256.Size
	// blockSize is from where a block counts as full. It may be longer by one
	// entry.
	blockSize = 1 << 20
	maxBlock  = blockSize + maxValue + maxKey + 64
)

// Backup is what a backup file says of itself.
type Backup struct {
	BackupHeader
	BackupTrailer
	// Bytes is the length of the file.
	Bytes int64 `json:"bytes"`
}

// BackupHeader is the first frame of a backup file.
type BackupHeader struct {
	// Version is the form of the file, Format that of the records in it.
	Version int    `json:"version"`
	Format  uint64 `json:"format"`
	// Increment tells a backup of what happened behind another from a full one.
	Increment bool `json:"increment"`
	// Store is the name of the store: 16 hexadecimal digits.
	Store string `json:"store"`
	// From is the revision behind which an increment begins, and FromHistory
	// the history up to there; 0 and "" of a full backup.
	From        kg.Revision `json:"from"`
	FromHistory string      `json:"fromHistory"`
	// To is the revision that is restored.
	To kg.Revision `json:"to"`
	// Made is when the backup was begun.
	Made time.Time `json:"made"`
}

// BackupTrailer is the last frame of a backup file.
type BackupTrailer struct {
	// Changes, Records and Deleted count the entries of the file: of the change
	// log, of records, and of ids that lead nowhere any more.
	Changes int64 `json:"changes"`
	Records int64 `json:"records"`
	Deleted int64 `json:"deleted"`
	// Holds counts the records of the store at To.
	Holds int64 `json:"holds"`
	// History is the digest of the change log up to To, Checksum that of
	// everything that the store holds there (digest.go).
	History  string `json:"history"`
	Checksum string `json:"checksum"`
}

// Point is the moment of a store at which a backup ends and the next may begin.
type Point struct {
	Store    string      `json:"store"`
	Revision kg.Revision `json:"revision"`
	// History tells stores that came to one revision by different ways apart.
	History string `json:"history"`
}

// Point returns where the backup ends.
func (b *Backup) Point() Point { return Point{b.Store, b.To, b.History} }

func storeName(name uint64) string { return fmt.Sprintf("%016x", name) }

// backupWriter writes the frames of a backup file.
type backupWriter struct {
	to    io.Writer
	sum   hash.Hash
	bytes int64
	enc   *zstd.Encoder
	// kind is that of the block being filled, raw what is in it.
	kind   byte
	raw    []byte
	packed []byte
}

func newBackupWriter(to io.Writer) (*backupWriter, error) {
	enc, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithEncoderCRC(false))
	if err != nil {
		return nil, err
	}
	w := &backupWriter{to: to, sum: sha256.New(), enc: enc, raw: make([]byte, 0, blockSize+blockSize/4)}
	if err := w.write([]byte(BackupMagic)); err != nil {
		return nil, err
	}
	return w, nil
}

func (w *backupWriter) write(b []byte) error {
	_, _ = w.sum.Write(b)
	n, err := w.to.Write(b)
	w.bytes += int64(n)
	return err
}

// frame writes one frame and returns its length.
func (w *backupWriter) frame(kind byte, body []byte) (int, error) {
	frame := make([]byte, 0, frameHead+len(body)+frameTail)
	frame = append(frame, kind)
	frame = binary.BigEndian.AppendUint32(frame, uint32(len(body)))
	frame = append(frame, body...)
	frame = binary.BigEndian.AppendUint32(frame, frameSum(frame))
	return len(frame), w.write(frame)
}

func frameSum(b []byte) uint32 { return crc32.Checksum(b, crc32.MakeTable(crc32.Castagnoli)) }

func (w *backupWriter) json(kind byte, v any) (int, error) {
	body, err := json.Marshal(v)
	if err != nil {
		return 0, err
	}
	return w.frame(kind, body)
}

// entry puts an entry into the block of its kind.
func (w *backupWriter) entry(kind byte, entry []byte) error {
	if w.kind != kind || len(w.raw) >= blockSize {
		if err := w.flush(); err != nil {
			return err
		}
		w.kind = kind
	}
	w.raw = append(w.raw, entry...)
	return nil
}

func (w *backupWriter) flush() error {
	if len(w.raw) == 0 {
		return nil
	}
	w.packed = w.enc.EncodeAll(w.raw, w.packed[:0])
	w.raw = w.raw[:0]
	_, err := w.frame(w.kind, w.packed)
	return err
}

// finish writes the trailer and the end.
func (w *backupWriter) finish(t BackupTrailer) error {
	if err := w.flush(); err != nil {
		return err
	}
	length, err := w.json(frameTrailer, t)
	if err == nil {
		err = w.write(binary.BigEndian.AppendUint32(nil, uint32(length)))
	}
	if err == nil {
		err = w.write(w.sum.Sum(nil))
	}
	return err
}

// appendRecord writes a record as an entry of a backup file and of the digest:
// its kind, its id and its fields, both with their length before them. Kind 0
// is an id that leads nowhere any more, and has no fields.
func appendRecord(b []byte, kind kg.RecordKind, id kg.ID, fields []byte) []byte {
	b = append(b, byte(kind))
	b = binary.AppendUvarint(b, uint64(len(id)))
	b = append(b, id...)
	if kind == 0 {
		return b
	}
	b = binary.AppendUvarint(b, uint64(len(fields)))
	return append(b, fields...)
}

// appendChange writes an entry of the change log: the revision in 8 bytes, then
// the fields with their length before them.
func appendChange(b []byte, revision kg.Revision, fields []byte) []byte {
	b = binary.BigEndian.AppendUint64(b, uint64(revision))
	b = binary.AppendUvarint(b, uint64(len(fields)))
	return append(b, fields...)
}

// recordEntry is a record as it stands in a file. It is valid until the next.
type recordEntry struct {
	kind   kg.RecordKind
	id     kg.ID
	fields []byte
}

type changeEntry struct {
	revision kg.Revision
	fields   []byte
}

// backupReader reads a backup file from its beginning to its end, and finds out
// on the way whether it is as it was written.
type backupReader struct {
	path string
	Backup
	file *os.File
	in   *bufio.Reader
	sum  hash.Hash
	dec  *zstd.Decoder
	// kind is that of the newest frame, rest what is left of it to read, block
	// all of it.
	kind        byte
	rest, block []byte
	frames      []byte
	read        BackupTrailer
	last        kg.ID
}

// damaged is the error of a file that is not as it was written.
func (r *backupReader) damaged(format string, args ...any) error {
	return damagedBackup(r.path, fmt.Sprintf(format, args...))
}

func damagedBackup(path, why string) error {
	return fmt.Errorf("%s is damaged or cut short (%s); use another copy of it, or a backup made before or after", path, why)
}

// openBackup opens a backup file and reads what it says of itself.
func openBackup(path string) (r *backupReader, err error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			_ = file.Close()
		}
	}()
	info, err := file.Stat()
	if err != nil {
		return nil, err
	}
	if info.IsDir() {
		return nil, fmt.Errorf("%s is a folder, not a backup file", path)
	}
	r = &backupReader{path: path, file: file}
	if err := r.readEnds(file, info.Size()); err != nil {
		return nil, err
	}
	if r.dec, err = zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(maxBlock)); err != nil {
		return nil, err
	}
	if err := r.rewind(); err != nil {
		r.dec.Close()
		return nil, err
	}
	return r, nil
}

// close ends the reading. There is nothing to lose by it.
func (r *backupReader) close() {
	r.dec.Close()
	_ = r.file.Close()
}

// readEnds reads header and trailer of a file of so many bytes. It holds nothing
// against the middle.
func (r *backupReader) readEnds(file io.ReaderAt, size int64) error {
	r.Bytes = size
	magic := make([]byte, len(BackupMagic))
	if _, err := file.ReadAt(magic, 0); err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	if !bytes.Equal(magic, []byte(BackupMagic)) {
		return fmt.Errorf("%s is no backup of Keiretsu, or its beginning is damaged", r.path)
	}
	header, err := r.frameAt(file, int64(len(BackupMagic)), frameHeader)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(header, &r.BackupHeader); err != nil {
		return r.damaged("its header is not understood")
	}
	switch {
	case r.Version > backupVersion || r.Format > formatVersion:
		return fmt.Errorf("%s was written by a newer version of the program (version %d, format %d; this one reads up to %d and %d); restore it with that one",
			r.path, r.Version, r.Format, backupVersion, formatVersion)
	case r.Version < backupVersion || r.Format < formatVersion:
		return fmt.Errorf("%s was written by an older version of the program (version %d, format %d; this one reads %d and %d); restore it with that one",
			r.path, r.Version, r.Format, backupVersion, formatVersion)
	}
	end := make([]byte, endSize)
	if _, err := file.ReadAt(end, size-endSize); err != nil {
		return r.damaged("it has no end")
	}
	trailer, err := r.frameAt(file, size-endSize-int64(binary.BigEndian.Uint32(end)), frameTrailer)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(trailer, &r.BackupTrailer); err != nil {
		return r.damaged("its trailer is not understood")
	}
	return nil
}

// frameAt returns the body of the frame of this kind at the place.
func (r *backupReader) frameAt(file io.ReaderAt, at int64, kind byte) ([]byte, error) {
	name := map[byte]string{frameHeader: "header", frameTrailer: "trailer"}[kind]
	head := make([]byte, frameHead)
	if at < 0 {
		return nil, r.damaged("it has no %s", name)
	}
	if _, err := file.ReadAt(head, at); err != nil || head[0] != kind {
		return nil, r.damaged("it has no %s", name)
	}
	length := int64(binary.BigEndian.Uint32(head[1:]))
	if length > blockSize || at+frameHead+length+frameTail > r.Bytes {
		return nil, r.damaged("its %s is cut short", name)
	}
	frame := make([]byte, frameHead+length+frameTail)
	if _, err := file.ReadAt(frame, at); err != nil {
		return nil, r.damaged("its %s cannot be read", name)
	}
	body, sum := frame[:frameHead+length], frame[frameHead+length:]
	if frameSum(body) != binary.BigEndian.Uint32(sum) {
		return nil, r.damaged("the checksum of its %s does not match", name)
	}
	return body[frameHead:], nil
}

// rewind goes back to the first entry.
func (r *backupReader) rewind() error {
	if _, err := r.file.Seek(0, io.SeekStart); err != nil {
		return err
	}
	r.in = bufio.NewReaderSize(r.file, 1<<18)
	r.sum, r.read, r.last, r.rest = sha256.New(), BackupTrailer{}, "", nil
	if err := r.take(make([]byte, len(BackupMagic))); err != nil {
		return err
	}
	if err := r.next(); err != nil { // the header, which has been read
		return err
	}
	r.rest = nil
	return r.next()
}

// take fills b with what comes next.
func (r *backupReader) take(b []byte) error {
	if _, err := io.ReadFull(r.in, b); err != nil {
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return r.damaged("it ends too early")
		}
		return err
	}
	_, _ = r.sum.Write(b)
	return nil
}

// next reads the next frame.
func (r *backupReader) next() error {
	var head [frameHead]byte
	if err := r.take(head[:]); err != nil {
		return err
	}
	length := int(binary.BigEndian.Uint32(head[1:]))
	if length > maxBlock {
		return r.damaged("a block of %d bytes", length)
	}
	if cap(r.frames) < length+frameTail {
		r.frames = make([]byte, length+frameTail)
	}
	body := r.frames[:length+frameTail]
	if err := r.take(body); err != nil {
		return err
	}
	body, want := body[:length], binary.BigEndian.Uint32(body[length:])
	if crc32.Update(frameSum(head[:]), crc32.MakeTable(crc32.Castagnoli), body) != want {
		return r.damaged("the checksum of a block does not match")
	}
	r.kind = head[0]
	switch r.kind {
	case frameChanges, frameRecords:
		block, err := r.dec.DecodeAll(body, r.block[:0])
		if err != nil || len(block) == 0 {
			return r.damaged("a block cannot be unpacked")
		}
		r.block, r.rest = block, block
		return nil
	case frameHeader, frameTrailer:
		r.rest = nil
		return nil
	}
	return r.damaged("a block of an unknown kind")
}

// within reports that the next entry is in a block of this kind, reading on to
// the next block where one is at its end.
func (r *backupReader) within(kind byte) (bool, error) {
	if len(r.rest) == 0 && (r.kind == frameChanges || r.kind == frameRecords) {
		if err := r.next(); err != nil {
			return false, err
		}
	}
	return r.kind == kind, nil
}

// change returns the next entry of the change log, or nil behind the last.
func (r *backupReader) change() (*changeEntry, error) {
	if here, err := r.within(frameChanges); !here {
		return nil, err
	}
	var c changeEntry
	if len(r.rest) >= 8 {
		c.revision = kg.Revision(binary.BigEndian.Uint64(r.rest))
		r.rest = r.rest[8:]
		if fields, ok := r.bytes(); ok && c.revision == r.From+kg.Revision(r.read.Changes)+1 {
			c.fields = fields
			r.read.Changes++
			return &c, nil
		}
	}
	return nil, r.damaged("an entry of its change log is malformed")
}

// record returns the next record, or nil behind the last.
func (r *backupReader) record() (*recordEntry, error) {
	if here, err := r.within(frameRecords); !here {
		return nil, err
	}
	e := recordEntry{kind: kg.RecordKind(r.rest[0])}
	r.rest = r.rest[1:]
	id, ok := r.bytes()
	e.id = kg.ID(id)
	if ok && e.kind != 0 {
		e.fields, ok = r.bytes()
	}
	if !ok || e.id <= r.last || e.kind == 0 && !r.Increment {
		return nil, r.damaged("a record is malformed")
	}
	r.last = e.id
	if e.kind == 0 {
		r.read.Deleted++
	} else {
		r.read.Records++
	}
	return &e, nil
}

// bytes cuts bytes with their length before them off the block.
func (r *backupReader) bytes() ([]byte, bool) {
	n, size := binary.Uvarint(r.rest)
	if size <= 0 || n > uint64(len(r.rest)-size) {
		return nil, false
	}
	b := r.rest[size : size+int(n)]
	r.rest = r.rest[size+int(n):]
	return b, true
}

// end makes sure that everything has been read and was as it was written.
func (r *backupReader) end() error {
	if r.kind != frameTrailer {
		return r.damaged("its blocks are in the wrong order")
	}
	r.read.Holds, r.read.History, r.read.Checksum = r.Holds, r.History, r.Checksum
	if r.read != r.BackupTrailer {
		return r.damaged("it does not hold what its trailer says")
	}
	if err := r.take(make([]byte, 4)); err != nil {
		return err
	}
	sum := r.sum.Sum(nil)
	found := make([]byte, len(sum))
	if err := r.take(found); err != nil {
		return err
	}
	if !bytes.Equal(sum, found) {
		return r.damaged("its checksum does not match")
	}
	if _, err := r.in.ReadByte(); !errors.Is(err, io.EOF) {
		return r.damaged("there is more behind its end")
	}
	return nil
}

// ReadBackup returns what a backup file says of itself, once all of it has been
// read and is as it was written.
func ReadBackup(path string) (*Backup, error) {
	r, err := openBackup(path)
	if err != nil {
		return nil, err
	}
	defer r.close()
	for {
		c, err := r.change()
		if err != nil {
			return nil, err
		}
		if c == nil {
			break
		}
	}
	for {
		e, err := r.record()
		if err != nil {
			return nil, err
		}
		if e == nil {
			break
		}
	}
	if err := r.end(); err != nil {
		return nil, err
	}
	b := r.Backup
	return &b, nil
}

// Passing looks at a backup that goes by on its way elsewhere, where it cannot be
// read again. Its zero value is ready to be written to.
type Passing struct {
	sum hash.Hash
	// first and last are the ends of what has gone by, in which header and
	// trailer lie; what has left last is in the sum.
	first, last []byte
	bytes       int64
}

// endsKept is how much of each end is kept, far more than header or trailer have.
const endsKept = 16 << 10

// Write takes note of what goes by.
func (p *Passing) Write(b []byte) (int, error) {
	if p.sum == nil {
		p.sum = sha256.New()
	}
	p.bytes += int64(len(b))
	p.first = append(p.first, b[:min(len(b), endsKept-len(p.first))]...)
	p.last = append(p.last, b...)
	if more := len(p.last) - endsKept; more > 0 {
		_, _ = p.sum.Write(p.last[:more])
		p.last = append(p.last[:0], p.last[more:]...)
	}
	return len(b), nil
}

// ReadAt reads from the ends.
func (p *Passing) ReadAt(b []byte, at int64) (int, error) {
	if end := at + int64(len(b)); at >= 0 && end <= int64(len(p.first)) {
		return copy(b, p.first[at:end]), nil
	}
	if from := at - p.bytes + int64(len(p.last)); from >= 0 && from+int64(len(b)) <= int64(len(p.last)) {
		return copy(b, p.last[from:]), nil
	}
	return 0, io.EOF
}

// Backup returns what the backup says of itself, if all of it went by as it was
// written.
func (p *Passing) Backup() (*Backup, error) {
	r := &backupReader{path: "the backup"}
	if err := r.readEnds(p, p.bytes); err != nil {
		return nil, err
	}
	body := len(p.last) - sha256.Size
	_, _ = p.sum.Write(p.last[:body])
	if !bytes.Equal(p.sum.Sum(nil), p.last[body:]) {
		return nil, r.damaged("its checksum does not match")
	}
	return &r.Backup, nil
}

// parseFields reads what appendRecord was given as fields.
func parseFields(e *recordEntry) (kg.Record, error) { return parseHome(e.kind, e.id, e.fields) }

func hexSum(h hash.Hash) string { return hex.EncodeToString(h.Sum(nil)) }
