package worker

import (
	"context"
	"errors"

	"github.com/hibiken/asynq"
	"go.opentelemetry.io/otel/attribute"
	otelcodes "go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"

	"settlecancel/gateway"
	"settlecancel/tasks"
	"settlecancel/tasks/ledger"
)

// traced runs f as a span of the trace that the task carries: every run of a cancellation belongs
// to the trace of its acceptance.
func traced(ctx context.Context, tracer trace.Tracer, t *asynq.Task, f func(context.Context, *asynq.Task) error) error {
	ctx, span := tracer.Start(tasks.WithTrace(ctx, t.Headers()), "process "+t.Type(), trace.WithSpanKind(trace.SpanKindConsumer))
	defer span.End()
	err := f(ctx, t)
	if !span.IsRecording() {
		return err
	}
	queue, _ := asynq.GetQueueName(ctx)
	span.SetAttributes(attribute.String("messaging.system", "asynq"), attribute.String("messaging.destination.name", queue))
	if p := (*postponed)(nil); errors.As(err, &p) {
		span.SetAttributes(attribute.String("postponed", p.reason), attribute.Float64("postponed_s", p.after.Seconds()))
	} else if err != nil {
		span.SetStatus(otelcodes.Error, oneLine(err.Error()))
	}
	return err
}

// traceRecord tells the span of a task's run which cancellation it is about, and how far that has
// come.
func traceRecord(ctx context.Context, r ledger.Record) {
	if span := trace.SpanFromContext(ctx); span.IsRecording() {
		span.SetAttributes(attribute.String("key", r.Key), attribute.String("mcht_id", r.MchtID), attribute.String("org_trd_no", r.OrgTrdNo),
			attribute.Int("attempt", r.Dropped+len(r.Attempts)), attribute.String("status", string(r.Status)), attribute.String("code", r.Code))
	}
}

// tracedGateway makes a span of each request. Nothing of the trace goes to the gateway: it is
// nobody's but ours.
type tracedGateway struct {
	Gateway
	tracer trace.Tracer
}

func (g tracedGateway) Cancel(ctx context.Context, r gateway.CancelRequest) gateway.Outcome {
	ctx, span := g.start(ctx, "cancel")
	defer span.End()
	o := g.Gateway.Cancel(ctx, r)
	traceOutcome(span, o)
	return o
}

func (g tracedGateway) Inquire(ctx context.Context, r gateway.InquiryRequest) gateway.Inquiry {
	ctx, span := g.start(ctx, "inquire")
	defer span.End()
	q := g.Gateway.Inquire(ctx, r)
	traceOutcome(span, q.Outcome)
	return q
}

func (g tracedGateway) start(ctx context.Context, what string) (context.Context, trace.Span) {
	return g.tracer.Start(ctx, "settlebank "+what, trace.WithSpanKind(trace.SpanKindClient))
}

func traceOutcome(span trace.Span, o gateway.Outcome) {
	if !span.IsRecording() {
		return
	}
	span.SetAttributes(attribute.String("class", string(o.Class)), attribute.String("code", o.Code))
	if o.HTTPStatus != 0 {
		span.SetAttributes(attribute.Int("http.response.status_code", o.HTTPStatus))
	}
	if o.Class != gateway.OK {
		span.SetStatus(otelcodes.Error, o.Message)
	}
}
