package archtest

import (
	"regexp"
	"strings"
	"testing"
)

// TestDefencesAreShown wants every test that SECURITY.md names to exist.
func TestDefencesAreShown(t *testing.T) {
	declared := regexp.MustCompile(`(?m)^func (\w+)\(\w+ \*testing\.[TF]\)`)
	exists := map[string]bool{}
	texts := textFiles(t)
	for name, text := range texts {
		if !strings.HasSuffix(name, "_test.go") {
			continue
		}
		for _, found := range declared.FindAllStringSubmatch(text, -1) {
			exists[found[1]] = true
		}
	}
	named := regexp.MustCompile(`\b(?:Test|Fuzz)[A-Z]\w*`).FindAllString(texts["SECURITY.md"], -1)
	if len(named) < 20 {
		t.Errorf("SECURITY.md names %d tests; every defence has one", len(named))
	}
	for _, name := range named {
		if !exists[name] {
			t.Errorf("SECURITY.md names the test %s, which does not exist", name)
		}
	}
}
