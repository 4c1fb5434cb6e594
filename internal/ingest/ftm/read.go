package ftm

import (
	"bufio"
	"cmp"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"iter"
	"os"
	"strings"

	"keiretsu/internal/ingest"
)

// Format is FollowTheMoney.
var Format = ingest.Format{
	Name:   "ftm",
	Help:   "entities of FollowTheMoney, as of OpenSanctions and Aleph: one JSON object a line, or lines of changes",
	Record: func(locator string) string { return locator },
	Read:   Read,
}

// entity is one line.
type entity struct {
	ID         string              `json:"id"`
	Schema     string              `json:"schema"`
	Caption    string              `json:"caption"`
	Properties map[string][]string `json:"properties"`

	// Op and Entity are those of a line of changes.
	Op     string  `json:"op"`
	Entity *entity `json:"entity"`
}

// values returns the values of properties, without spaces around and without
// empty ones.
func (e *entity) values(properties ...string) []string {
	var all []string
	for _, p := range properties {
		for _, v := range e.Properties[p] {
			if v = strings.Join(strings.Fields(v), " "); v != "" {
				all = append(all, v)
			}
		}
	}
	return all
}

// Read yields what stands in a file of entities: first the things, then what
// joins them, since what joins a thing that is not taken is not taken either. The
// latter wait in a temporary file.
func Read(in ingest.Input) iter.Seq2[ingest.Draft, error] {
	return func(yield func(ingest.Draft, error) bool) {
		w := &writer{in: in, source: ingest.NewID("ftm", in.Issue("file:"+in.Base())), others: make(map[uint64]string)}
		s := &spool{}
		defer s.close()
		began := false
		pass := func(at ingest.Position, drafts []ingest.Draft, wrong []string) bool {
			for _, reason := range wrong {
				if !yield(nil, ingest.Problemf(at, "%s", reason)) {
					return false
				}
			}
			if len(drafts) > 0 && !began {
				began = true
				drafts = append(w.head(), drafts...)
			}
			for _, d := range drafts {
				if !yield(d, nil) {
					return false
				}
			}
			return true
		}
		for v, err := range in.Values() {
			if err != nil {
				yield(nil, err)
				return
			}
			at := in.At(v.Line)
			e, wrong := parse(v.JSON)
			if e != nil && e.Op == "DEL" && in.Dataset == "" {
				e, wrong = nil, fmt.Sprintf("the entity %.80q is deleted; import the file as an issue of a data set to take back what earlier ones said of it", e.ID)
			}
			if e == nil {
				if !pass(at, nil, []string{wrong}) {
					return
				}
				continue
			}
			if in.Dataset != "" && !pass(at, []ingest.Draft{&ingest.Record{At: at, Source: at.Text(w.source), Locator: e.ID}}, nil) {
				return
			}
			if e.Op == "DEL" {
				continue
			}
			if _, joins := links[e.Schema]; joins {
				if err := s.add(v); err != nil {
					yield(nil, fmt.Errorf("%s: keep lines on the disk: %w", in.Name, err))
					return
				}
				continue
			}
			drafts, problems := w.thing(at, e)
			if !pass(at, drafts, problems) {
				return
			}
		}
		for v, err := range s.all() {
			if err != nil {
				yield(nil, fmt.Errorf("%s: read lines from the disk: %w", in.Name, err))
				return
			}
			at := in.At(v.Line)
			e, _ := parse(v.JSON)
			drafts, problems := w.link(at, e)
			if !pass(at, drafts, problems) {
				return
			}
		}
	}
}

// parse reads a line: an entity, with the Op of a line of changes; where it is none of the format, it says why.
func parse(b json.RawMessage) (*entity, string) {
	var e entity
	if err := json.Unmarshal(b, &e); err != nil {
		if t, ok := errors.AsType[*json.UnmarshalTypeError](err); ok && t.Field != "" {
			return nil, fmt.Sprintf("this is no entity of FollowTheMoney: %.60s is a %s; values of properties are arrays of strings", t.Field, t.Value)
		}
		return nil, "this is no entity of FollowTheMoney"
	}
	if e.Op != "" || e.Entity != nil {
		if e.Entity == nil || e.Op != "ADD" && e.Op != "MOD" && e.Op != "DEL" {
			return nil, fmt.Sprintf("this is no change of FollowTheMoney: the operation is %.20q; expected ADD, MOD or DEL, and an entity", e.Op)
		}
		op := e.Op
		e = *e.Entity
		e.Op = op
	}
	if e.ID == "" || e.Schema == "" && e.Op != "DEL" {
		return nil, "this is no entity of FollowTheMoney: it lacks an id or a schema"
	}
	return &e, ""
}

// writer makes drafts of entities.
type writer struct {
	in     ingest.Input
	source string
	// others are the schemata of things that are not taken, by hashes of their ids.
	others map[uint64]string
}

func hashOf(id string) uint64 {
	h := fnv.New64a()
	_, _ = io.WriteString(h, id)
	return h.Sum64()
}

// head says what the file is, and what is measured in it.
func (w *writer) head() []ingest.Draft {
	at := w.in.At(1)
	drafts := []ingest.Draft{&ingest.Source{
		At: at, ID: at.Text(w.source), Title: at.Text("FollowTheMoney entities: " + cmp.Or(w.in.Dataset, w.in.Base())), Kind: at.Text("data set"),
	}}
	for _, m := range []struct{ name, definition string }{
		{"founded_date", "When the company was founded."},
		{"dissolved_date", "When the company ceased to exist."},
		{"birth_date", "When the person was born."},
		{"death_date", "When the person died."},
	} {
		drafts = append(drafts, &ingest.Metric{At: at, Name: at.Text(m.name), Definition: at.Text(m.definition), Unit: at.Text("date"), Default: true})
	}
	return drafts
}

// spool keeps values on the disk until their turn comes.
type spool struct {
	file *os.File
	w    *bufio.Writer
}

func (s *spool) add(v ingest.Value) error {
	if s.file == nil {
		file, err := os.CreateTemp("", "keiretsu-ftm-")
		if err != nil {
			return err
		}
		s.file, s.w = file, bufio.NewWriterSize(file, 1<<18)
	}
	head := binary.AppendUvarint(binary.AppendUvarint(nil, uint64(v.Line)), uint64(len(v.JSON)))
	if _, err := s.w.Write(head); err != nil {
		return err
	}
	_, err := s.w.Write(v.JSON)
	return err
}

func (s *spool) all() iter.Seq2[ingest.Value, error] {
	return func(yield func(ingest.Value, error) bool) {
		if s.file == nil {
			return
		}
		err := s.w.Flush()
		if err == nil {
			_, err = s.file.Seek(0, io.SeekStart)
		}
		r := bufio.NewReaderSize(s.file, 1<<18)
		for err == nil {
			var line, size uint64
			if line, err = binary.ReadUvarint(r); errors.Is(err, io.EOF) {
				return
			}
			if err == nil {
				size, err = binary.ReadUvarint(r)
			}
			v := ingest.Value{Line: int(line), JSON: make(json.RawMessage, size)}
			if err == nil {
				_, err = io.ReadFull(r, v.JSON)
			}
			if err == nil && !yield(v, nil) {
				return
			}
		}
		yield(ingest.Value{}, err)
	}
}

func (s *spool) close() {
	if s.file != nil {
		_ = s.file.Close()
		_ = os.Remove(s.file.Name())
	}
}
