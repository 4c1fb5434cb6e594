package server

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"time"
)

// exportPath is where the formats are listed, and below which each is.
const exportPath = "/export"

// Export is a format in which all of the graph can be had as one file.
type Export struct {
	// Name is the word for it, in addresses; Help says in one line what it is.
	Name, Help string
	// File is what the file is called, Media its media type.
	File, Media string
	// Write writes what the graph holds at this moment, and returns what the
	// format leaves out, a line for each reason. It stops when ctx is done.
	Write func(ctx context.Context, to io.Writer) (losses []string, err error)
}

// LossesTrailer is the HTTP trailer that tells what an export leaves out, as a
// JSON list of texts.
const LossesTrailer = "Keiretsu-Losses"

// exportBuffer is how much of an export is gathered before it is sent: so much, at
// least, a client must take in Traffic.ReadingTimeout.
const exportBuffer = 64 << 10

// listExports answers with the formats there are.
func (s *Server) listExports(list []Export) http.Handler {
	type line struct {
		Name string `json:"name"`
		Help string `json:"help"`
		File string `json:"file"`
	}
	lines := []line{}
	for _, e := range list {
		lines = append(lines, line{e.Name, e.Help, e.File})
	}
	text, _ := json.Marshal(map[string]any{"formats": lines}) // texts alone
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", mediaJSON+"; charset=utf-8")
		_, _ = w.Write(append(text, '\n'))
	})
}

// export answers with the graph in one format. As long as the answer is made, it
// has one of the few places for exports; neither a client that does not read nor
// one that has left keeps it.
func (s *Server) export(e Export) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		header := w.Header()
		header.Set("Cache-Control", "no-store")
		header.Set("Content-Type", e.Media)
		header.Set("Content-Disposition", `attachment; filename="`+e.File+`"`)
		if r.Method == http.MethodHead {
			return
		}
		req := requestFrom(r.Context())
		leave, ok := s.exports.enter(r.Context())
		if !ok {
			req.code = codeUnavailable
			s.metrics.refused("exports")
			retryAfter(w, 10*time.Second)
			header.Del("Content-Disposition")
			writeProblem(w, &problem{http.StatusServiceUnavailable, codeUnavailable, "as many exports are being made at present as may be; ask again later"})
			return
		}
		defer leave()
		ctx, cancel := context.WithTimeout(r.Context(), s.traffic.ExportTimeout)
		defer cancel()
		header.Set("Trailer", LossesTrailer)
		line := &exportLine{w: w, control: http.NewResponseController(w), patience: s.traffic.ReadingTimeout}
		// The time to read a request would end the context of one that lasts longer.
		_ = line.control.SetReadDeadline(time.Time{})
		_ = line.control.SetWriteDeadline(time.Time{})
		out := bufio.NewWriterSize(line, exportBuffer)
		losses, err := e.Write(ctx, out)
		if err == nil {
			err = out.Flush()
		}
		switch {
		case err == nil:
			text, _ := json.Marshal(append([]string{}, losses...)) // texts alone
			header.Set(LossesTrailer, string(text))
			req.code = "OK"
			_ = line.control.SetWriteDeadline(time.Now().Add(line.patience)) // for what is sent when this returns
		case !line.begun:
			for _, name := range []string{"Trailer", "Content-Disposition"} {
				header.Del(name)
			}
			shown := s.presenter.present(ctx, err)
			req.code, _ = shown.Extensions["code"].(string)
			writeProblem(w, &problem{statusOf(req.code), req.code, shown.Message})
		default:
			req.code, _ = s.presenter.present(ctx, err).Extensions["code"].(string)
			// Half a file must not look like a whole one: the connection breaks off.
			panic(http.ErrAbortHandler)
		}
	})
}

// exportLine sends what is written, each piece within the time that a client has
// for it.
type exportLine struct {
	w        http.ResponseWriter
	control  *http.ResponseController
	patience time.Duration
	begun    bool
}

func (l *exportLine) Write(p []byte) (int, error) {
	l.begun = true
	_ = l.control.SetWriteDeadline(time.Now().Add(l.patience))
	n, err := l.w.Write(p)
	if err == nil {
		// Over HTTP/2 a time that has passed ends what waits for nobody, too.
		_ = l.control.SetWriteDeadline(time.Time{})
	}
	return n, err
}
