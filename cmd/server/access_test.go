package main

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"keiretsu/internal/auth"
)

// with sends a request with a token, if there is one, and returns status and
// body.
func with(t testing.TB, token, method, url, body string) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Accept", "application/graphql-response+json, */*;q=0.1")
	answer, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, string(text)
}

const anyQuestion = `{"query":"{ company(name: \"Alibaba\") { id } }"}`

// TestTokensOfARunningServer makes and ends a token under a server.
func TestTokensOfARunningServer(t *testing.T) {
	data := t.TempDir()
	p := run(t, nil, "--addr", "127.0.0.1:0", "--data", data, "--reads-need-token")
	p.ready(t)
	asks := func(token string) (int, string) {
		return with(t, token, http.MethodPost, p.url+"/graphql", anyQuestion)
	}
	if status, said := asks(""); status != 401 || !strings.Contains(said, "UNAUTHENTICATED") {
		t.Errorf("without a token: %d %s", status, said)
	}
	token := strings.TrimSpace(command(t, "token", "create", "ann", "--data", data))
	if status, said := asks(token); status != 200 || !strings.Contains(said, `"data"`) {
		t.Errorf("with a new token: %d %s", status, said)
	}
	for path, want := range map[string]int{"/metrics": 401, "/schema.graphql": 401, "/healthz": 200, "/readyz": 200, "/graphiql/": 200} {
		if status, said := with(t, "", http.MethodGet, p.url+path, ""); status != want {
			t.Errorf("%s without a token: %d %s", path, status, said)
		}
	}
	if status, said := with(t, token, http.MethodGet, p.url+"/metrics", ""); status != 200 || !strings.Contains(said, "keiretsu_records") {
		t.Errorf("/metrics with the token: %d %s", status, said)
	}
	command(t, "token", "revoke", "ann", "--data", data)
	if status, said := asks(token); status != 401 || !strings.Contains(said, "revoked") {
		t.Errorf("with the token revoked: %d %s", status, said)
	}
	if status, said := with(t, "", http.MethodGet, p.url+"/graphql?query={__typename}&token="+token, ""); status != 401 {
		t.Errorf("with a token in the URL: %d %s", status, said)
	}

	if err := os.Chmod(filepath.Join(data, "tokens.json"), 0o644); err != nil {
		t.Fatal(err)
	}
	if status, said := asks(token); status != 503 || !strings.Contains(said, "UNAVAILABLE") {
		t.Errorf("with the file open to others: %d %s", status, said)
	}
	if status, said := with(t, "", http.MethodGet, p.url+"/readyz", ""); status != 503 || strings.Contains(said, data) {
		t.Errorf("readiness with the file open to others: %d %s", status, said)
	}
	p.stop(t)
	if said := p.stderr.String(); strings.Contains(said, token) || !strings.Contains(said, "chmod 600") {
		t.Errorf("the log:\n%s", said)
	}
	refused(t, run(t, nil, "--addr", "127.0.0.1:0", "--data", data), "tokens.json", "chmod 600")

	audit, err := os.ReadFile(filepath.Join(data, "audit.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(audit)) {
		var e auth.Entry
		if err := json.Unmarshal([]byte(line), &e); err != nil || e.Event != auth.EventRefused || e.Remote == "" {
			t.Errorf("audit line %s: %v", line, err)
		}
	}
	if strings.Contains(string(audit), token) || strings.Count(string(audit), "\n") < 4 {
		t.Errorf("audit log:\n%s", audit)
	}
}

func TestAuditLogElsewhere(t *testing.T) {
	data := t.TempDir()
	p := run(t, nil, "--addr", "127.0.0.1:0", "--data", data, "--audit-log", "-")
	p.ready(t)
	with(t, "nonsense", http.MethodPost, p.url+"/graphql", anyQuestion)
	p.stop(t)
	if !strings.Contains(p.stderr.String(), `"event":"refused"`) {
		t.Errorf("the log:\n%s", &p.stderr)
	}
	if _, err := os.Stat(filepath.Join(data, "audit.jsonl")); !os.IsNotExist(err) {
		t.Errorf("there is an audit log in the data folder (%v)", err)
	}
	refused(t, run(t, nil, "--addr", "127.0.0.1:0", "--data", data, "--audit-log", filepath.Join(data, "no", "folder")),
		"the audit log cannot be written", data, "--audit-log")
}

// certificate writes a certificate for 127.0.0.1 into the folder and returns a
// client that trusts it.
func certificate(t *testing.T, folder string) (certFile, keyFile string, client *http.Client) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	certFile, keyFile = filepath.Join(folder, "cert.pem"), filepath.Join(folder, "key.pem")
	write(t, certFile, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})))
	write(t, keyFile, string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER})))
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}}
	t.Cleanup(transport.CloseIdleConnections)
	return certFile, keyFile, &http.Client{Transport: transport}
}

func TestServesHTTPS(t *testing.T) {
	certFile, keyFile, client := certificate(t, t.TempDir())
	p := run(t, nil, "--addr", "127.0.0.1:0", "--data", t.TempDir(), "--tls-cert", certFile, "--tls-key", keyFile)
	p.ready(t)
	if !strings.HasPrefix(p.url, "https://") {
		t.Errorf("it says to click on %s", p.url)
	}
	answer, err := client.Get(p.url + "/healthz")
	if err != nil {
		t.Fatal(err)
	}
	answer.Body.Close()
	if answer.StatusCode != 200 || answer.Header.Get("Strict-Transport-Security") == "" {
		t.Errorf("status %d, headers %v", answer.StatusCode, answer.Header)
	}
	p.stop(t)
}

func TestBadAccessFlags(t *testing.T) {
	data := t.TempDir()
	for name, c := range map[string]struct {
		args []string
		want string
		env  map[string]string
	}{
		"origins by variable": {
			want: `"null" is not an origin`,
			env:  map[string]string{"KEIRETSU_ALLOW_ORIGIN": "https://example.org,null"},
		},
		"certificate alone":       {args: []string{"--tls-cert", "x"}, want: "belong together"},
		"key alone":               {args: []string{"--tls-key", "x"}, want: "belong together"},
		"no certificate":          {args: []string{"--tls-cert", "/nowhere/x", "--tls-key", "/nowhere/y"}, want: "/nowhere/x"},
		"encrypted and not":       {args: []string{"--tls-cert", "x", "--tls-key", "y", "--insecure-plain-http"}, want: "contradict"},
		"origin with a path":      {args: []string{"--allow-origin", "https://example.org/x"}, want: "--allow-origin"},
		"second origin is wrong":  {args: []string{"--allow-origin", "https://example.org", "--allow-origin", "null"}, want: `"null" is not an origin`},
		"any, and reads need one": {args: []string{"--allow-origin", "*", "--reads-need-token"}, want: "name the origins"},
		"issuer without audience": {args: []string{"--oidc-issuer", "https://login.example.org"}, want: "belong together"},
		"audience without issuer": {args: []string{"--oidc-audience", "x"}, want: "belong together"},
		"issuer in plain text":    {args: []string{"--oidc-issuer", "http://login.example.org", "--oidc-audience", "x"}, want: "it must be https"},
		"no claim":                {args: []string{"--oidc-issuer", "https://login.example.org", "--oidc-audience", "x", "--oidc-scope-claim", ""}, want: "the claim"},
	} {
		t.Run(name, func(t *testing.T) {
			refused(t, run(t, c.env, append([]string{"--addr", "127.0.0.1:0", "--data", data}, c.args...)...), c.want)
			if left, err := os.ReadDir(data); err != nil || len(left) > 0 {
				t.Errorf("it left %v behind (%v)", left, err)
			}
		})
	}
}

// TestAddressesOnTheNetwork opens the entrance at addresses that no test
// listens on.
func TestAddressesOnTheNetwork(t *testing.T) {
	certFile, keyFile, _ := certificate(t, t.TempDir())
	empty, used := &folder{t.TempDir()}, &folder{t.TempDir()}
	if _, _, err := used.tokens().Create(t.Context(), "ann", auth.ScopeWrite, time.Time{}, time.Now()); err != nil {
		t.Fatal(err)
	}
	const network, loopback = "192.0.2.1", "127.0.0.1"
	for name, test := range map[string]struct {
		flags  authFlags
		folder *folder
		ip     string
		start  bool
		tokens bool // accepted over http
		warns  bool
	}{
		"loopback":                     {authFlags{}, used, loopback, true, true, false},
		"network, no tokens":           {authFlags{}, empty, network, true, false, true},
		"network, tokens":              {authFlags{}, used, network, false, false, false},
		"network, reads need one":      {authFlags{ReadsNeedToken: true}, empty, network, false, false, false},
		"network, issuer":              {authFlags{OIDCIssuer: "https://login.example.org", OIDCAudience: "x", OIDCScopeClaim: "scope"}, empty, network, false, false, false},
		"network, tokens, behind":      {authFlags{InsecurePlainHTTP: true}, used, network, true, true, false},
		"network, tokens, certificate": {authFlags{TLSCert: certFile, TLSKey: keyFile}, used, network, true, false, false},
	} {
		t.Run(name, func(t *testing.T) {
			var log bytes.Buffer
			e, err := test.flags.open(test.folder, &net.TCPAddr{IP: net.ParseIP(test.ip), Port: 8080}, slog.New(slog.NewTextHandler(&log, nil)))
			if (err == nil) != test.start {
				t.Fatalf("error %v", err)
			}
			const remedy = "set --tls-cert and --tls-key, or --insecure-plain-http behind a proxy"
			if err != nil {
				if !strings.Contains(err.Error(), remedy) || !strings.Contains(err.Error(), "192.0.2.1:8080") {
					t.Errorf("error %v", err)
				}
				return
			}
			if e.access.PlainTokens != test.tokens {
				t.Errorf("tokens over http: %v", e.access.PlainTokens)
			}
			if warns := strings.Contains(log.String(), remedy); warns != test.warns {
				t.Errorf("log: %s", &log)
			}
		})
	}
}

// TestAWriteNamesItsAuthor follows a write into the history and the audit log.
func TestAWriteNamesItsAuthor(t *testing.T) {
	data := t.TempDir()
	token := strings.TrimSpace(command(t, "token", "create", "ann", "--scope", "write", "--data", data))
	p := start(t, data)
	const put = `{"query":"mutation Describe { putSource(input: {key: \"k-1\", source: {id: \"memo-1\", title: \"A confidential title\"}}) { write { revision replayed } } }"}`
	if status, said := with(t, "", http.MethodPost, p.url+"/graphql", put); status != 401 {
		t.Errorf("without a token: %d %s", status, said)
	}
	for _, replayed := range []string{"false", "true"} {
		if status, said := with(t, token, http.MethodPost, p.url+"/graphql", put); status != 200 || !strings.Contains(said, `"replayed":`+replayed) {
			t.Errorf("with the token: %d %s", status, said)
		}
	}
	status, said := with(t, "", http.MethodPost, p.url+"/graphql", `{"query":"{ history(of: \"memo-1\") { nodes { by } } }"}`)
	if want := `{"data":{"history":{"nodes":[{"by":"token:ann"}]}}}`; status != 200 || said != want {
		t.Errorf("history: %d %s, want %s", status, said, want)
	}
	p.stop(t)

	text, err := os.ReadFile(filepath.Join(data, "audit.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(text), "confidential") || strings.Contains(string(text), token) {
		t.Errorf("the audit log tells what was written, or by which token:\n%s", text)
	}
	var got []string
	for line := range strings.Lines(string(text)) {
		var e auth.Entry
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			t.Fatal(err)
		}
		got = append(got, fmt.Sprint(e.Event, " ", e.Principal, " ", e.Operation, " ", e.Fields, e.Keys, " ", e.Code, " ", e.Revision > 0, e.Counts["replayed"]))
	}
	want := []string{
		"refused anonymous Describe [putSource] [] UNAUTHENTICATED false 0",
		"begin token:ann Describe [putSource] [k-1]  false 0", "done token:ann Describe [putSource] [k-1] OK true 0",
		"begin token:ann Describe [putSource] [k-1]  false 0", "done token:ann Describe [putSource] [k-1] OK true 1",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("audit log (-want +got):\n%s\n%s", diff, text)
	}
}
