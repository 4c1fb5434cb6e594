package server

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// writeCertificate writes a certificate for 127.0.0.1 with that name, and its
// key.
func writeCertificate(t *testing.T, certFile, keyFile, name string) *x509.CertPool {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	for file, block := range map[string]*pem.Block{certFile: {Type: "CERTIFICATE", Bytes: der}, keyFile: {Type: "PRIVATE KEY", Bytes: keyDER}} {
		if err := os.WriteFile(file+".next", pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(file+".next", file); err != nil {
			t.Fatal(err)
		}
	}
	parsed, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(parsed)
	return pool
}

func TestCertificateIsReadAgain(t *testing.T) {
	folder := t.TempDir()
	certFile, keyFile := filepath.Join(folder, "cert.pem"), filepath.Join(folder, "key.pem")
	writeCertificate(t, certFile, keyFile, "first")
	var log bytes.Buffer
	c, err := OpenCertificate(certFile, keyFile, slog.New(slog.NewTextHandler(&log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	clock := time.Now()
	c.now = func() time.Time { return clock }
	shown := func() string {
		clock = clock.Add(lookPause)
		return c.get().Leaf.Subject.CommonName
	}
	if got := shown(); got != "first" {
		t.Fatalf("it shows %s", got)
	}
	writeCertificate(t, certFile, keyFile, "second")
	if got := c.get().Leaf.Subject.CommonName; got != "first" {
		t.Errorf("it looked twice within %s and shows %s", lookPause, got)
	}
	if got := shown(); got != "second" {
		t.Errorf("after the renewal it shows %s", got)
	}
	whole, err := os.ReadFile(keyFile)
	if err != nil {
		t.Fatal(err)
	}
	for name, spoil := range map[string]func() error{
		"key of another":  func() error { writeCertificate(t, filepath.Join(folder, "other.pem"), keyFile, "other"); return nil },
		"key cut":         func() error { return os.WriteFile(keyFile, whole[:len(whole)/2], 0o600) },
		"key gone":        func() error { return os.Remove(keyFile) },
		"no certificate ": func() error { return os.WriteFile(certFile, nil, 0o600) },
	} {
		if err := spoil(); err != nil {
			t.Fatal(err)
		}
		for range 3 {
			if got := shown(); got != "second" {
				t.Errorf("%s: it shows %s", name, got)
			}
		}
	}
	if n := strings.Count(log.String(), "cannot be read again"); n != 1 {
		t.Errorf("%d lines say that it cannot be read, want 1:\n%s", n, &log)
	}
	writeCertificate(t, certFile, keyFile, "third")
	if got := shown(); got != "third" {
		t.Errorf("after the repair it shows %s", got)
	}
}

func TestCertificateThatCannotBeUsed(t *testing.T) {
	folder := t.TempDir()
	certFile, keyFile, other := filepath.Join(folder, "cert.pem"), filepath.Join(folder, "key.pem"), filepath.Join(folder, "other.pem")
	writeCertificate(t, certFile, keyFile, "first")
	writeCertificate(t, filepath.Join(folder, "x.pem"), other, "other")
	for name, files := range map[string][2]string{
		"no file":         {certFile, filepath.Join(folder, "none.pem")},
		"another's key":   {certFile, other},
		"exchanged":       {keyFile, certFile},
		"a folder of pem": {folder, keyFile},
	} {
		if _, err := OpenCertificate(files[0], files[1], slog.Default()); err == nil || !strings.Contains(err.Error(), folder) {
			t.Errorf("%s: error %v", name, err)
		}
	}
}

func TestServesTLS(t *testing.T) {
	folder := t.TempDir()
	certFile, keyFile := filepath.Join(folder, "cert.pem"), filepath.Join(folder, "key.pem")
	pool := writeCertificate(t, certFile, keyFile, "first")
	certificate, err := OpenCertificate(certFile, keyFile, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	r := run(t, func(c *Config) { c.TLS = certificate.TLS() })
	defer func() {
		r.stop()
		if err := <-r.stopped; err != nil {
			t.Error(err)
		}
	}()
	address := strings.Replace(r.url, "http://", "https://", 1)
	get := func(change func(*tls.Config)) (*http.Response, error) {
		config := &tls.Config{RootCAs: pool}
		change(config)
		transport := &http.Transport{TLSClientConfig: config, ForceAttemptHTTP2: true}
		defer transport.CloseIdleConnections()
		req, err := http.NewRequestWithContext(context.Background(), http.MethodGet, address+"/healthz", nil)
		if err != nil {
			t.Fatal(err)
		}
		answer, err := (&http.Client{Transport: transport}).Do(req)
		if err == nil {
			_, err = io.Copy(io.Discard, answer.Body)
			answer.Body.Close()
		}
		return answer, err
	}
	for name, test := range map[string]struct {
		change func(*tls.Config)
		want   uint16 // version, 0 for none
	}{
		"newest":  {func(*tls.Config) {}, tls.VersionTLS13},
		"TLS 1.2": {func(c *tls.Config) { c.MaxVersion = tls.VersionTLS12 }, tls.VersionTLS12},
		"TLS 1.1": {func(c *tls.Config) { c.MinVersion, c.MaxVersion = tls.VersionTLS10, tls.VersionTLS11 }, 0},
	} {
		t.Run(name, func(t *testing.T) {
			answer, err := get(test.change)
			if test.want == 0 {
				if err == nil {
					t.Errorf("version %x was accepted", answer.TLS.Version)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if answer.TLS.Version != test.want || answer.StatusCode != 200 || answer.ProtoMajor != 2 {
				t.Errorf("TLS %x, status %d, %s", answer.TLS.Version, answer.StatusCode, answer.Proto)
			}
			if got := answer.Header.Get("Strict-Transport-Security"); got != "max-age=31536000" {
				t.Errorf("Strict-Transport-Security %q", got)
			}
		})
	}
	if resp, err := r.client.Get(r.url + "/healthz"); err == nil {
		resp.Body.Close()
		if resp.StatusCode != 400 {
			t.Errorf("plain http: status %d", resp.StatusCode)
		}
	}
}
