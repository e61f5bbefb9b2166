package tasks

import (
	"cmp"
	"context"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"

	"settlecancel/tasks/ledger"
)

// create tells a trace that a task is made, and answers the headers by which the worker goes on
// with that trace: of ctx, or a new one. Each task has its own, so that a file of many
// cancellations does not end in a single endless trace.
func (c *Client) create(ctx context.Context, r ledger.Record) map[string]string {
	ctx, span := c.tracer.Start(ctx, "create "+TypeCancel, trace.WithSpanKind(trace.SpanKindProducer))
	defer span.End()
	if span.IsRecording() {
		span.SetAttributes(attribute.String("messaging.system", "asynq"), attribute.String("messaging.destination.name", cmp.Or(r.Queue, QueueDefault)),
			attribute.String("key", r.Key), attribute.String("mcht_id", r.MchtID), attribute.String("org_trd_no", r.OrgTrdNo))
	}
	headers := propagation.MapCarrier{}
	propagation.TraceContext{}.Inject(ctx, headers)
	return headers
}

// WithTrace returns ctx in the trace that a task's headers name, if they name one.
func WithTrace(ctx context.Context, headers map[string]string) context.Context {
	return propagation.TraceContext{}.Extract(ctx, propagation.MapCarrier(headers))
}
