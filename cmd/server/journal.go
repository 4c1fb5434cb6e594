package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"time"

	"keiretsu/internal/control"
	"keiretsu/internal/ingest"
	"keiretsu/internal/kg"
)

// journal is the file of the data folder that keeps how far an import has come:
// a line that says which, and one for each step. It goes when the import is done.
type journal struct {
	file *os.File
	// steps are all that were kept.
	steps []ingest.Step
}

// journaled says which import a journal belongs to.
type journaled struct {
	Format string          `json:"format"`
	Files  []journaledFile `json:"files"`
	// Mapping is what the columns of a table mean.
	Mapping string `json:"mapping,omitempty"`
	// Dataset and Complete are those of the request.
	Dataset  string `json:"dataset,omitempty"`
	Complete bool   `json:"complete,omitempty"`
}

type journaledFile struct {
	Name     string    `json:"name"`
	Size     int64     `json:"size"`
	Modified time.Time `json:"modified"`
}

func (f *folder) journal() string { return filepath.Join(f.Data, "import.journal") }

// openJournal begins a journal, or goes on with one.
func openJournal(path string, q control.ImportRequest) (*journal, error) {
	which := journaled{Format: q.Format, Mapping: q.Mapping, Dataset: q.Dataset, Complete: q.Complete}
	for _, file := range q.Files {
		info, err := os.Stat(file.Path)
		if err != nil {
			return nil, err
		}
		which.Files = append(which.Files, journaledFile{file.Name, info.Size(), info.ModTime().UTC()})
	}
	if q.Resume {
		j, err := resumeJournal(path, which)
		if !errors.Is(err, fs.ErrNotExist) {
			return j, err
		}
		// The last import came to its end, or none has begun: this one begins.
	}
	file, err := os.OpenFile(path, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	j := &journal{file: file}
	if err := j.put(which); err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return j, nil
}

// resumeJournal opens the journal of an import that was interrupted.
func resumeJournal(path string, which journaled) (*journal, error) {
	file, err := os.OpenFile(path, os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	j := &journal{file: file}
	var before journaled
	good, err := j.read(&before)
	if err == nil && !reflect.DeepEqual(before, which) {
		err = kg.Invalidf("", "the import that was interrupted was another, or its files have changed since; run it without --resume, which passes over what is known already")
	}
	if err == nil {
		// A line that was cut short is written again.
		err = file.Truncate(good)
	}
	if err == nil {
		_, err = file.Seek(good, io.SeekStart)
	}
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return j, nil
}

// read reads everything, and returns where the last complete line ends.
func (j *journal) read(which *journaled) (good int64, err error) {
	lines := bufio.NewReader(j.file)
	for n := 0; ; n++ {
		text, err := lines.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			return good, nil
		}
		if err != nil {
			return 0, err
		}
		var s ingest.Step
		into := any(&s)
		if n == 0 {
			into = which
		}
		if err := json.Unmarshal(bytes.TrimSpace(text), into); err != nil {
			return 0, kg.Invalidf("", "%s is damaged; run the import without --resume, which passes over what is known already", filepath.Base(j.file.Name()))
		}
		if n > 0 {
			j.steps = append(j.steps, s)
		}
		good += int64(len(text))
	}
}

func (j *journal) note(s ingest.Step) error {
	j.steps = append(j.steps, s)
	return j.put(s)
}

func (j *journal) put(v any) error {
	text, err := json.Marshal(v)
	if err != nil {
		return err
	}
	if _, err = j.file.Write(append(text, '\n')); err != nil {
		return fmt.Errorf("the journal of the import: %w", err)
	}
	return nil
}

// close closes the journal, and removes it where the import is complete or has not
// begun.
func (j *journal) close(complete bool) error {
	err := j.file.Close()
	if complete || len(j.steps) == 0 {
		err = errors.Join(err, os.Remove(j.file.Name()))
	}
	return err
}
