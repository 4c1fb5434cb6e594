package unpack_test

import (
	"archive/zip"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"keiretsu/internal/ingest"
	"keiretsu/internal/ingest/unpack"
)

const text = "one\ntwo\nthree\n"

func gzipped(t *testing.T, content string) string {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := io.WriteString(w, content); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// member is a file of an archive.
type member struct {
	name, content string
	method        uint16
}

func zipped(t *testing.T, members ...member) string {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for _, m := range members {
		f, err := w.CreateHeader(&zip.FileHeader{Name: m.name, Method: m.method})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(f, m.content); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// listed is a zip archive that lists so many files, which are not in it.
func listed(files int) string {
	header := "PK\x01\x02" + strings.Repeat("\x00", 24) + "\x01" + strings.Repeat("\x00", 17) + "a"
	begin := "PK\x03\x04"
	list := strings.Repeat(header, files)
	end := []byte("PK\x05\x06\x00\x00\x00\x00")
	end = binary.LittleEndian.AppendUint16(end, uint16(files))
	end = binary.LittleEndian.AppendUint16(end, uint16(files))
	end = binary.LittleEndian.AppendUint32(end, uint32(len(list)))
	end = binary.LittleEndian.AppendUint32(end, uint32(len(begin)))
	return begin + list + string(end) + "\x00\x00"
}

// read returns what is in a file with this content, by name.
func read(t *testing.T, content string) (map[string]string, error) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "x")
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	files, err := unpack.Files(path, "x")
	if err != nil {
		return nil, err
	}
	got := make(map[string]string)
	for _, f := range files {
		for range 2 { // a file can be read more than once
			r, err := f.Open(t.Context())
			if err != nil {
				return nil, err
			}
			content, err := io.ReadAll(r)
			if err := errors.Join(err, r.Close()); err != nil {
				return nil, err
			}
			got[f.Name] = string(content)
		}
	}
	return got, nil
}

func TestFiles(t *testing.T) {
	cases := map[string]struct {
		content string
		want    map[string]string
	}{
		"plain":                {text, map[string]string{"x": text}},
		"empty":                {"", map[string]string{"x": ""}},
		"one byte":             {"a", map[string]string{"x": "a"}},
		"gzip":                 {gzipped(t, text), map[string]string{"x": text}},
		"gzip behind gzip":     {gzipped(t, text) + gzipped(t, text), map[string]string{"x": text + text}},
		"what zip tools leave": {zipped(t, member{"d/", "", zip.Store}, member{"d/a.csv", text, zip.Deflate}, member{"__MACOSX/d/a.csv", "?", zip.Store}, member{"d/.DS_Store", "?", zip.Store}), map[string]string{"x/d/a.csv": text}},
		"zip of several":       {zipped(t, member{"b", text, zip.Deflate}, member{"a", "plain", zip.Store}), map[string]string{"x/b": text, "x/a": "plain"}},
		"archives in an archive": {
			zipped(t, member{"1/a.zip", zipped(t, member{"d/a", text, zip.Deflate}, member{"b", "plain", zip.Store}), zip.Store}, member{"2/c", text, zip.Store}),
			map[string]string{"x/1/a.zip/d/a": text, "x/1/a.zip/b": "plain", "x/2/c": text},
		},
		"gzip in a zip of files": {zipped(t, member{"a.gz", gzipped(t, text), zip.Store}), map[string]string{"x/a.gz": text}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			got, err := read(t, c.content)
			if diff := cmp.Diff(c.want, got); diff != "" || err != nil {
				t.Errorf("%v (-want +got):\n%s", err, diff)
			}
		})
	}
}

func TestBrokenPackages(t *testing.T) {
	long := strings.Repeat(text, 10_000)
	packed := gzipped(t, long)
	damaged := []byte(gzipped(t, text))
	damaged[len(damaged)-6] ^= 1 // in the checksum
	encrypted := []byte(zipped(t, member{"a", text, zip.Store}))
	for _, at := range []int{6, bytes.Index(encrypted, []byte("PK\x01\x02")) + 8} {
		encrypted[at] |= 1
	}
	changed := bytes.Replace([]byte(zipped(t, member{"a", text, zip.Store})), []byte("two"), []byte("TWO"), 1)
	many := zipped(t, slices.Repeat([]member{{"a", "", zip.Store}}, 5_001)...)
	cases := map[string]struct{ content, want string }{
		"damaged zip":    {string(changed), "x/a: the packed data is damaged; fetch the file again"},
		"cut gzip":       {packed[:len(packed)/2], "x: the packed data is cut off; fetch the file again"},
		"gzip of a stub": {"\x1f\x8b\x08", "x: the packed data is cut off; fetch the file again"},
		"damaged gzip":   {string(damaged), "x: the packed data is damaged; fetch the file again"},
		"no gzip at all": {"\x1f\x8b, they say, is gzip", "x: the packed data is damaged; fetch the file again"},
		"a zip bomb":     {gzipped(t, strings.Repeat("\x00", 24<<20)), "x: it unpacks to more than 250 times its size, as no real file does; if you trust it, unpack it yourself"},
		"cut zip":        {zipped(t, member{"a", long, zip.Deflate})[:60], "x: the zip archive is damaged or cut off: its list of files cannot be read"},
		"many files":     {listed(10_001), "x: the zip archive holds more than 10000 files"},
		"a long list":    {listed(400_000), "x: the zip archive has too long a list of files; put fewer into one"},
		"lists in a zip": {zipped(t, member{"a.zip", listed(400_000), zip.Store}), "x/a.zip: the zip archive has too long a list of files; put fewer into one"},
		"empty zip":      {zipped(t), "x: the zip archive holds no file"},
		"encrypted zip":  {string(encrypted), "x/a: it is encrypted; unpack it first"},
		"bomb in a zip":  {zipped(t, member{"a", strings.Repeat("\x00", 24<<20), zip.Deflate}), "x/a: it unpacks to more than 250 times its size, as no real file does; if you trust it, unpack it yourself"},
		"zip in a zip":   {zipped(t, member{"a.zip", zipped(t, member{"a", text, zip.Store}), zip.Deflate}), "x/a.zip: it is a zip archive in another; unpack that first"},
		"a third zip":    {zipped(t, member{"a.zip", zipped(t, member{"b.zip", zipped(t, member{"c", text, zip.Store}), zip.Store}), zip.Store}), "x/a.zip/b.zip: it is a zip archive in another; unpack that first"},
		"cut zip in one": {zipped(t, member{"a.zip", zipped(t, member{"a", long, zip.Deflate})[:60], zip.Store}), "x/a.zip: the zip archive is damaged or cut off: its list of files cannot be read"},
		"many in two":    {zipped(t, member{"a.zip", many, zip.Store}, member{"b.zip", many, zip.Store}), "x/b.zip: the zip archive holds more than 10000 files"},
		"xz":             {"\xfd7zXZ\x00\x00\x04", "x: it is packed as xz, which is not understood; unpack it, or pack it as gzip or zip"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			_, err := read(t, c.content)
			var broken *ingest.Broken
			if !errors.As(err, &broken) || broken.Error() != c.want {
				t.Errorf("got %v; want %s", err, c.want)
			}
		})
	}
}

func TestNotAFile(t *testing.T) {
	dir := t.TempDir()
	if _, err := unpack.Files(dir, "d"); err == nil || err.Error() != "d is a folder; name the files in it" {
		t.Errorf("a folder: %v", err)
	}
	if _, err := unpack.Files(filepath.Join(dir, "none"), "none"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("nothing: %v", err)
	}
}

func TestReadingStopsWithItsContext(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	files, err := unpack.Files(path, "x")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	r, err := files[0].Open(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	cancel()
	if _, err := io.ReadAll(r); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}
