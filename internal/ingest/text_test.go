package ingest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"

	"keiretsu/internal/kg"
)

// linesOf reads all lines as number:text, and how they end.
func linesOf(r io.Reader) (lines []string, err error) {
	for line, err := range (Input{Name: "f", Reader: r}).Lines() {
		if err != nil {
			return lines, err
		}
		lines = append(lines, fmt.Sprintf("%d:%s", line.Number, line.Text))
	}
	return lines, nil
}

func TestLines(t *testing.T) {
	long := strings.Repeat("x", 100_000)
	cases := map[string]struct{ text, want, problem string }{
		"ends of every kind":   {"a\r\nb\n\nc", "1:a 2:b 3: 4:c", ""},
		"a last end":           {"a\nb\n", "1:a 2:b", ""},
		"byte order mark":      {"\xef\xbb\xbfa\nb", "1:a 2:b", ""},
		"longer than a buffer": {"a\n" + long + "\nb", "1:a 2:" + long + " 3:b", ""},
		"empty":                {"", "", "f:1: the file is empty"},
		"UTF-16":               {"\xff\xfea\x00", "", "f:1: the file is UTF-16; convert it, for example with iconv -f utf-16 -t utf-8"},
		"Latin-1":              {"a\nM\xfcller\n", "1:a", "f:2: the line is not UTF-8; convert the file, for example with iconv -f latin1 -t utf-8"},
		"no text":              {"a\x00b", "", "f:1: the file is no text"},
		"zeroes further on":    {"a\n" + long + "\n\x00", "1:a 2:" + long, "f:3: the line holds zero bytes: the file is damaged or no text"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			for _, r := range []io.Reader{strings.NewReader(c.text), iotest.OneByteReader(strings.NewReader(c.text))} {
				got, err := linesOf(r)
				if strings.Join(got, " ") != c.want {
					t.Errorf("lines are %.200q; want %.200q", got, c.want)
				}
				var broken *Broken
				if c.problem == "" && err != nil || c.problem != "" && (!errors.As(err, &broken) || err.Error() != c.problem || !errors.Is(err, kg.ErrInvalid)) {
					t.Errorf("ends in %v; want %q", err, c.problem)
				}
			}
		})
	}
}

// TestLinesAreBounded: a line without end is refused once it is too long.
func TestLinesAreBounded(t *testing.T) {
	_, err := linesOf(io.MultiReader(strings.NewReader("a\n"), io.LimitReader(forever{}, 2*MaxRecord)))
	if want := "f:2: the line is longer than 64 MiB; no record of this format is"; err == nil || err.Error() != want {
		t.Errorf("ends in %v; want %s", err, want)
	}
}

type forever struct{}

func (forever) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = 'x'
	}
	return len(p), nil
}

// TestReadingFails: what the input fails with comes through, with the line.
func TestReadingFails(t *testing.T) {
	failure := errors.New("the cable was pulled")
	fails := func() io.Reader { return io.MultiReader(strings.NewReader("a\nb\n"), iotest.ErrReader(failure)) }
	if _, err := linesOf(iotest.OneByteReader(fails())); !errors.Is(err, failure) || !strings.HasPrefix(err.Error(), "f:1: ") && !strings.HasPrefix(err.Error(), "f:3: ") {
		t.Errorf("lines end in %v", err)
	}
	if _, err := io.ReadAll((Input{Name: "f", Reader: fails()}).Text()); !errors.Is(err, failure) {
		t.Errorf("text ends in %v", err)
	}
}

func TestTextKnowsLines(t *testing.T) {
	text := (Input{Name: "f", Reader: strings.NewReader("\xef\xbb\xbf[\n1,\n\n  \"é\",\n3]")}).Text().Numbered()
	d := json.NewDecoder(iotest.OneByteReader(text))
	want := []int{1, 2, 4, 5}
	for i := 0; i < len(want); i++ {
		if _, err := d.Token(); err != nil {
			t.Fatal(err)
		}
		if got := text.Line(d.InputOffset() - 1); got != want[i] {
			t.Errorf("token %d is in line %d; want %d", i, got, want[i])
		}
	}
}

// TestTextForgetsLines: what is read of a file of any length is not kept.
func TestTextForgetsLines(t *testing.T) {
	text := (Input{Name: "f", Reader: io.LimitReader(lineFeeds{}, 16<<20)}).Text()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	if n, err := io.Copy(io.Discard, text); n != 16<<20 || err != nil {
		t.Fatalf("%d bytes, %v", n, err)
	}
	runtime.ReadMemStats(&after)
	if grown := after.TotalAlloc - before.TotalAlloc; grown > 8<<20 {
		t.Errorf("%d MiB for 16 million lines", grown>>20)
	}
}

// lineFeeds is a text of empty lines without an end.
type lineFeeds struct{}

func (lineFeeds) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = '\n'
	}
	return len(p), nil
}

func TestTextIsUTF8(t *testing.T) {
	cases := map[string]struct{ text, problem string }{
		"characters cut by reads": {"aé\n阿里\n", ""},
		"Latin-1":                 {"a\nM\xfcller", "f:2: the line is not UTF-8; convert the file, for example with iconv -f latin1 -t utf-8"},
		"cut in a character":      {"a\n\n\xe9\x98", "f:3: the line is not UTF-8; convert the file, for example with iconv -f latin1 -t utf-8"},
		"a line feed inside one":  {"\xe9\n", "f:1: the line is not UTF-8; convert the file, for example with iconv -f latin1 -t utf-8"},
		"a zero byte":             {strings.Repeat("a\n", 5000) + "b\x00c\n", "f:5001: the line holds zero bytes: the file is damaged or no text"},
		"empty":                   {"", "f:1: the file is empty"},
		"UTF-16 without a mark":   {"{\x00\"\x00a\x00", "f:1: the file is UTF-16; convert it, for example with iconv -f utf-16le -t utf-8"},
		"UTF-16, the other way":   {"\x00{\x00\"\x00a", "f:1: the file is UTF-16; convert it, for example with iconv -f utf-16be -t utf-8"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			for _, r := range []io.Reader{strings.NewReader(c.text), iotest.OneByteReader(strings.NewReader(c.text))} {
				got, err := io.ReadAll((Input{Name: "f", Reader: r}).Text())
				if c.problem != "" && (err == nil || err.Error() != c.problem) || c.problem == "" && (err != nil || !bytes.Equal(got, []byte(c.text))) {
					t.Errorf("got %q, %v; want %q", got, err, c.problem)
				}
			}
		})
	}
}

func TestBaseOfInputs(t *testing.T) {
	for name, want := range map[string]string{
		"-": "stdin", "a/b/20240101-lei2.csv.gz": "20240101-lei2", "x.zip/rr.xml": "rr", `c:\x\y.json`: "y", ".hidden": ".hidden", "plain": "plain",
	} {
		if got := (Input{Name: name}).Base(); got != want {
			t.Errorf("Base of %s is %s; want %s", name, got, want)
		}
	}
}
