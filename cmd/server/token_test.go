package main

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

func TestTokenCommands(t *testing.T) {
	data := filepath.Join(t.TempDir(), "new", "data")
	p := run(t, nil, "token", "create", "ann", "--scope", "write", "--expires", "2d", "--data", data)
	if code := p.ended(t); code != 0 {
		t.Fatalf("ended with %d:\n%s", code, &p.stderr)
	}
	if !regexp.MustCompile(`^krt_[a-z2-7]{16}_[a-z2-7]{52}\n$`).MatchString(p.stdout.String()) {
		t.Errorf("the output is not the token alone: %q", p.stdout.String())
	}
	for _, word := range []string{"ann", "scope write", "this once", "Authorization: Bearer"} {
		if !strings.Contains(p.stderr.String(), word) {
			t.Errorf("it did not say %q:\n%s", word, &p.stderr)
		}
	}
	if strings.Contains(p.stderr.String(), strings.TrimSpace(p.stdout.String())) {
		t.Error("the token is in what is meant for people too")
	}
	command(t, "token", "create", "bob", "--expires", "never", "--data", data)
	command(t, "token", "revoke", "ann", "--data", data)

	table := command(t, "token", "list", "--data", data)
	if !regexp.MustCompile(`(?m)^ID +NAME +SCOPE +STATE +CREATED +EXPIRES\n[a-z2-7]{16} +ann +write +revoked +20.*UTC +20.*UTC\n[a-z2-7]{16} +bob +read +active +20.*UTC +never\n$`).MatchString(table) {
		t.Errorf("table:\n%s", table)
	}
	var rows []map[string]any
	if err := json.Unmarshal([]byte(command(t, "token", "list", "--json", "--data", data)), &rows); err != nil {
		t.Fatal(err)
	}
	if len(rows) != 2 || rows[0]["state"] != "revoked" || rows[1]["scope"] != "read" || rows[0]["sha256"] != nil {
		t.Errorf("rows %v", rows)
	}
	id, _ := rows[1]["id"].(string)
	if said := command(t, "token", "revoke", id, "--data", data); said != "Token bob (id "+id+") is revoked.\n" {
		t.Errorf("it said %q", said)
	}
	if info, err := os.Stat(filepath.Join(data, "tokens.json")); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v; want 0600", info.Mode(), err)
	}
}

func TestTokenCommandsWithoutTokens(t *testing.T) {
	data := t.TempDir()
	if table := command(t, "token", "list", "--data", data); table != "" {
		t.Errorf("table %q", table)
	}
	if list := command(t, "token", "list", "--json", "--data", data); list != "[]\n" {
		t.Errorf("list %q", list)
	}
}

func TestTokenCommandsRefuse(t *testing.T) {
	data := t.TempDir()
	command(t, "token", "create", "taken", "--data", data)
	damaged := t.TempDir()
	write(t, filepath.Join(damaged, "tokens.json"), "{}")
	exposed := t.TempDir()
	for _, folder := range []string{damaged, exposed} {
		name := filepath.Join(folder, "tokens.json")
		write(t, name, `{"version":`)
		if err := os.Chmod(name, map[string]os.FileMode{damaged: 0o600, exposed: 0o644}[folder]); err != nil {
			t.Fatal(err)
		}
	}
	for name, c := range map[string]struct {
		args []string
		want []string
	}{
		"name taken":     {[]string{"create", "taken", "--data", data}, []string{"active token of the name taken already"}},
		"no name":        {[]string{"create", "--data", data}, []string{"1 to 64 characters"}},
		"odd name":       {[]string{"create", "a b", "--data", data}, []string{"letters, digits"}},
		"odd scope":      {[]string{"create", "a", "--scope", "root", "--data", data}, []string{"--scope root: expected read, write or admin"}},
		"scope of none":  {[]string{"create", "a", "--scope", "none", "--data", data}, []string{"--scope none: expected"}},
		"no time":        {[]string{"create", "a", "--expires", "soon", "--data", data}, []string{"--expires", "90d"}},
		"time of 0":      {[]string{"create", "a", "--expires", "0d", "--data", data}, []string{"--expires", "90d"}},
		"time below 0":   {[]string{"create", "a", "--expires=-1h", "--data", data}, []string{"--expires", "90d"}},
		"endless time":   {[]string{"create", "a", "--expires", "99999999999999999999d", "--data", data}, []string{"--expires"}},
		"a century":      {[]string{"create", "a", "--expires", "40000d", "--data", data}, []string{"--expires"}},
		"unknown name":   {[]string{"revoke", "nobody", "--data", data}, []string{"no token of the name or id nobody"}},
		"damaged file":   {[]string{"list", "--data", damaged}, []string{damaged, "is damaged", "restore it from a backup"}},
		"readable file":  {[]string{"list", "--data", exposed}, []string{exposed, "chmod 600"}},
		"no such folder": {[]string{"create", "a", "--data", "/dev/null/x"}, []string{"/dev/null", "not a directory"}},
	} {
		t.Run(name, func(t *testing.T) {
			refused(t, run(t, nil, append([]string{"token"}, c.args...)...), c.want...)
		})
	}
}

// TestATokenNobodySawIsRevoked prints to what takes nothing.
func TestATokenNobodySawIsRevoked(t *testing.T) {
	data := t.TempDir()
	var c commands
	meant, err := parse(&c, []string{"token", "create", "ann", "--data", data}, func(string) string { return "" }, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	var said output
	err = c.Token.Create.Run(t.Context(), &Main{Stdout: full{}, Stderr: &said}, &c.folder)
	if err == nil || !strings.Contains(err.Error(), "revoked again") {
		t.Errorf("%v: %v", meant.Command(), err)
	}
	tokens, err := c.tokens().List()
	if err != nil || len(tokens) != 1 || tokens[0].State(time.Now()) != "revoked" {
		t.Errorf("tokens %+v, %v", tokens, err)
	}
}

// full is a disk that is.
type full struct{}

func (full) Write([]byte) (int, error) { return 0, errors.New("no space left on device") }
