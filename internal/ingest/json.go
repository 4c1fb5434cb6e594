package ingest

import (
	"encoding/json"
	"errors"
	"io"
	"iter"
	"slices"
	"strings"
)

// Value is a JSON value of a file, and the line on which it begins.
type Value struct {
	Line int
	JSON json.RawMessage
}

// Values yields the JSON values that a file holds one behind the other, as in
// lines of JSON; of an array its elements. Where a value is an object with a
// member of one of the names in lists that is an array or an object, the members
// of that stand in its place.
//
// What is no JSON is a *Broken, also where the file ends in the middle of a
// value; so is a value that is longer than MaxRecord.
func (in Input) Values(lists ...string) iter.Seq2[Value, error] {
	return func(yield func(Value, error) bool) {
		text := in.Text().Numbered()
		v := &values{in: in, text: text, dec: json.NewDecoder(text), lists: lists, yield: yield}
		for !v.left {
			text.Record()
			err := v.one(true)
			if errors.Is(err, io.EOF) {
				if !v.any {
					yield(Value{}, Brokenf(in.At(1), "the file is empty"))
				}
				return
			}
			if err != nil && !v.left {
				yield(Value{}, v.broken(err))
				return
			}
		}
	}
}

type values struct {
	in    Input
	text  *TextReader
	dec   *json.Decoder
	lists []string
	yield func(Value, error) bool
	// any: the file holds something. left: whoever reads has seen enough.
	any, left bool
}

// one passes on the next value, looking into it where it is a list. At the top
// of the file an end is io.EOF, elsewhere it is unexpected.
func (v *values) one(top bool) error {
	begin, err := v.begin()
	if err != nil {
		return err
	}
	v.any = true
	switch {
	case top && begin == '[':
		return v.members(false)
	case top && begin == '{' && len(v.lists) > 0:
		return v.wrapped()
	}
	return v.emit()
}

// begin returns the first byte of the next value without reading it.
func (v *values) begin() (byte, error) {
	v.dec.More() // reads on, over what separates values
	ahead := v.dec.Buffered()
	for next := make([]byte, 1); ; {
		if n, err := ahead.Read(next); n == 0 {
			if failed := v.text.failed; failed != nil {
				return 0, failed
			}
			return 0, err
		}
		if !strings.ContainsRune(" \t\r\n,:", rune(next[0])) {
			return next[0], nil
		}
	}
}

// emit passes on the next value whole.
func (v *values) emit() error {
	var raw json.RawMessage
	if err := v.dec.Decode(&raw); err != nil {
		return err
	}
	v.pass(raw)
	return nil
}

func (v *values) pass(raw json.RawMessage) {
	line := v.text.Line(v.dec.InputOffset() - int64(len(raw)))
	v.left = v.left || !v.yield(Value{line, raw}, nil)
	v.text.Record()
}

// members passes on the elements of an array, or the values of an object.
func (v *values) members(keyed bool) error {
	if _, err := v.dec.Token(); err != nil {
		return unexpected(err)
	}
	for v.dec.More() && !v.left {
		if keyed {
			if _, err := v.dec.Token(); err != nil {
				return unexpected(err)
			}
		}
		if err := v.emit(); err != nil {
			return unexpected(err)
		}
	}
	if v.left {
		return nil
	}
	_, err := v.dec.Token()
	return unexpected(err)
}

// wrapped looks for a list among the members of an object, and passes the object
// on where it has none.
func (v *values) wrapped() error {
	if _, err := v.dec.Token(); err != nil {
		return unexpected(err)
	}
	offset := v.dec.InputOffset() - 1
	whole := []byte{'{'}
	found := false
	for v.dec.More() && !v.left {
		key, err := v.dec.Token()
		if err != nil {
			return unexpected(err)
		}
		name, _ := key.(string)
		if slices.Contains(v.lists, name) {
			begin, err := v.begin()
			if err != nil {
				return unexpected(err)
			}
			if begin == '[' || begin == '{' {
				found = true
				if err := v.members(begin == '{'); err != nil {
					return err
				}
				continue
			}
		}
		var raw json.RawMessage
		if err := v.dec.Decode(&raw); err != nil {
			return unexpected(err)
		}
		if !found {
			quoted, err := json.Marshal(name)
			if err != nil {
				return err
			}
			if len(whole) > 1 {
				whole = append(whole, ',')
			}
			whole = append(append(append(whole, quoted...), ':'), raw...)
		}
	}
	if v.left {
		return nil
	}
	if _, err := v.dec.Token(); err != nil {
		return unexpected(err)
	}
	if !found {
		v.left = !v.yield(Value{v.text.Line(offset), append(whole, '}')}, nil)
	}
	return nil
}

func unexpected(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// broken says where and why the file is no JSON.
func (v *values) broken(err error) error {
	if _, ok := errors.AsType[*Broken](err); ok {
		return err
	}
	line := v.text.Line(v.dec.InputOffset())
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return Brokenf(v.in.At(line), "the file is cut off: what follows here has no end")
	}
	if syntax, ok := errors.AsType[*json.SyntaxError](err); ok {
		return Brokenf(v.in.At(line), "this is no JSON (%s)", syntax)
	}
	return err
}
