package badgerstore

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/dgraph-io/badger/v4"
	"github.com/dgraph-io/badger/v4/options"
	"github.com/dgraph-io/badger/v4/table"
	"github.com/dgraph-io/badger/v4/y"
	"github.com/dgraph-io/ristretto/v2/z"
)

// belongs makes sure of what Badger would find out too late: when it has begun
// to change the folder, in the middle of opening it. It touches nothing.
func (f findings) belongs(dir string, s standing) error {
	if !f.manifest {
		return nil
	}
	if err := f.checkKept(dir); err != nil {
		return err
	}
	tables, err := readManifest(dir)
	if err != nil {
		return err
	}
	for id, m := range tables {
		owner, found, err := ownerOf(table.NewFilename(id, dir), m)
		if err != nil {
			return err
		}
		if found && owner != s.store {
			return fmt.Errorf("its %s belongs to another store; restore the folder from a backup", markName)
		}
	}
	return nil
}

// What Badger fills when it makes a file: the head of a log, which begins with
// the number of the key that encrypts it, and the key registry. Nothing is
// encrypted, so that number is 0.
const (
	registrySize = 28
	keyNumber    = 8
)

// checkKept looks at the heads of logs, and at the key registry.
func (f findings) checkKept(dir string) error {
	for _, name := range f.files {
		if filepath.Ext(name) == ".sst" {
			continue
		}
		head, err := headOf(filepath.Join(dir, name))
		switch {
		case err != nil:
			return err
		case len(head) == 0:
			// A crash has left it, and it is taken away (settle).
		case len(head) < logHeader:
			return fmt.Errorf("the log %s is damaged (it has only %d bytes); restore the folder from a backup", name, len(head))
		case !bytes.Equal(head[:keyNumber], make([]byte, keyNumber)):
			return fmt.Errorf("the log %s is damaged (its head is not one of ours); restore the folder from a backup", name)
		}
	}
	info, err := os.Stat(filepath.Join(dir, badger.KeyRegistryFileName))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil // Badger makes another
	case err == nil && info.Size() < registrySize:
		return fmt.Errorf("its %s is damaged (it has only %d bytes); restore the folder from a backup", badger.KeyRegistryFileName, info.Size())
	}
	return err
}

// headOf returns the first bytes of a log, fewer where it has no more.
func headOf(path string) ([]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	head := make([]byte, logHeader)
	n, err := io.ReadFull(file, head)
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		err = nil
	}
	return head[:n], err
}

// ownerOf returns the store that a sound table says it is of. Only one table
// says so, the one that holds the row.
func ownerOf(path string, m badger.TableManifest) (store uint64, found bool, err error) {
	file, err := z.OpenMmapFile(path, os.O_RDONLY, 0)
	if err != nil {
		return 0, false, err
	}
	defer func() { _ = file.Close(-1) }()
	t, err := table.OpenTable(file, table.Options{ReadOnly: true, BlockSize: 4 << 10, Compression: m.Compression, ChkMode: options.NoVerification})
	if err != nil {
		return 0, false, err
	}
	key := metaRows.key(textOf(identityName))
	if slices.Compare(y.ParseKey(t.Smallest()), key) > 0 || slices.Compare(y.ParseKey(t.Biggest()), key) < 0 {
		return 0, false, nil
	}
	it := t.NewIterator(0)
	defer it.Close()
	it.Seek(y.KeyWithTs(key, latest.timestamp))
	if !it.Valid() || !slices.Equal(y.ParseKey(it.Key()), key) {
		return 0, false, nil
	}
	d := newDecoder(it.Value().Value)
	who := d.identity()
	return who.store, d.finish() == nil, nil
}
