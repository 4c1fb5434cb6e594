package badgerstore

import (
	"errors"
	"fmt"
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

// The least lengths of files that Badger fills when it makes them.
const (
	valueLogHead = 20
	registrySize = 28
)

// checkKept looks at the value log and the key registry, of which Badger needs
// the first bytes.
func (f findings) checkKept(dir string) error {
	for _, name := range f.files {
		if filepath.Ext(name) != valueLogEnding {
			continue
		}
		info, err := os.Stat(filepath.Join(dir, name))
		if err != nil {
			return err
		}
		// One without length was left by a crash, and is taken away (settle).
		if size := info.Size(); size > 0 && size < valueLogHead {
			return cutOff("the value log "+name, size)
		}
	}
	info, err := os.Stat(filepath.Join(dir, badger.KeyRegistryFileName))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil // nothing is encrypted, and Badger makes another
	case err == nil && info.Size() < registrySize:
		return cutOff("its "+badger.KeyRegistryFileName, info.Size())
	}
	return err
}

func cutOff(what string, size int64) error {
	return fmt.Errorf("%s is damaged (it has only %d bytes); restore the folder from a backup", what, size)
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
