package main

import (
	"context"
	"log/slog"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"settlecancel/config"
)

// tracing sends traces to where the settings say.
type tracing struct {
	provider trace.TracerProvider // nil: traces are off
	close    func()               // tells what has not been told yet
}

// flushTimeout bounds how long a process that ends waits for whoever takes its traces.
const flushTimeout = 3 * time.Second

// newTracing makes no connection yet; whoever takes the traces may come and go, and nothing waits
// for him.
func newTracing(ctx context.Context, cfg config.Config, log *slog.Logger) (tracing, error) {
	if cfg.TracesURL == "" {
		return tracing{close: func() {}}, nil
	}
	exporter, err := otlptracehttp.New(ctx, otlptracehttp.WithEndpointURL(cfg.TracesURL))
	if err != nil {
		return tracing{}, err
	}
	about, err := resource.New(ctx, resource.WithTelemetrySDK(), resource.WithHost(), resource.WithProcessPID(),
		resource.WithAttributes(attribute.String("service.name", "settlecancel"), attribute.String("service.version", version)), resource.WithFromEnv())
	if err != nil {
		return tracing{}, err
	}
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) { log.Warn("traces not delivered", "error", err) }))
	provider := sdktrace.NewTracerProvider(sdktrace.WithBatcher(exporter), sdktrace.WithResource(about))
	return tracing{provider, func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), flushTimeout)
		defer cancel()
		if err := provider.Shutdown(ctx); err != nil {
			log.Warn("traces not delivered", "error", err)
		}
	}}, nil
}
