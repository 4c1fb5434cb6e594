package reconcile

import (
	"context"
	"html/template"
	"net/http"
	"strings"

	"keiretsu/internal/kg"
)

// The size of a preview, in pixels.
const (
	previewWidth  = 420
	previewHeight = 260
)

var previewPage = template.Must(template.New("preview").Parse(`<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{{.Name}}</title>
<style>body{font:14px/1.4 system-ui,sans-serif;margin:12px;color:#1c2430}h1{font-size:17px;margin:0 0 2px}p{margin:0 0 8px;color:#5a6472}dt{font-weight:600;float:left;clear:left;width:9em}dd{margin:0 0 3px 9.5em}</style></head>
<body><h1>{{.Name}}</h1><p>{{.Kind}} · {{.ID}}</p><dl>{{range .Lines}}<dt>{{.Label}}</dt><dd>{{.Text}}</dd>{{end}}</dl></body></html>
`))

// previewPolicy lets others show the page in a frame, which is what it is for.
const previewPolicy = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors *"

// preview answers with a short page about an entity, to be shown in a frame.
func (s *service) preview(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), s.Timeout)
	defer cancel()
	q, err := s.open(ctx, w, r)
	if err != nil {
		s.fail(ctx, w, err)
		return
	}
	defer q.Close()
	members, err := q.members(ctx, []kg.ID{kg.ID(q.form.Get("id"))})
	if err == nil && members[0] == nil {
		err = &refusal{http.StatusNotFound, "there is no such entity"}
	}
	if err != nil {
		s.fail(ctx, w, err)
		return
	}
	page, err := about(ctx, q, members[0])
	if err != nil {
		s.fail(ctx, w, err)
		return
	}
	var text strings.Builder
	if err := previewPage.Execute(&text, page); err != nil {
		s.fail(ctx, w, err)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Security-Policy", previewPolicy)
	w.Header().Set("Cross-Origin-Resource-Policy", "cross-origin")
	_, _ = w.Write([]byte(text.String()))
}

type aboutLine struct{ Label, Text string }

type aboutPage struct {
	ID    kg.ID
	Name  string
	Kind  any
	Lines []aboutLine
}

// about gathers what tells an entity from its namesakes.
func about(ctx context.Context, r *request, m *kg.Member) (*aboutPage, error) {
	page := &aboutPage{ID: m.ID, Name: m.Name(""), Kind: typeOf(m.Kind)["name"]}
	line := func(label, text string) {
		if text != "" {
			page.Lines = append(page.Lines, aboutLine{label, text})
		}
	}
	var names []string
	for _, n := range m.Names[1:] {
		names = append(names, n.Text)
	}
	names = unique(names)
	line("also called", strings.Join(names[:min(len(names), 5)], "; "))
	for _, id := range m.Identifiers[:min(len(m.Identifiers), 4)] {
		line(id.Scheme, id.Value)
	}
	properties, err := r.find(ctx, []string{"founded", outPrefix + kg.HeadquarteredIn.String(), inPrefix + kg.Owns.String(), inPrefix + kg.Founded.String(), outPrefix + kg.HoldsRole.String()})
	if err != nil {
		return nil, err
	}
	today, err := r.MomentOrToday(nil)
	if err != nil {
		return nil, err
	}
	for _, p := range properties {
		values, err := p.values(ctx, m, valueQuery{asOf: today, limit: 4})
		if err != nil {
			return nil, err
		}
		var texts []string
		for _, v := range values {
			texts = append(texts, v.String())
		}
		line(p.name, strings.Join(texts, "; "))
	}
	return page, nil
}
