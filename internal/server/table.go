package server

import (
	"bufio"
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"
)

// The addresses at which answers are tables.
const (
	csvPath    = "/graphql.csv"
	ndjsonPath = "/graphql.ndjson"
)

// MoreHeader is the HTTP header that lists the paths of the lists of which a table
// holds a page and not the end: half of a list looks like a whole one.
const MoreHeader = "Keiretsu-More"

// maxCells bounds a table: many lists side by side have many rows and columns,
// and few cells with anything in them.
const maxCells = 4_000_000

// tableTransport answers queries with a table, as CSV (RFC 4180) or as a JSON
// object a line. An answer with errors is no table: half of one looks like a
// whole one.
type tableTransport struct{ *hub }

var _ graphql.Transport = tableTransport{}

// Supports reports whether the request asks for a table.
func (tableTransport) Supports(r *http.Request) bool {
	return r.URL.Path == csvPath || r.URL.Path == ndjsonPath
}

// Do answers one request.
func (t tableTransport) Do(w http.ResponseWriter, r *http.Request, exec graphql.GraphExecutor) {
	ctx, cancel := context.WithTimeout(r.Context(), t.timeout)
	defer cancel()
	w.Header().Set("Cache-Control", "no-store")
	begun := t.metrics.begin()
	req := requestFrom(ctx)
	done := sync.OnceFunc(func() { begun(req.operation, req.code) })
	defer done()

	params, wrong := t.read(w, r)
	if wrong != nil {
		t.reject(ctx, w, wrong)
		return
	}
	var shape *table
	response, wrong := t.answer(ctx, exec, params, way{
		mutations: true,
		seen: func(op *graphql.OperationContext) *problem {
			if op.Operation.Operation != ast.Query {
				return &problem{http.StatusBadRequest, codeBadUserInput, "only queries are answered with a table; send everything else to /graphql"}
			}
			shape = newTable(op.Operation)
			own := *op.Operation
			own.SelectionSet = askPages(own.SelectionSet)
			op.Operation = &own
			return nil
		},
	})
	if wrong != nil {
		if wrong.status == http.StatusServiceUnavailable {
			retryAfter(w, time.Second)
		}
		t.reject(ctx, w, wrong)
		return
	}
	if len(response.Errors) > 0 {
		response.Data = nil
		t.write(ctx, w, mediaResponse, response)
		return
	}
	var data map[string]any
	if err := decode(response.Data, &data); err != nil {
		t.reject(ctx, w, &problem{http.StatusInternalServerError, codeInternal, "the answer could not be made a table"})
		return
	}
	cells := 0
	shape.rows(data, func(row []any) bool {
		cells += len(row)
		return cells <= maxCells
	})
	if cells > maxCells {
		t.reject(ctx, w, &problem{http.StatusBadRequest, codeTooLarge, "the table would have more than " + strconv.Itoa(maxCells) + " cells: ask for smaller pages, fewer fields, or fewer lists side by side"})
		return
	}
	req.code = "OK"
	if cut := shape.cut(data); len(cut) > 0 {
		w.Header().Set(MoreHeader, strings.Join(cut, ", "))
	}
	name := "table"
	if op := req.operation; op != "anonymous" {
		name = op
	}
	if r.URL.Path == csvPath {
		w.Header().Set("Content-Type", "text/csv; charset=utf-8; header=present")
		w.Header().Set("Content-Disposition", `attachment; filename="`+name+`.csv"`)
		_ = writeCSV(w, shape, data) // a client that left is no error of ours
		return
	}
	w.Header().Set("Content-Type", "application/x-ndjson; charset=utf-8")
	w.Header().Set("Content-Disposition", `attachment; filename="`+name+`.ndjson"`)
	_ = writeNDJSON(w, shape, data)
}

// writeCSV writes a line of column names, and one for each row.
func writeCSV(w io.Writer, shape *table, data map[string]any) error {
	out := csv.NewWriter(w)
	out.UseCRLF = true
	if err := out.Write(shape.columns); err != nil {
		return err
	}
	line := make([]string, len(shape.columns))
	var err error
	shape.rows(data, func(cells []any) bool {
		for i, cell := range cells {
			line[i] = cellText(cell)
		}
		err = out.Write(line)
		return err == nil
	})
	out.Flush()
	if err == nil {
		err = out.Error()
	}
	return err
}

// writeNDJSON writes an object for each row, with all columns in their order.
func writeNDJSON(w io.Writer, shape *table, data map[string]any) error {
	out := bufio.NewWriter(w)
	keys := make([][]byte, len(shape.columns))
	for i, name := range shape.columns {
		keys[i], _ = json.Marshal(name) // a string
	}
	var line bytes.Buffer
	var err error
	shape.rows(data, func(cells []any) bool {
		line.Reset()
		line.WriteByte('{')
		for i, cell := range cells {
			if i > 0 {
				line.WriteByte(',')
			}
			line.Write(keys[i])
			line.WriteByte(':')
			text, _ := json.Marshal(cell) // it was JSON
			line.Write(text)
		}
		line.WriteString("}\n")
		_, err = out.Write(line.Bytes())
		return err == nil
	})
	if err == nil {
		err = out.Flush()
	}
	return err
}
