package archtest

import (
	"bytes"
	"go/ast"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestEveryPackageSaysWhatItIsFor wants a doc.go with a package comment in
// every package that people write.
func TestEveryPackageSaysWhatItIsFor(t *testing.T) {
	said := map[string]bool{}
	for _, f := range goFiles(t) {
		if f.room == generated {
			continue
		}
		documents := path.Base(f.name) == "doc.go" && f.ast.Doc != nil
		if documents && f.ast.Name.Name != "main" && !strings.HasPrefix(f.ast.Doc.Text(), "Package "+f.ast.Name.Name+" ") {
			t.Errorf("%s: the package comment must begin with %q", f.name, "Package "+f.ast.Name.Name)
		}
		said[f.room] = said[f.room] || documents
	}
	for dir, ok := range said {
		if !ok {
			t.Errorf("%s: no doc.go with a package comment: what is it for, what must it not know, where to start reading?", dir)
		}
	}
}

// TestNamesSayWhatAPackageHolds refuses the names under which anything can be
// put.
func TestNamesSayWhatAPackageHolds(t *testing.T) {
	vague := []string{"pkg", "util", "utils", "common", "helper", "helpers", "misc", "shared", "lib"}
	for _, f := range goFiles(t) {
		for _, word := range append(strings.Split(f.room, "/"), f.ast.Name.Name) {
			if slices.Contains(vague, word) {
				t.Errorf("%s: %q says nothing about what is in it; name it after its one purpose", f.name, word)
			}
		}
	}
}

// TestGeneratedCodeHasOneRoom keeps written and generated code apart, so that
// everything outside graph/generated may be edited and nothing inside.
func TestGeneratedCodeHasOneRoom(t *testing.T) {
	for _, f := range goFiles(t) {
		switch isGenerated := ast.IsGenerated(f.ast); {
		case isGenerated && f.room != generated:
			t.Errorf("%s is generated; generated Go code lives in %s", f.name, generated)
		case !isGenerated && f.room == generated:
			t.Errorf("%s is written by hand; %s holds what gqlgen writes and nothing else", f.name, generated)
		}
	}
}

// TestLaterHasACondition refuses notes to self that nothing will ever settle.
func TestLaterHasACondition(t *testing.T) {
	later := regexp.MustCompile(`\b(TODO|FIXME)\b`)
	settled := regexp.MustCompile(`\bTODO\(when [^)]+\): `)
	written := []string{".go", ".graphqls", ".sh", ".py", ".js", ".mjs", ".ts", ".tsx", ".css", ".yml", ".yaml"}
	for name, text := range textFiles(t) {
		if !slices.Contains(written, path.Ext(name)) || notByHand(name) || strings.HasPrefix(name, "internal/archtest/") {
			continue
		}
		if !strings.Contains(text, "TODO") && !strings.Contains(text, "FIXME") {
			continue
		}
		for n, line := range strings.Split(text, "\n") {
			if later.MatchString(line) && !settled.MatchString(line) {
				t.Errorf("%s:%d: a note for later names its condition, TODO(when …): …, or becomes an issue", name, n+1)
			}
		}
	}
}

// TestNothingNamesAMachine keeps paths and hosts out that exist only where
// someone happened to work.
func TestNothingNamesAMachine(t *testing.T) {
	for name, text := range textFiles(t) {
		if at := machineIn(text); at >= 0 {
			line := 1 + strings.Count(text[:at], "\n")
			t.Errorf("%s:%d: names a folder of some machine or the host of a registry: %.40q", name, line, text[at:])
		}
	}
}

// goesOn is a character behind which a slash goes on with a path or a pattern.
var goesOn = regexp.MustCompile(`[\w.~*)}\]-]`)

// machineIn returns where a text names a machine, or -1. It looks for plain
// words, since megabytes of web assets are among the texts; they are spelled so
// that they do not match themselves.
func machineIn(text string) int {
	for _, host := range []string{
		"registry" + ".npmjs.", "registry" + ".yarnpkg.", "proxy" + ".golang.", "sum" + ".golang.", "pypi" + ".org",
		`"resolved` + `": "http`, `"resolved` + `":"http`, "\nregistry" + "=",
	} {
		if at := strings.Index(text, host); at >= 0 {
			return at
		}
	}
	for _, folder := range []string{"/" + "work/", "/" + "root/"} {
		for from := 0; ; {
			at := strings.Index(text[from:], folder)
			if at < 0 {
				break
			}
			at += from
			if at == 0 || !goesOn.MatchString(text[at-1:at]) {
				return at
			}
			from = at + len(folder)
		}
	}
	return -1
}

// TestMachinesAreSeen names some on purpose.
func TestMachinesAreSeen(t *testing.T) {
	for text, want := range map[string]int{
		"":                                       -1,
		"see " + "/work" + "/main":               4,
		"/root" + "/go":                          0,
		"cd ~/work/x; a/root/b; ${here}/work/":   -1,
		"a/work/b and (" + "/work" + "/c)":       14,
		"https://" + "registry" + ".npmjs.org/x": 8,
		"save=1\n" + "registry" + "=x":           6,
		"the registry of companies":              -1,
	} {
		if got := machineIn(text); got != want {
			t.Errorf("%q: found at %d, want %d", text, got, want)
		}
	}
}

// TestDependenciesEarnTheirPlace compares the direct requirements and tools of
// go.mod with docs/dependencies.md, both ways.
func TestDependenciesEarnTheirPlace(t *testing.T) {
	required := directRequirements(t)
	page := read(t, "docs/dependencies.md")
	var explained []string
	for _, row := range regexp.MustCompile("(?m)^\\| `([^`]+)` \\|").FindAllStringSubmatch(page, -1) {
		explained = append(explained, row[1])
	}
	for _, m := range required {
		if !slices.Contains(explained, m) {
			t.Errorf("docs/dependencies.md does not say why %s earns its place", m)
		}
	}
	for _, m := range explained {
		if !slices.Contains(required, m) {
			t.Errorf("docs/dependencies.md explains %s, which go.mod does not require directly", m)
		}
	}
}

// directRequirements are the modules that go.mod requires directly and the
// packages it pins as tools.
func directRequirements(t *testing.T) []string {
	t.Helper()
	var found []string
	block := ""
	for line := range strings.Lines(read(t, "go.mod")) {
		fields := strings.Fields(line)
		switch {
		case len(fields) == 0 || strings.Contains(line, "// indirect"):
		case fields[0] == ")":
			block = ""
		case len(fields) == 2 && fields[1] == "(":
			block = fields[0]
		case block == "require" || block == "tool":
			found = append(found, fields[0])
		case fields[0] == "require" || fields[0] == "tool":
			found = append(found, fields[1])
		}
	}
	slices.Sort(found)
	return slices.Compact(found)
}

// notByHand reports whether a file is written by a tool.
func notByHand(name string) bool {
	return strings.HasPrefix(name, generated+"/") || strings.HasPrefix(name, "internal/web/dist/") || path.Base(name) == "package-lock.json"
}

// textFiles reads every text file that git tracks or would track, by its name
// from the root.
func textFiles(t *testing.T) map[string]string {
	t.Helper()
	cmd := exec.Command("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--deduplicate")
	cmd.Dir = root
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("these rules hold for tracked files and need git in a checkout: %v: %s", err, stderr.String())
	}
	texts := map[string]string{}
	for _, name := range strings.Split(strings.TrimSuffix(string(out), "\x00"), "\x00") {
		data, err := os.ReadFile(filepath.Join(root, name))
		if os.IsNotExist(err) {
			continue // deleted, and not yet committed
		}
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.ContainsRune(data[:min(len(data), 8000)], 0) {
			texts[name] = string(data)
		}
	}
	return texts
}

func read(t *testing.T, name string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(root, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}
