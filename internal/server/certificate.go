package server

import (
	"crypto/tls"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"sync"
	"time"
)

// Certificate is a TLS certificate with its key, in two files of PEM. When
// either changes, both are read again, so that a renewal needs no restart; files
// that do not fit together, as in the middle of a renewal, leave the certificate
// before them in force. It is safe for concurrent use.
type Certificate struct {
	files [2]string // certificate and key
	log   *slog.Logger
	now   func() time.Time

	mu      sync.Mutex
	current *tls.Certificate
	infos   [2]fs.FileInfo // as they were read last
	looked  time.Time
	failing bool
}

// lookPause is the shortest time between two looks at the files.
const lookPause = time.Second

// OpenCertificate reads a certificate, with the chain up to its issuer behind
// it, and its key.
func OpenCertificate(certFile, keyFile string, log *slog.Logger) (*Certificate, error) {
	c := &Certificate{files: [2]string{certFile, keyFile}, log: log, now: time.Now}
	c.looked = c.now()
	infos, err := c.look()
	if err != nil {
		return nil, fmt.Errorf("the TLS certificate cannot be read: %w", err)
	}
	if err := c.load(infos); err != nil {
		return nil, fmt.Errorf("the TLS certificate %s and the key %s cannot be used: %w", certFile, keyFile, err)
	}
	return c, nil
}

// TLS returns the configuration of a server that shows the certificate: TLS 1.2
// and 1.3, with HTTP/2 where the client can.
func (c *Certificate) TLS() *tls.Config {
	return &tls.Config{
		MinVersion:     tls.VersionTLS12,
		NextProtos:     []string{"h2", "http/1.1"},
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return c.get(), nil },
	}
}

// get returns the certificate as its files have it now.
func (c *Certificate) get() *tls.Certificate {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.now()
	if now.Sub(c.looked) < lookPause {
		return c.current
	}
	c.looked = now
	infos, err := c.look()
	if err == nil {
		if sameFile(infos[0], c.infos[0]) && sameFile(infos[1], c.infos[1]) {
			return c.current
		}
		err = c.load(infos)
	}
	if err != nil {
		if !c.failing {
			c.log.Error("the TLS certificate cannot be read again; the one before it stays in force", slog.Any("error", err))
		}
		c.failing = true
		return c.current
	}
	c.failing = false
	c.log.Info("the TLS certificate was read again", slog.Time("until", c.current.Leaf.NotAfter))
	return c.current
}

func sameFile(a, b fs.FileInfo) bool {
	return os.SameFile(a, b) && a.Size() == b.Size() && a.ModTime().Equal(b.ModTime())
}

func (c *Certificate) look() (infos [2]fs.FileInfo, err error) {
	for i, name := range c.files {
		if infos[i], err = os.Stat(name); err != nil {
			return infos, err
		}
	}
	return infos, nil
}

// load reads the files, which looked like that before.
func (c *Certificate) load(infos [2]fs.FileInfo) error {
	pair, err := tls.LoadX509KeyPair(c.files[0], c.files[1])
	if err != nil {
		return err
	}
	c.current, c.infos = &pair, infos
	return nil
}
