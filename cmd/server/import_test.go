package main

import (
	"archive/zip"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"keiretsu/internal/auth"
	"keiretsu/internal/ingest"
	"keiretsu/internal/ingest/bods"
)

const jsonlHead = `{"keiretsu":{"format":"keiretsu-jsonl","version":1}}` + "\n"

// gzipFile writes a packed file.
func gzipFile(t *testing.T, name string, content io.Reader) {
	t.Helper()
	var packed bytes.Buffer
	w := gzip.NewWriter(&packed)
	if _, err := io.Copy(w, content); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	write(t, name, packed.String())
}

// zipFile writes an archive of files by name.
func zipFile(t *testing.T, name string, files map[string]string) {
	t.Helper()
	var archive bytes.Buffer
	w := zip.NewWriter(&archive)
	for inside, content := range files {
		f, err := w.Create(inside)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(f, content); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	write(t, name, archive.String())
}

// holdings is a file of so many companies, each of which owns a part of another.
func holdings(companies int) string {
	var b strings.Builder
	b.WriteString(jsonlHead + `{"source":{"id":"memo","title":"Memo"}}` + "\n")
	for n := range companies {
		// The owned company comes later, or has come.
		fmt.Fprintf(&b, `{"claim":{"relation":{"type":"OWNS","from":"c%d","to":"c%d","stake":{"min":1,"max":1}},"source":"memo"}}`+"\n", n, (n*7+1)%companies)
		fmt.Fprintf(&b, `{"claim":{"entity":{"id":"c%d","kind":"COMPANY"},"source":"memo"}}`+"\n", n)
		fmt.Fprintf(&b, `{"claim":{"name":{"of":"c%d","text":"Company %d","kind":"PREFERRED"},"source":"memo"}}`+"\n", n, n)
	}
	return b.String()
}

// TestExportAndImport takes the demo facts out of a running server and into other
// folders, with and without one.
func TestExportAndImport(t *testing.T) {
	dir := t.TempDir()
	demo, other, third := filepath.Join(dir, "demo"), filepath.Join(dir, "other"), filepath.Join(dir, "third")
	plain, packed := filepath.Join(dir, "all.jsonl"), filepath.Join(dir, "all.jsonl.gz")
	p := start(t, demo)
	if said := command(t, "--data", demo, "export", "jsonl", plain); said != "" {
		t.Errorf("export said %s", said)
	}
	p.stop(t)
	command(t, "--data", demo, "export", "jsonl", packed)
	refuses(t, []string{"--data", demo, "export", "jsonl", packed}, "exists", "--force")
	refuses(t, []string{"--data", demo, "export", "xlsx"}, "nothing can be exported as", "jsonl")
	nowhere := filepath.Join(dir, "nowhere", "all.jsonl")
	for _, word := range []string{"export jsonl", "backup"} {
		refuses(t, append(strings.Fields(word), nowhere, "--data", demo), "keiretsu: "+nowhere+" cannot be written: no such file or directory; name a file in a folder that is there")
	}
	text, err := os.ReadFile(plain)
	if err != nil {
		t.Fatal(err)
	}

	said := command(t, "--data", other, "import", "jsonl", packed)
	for _, words := range []string{"jsonl: read ", " claims new, 0 unchanged", "revision 1"} {
		if !strings.Contains(said, words) {
			t.Errorf("the report does not say %q:\n%s", words, said)
		}
	}
	if again := command(t, "--data", other, "export", "jsonl"); again != string(text) {
		t.Error("what was imported is exported otherwise")
	}
	if said := command(t, "--data", other, "import", "jsonl", plain, "--dry-run"); !strings.Contains(said, "  0 claims would be new") {
		t.Errorf("a dry run says\n%s", said)
	}

	// A server that has other facts takes these as well, and finds them by words.
	write(t, filepath.Join(dir, "one.jsonl"), jsonlHead+`{"source":{"id":"memo","title":"Memo"}}
{"claim":{"entity":{"id":"zorblax","kind":"COMPANY"},"source":"memo"}}
{"claim":{"name":{"of":"zorblax","text":"Zorblax Holdings","kind":"PREFERRED"},"source":"memo"}}
`)
	command(t, "--data", third, "import", "jsonl", filepath.Join(dir, "one.jsonl"))
	p = start(t, third)
	before := run(t, map[string]string{standardInput: string(text)}, "--data", third, "import", "jsonl", "-")
	if code := before.ended(t); code != 0 || !strings.Contains(before.stdout.String(), "revision 2") {
		t.Errorf("from standard input into a running server: exit code %d\n%s%s", code, &before.stdout, &before.stderr)
	}
	eventually(t, "zorblax and aliyun are found", func() bool {
		return found(t, p, "zorblax") == "Zorblax Holdings" && found(t, p, "aliyun") == "Alibaba Cloud"
	})
	p.stop(t)
	if said := command(t, "--data", third, "import", "jsonl", packed); !strings.Contains(said, "  0 claims new") {
		t.Errorf("imported twice:\n%s", said)
	}
	if left, err := filepath.Glob(filepath.Join(third, ".import-*")); err != nil || len(left) > 0 {
		t.Errorf("%v is left, %v", left, err)
	}
	if _, err := os.Stat(filepath.Join(third, "import.journal")); !os.IsNotExist(err) {
		t.Errorf("the journal is left: %v", err)
	}
}

// TestExportOverHTTP: a running server gives the same files as the command, in each
// format there is.
func TestExportOverHTTP(t *testing.T) {
	data := t.TempDir()
	p := start(t, data)
	var list struct {
		Formats []struct{ Name, Help, File string }
	}
	if _, text := get(t, p.url+"/export"); json.Unmarshal([]byte(text), &list) != nil || len(list.Formats) != len(exports()) {
		t.Fatalf("the formats: %s", text)
	}
	files := map[string]bool{}
	for _, f := range list.Formats {
		status, text := get(t, p.url+"/export/"+f.Name)
		written := filepath.Join(t.TempDir(), f.File)
		command(t, "export", f.Name, written, "--data", data)
		want, err := os.ReadFile(written)
		if err != nil || status != http.StatusOK || text != string(want) {
			t.Errorf("%s: status %d, %d bytes, %v; the command writes %d", f.Name, status, len(text), err, len(want))
		}
		if files[f.File] {
			t.Errorf("two formats are called %s", f.File)
		}
		files[f.File] = true
	}
	p.stop(t)
}

// TestImportOverHTTP sends files to a server, which takes them from who may write.
func TestImportOverHTTP(t *testing.T) {
	dir := t.TempDir()
	data, one, two := filepath.Join(dir, "data"), filepath.Join(dir, "one.jsonl"), filepath.Join(dir, "two.jsonl.gz")
	reader := strings.TrimSpace(command(t, "token", "create", "ben", "--data", data))
	writer := strings.TrimSpace(command(t, "token", "create", "ann", "--scope", "write", "--data", data))
	head := jsonlHead + `{"source":{"id":"memo","title":"Memo"}}` + "\n"
	write(t, one, head+`{"claim":{"relation":{"type":"OWNS","from":"zorblax","to":"quuxco"},"source":"memo"}}
{"claim":{"entity":{"id":"quuxco","kind":"COMPANY"},"source":"memo"}}
{"claim":{"name":{"of":"quuxco","text":"Quuxco","kind":"PREFERRED"},"source":"memo"}}
`)
	gzipFile(t, two, strings.NewReader(head+`{"claim":{"entity":{"id":"zorblax","kind":"COMPANY"},"source":"memo"}}
{"claim":{"name":{"of":"zorblax","text":"Zorblax","kind":"PREFERRED"},"source":"memo"}}
`))
	p := start(t, data)
	args := []string{"import", "jsonl", one, two, "--server", p.url}
	refuses(t, args, "KEIRETSU_TOKEN")
	refuses(t, append(args, "--token", reader), "scope write")
	refuses(t, append(args, "--token", "nonsense"), "token")
	refuses(t, append(args, "--token", writer, "--resume"), "--resume")
	refuses(t, []string{"import", "jsonl", one, "--server", "nonsense", "--token", writer}, "--server nonsense")
	refuses(t, []string{"import", "jsonl", filepath.Join(dir, "none"), "--server", p.url, "--token", writer}, "no such file")
	broken := filepath.Join(dir, "broken")
	write(t, broken, head+`{"source`)
	refuses(t, []string{"import", "jsonl", broken, "--server", p.url, "--token", writer}, "broken:3: ", "cut off")
	refuses(t, []string{"import", "jsonl", dir, "--server", p.url, "--token", writer}, "is a folder")
	refuses(t, []string{"import", "jsonl", one, "--server", "http://127.0.0.1:1", "--token", writer}, "nothing answers at http://127.0.0.1:1", "whether the server runs")
	for path, words := range map[string]string{
		"nonsense": "there is no format", "csv": "a table needs a mapping", "jsonl?dataset=d": "cannot be issues of a data set", "jsonl?dryrun=true": "there is no parameter",
	} {
		body, never := io.Pipe() // what is wrong with a request is told before its file comes
		request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, p.url+"/import/"+path, body)
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("Authorization", "Bearer "+writer)
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(response.Body)
		if err := errors.Join(err, response.Body.Close(), never.Close()); err != nil {
			t.Fatal(err)
		}
		if response.StatusCode != http.StatusBadRequest || !strings.Contains(string(text), words) {
			t.Errorf("POST /import/%s: status %d: %s", path, response.StatusCode, text)
		}
	}
	if said := command(t, append(args, "--token", writer, "--dry-run")...); !strings.Contains(said, "5 claims would be new") {
		t.Errorf("dry run:\n%s", said)
	}
	if said := command(t, append(args, "--token", writer)...); !strings.Contains(said, "5 claims new, 0 unchanged") {
		t.Errorf("two files:\n%s", said)
	}
	again := run(t, map[string]string{standardInput: head, "KEIRETSU_TOKEN": writer, "KEIRETSU_SERVER": p.url}, "import", "jsonl", "-")
	if code := again.ended(t); code != 0 || !strings.Contains(again.stdout.String(), "0 claims new") {
		t.Errorf("standard input: exit code %d\n%s%s", code, &again.stdout, &again.stderr)
	}
	p.stop(t)
	audit, err := os.ReadFile(filepath.Join(data, "audit.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{
		`"event":"refused"`, `"event":"begin"`, `"principal":"token:ann"`, `"path":"/import/jsonl"`,
		`"code":"OK","revision":2,"counts":{"entities":2,"recorded":5,"relations":1}`,
	} {
		if !strings.Contains(string(audit), line) {
			t.Errorf("the audit log has no %s:\n%s", line, audit)
		}
	}
	if n := strings.Count(string(audit), `"event":"done"`); n != strings.Count(string(audit), `"event":"begin"`) {
		t.Errorf("%d writes have ended, and others have begun:\n%s", n, audit)
	}
	if left, err := filepath.Glob(filepath.Join(data, ".import-*")); err != nil || len(left) > 0 {
		t.Errorf("%v is left, %v", left, err)
	}
}

// TestSentFilesKeepTheirNames: a file says the same whether it is sent or imported on the
// machine, and two that are sent are two sources.
func TestSentFilesKeepTheirNames(t *testing.T) {
	dir := t.TempDir()
	data, one, two := filepath.Join(dir, "data"), filepath.Join(dir, "one.json"), filepath.Join(dir, "two.json.gz")
	entity := func(id string) string {
		return `{"id":"` + id + `","schema":"Company","properties":{"name":["` + id + `"]}}` + "\n"
	}
	write(t, one, entity("acorn"))
	gzipFile(t, two, strings.NewReader(entity("beech")))
	writer := strings.TrimSpace(command(t, "token", "create", "ann", "--scope", "write", "--data", data))
	p := start(t, data)
	for _, file := range []string{one, two} {
		if said := command(t, "import", "ftm", file, "--server", p.url, "--token", writer); !strings.Contains(said, "2 claims new") {
			t.Errorf("sent:\n%s", said)
		}
	}
	if said := command(t, "--data", data, "import", "ftm", one, two); !strings.Contains(said, "0 claims new, 4 unchanged") {
		t.Errorf("imported on the machine:\n%s", said)
	}
	three := filepath.Join(dir, "three.zip")
	zipFile(t, three, map[string]string{"dogwood.json": entity("dogwood")})
	if said := command(t, "import", "ftm", one, three, "--server", p.url, "--token", writer); !strings.Contains(said, "2 claims new, 2 unchanged") {
		t.Errorf("an archive sent with another file:\n%s", said)
	}
	if said := command(t, "--data", data, "import", "ftm", three); !strings.Contains(said, "0 claims new, 2 unchanged") {
		t.Errorf("that archive, imported on the machine:\n%s", said)
	}
	for query, want := range map[string]string{"dryrun=true": `there is no parameter \"dryrun\"`, "name=a%0Ab": "control characters"} {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, p.url+"/import/ftm?"+query, strings.NewReader(entity("cedar")))
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("Authorization", "Bearer "+writer)
		answer, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		said, err := io.ReadAll(answer.Body)
		if err := errors.Join(err, answer.Body.Close()); err != nil || answer.StatusCode != http.StatusBadRequest || !strings.Contains(string(said), want) {
			t.Errorf("%s: status %d, %s, %v", query, answer.StatusCode, said, err)
		}
	}
	p.stop(t)
}

// TestIssuesOfADataset imports an issue, and a second one on the machine itself and
// over HTTP; and refuses what cannot be one.
func TestIssuesOfADataset(t *testing.T) {
	dir := t.TempDir()
	first, second := filepath.Join(dir, "first.json"), filepath.Join(dir, "second.json")
	write(t, first, `{"id":"a","schema":"Company","properties":{"name":["Acorn"]}}
{"id":"b","schema":"Company","properties":{"name":["Beech"]}}
{"id":"o","schema":"Ownership","properties":{"owner":["a"],"asset":["b"],"percentage":["40"]}}
`)
	write(t, second, `{"op":"DEL","entity":{"id":"o"}}
{"op":"MOD","entity":{"id":"b","schema":"Company","properties":{"name":["Birch"]}}}
`)
	data := filepath.Join(dir, "data")
	refuses(t, []string{"--data", data, "import", "ftm", first, "--dataset", "a/b"}, "cannot be the name of a data set")
	refuses(t, []string{"--data", data, "import", "ftm", first, "--complete"}, "--dataset NAME")
	refuses(t, []string{"--data", data, "import", "jsonl", first, "--dataset", "d"}, "the records of jsonl have no ids")
	if said := command(t, "--data", data, "import", "ftm", first); !strings.Contains(said, "5 claims new") {
		t.Errorf("the file by itself:\n%s", said)
	}
	if said := command(t, "--data", data, "import", "ftm", second); !strings.Contains(said, `the entity "o" is deleted; import the file as an issue of a data set`) {
		t.Errorf("changes by themselves:\n%s", said)
	}
	writer := strings.TrimSpace(command(t, "token", "create", "ann", "--scope", "write", "--data", data))
	for name, via := range map[string]func(p *program) []string{
		"alone":    nil,
		"socket":   func(*program) []string { return nil },
		"over-web": func(p *program) []string { return []string{"--server", p.url, "--token", writer} },
	} {
		args := func(p *program, more ...string) []string {
			all := append([]string{"--data", data, "import", "ftm", "--dataset", name}, more...)
			if via != nil {
				all = append(all, via(p)...)
			}
			return all
		}
		var p *program
		if via != nil {
			p = start(t, data)
		}
		command(t, args(p, first)...)
		if said := command(t, args(p, second, "--dry-run")...); !strings.Contains(said, "2 claims would be taken back: the data set says so no longer") {
			t.Errorf("%s, dry run:\n%s", name, said)
		}
		if said := command(t, args(p, second)...); !strings.Contains(said, "1 claim new, 1 unchanged") || !strings.Contains(said, "2 claims taken back: the data set says so no longer") {
			t.Errorf("%s:\n%s", name, said)
		}
		// The entities have names from the file by itself, so all can go.
		if said := command(t, args(p, second, "--complete")...); !strings.Contains(said, "2 claims taken back") {
			t.Errorf("%s, complete:\n%s", name, said)
		}
		if p != nil {
			p.stop(t)
		}
	}
	if said := command(t, "--data", data, "export", "jsonl"); strings.Count(said, "Birch") != 4 || strings.Count(said, "Beech")+strings.Count(said, "Acorn")+strings.Count(said, "OWNS") != 3 {
		t.Errorf("the export:\n%s", said)
	}
}

// TestBODSFilesGoOn: a second file of a data set goes on from the first, on the machine
// itself and over HTTP, and says what both say as one file.
func TestBODSFilesGoOn(t *testing.T) {
	dir := t.TempDir()
	first, second, whole := filepath.Join(dir, "june.json"), filepath.Join(dir, "july.json"), filepath.Join(dir, "whole.json")
	held := func(id, date, status, share string) string {
		return `{"statementId":"` + id + `","statementDate":"` + date + `","recordId":"r","recordType":"relationship","recordStatus":"` + status +
			`","recordDetails":{"subject":"a","interestedParty":"p","interests":[{"type":"shareholding","share":{"exact":` + share + `},"startDate":"2019-01-01"}]}}` + "\n"
	}
	june := `{"statementId":"s1","statementDate":"2021-06-01","recordId":"a","recordType":"entity","recordDetails":{"name":"Acorn"}}
{"statementId":"s2","statementDate":"2021-06-01","recordId":"p","recordType":"person","recordDetails":{"names":[{"fullName":"Pat Stone"}]}}
` + held("s3", "2021-06-01", "new", "50")
	july := held("s4", "2021-07-01", "updated", "100") + held("s5", "2021-07-15", "closed", "100")
	write(t, first, june)
	write(t, second, july)
	write(t, whole, june+july)
	exported := func(data string) string { return command(t, "--data", data, "export", "bods") }
	command(t, "--data", filepath.Join(dir, "whole"), "import", "bods", whole, "--dataset", "register")
	interests := regexp.MustCompile(`"subject":"a","interestedParty":"p","interests":.*?\]`)
	want := interests.FindAllString(exported(filepath.Join(dir, "whole")), -1)
	if last := `"subject":"a","interestedParty":"p","interests":[{"type":"shareholding","directOrIndirect":"direct","share":{"exact":50},"startDate":"2019-01-01","endDate":"2021-07-01"},` +
		`{"type":"shareholding","directOrIndirect":"direct","share":{"exact":100},"startDate":"2021-07-01","endDate":"2021-07-15"}]`; len(want) != 3 || want[2] != last {
		t.Fatalf("as one file:\n%s", strings.Join(want, "\n"))
	}
	for name, served := range map[string]bool{"alone": false, "over-web": true} {
		data := filepath.Join(dir, name)
		args := []string{"--data", data, "import", "bods", "--dataset", "register"}
		var p *program
		if served {
			writer := strings.TrimSpace(command(t, "token", "create", "ann", "--scope", "write", "--data", data))
			p = start(t, data)
			args = []string{"import", "bods", "--dataset", "register", "--server", p.url, "--token", writer}
		}
		command(t, append(args, first)...)
		if said := command(t, append(args, second, "--dry-run")...); !strings.Contains(said, "3 claims would be new") {
			t.Errorf("%s, dry run:\n%s", name, said)
		}
		if said := command(t, append(args, second)...); !strings.Contains(said, "3 claims new") {
			t.Errorf("%s:\n%s", name, said)
		}
		if said := command(t, append(args, first)...); !strings.Contains(said, "0 claims new") {
			t.Errorf("%s, again:\n%s", name, said)
		}
		if p != nil {
			p.stop(t)
		}
		// Where the graph is newer than the files, it learned all of the second at once.
		if got := interests.FindAllString(exported(data), -1); len(got) == 0 || got[len(got)-1] != want[2] || !served && !slices.Equal(got, want) {
			t.Errorf("%s: exported\n%s\nnot\n%s", name, strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
	}
	refuses(t, []string{"--data", filepath.Join(dir, "wrong"), "import", "bods", second, first, "--dataset", "register"},
		"june.json:3: ", "give the files of a data set in the order of their statements")
}

// TestImportsAreAnnounced: an import on the machine itself has its lines in the audit
// log, whether a server holds the folder or none does.
func TestImportsAreAnnounced(t *testing.T) {
	dir := t.TempDir()
	good, broken := filepath.Join(dir, "good.jsonl"), filepath.Join(dir, "broken.jsonl")
	write(t, good, holdings(5))
	write(t, broken, jsonlHead+`{"source`)
	lines := func(data string) (lines []auth.Entry) {
		text, err := os.ReadFile(filepath.Join(data, "audit.jsonl"))
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(text)) {
			var e auth.Entry
			if err := json.Unmarshal([]byte(line), &e); err != nil {
				t.Fatal(err)
			}
			lines = append(lines, e)
		}
		return lines
	}
	for name, held := range map[string]bool{"by a server": true, "by nobody": false} {
		t.Run(name, func(t *testing.T) {
			data := filepath.Join(dir, name)
			if held {
				p := start(t, data)
				defer p.stop(t)
			}
			refuses(t, []string{"import", "jsonl", broken, "--data", data}, "cut off")
			command(t, "import", "jsonl", good, "--data", data, "--dry-run")
			command(t, "import", "jsonl", good, "--data", data)
			got := lines(data)
			if len(got) != 2 {
				t.Fatalf("%d lines: %+v", len(got), got)
			}
			for i, e := range got {
				if e.Event != []string{auth.EventBegin, auth.EventDone}[i] || e.Path != "import jsonl" || !strings.HasPrefix(e.Principal, "local:") || e.RequestID == "" || e.RequestID != got[0].RequestID {
					t.Errorf("line %d: %+v", i, e)
				}
			}
			if done := got[1]; done.Code != "OK" || done.Revision == 0 || done.Counts["recorded"] == 0 {
				t.Errorf("the last line says nothing of what came of it: %+v", done)
			}
		})
	}
}

// TestBrokenFilesAreNotImported: one line that says what and where, exit code 1,
// and nothing has happened, not even to a folder that was not there.
func TestBrokenFilesAreNotImported(t *testing.T) {
	dir := t.TempDir()
	path := func(name string) string { return filepath.Join(dir, name) }
	good := holdings(50)
	write(t, path("good.jsonl"), good)
	write(t, path("cut.jsonl"), good[:len(good)/2])
	write(t, path("latin1.jsonl"), good+`{"source":{"id":"m","title":"M`+"\xfc"+`ller"}}`+"\n")
	write(t, path("utf16.jsonl"), "\xff\xfe{\x00")
	write(t, path("table.csv"), "id,name\n1,Acme\n")
	write(t, path("empty.jsonl"), "")
	write(t, path("long.jsonl"), good+strings.Repeat("x", 100<<20))
	gzipFile(t, path("good.jsonl.gz"), strings.NewReader(good))
	packed, err := os.ReadFile(path("good.jsonl.gz"))
	if err != nil {
		t.Fatal(err)
	}
	write(t, path("cut.jsonl.gz"), string(packed[:len(packed)/2]))
	gzipFile(t, path("bomb.gz"), io.MultiReader(strings.NewReader(jsonlHead), io.LimitReader(spaces{}, 100<<20)))
	zipFile(t, path("both.zip"), map[string]string{"a/good.jsonl": good, "a/bad.jsonl": "nonsense\n"})

	held := path("held")
	command(t, "--data", held, "import", "jsonl", path("good.jsonl"))
	before := command(t, "--data", held, "check")
	for name, c := range map[string]struct {
		args  []string
		words []string
	}{
		"cut in half":       {[]string{"jsonl", path("good.jsonl"), path("cut.jsonl")}, []string{"cut.jsonl:77: ", "cut off"}},
		"Latin-1":           {[]string{"jsonl", path("latin1.jsonl")}, []string{"latin1.jsonl:153: ", "not UTF-8"}},
		"UTF-16":            {[]string{"jsonl", path("utf16.jsonl")}, []string{"utf16.jsonl:1: ", "UTF-16"}},
		"another format":    {[]string{"jsonl", path("table.csv")}, []string{"table.csv:1: ", "no jsonl file of Keiretsu"}},
		"empty":             {[]string{"jsonl", path("empty.jsonl")}, []string{"empty.jsonl:1: ", "empty"}},
		"a line of 100 MB":  {[]string{"jsonl", path("long.jsonl")}, []string{"long.jsonl:153: ", "longer than 64 MiB"}},
		"cut gzip":          {[]string{"jsonl", path("cut.jsonl.gz")}, []string{"cut.jsonl.gz:", "cut off"}},
		"a bomb":            {[]string{"jsonl", path("bomb.gz")}, []string{"bomb.gz:", "250 times its size"}},
		"bad file in a zip": {[]string{"jsonl", path("both.zip")}, []string{"both.zip/a/bad.jsonl:1: "}},
		"no file":           {[]string{"jsonl", path("none.jsonl")}, []string{"none.jsonl", "no such file"}},
		"a folder":          {[]string{"jsonl", dir}, []string{"is a folder"}},
		"a format misspelt": {[]string{"jsnl", path("good.jsonl")}, []string{`no format "jsnl"`, "did you mean jsonl?"}},
	} {
		t.Run(name, func(t *testing.T) {
			refuses(t, append([]string{"--data", held, "import"}, c.args...), c.words...)
			refuses(t, append([]string{"--data", path("new"), "import"}, c.args...), c.words...)
			if _, err := os.Stat(path("new")); !os.IsNotExist(err) {
				t.Errorf("a folder was made: %v", err)
			}
		})
	}
	if after := command(t, "--data", held, "check"); checksumIn(t, after) != checksumIn(t, before) {
		t.Errorf("before: %s\nafter: %s", before, after)
	}
}

// spaces is long lines of nothing.
type spaces struct{}

func (spaces) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = ' '
	}
	p[len(p)-1] = '\n'
	return len(p), nil
}

// TestImportIsKilledAndResumed kills the real program ten times in the middle of
// an import. In the end there is what one import without interruption makes.
func TestImportIsKilledAndResumed(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "holdings.jsonl")
	write(t, file, holdings(8_000))
	whole, parts := filepath.Join(dir, "whole"), filepath.Join(dir, "parts")
	// Processes of their own throughout: the race detector, under which this one may
	// run, has nothing to find in what they write, and makes it twenty times slower.
	done := func(args ...string) string {
		t.Helper()
		p, _ := spawn(t, binary(t), args...)
		if code := p.ended(t); code != 0 {
			t.Fatalf("%v: exit code %d\n%s", args, code, &p.stderr)
		}
		return p.stdout.String()
	}
	done("--data", whole, "import", "jsonl", file)
	wanted := done("--data", whole, "export", "jsonl")
	random := rand.New(rand.NewPCG(1, 2))
	kills := 0
	for kills < 10 {
		p, process := spawn(t, binary(t), "--data", parts, "import", "jsonl", file, "--resume")
		select {
		case code := <-p.exit:
			p.exit <- code
		case <-time.After(time.Duration(30+random.IntN(200)) * time.Millisecond):
		}
		if err := process.Kill(); err != nil {
			break // it was done before
		}
		p.ended(t)
		kills++
	}
	if kills < 3 {
		t.Errorf("%d kills only: make the file larger", kills)
	}
	done("--data", parts, "import", "jsonl", file, "--resume")
	if got := done("--data", parts, "export", "jsonl"); got != wanted {
		t.Error("the resumed import holds something else")
	}
	if said := done("--data", parts, "check"); !strings.Contains(said, "0 things wrong") {
		t.Errorf("check: %s", said)
	}
}

// TestTablesNeedAMapping: one is drafted from the header, and reads the table.
// TestReportsAddUp: all that was read is told by what it is, and what changed nothing
// was not recorded at any moment.
func TestReportsAddUp(t *testing.T) {
	r := ingest.Report{Sources: 1, Metrics: 2, Entities: 3, Relations: 4, Figures: 5, Absences: 6, Claims: 7, Conflicts: 8, Retractions: 9, Recorded: ingest.RecordedNow}
	first, _, _ := strings.Cut(importReport(bods.Format, r, false), "\n")
	total, parts, _ := strings.Cut(first, " in 0s: ")
	sum := 0
	for part := range strings.SplitSeq(parts, ", ") {
		n := 0
		if _, err := fmt.Sscan(part, &n); err != nil {
			t.Errorf("%q: %v", part, err)
		}
		sum += n
	}
	if want := fmt.Sprintf("bods: read %d records", sum); total != want {
		t.Errorf("%s, and the parts are %d: %s", total, sum, parts)
	}
	if said := importReport(bods.Format, r, false); strings.Contains(said, "recorded as of now") {
		t.Errorf("nothing was recorded:\n%s", said)
	}
	r.Applied.Recorded = 1
	if said := importReport(bods.Format, r, false); !strings.Contains(said, "recorded as of now") {
		t.Errorf("something was:\n%s", said)
	}
}

func TestPlacesNameEachFileOnce(t *testing.T) {
	for want, list := range map[string][]string{
		"":                           nil,
		"a.json:2":                   {"a.json:2"},
		"a.json:2, :9:4, b.json:9":   {"a.json:2", "a.json:9:4", "b.json:9"},
		"a:1/b.json, :3":             {"a:1/b.json", "a:1/b.json:3"},
		"golden, record X, g:1, b:2": {"golden, record X", "g:1", "b:2"},
	} {
		if got := places(list); got != want {
			t.Errorf("%q: got %q, want %q", list, got, want)
		}
	}
}

func TestTablesNeedAMapping(t *testing.T) {
	dir := t.TempDir()
	data, table, mapping := filepath.Join(dir, "data"), filepath.Join(dir, "deals.csv"), filepath.Join(dir, "deals.yaml")
	write(t, table, "Acquirer,Target,Date\nAcme,Bolt,2014\n")
	args := []string{"--data", data, "import", "csv", table}
	refuses(t, args, "--mapping", "--suggest")
	write(t, mapping, command(t, "import", "csv", table, "--suggest"))
	piped := run(t, map[string]string{standardInput: "Acquirer,Target,Date\nAcme,Bolt,2014\n"}, "import", "csv", "-", "--suggest")
	if code := piped.ended(t); code != 0 || !strings.Contains(piped.stdout.String(), "type: acquired") {
		t.Errorf("standard input: exit code %d\n%s%s", code, &piped.stdout, &piped.stderr)
	}
	if said := command(t, append(args, "--mapping", mapping)...); !strings.Contains(said, "2 entities, 1 relation") || !strings.Contains(said, "5 claims new") {
		t.Errorf("imported:\n%s", said)
	}
	write(t, mapping, "rows: [{colour: red}]")
	refuses(t, append(args, "--mapping", mapping), mapping+":1:9: ", "colour")
	refuses(t, []string{"--data", data, "import", "jsonl", table, "--mapping", mapping}, "jsonl needs no mapping")
	refuses(t, []string{"import", "jsonl", table, "--suggest"}, "its format is csv")
	refuses(t, []string{"import", "csv", table, table, "--suggest"}, "name one file")
	refuses(t, []string{"--data", data, "import", "csv", table, "--mapping", "none.yaml"}, "keiretsu: --mapping: none.yaml: no such file; look at its name and folder")
}

// TestInterruptedWhileAServerImports: whoever waits for a server learns how to go on.
func TestInterruptedWhileAServerImports(t *testing.T) {
	file := filepath.Join(t.TempDir(), "entities.json")
	write(t, file, "{}")
	asked := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		asked <- struct{}{}
		<-r.Context().Done()
	}))
	defer server.Close()
	for _, c := range []struct {
		more []string
		want string
	}{
		{nil, "keiretsu: interrupted before it was done; send it again: what is known already changes nothing\n"},
		{[]string{"--dry-run"}, "keiretsu: interrupted before it was done\n"},
	} {
		p := run(t, nil, append([]string{"import", "ftm", file, "--server", server.URL, "--token", "t"}, c.more...)...)
		<-asked
		p.tell()
		if code := p.ended(t); code != 1 || p.stderr.String() != c.want {
			t.Errorf("%v: exit code %d\n%s", c.more, code, &p.stderr)
		}
	}
}

// TestImportOfOtherFilesIsNotResumed: what was interrupted was another import.
func TestImportOfOtherFilesIsNotResumed(t *testing.T) {
	dir := t.TempDir()
	data, file := filepath.Join(dir, "data"), filepath.Join(dir, "f.jsonl")
	write(t, file, holdings(10))
	command(t, "--data", data, "import", "jsonl", file)
	write(t, filepath.Join(data, "import.journal"), `{"format":"jsonl","files":[{"name":"`+file+`","size":3,"modified":"2020-01-01T00:00:00Z"}]}`+"\n")
	refuses(t, []string{"--data", data, "import", "jsonl", file, "--resume"}, "was another", "without --resume")
	write(t, filepath.Join(data, "import.journal"), "{torn\n")
	refuses(t, []string{"--data", data, "import", "jsonl", file, "--resume"}, "import.journal is damaged", "without --resume")
	if said := command(t, "--data", data, "import", "jsonl", file); !strings.Contains(said, "  0 claims new") {
		t.Errorf("without --resume: %s", said)
	}
}
