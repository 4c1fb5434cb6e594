package main

import (
	"bytes"
	"encoding/hex"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
)

// TestTracesReachACollector runs a collector beside the server.
func TestTracesReachACollector(t *testing.T) {
	const traceID = "4bf92f3577b34da6a3ce929d0e0e4736"
	var mu sync.Mutex
	var received bytes.Buffer
	collector := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil || r.URL.Path != "/v1/traces" || r.Header.Get("Content-Type") != "application/x-protobuf" {
			t.Errorf("the collector got %s of %s (%v)", r.URL.Path, r.Header.Get("Content-Type"), err)
		}
		mu.Lock()
		defer mu.Unlock()
		received.Write(body)
		w.Header().Set("Content-Type", "application/x-protobuf")
	}))
	defer collector.Close()
	for name, c := range map[string]struct {
		args []string
		env  map[string]string
	}{
		"by flag":               {[]string{"--otlp-endpoint", collector.URL}, nil},
		"by the usual variable": {nil, map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": collector.URL + "/"}},
	} {
		t.Run(name, func(t *testing.T) {
			received.Reset()
			p := run(t, c.env, append([]string{"--addr", "127.0.0.1:0", "--data", t.TempDir()}, c.args...)...)
			p.ready(t)
			req, err := http.NewRequest(http.MethodPost, p.url+"/graphql", strings.NewReader(document(`query Traced { company(name: "Amap") { name } }`)))
			if err != nil {
				t.Fatal(err)
			}
			req.Header.Set("Content-Type", "application/json")
			req.Header.Set("traceparent", "00-"+traceID+"-00f067aa0ba902b7-01")
			answer, err := newClient(t).Do(req)
			if err != nil {
				t.Fatal(err)
			}
			answer.Body.Close()
			p.stop(t) // which sends what there is
			id, err := hex.DecodeString(traceID)
			if err != nil {
				t.Fatal(err)
			}
			mu.Lock()
			defer mu.Unlock()
			for what, want := range map[string][]byte{
				"the caller's trace": id, "the service": []byte("keiretsu"), "the operation": []byte("Traced"), "a level": []byte("company"),
				"the request": []byte("POST /graphql"),
			} {
				if !bytes.Contains(received.Bytes(), want) {
					t.Errorf("the collector was not told of %s", what)
				}
			}
			if bytes.Contains(received.Bytes(), []byte("Amap")) {
				t.Error("the collector was told a literal of the document")
			}
		})
	}
}

func TestCollectorsThatAreNone(t *testing.T) {
	for _, endpoint := range []string{"127.0.0.1:4318", "ftp://127.0.0.1", "http://", "http://a?b=c", "nonsense"} {
		refused(t, run(t, nil, "--addr", "127.0.0.1:0", "--data", t.TempDir(), "--otlp-endpoint", endpoint), "OTLP endpoint", endpoint)
	}
	t.Run("one that does not answer", func(t *testing.T) {
		p := run(t, nil, "--addr", "127.0.0.1:0", "--data", t.TempDir(), "--otlp-endpoint", "http://127.0.0.1:1")
		p.ready(t)
		acquired(t, p, "2014")
		p.stop(t)
	})
}
