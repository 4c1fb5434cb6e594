package badgerstore

import (
	"errors"
	"fmt"
	"syscall"

	"github.com/dgraph-io/badger/v4"

	"keiretsu/internal/kg"
)

// wrap names the operation that failed and puts an error of the driver or the
// system into one of kg's classes, where there is one. What stays without a
// class is internal.
func wrap(operation string, err error) error {
	if err == nil {
		return nil
	}
	class := classOf(err)
	if class == nil || errors.Is(err, class) {
		return fmt.Errorf("badgerstore: %s: %w", operation, err)
	}
	return fmt.Errorf("badgerstore: %s: %w: %w", operation, class, err)
}

func classOf(err error) error {
	switch {
	case errors.Is(err, badger.ErrTxnTooBig):
		return kg.ErrTooLarge
	case errors.Is(err, badger.ErrDBClosed), errors.Is(err, badger.ErrBlockedWrites):
		return kg.ErrClosed
	case errors.Is(err, badger.ErrConflict):
		return kg.ErrConflict
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return kg.ErrUnavailable
	}
	return nil
}

// missing is the error of a row that another one says exists.
func missing(key []byte) error { return fmt.Errorf("there is no row %s", printKey(key)) }
