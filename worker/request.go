package worker

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"time"

	"settlecancel/gateway"
	"settlecancel/tasks"
	"settlecancel/tasks/ledger"
)

// request sends the one request that g allows, and stores what came of it.
func (w *Worker) request(ctx context.Context, t tasks.Task, g ledger.Grant) (ledger.Record, time.Duration, error) {
	x, err := w.open(ctx, t, g)
	if err != nil {
		return g.Record, w.policy.HoldFor, err
	}
	told, err := w.requests.allow(x.MchtID)
	if err != nil {
		return w.stepBack(ctx, g, "held: "+err.Error(), w.policy.Hold())
	}
	h := w.hold(ctx, g)
	if err := w.mayStart(ctx, x.MchtID, g); err != nil {
		told(healthUntold)
		return w.stepBack(ctx, h.release(), "stopped before the request: "+err.Error(), time.Second)
	}
	start := time.Now()
	// The request outlives the task's context: what is on the wire must be seen to its end. It ends
	// before anybody may ask what became of it, even where the machine slept meanwhile, which only the
	// wall clock tells.
	onWire, cancel := context.WithDeadline(context.WithoutCancel(ctx), g.Latest.Round(0))
	defer cancel()
	o := w.gateway.Cancel(onWire, cancelRequest(x, g.Record))
	told(healthOf(o))
	a := ledger.Attempt{Duration: time.Since(start), Class: string(o.Class), Code: o.Code, Message: auditMessage(o), HTTPStatus: o.HTTPStatus, Raw: o.Raw}
	return w.finish(ctx, h, x.Method, a, w.policy.AfterRequest(g, o))
}

// mayStart waits for the merchant's turn, and reports why the request must not go out after all:
// asynq may have given this run up, and begun another; or the grant took so long that it may soon
// be another's.
func (w *Worker) mayStart(ctx context.Context, mchtID string, g ledger.Grant) error {
	if err := w.gate.pacers.waitForSlot(ctx, mchtID); err != nil {
		return err
	}
	if err := context.Cause(ctx); err != nil {
		return err
	}
	if !time.Now().Before(g.Deadline) || !time.Now().Round(0).Before(g.Deadline.Round(0)) {
		return errors.New("the lease is too old")
	}
	return nil
}

// stepBack gives a grant back unused.
func (w *Worker) stepBack(ctx context.Context, g ledger.Grant, why string, after time.Duration) (ledger.Record, time.Duration, error) {
	w.release(ctx, g, why, 0)
	return g.Record, after, &postponed{after: after, reason: oneLine(why)}
}

// open returns the cancellation with its account numbers, which the queue does not hold. Where they
// cannot be read nothing is sent: it waits for whoever mends the settings.
func (w *Worker) open(ctx context.Context, t tasks.Task, g ledger.Grant) (tasks.Cancellation, error) {
	if t.Sealed == "" {
		return t.Cancellation, nil
	}
	x, err := w.opts.Client.Open(g.Record)
	if err != nil {
		if w.unreadable.due() {
			w.log.ErrorContext(ctx, "account numbers cannot be read; nothing was sent; others may wait, too",
				"key", t.IdempotencyKey, "error", err)
		}
		after := w.policy.Hold()
		w.release(ctx, g, oneLine(err.Error()), after)
		return x, &postponed{after: after, reason: oneLine("held: " + err.Error())}
	}
	return x, nil
}

// inquire asks the gateway what became of an earlier request, or what is cancelled of the payment.
func (w *Worker) inquire(ctx context.Context, x tasks.Cancellation, g ledger.Grant) (ledger.Record, time.Duration, error) {
	h := w.hold(ctx, g)
	if !g.Record.Inquirable {
		a := ledger.Attempt{Class: "impossible", Message: "an inquiry needs orgTrdAmt and method, and SETTLEBANK_INQUIRY"}
		return w.finish(ctx, h, x.Method, a, w.policy.WithoutInquiry(g))
	}
	told, err := w.inquiries.allow(x.MchtID)
	if err != nil {
		// Who waits for an answer must not wait for ever: not asking counts as asking in vain.
		q := gateway.Inquiry{Outcome: gateway.Outcome{Class: w.inquiries.lastFailure(x.MchtID), Message: "held: " + err.Error()}}
		return w.finish(ctx, h, x.Method, ledger.Attempt{Class: string(q.Class), Message: q.Message}, w.policy.AfterInquiry(g, q))
	}
	if err := w.gate.pacers.waitForSlot(ctx, x.MchtID); err != nil {
		told(healthUntold)
		return w.stepBack(ctx, h.release(), "stopped before the inquiry: "+err.Error(), time.Second)
	}
	start := time.Now()
	q := w.gateway.Inquire(context.WithoutCancel(ctx), gateway.InquiryRequest{
		ID: "INQ-" + rand.Text(), MchtID: x.MchtID, OrgTrdNo: x.OrgTrdNo, OrgMchtTrdNo: x.OrgMchtTrdNo,
		OrgTrdDt: x.OrgTrdDt, Method: g.Record.Method, OrgTrdAmt: g.Record.PaymentAmount,
		Turn: func(ctx context.Context) error { return w.gate.pacers.waitForSlot(ctx, x.MchtID) }})
	told(healthOf(q.Outcome))
	w.inquiries.note(x.MchtID, q.Outcome)
	a := ledger.Attempt{Duration: time.Since(start), Class: string(q.Class), Code: q.Code, Message: q.Message, HTTPStatus: q.HTTPStatus, Raw: q.Raw}
	if q.CancelledKnown {
		a.Shown = &q.Cancelled
	}
	return w.finish(ctx, h, x.Method, a, w.policy.AfterInquiry(g, q))
}

// auditMessage is what the record keeps of an answer in words: of a success what the gateway told
// of its amounts, since the word that all went well is worth nothing for months; of anything else
// its message.
func auditMessage(o gateway.Outcome) string {
	if o.Class != gateway.OK {
		if o.Detail.RefundPossible != "" {
			return o.Message + " (rfdPsblCd " + o.Detail.RefundPossible + ")"
		}
		return o.Message
	}
	var parts []string
	for _, amount := range []struct {
		name  string
		value *int64
	}{{"blcAmt", o.Detail.BalanceAmt}, {"cardCnclAmt", o.Detail.CardAmt}, {"pntCnclAmt", o.Detail.PointAmt}, {"coupCnclAmt", o.Detail.CouponAmt}} {
		if amount.value != nil {
			parts = append(parts, fmt.Sprintf("%s %d", amount.name, *amount.value))
		}
	}
	return strings.Join(parts, ", ")
}
