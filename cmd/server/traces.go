package main

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"net/url"
	"strings"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

// traceFlags says where traces go.
type traceFlags struct {
	OTLPEndpoint string `name:"otlp-endpoint" placeholder:"URL" help:"OpenTelemetry collector that takes traces over OTLP and HTTP, such as http://127.0.0.1:4318; /v1/traces is added. None by default, environment KEIRETSU_OTLP_ENDPOINT, else OTEL_EXPORTER_OTLP_ENDPOINT."`
}

// Validate checks the flag before anything is opened.
func (f *traceFlags) Validate() error {
	_, err := tracesURL(f.OTLPEndpoint)
	return err
}

// tracesURL returns the address for traces of a collector, "" for none.
func tracesURL(endpoint string) (string, error) {
	if endpoint == "" {
		return "", nil
	}
	u, err := url.Parse(endpoint)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.RawQuery != "" || u.Fragment != "" {
		return "", fmt.Errorf("the OTLP endpoint %q is not an address such as http://127.0.0.1:4318", endpoint)
	}
	return strings.TrimSuffix(endpoint, "/") + "/v1/traces", nil
}

// flushTime is how long the last traces may take to be sent when the server stops.
const flushTime = time.Second

// traces opens the way to the collector, if one is named. The provider is nil
// where none is; the function it returns sends what is left.
func (f *traceFlags) traces(ctx context.Context, getenv func(string) string, log *slog.Logger) (trace.TracerProvider, func(), error) {
	address, err := tracesURL(cmp.Or(f.OTLPEndpoint, getenv("OTEL_EXPORTER_OTLP_ENDPOINT")))
	if err != nil || address == "" {
		return nil, func() {}, err
	}
	exporter, err := otlptracehttp.New(ctx, otlptracehttp.WithEndpointURL(address))
	if err != nil {
		return nil, nil, fmt.Errorf("traces cannot be sent to %s: %w", address, err)
	}
	// A collector that does not answer is worth a line, and nothing more.
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) { log.Warn("traces", slog.Any("error", err)) }))
	provider := sdktrace.NewTracerProvider(
		sdktrace.WithBatcher(exporter),
		sdktrace.WithResource(resource.NewSchemaless(attribute.String("service.name", "keiretsu"))))
	return provider, func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), flushTime)
		defer cancel()
		if err := provider.Shutdown(ctx); err != nil {
			log.Warn("the last traces were not sent", slog.Any("error", err))
		}
	}, nil
}
