package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"

	"keiretsu/internal/auth"
	"keiretsu/internal/server"
)

// authFlags say who may do what, and how they get here.
type authFlags struct {
	ReadsNeedToken bool     `help:"Reading needs a token too, with the scope read: queries, tables, exports, reconciliation, the schema and the metrics. Default false, environment KEIRETSU_READS_NEED_TOKEN."`
	AllowOrigin    []string `placeholder:"ORIGIN" help:"Let pages of this origin send requests, such as https://example.org:8443; may be given more than once. * lets pages of every origin read what needs no token. Default none, environment KEIRETSU_ALLOW_ORIGIN, with commas between."`
	AuditLog       string   `placeholder:"FILE" help:"File that takes a line for every write and every refused attempt, - for the log. Nothing is written while it takes none. Default audit.jsonl in the data folder, environment KEIRETSU_AUDIT_LOG."`

	TLSCert           string `name:"tls-cert" placeholder:"FILE" help:"Certificate in PEM, with its chain; serves https. It is read again when it changes. Default none, environment KEIRETSU_TLS_CERT."`
	TLSKey            string `name:"tls-key" placeholder:"FILE" help:"Key of the certificate in PEM. Default none, environment KEIRETSU_TLS_KEY."`
	InsecurePlainHTTP bool   `name:"insecure-plain-http" help:"Take tokens over http at an address other than loopback. Right only behind a proxy that ends TLS. Default false, environment KEIRETSU_INSECURE_PLAIN_HTTP."`

	OIDCIssuer     string `name:"oidc-issuer" placeholder:"URL" help:"Accept tokens that this OpenID Connect issuer has signed. Default none, environment KEIRETSU_OIDC_ISSUER."`
	OIDCAudience   string `name:"oidc-audience" placeholder:"NAME" help:"Whom such a token must be issued for. Default none, environment KEIRETSU_OIDC_AUDIENCE."`
	OIDCScopeClaim string `name:"oidc-scope-claim" default:"scope" placeholder:"NAME" help:"The claim of such a token that holds keiretsu:read, keiretsu:write or keiretsu:admin. Default ${default}, environment KEIRETSU_OIDC_SCOPE_CLAIM."`
}

// check checks the flags before anything is opened.
func (a *authFlags) check() error {
	if (a.TLSCert == "") != (a.TLSKey == "") {
		return errors.New("--tls-cert and --tls-key belong together")
	}
	if a.TLSCert != "" && a.InsecurePlainHTTP {
		return errors.New("--insecure-plain-http and --tls-cert contradict each other")
	}
	if err := server.CheckOrigins(a.AllowOrigin, a.ReadsNeedToken); err != nil {
		return fmt.Errorf("--allow-origin: %w", err)
	}
	if (a.OIDCIssuer == "") != (a.OIDCAudience == "") {
		return errors.New("--oidc-issuer and --oidc-audience belong together: without an audience, tokens for other services would be accepted")
	}
	if _, err := a.issuer(slog.Default()); err != nil {
		return fmt.Errorf("--oidc-issuer: %w", err)
	}
	return nil
}

// issuer is whose signed tokens are accepted; nil for nobody's.
func (a *authFlags) issuer(log *slog.Logger) (*auth.Issuer, error) {
	if a.OIDCIssuer == "" {
		return nil, nil
	}
	return auth.NewIssuer(auth.IssuerOptions{URL: a.OIDCIssuer, Audience: a.OIDCAudience, ScopeClaim: a.OIDCScopeClaim, Logger: log})
}

// entrance is the way into the server.
type entrance struct {
	access server.Access
	tls    *tls.Config
}

// open reads certificate and tokens. It refuses an address where tokens that
// are in use would be readable on their way.
func (a *authFlags) open(f *folder, addr net.Addr, log *slog.Logger) (*entrance, error) {
	e := &entrance{access: server.Access{ReadsNeedToken: a.ReadsNeedToken, Origins: a.AllowOrigin}}
	if a.TLSCert != "" {
		certificate, err := server.OpenCertificate(a.TLSCert, a.TLSKey, log)
		if err != nil {
			return nil, err
		}
		e.tls = certificate.TLS()
	}
	tokens, err := auth.NewTokens(f.tokens(), log)
	if err != nil {
		return nil, err
	}
	issuer, err := a.issuer(log)
	if err != nil {
		return nil, err
	}
	e.access.Gate = &auth.Gate{Tokens: tokens, Issuer: issuer}

	e.access.PlainTokens = a.InsecurePlainHTTP || isLoopback(addr)
	if e.tls != nil || e.access.PlainTokens {
		return e, nil
	}
	const remedy = "set --tls-cert and --tls-key, or --insecure-plain-http behind a proxy that ends TLS"
	if a.ReadsNeedToken || issuer != nil || tokens.Any() {
		return nil, fmt.Errorf("tokens would be readable on their way to %s: %s", addr, remedy)
	}
	log.Warn("this address is not encrypted: everyone on the way can read along, and no token is accepted; "+remedy, slog.String("address", addr.String()))
	return e, nil
}

func isLoopback(addr net.Addr) bool {
	tcp, ok := addr.(*net.TCPAddr)
	return ok && tcp.IP.IsLoopback()
}

// auditLog opens the audit log.
func (a *authFlags) auditLog(m *Main, f *folder, log *slog.Logger) (*auth.Log, error) {
	switch a.AuditLog {
	case "-":
		return auth.NewLog(m.Stderr, log), nil
	case "":
		return auth.OpenLog(f.audit(), log)
	default:
		return auth.OpenLog(a.AuditLog, log)
	}
}

// watch looks for the issuer's keys until the function it returns is called.
func (e *entrance) watch(ctx context.Context) (stop func()) {
	issuer := e.access.Gate.Issuer
	if issuer == nil {
		return func() {}
	}
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		issuer.Run(ctx)
	}()
	return func() {
		cancel()
		<-done
	}
}

// ready reports what keeps everybody out. Tokens that cannot be checked are
// that where reads need one; elsewhere readers are served on.
func (e *entrance) ready() error {
	if !e.access.ReadsNeedToken {
		return nil
	}
	return e.access.Gate.Tokens.Check()
}

// scheme is what the address begins with.
func (e *entrance) scheme() string {
	if e.tls != nil {
		return "https"
	}
	return "http"
}
