package gleif

import (
	"bufio"
	"bytes"
	"iter"
	"regexp"

	"keiretsu/internal/ingest"
)

// Format is what GLEIF publishes.
var Format = ingest.Format{
	Name:   "gleif",
	Help:   "LEI records, relationship records and reporting exceptions of GLEIF: golden copy as CSV, XML or JSON",
	Record: func(locator string) string { return locator },
	Read:   Read,
}

// Read yields what stands in a file of GLEIF.
func Read(in ingest.Input) iter.Seq2[ingest.Draft, error] {
	return func(yield func(ingest.Draft, error) bool) {
		w := &writer{in: in}
		date := ""
		for r, err := range records(&in, func(content string) { date = content }) {
			if err != nil {
				if !yield(nil, err) {
					return
				}
				continue
			}
			if isRecord := r.entity != nil || r.relationship != nil || r.exception != nil; isRecord && w.source == "" {
				for _, d := range w.head(r, date) {
					if !yield(d, nil) {
						return
					}
				}
			}
			drafts, wrong := w.drafts(r)
			for _, err := range wrong {
				if !yield(nil, err) {
					return
				}
			}
			for _, d := range drafts {
				if !yield(d, nil) {
					return
				}
			}
		}
	}
}

// records yields the records of a file of any form, which its first characters
// tell. A file that has no first character is left to the reader of text.
func records(in *ingest.Input, head func(date string)) iter.Seq2[record, error] {
	start := bufio.NewReaderSize(in.Reader, 1024)
	in.Reader = start
	peeked, _ := start.Peek(1024) // an error comes again when it is read
	peeked = bytes.TrimLeft(bytes.TrimPrefix(peeked, []byte("\ufeff")), " \t\r\n")
	switch {
	case bytes.HasPrefix(peeked, []byte("<")):
		return readXML(*in, head)
	case bytes.HasPrefix(peeked, []byte("{")) || bytes.HasPrefix(peeked, []byte("[")):
		return readJSON(*in)
	}
	return readCSV(*in)
}

var (
	dayInName   = regexp.MustCompile(`(?:^|\D)(20\d\d)-?([01]\d)-?([0-3]\d)(?:\D|$)`)
	dayInHeader = regexp.MustCompile(`^(\d{4})-(\d{2})-(\d{2})`)
)

// head returns the drafts with which a file begins: what it is, and the words for
// what is measured in it. The date of the content stands in XML, else in the name
// that GLEIF gives its files.
func (w *writer) head(r record, date string) []ingest.Draft {
	at := w.in.At(1)
	set, title := "lei2", "GLEIF: LEI records (level 1)"
	switch {
	case r.relationship != nil:
		set, title = "rr", "GLEIF: relationship records (level 2)"
	case r.exception != nil:
		set, title = "repex", "GLEIF: reporting exceptions"
	}
	source := &ingest.Source{
		At: at, Publisher: at.Text("Global Legal Entity Identifier Foundation"), Kind: at.Text("register"),
		URL: at.Text("https://www.gleif.org/en/lei-data/gleif-golden-copy"), Note: at.Text("CC0 1.0"),
	}
	day := dayInHeader.FindStringSubmatch(date)
	if day == nil {
		day = dayInName.FindStringSubmatch(w.in.Base())
	}
	file := w.in.Base()
	if day != nil {
		file = day[1] + "-" + day[2] + "-" + day[3]
	}
	w.source = ingest.NewID("gleif", set+":"+w.in.Issue(file))
	switch {
	case w.in.Dataset != "":
		title += ", " + w.in.Dataset
		if day != nil {
			source.Updated = at.Text(file)
		}
	case day != nil:
		title += ", " + file
		source.Published = at.Text(file)
	}
	source.ID, source.Title = at.Text(w.source), at.Text(title)
	drafts := []ingest.Draft{source}
	if r.entity != nil {
		drafts = append(drafts,
			&ingest.Metric{At: at, Name: at.Text("founded_date"), Definition: at.Text("When the company was founded."), Unit: at.Text("date"), Default: true},
			&ingest.Metric{At: at, Name: at.Text("dissolved_date"), Definition: at.Text("When the company ceased to exist."), Unit: at.Text("date"), Default: true},
		)
	}
	return drafts
}
