package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"keiretsu/internal/auth"
)

// tokenCommands are those that decide who may write.
type tokenCommands struct {
	Create tokenCreate `cmd:"" help:"Make a token and print it, once. A server that uses the folder accepts it at once."`
	List   tokenList   `cmd:"" help:"Show the tokens there are, without their secrets."`
	Revoke tokenRevoke `cmd:"" help:"End a token. A server that uses the folder refuses it at once."`
}

// tokens is the file of tokens in the folder.
func (f *folder) tokens() auth.TokenFile {
	return auth.TokenFile{Path: filepath.Join(f.Data, "tokens.json")}
}

type tokenCreate struct {
	Name    string   `arg:"" help:"Who will use it: letters, digits and . _ - @, such as curator or ann@laptop. It is the author of what is written with the token."`
	Scope   string   `default:"read" placeholder:"SCOPE" help:"What it permits: read, write or admin, each with those before it. Default ${default}, environment KEIRETSU_SCOPE."`
	Expires lifetime `default:"90d" placeholder:"TIME" help:"After how long it ends: a number of days such as 90d, a time such as 12h, or never. Default ${default}, environment KEIRETSU_EXPIRES."`
}

// Validate checks the arguments before anything is opened.
func (c *tokenCreate) Validate() error {
	if _, ok := auth.ParseScope(c.Scope); !ok {
		return fmt.Errorf("--scope %s: expected read, write or admin", c.Scope)
	}
	return auth.CheckTokenName(c.Name)
}

// Run makes the token. It alone goes to the output, so that it can be piped to
// where secrets are kept.
func (c *tokenCreate) Run(ctx context.Context, m *Main, f *folder) error {
	now := time.Now()
	scope, _ := auth.ParseScope(c.Scope)
	secret, token, err := f.tokens().Create(ctx, c.Name, scope, c.Expires.from(now), now)
	if err != nil {
		return err
	}
	if _, err := fmt.Fprintln(m.Stdout, secret); err != nil {
		// Nobody has seen it, so nobody should be able to use it.
		_, revoked := f.tokens().Revoke(ctx, token.ID, now)
		return errors.Join(fmt.Errorf("the token could not be printed and is revoked again: %w", err), revoked)
	}
	fmt.Fprintf(m.Stderr, "Token %s (id %s, scope %s) expires %s. It is shown this once: keep it like a password.\nSend it as the header  Authorization: Bearer TOKEN\n",
		token.Name, token.ID, token.Scope, day(token.Expires))
	return nil
}

type tokenList struct {
	JSON bool `name:"json" help:"Print a JSON list. Default false, environment KEIRETSU_JSON."`
}

// Run prints the tokens in order of creation.
func (c *tokenList) Run(m *Main, f *folder) error {
	tokens, err := f.tokens().List()
	if err != nil {
		return err
	}
	now := time.Now()
	if c.JSON {
		type row struct {
			auth.Token
			State string `json:"state"`
		}
		rows := make([]row, len(tokens))
		for i, t := range tokens {
			rows[i] = row{t, t.State(now)}
		}
		out := json.NewEncoder(m.Stdout)
		out.SetIndent("", "  ")
		return out.Encode(rows)
	}
	if len(tokens) == 0 {
		fmt.Fprintln(m.Stderr, "There are no tokens; \"keiretsu token create NAME --scope write\" makes one.")
		return nil
	}
	table := tabwriter.NewWriter(m.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "ID\tNAME\tSCOPE\tSTATE\tCREATED\tEXPIRES")
	for _, t := range tokens {
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%s\n", t.ID, t.Name, t.Scope, t.State(now), day(t.Created), day(t.Expires))
	}
	return table.Flush()
}

type tokenRevoke struct {
	NameOrID string `arg:"" name:"name-or-id" help:"The name of an active token, or the id of any."`
}

// Run ends the token.
func (c *tokenRevoke) Run(ctx context.Context, m *Main, f *folder) error {
	token, err := f.tokens().Revoke(ctx, c.NameOrID, time.Now())
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(m.Stdout, "Token %s (id %s) is revoked.\n", token.Name, token.ID)
	return err
}

// day writes the end of a token for people.
func day(t time.Time) string {
	if t.IsZero() {
		return "never"
	}
	return t.UTC().Format("2006-01-02 15:04 UTC")
}

// lifetime is how long a token is good for; zero for ever.
type lifetime time.Duration

// longestLifetime keeps dates within what can be written down.
const longestLifetime = 100 * 365 * 24 * time.Hour

// UnmarshalText reads a number of days such as 90d, a Go duration, or never.
func (l *lifetime) UnmarshalText(text []byte) error {
	s := string(text)
	if s == "never" {
		*l = 0
		return nil
	}
	span, err := time.ParseDuration(s)
	if number, ok := strings.CutSuffix(s, "d"); ok {
		var days uint64
		days, err = strconv.ParseUint(number, 10, 16)
		span = time.Duration(days) * 24 * time.Hour
	}
	if err != nil || span < time.Second || span > longestLifetime {
		return fmt.Errorf("expected a number of days such as 90d, a time such as 12h, or never, and got %q", s)
	}
	*l = lifetime(span)
	return nil
}

// from returns the end of what begins then.
func (l lifetime) from(begin time.Time) time.Time {
	if l == 0 {
		return time.Time{}
	}
	return begin.Add(time.Duration(l))
}
