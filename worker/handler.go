package worker

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/hibiken/asynq"

	"settlecancel/gateway"
	"settlecancel/gateway/settlebank"
	"settlecancel/tasks"
	"settlecancel/tasks/ledger"
)

// handle carries one task out as far as that is possible now.
func (w *Worker) handle(ctx context.Context, t *asynq.Task) error {
	x, err := w.parse(t.Payload())
	if err != nil {
		return w.refuse(ctx, fmt.Errorf("its payload is no cancellation: %w", err))
	}
	if err := w.gate.wait(x.Cancellation); err != nil {
		return err
	}
	entry, err := x.Entry()
	if err != nil {
		return w.refuse(ctx, err)
	}
	record, err := w.advance(ctx, x, entry)
	if err != nil {
		return err
	}
	if record.Dead() {
		return fmt.Errorf("%s: %w", oneLine(fmt.Sprintf("%s %s %s", record.Status, record.Code, record.Message)), asynq.SkipRetry)
	}
	return nil
}

// parse reads the payload of a task.
func (w *Worker) parse(payload []byte) (tasks.Task, error) {
	// What was accepted before midnight elsewhere may be of tomorrow by this machine's clock.
	lenient := func() time.Time { return w.opts.Now().Add(24 * time.Hour) }
	return tasks.ParseTask(payload, tasks.ParseOptions{DefaultMchtID: w.opts.DefaultMchtID, Now: lenient})
}

// maxSteps is how many steps one run takes that are due at once: a basis, a request, an inquiry,
// and some to spare.
const maxSteps = 6

// advance takes a cancellation step by step as far as it goes now. It returns a record that has
// ended or is a dead letter, or an error that is for asynq, mostly *postponed.
func (w *Worker) advance(ctx context.Context, x tasks.Task, entry ledger.Entry) (ledger.Record, error) {
	var record ledger.Record
	err := error(&postponed{after: time.Second, reason: "not due yet: more steps follow"})
	for range maxSteps {
		g, stop := w.begin(ctx, x.Cancellation, entry)
		if stop != nil {
			return record, stop
		}
		var after time.Duration
		switch g.Step {
		case ledger.StepSend:
			record, after, err = w.request(ctx, x, g)
		case ledger.StepInquire:
			record, after, err = w.inquire(ctx, x.Cancellation, g)
		case ledger.StepEnded, ledger.StepDead:
			return g.Record, nil
		default:
			return record, w.waitFor(ctx, g, x.IdempotencyKey)
		}
		if err == nil || after > 0 {
			return record, err
		}
	}
	return record, err
}

// waitFor returns why nothing can be done for a cancellation now.
func (w *Worker) waitFor(ctx context.Context, g ledger.Grant, key string) error {
	switch g.Step {
	case ledger.StepHeld:
		return &postponed{after: g.Wait, reason: "waiting for another cancellation of the payment"}
	case ledger.StepWait:
		return &postponed{after: g.Wait, reason: "not due yet"}
	case ledger.StepBarred:
		return &postponed{after: w.policy.Hold(), reason: "held: the merchant's requests, or inquiries, fail"}
	case ledger.StepConflict:
		return w.refuse(ctx, fmt.Errorf("%s: %w: the ledger keeps the first", key, ledger.ErrConflict))
	}
	return &postponed{after: time.Second, reason: "accepted just now, and not found"}
}

// begin asks the ledger for the next step. A task that a plain asynq client put in the queue is
// accepted first.
func (w *Worker) begin(ctx context.Context, x tasks.Cancellation, e ledger.Entry) (ledger.Grant, error) {
	barred := ledger.Barred{Requests: !w.requests.ready(e.MchtID), Inquiries: !w.inquiries.ready(e.MchtID)}
	for accepted := false; ; accepted = true {
		g, err := w.ledger.BeginBarred(ctx, e, barred)
		if err != nil {
			w.release(ctx, g, "the intent was not stored safely", 0)
			return g, &postponed{after: w.policy.Pause(0), reason: oneLine(err.Error())}
		}
		if g.Step != ledger.StepNotFound || accepted {
			return g, nil
		}
		if err := errors.Join(tasks.Complete(e), w.opts.Client.CheckMerchant(x)); err != nil {
			return g, w.refuse(ctx, err)
		}
		if _, _, err := w.ledger.Accept(ctx, e); err != nil {
			if refusedAtIntake(err) {
				return g, w.refuse(ctx, err)
			}
			return g, &postponed{after: w.policy.Pause(0), reason: oneLine(err.Error())}
		}
	}
}

// refusedAtIntake reports whether the ledger refused a cancellation for good.
func refusedAtIntake(err error) bool {
	for _, refusal := range []error{ledger.ErrConflict, ledger.ErrAmount, ledger.ErrFull, ledger.ErrPrecondition} {
		if errors.Is(err, refusal) {
			return true
		}
	}
	return false
}

// finish stores the outcome, and returns the record as it is now and when it is due again, with
// *postponed unless it has ended or is a dead letter.
func (w *Worker) finish(ctx context.Context, h *holder, method string, a ledger.Attempt, n ledger.Next) (ledger.Record, time.Duration, error) {
	g := h.release()
	done, err := w.store(ctx, g, a, n)
	if err != nil {
		// The intent stands in the ledger; once the lease has ended, the outcome counts as unknown and is
		// verified.
		w.log.ErrorContext(ctx, "outcome not stored", "key", g.Record.Key, "status", n.Status, "code", a.Code, "error", err)
		return g.Record, w.ledger.Lease(), &postponed{after: w.ledger.Lease(), reason: oneLine(err.Error())}
	}
	r := done.Record
	traceRecord(ctx, r)
	level := slog.LevelInfo
	if r.Dead() || r.Status == ledger.Unknown {
		level = slog.LevelWarn
	}
	w.log.Log(ctx, level, "attempt", "key", r.Key, "mcht_id", r.MchtID, "org_trd_no", r.OrgTrdNo,
		"attempt", r.Dropped+len(r.Attempts), "status", r.Status, "code", a.Code)
	w.opts.Observer.Attempt(ctx, g.Record, method, a)
	if done.NextKey != "" && done.NextKey != r.Key {
		_ = w.opts.Client.Wake(done.NextKey, done.NextQueue) // else it comes back by itself
	}
	if r.Open() {
		return r, n.After, &postponed{after: n.After, reason: oneLine(fmt.Sprintf("%s: %s %s %s", r.Status, a.Class, a.Code, a.Message))}
	}
	w.opts.Observer.Settled(ctx, r, method)
	return r, 0, nil
}

// release gives a grant back on which nothing was asked of the gateway. The next step is due after
// a while.
func (w *Worker) release(ctx context.Context, g ledger.Grant, why string, after time.Duration) {
	n := ledger.Next{Status: ledger.Queued, After: after, Code: g.Record.Code, Message: g.Record.Message,
		Reason: g.Record.Reason, Verification: g.Record.Verification}
	if g.Record.Status == ledger.Unknown {
		n.Status = ledger.Unknown // as before: an earlier request may have been applied
	}
	if _, err := w.store(ctx, g, ledger.Attempt{Class: ledger.Unsent, Message: oneLine(why)}, n); err != nil && !errors.Is(err, ledger.ErrNotFound) {
		w.log.WarnContext(ctx, "unused intent not taken back; it ends with its lease", "key", g.Record.Key, "error", err)
	}
}

// cancelRequest is x as the gateway takes it; of the payment's amount the ledger may know more.
func cancelRequest(x tasks.Cancellation, r ledger.Record) gateway.CancelRequest {
	amount := x.OrgTrdAmt
	if r.PaymentAmount > 0 {
		amount = r.PaymentAmount
	}
	return gateway.CancelRequest{
		ID: settlebank.CancelID(x.IdempotencyKey, r.RequestID+1), Round: max(r.Round, 1),
		MchtID: x.MchtID, OrgTrdNo: x.OrgTrdNo, OrgMchtTrdNo: x.OrgMchtTrdNo, OrgTrdDt: x.OrgTrdDt,
		CanAmt: x.CanAmt, OrgTrdAmt: amount, Method: x.Method, Reason: x.Reason,
		Operation: x.Operation, Currency: x.Currency, TaxTypeCd: x.TaxTypeCd,
		TaxAmt: x.TaxAmt, VatAmt: x.VatAmt, TaxFreeAmt: x.TaxFreeAmt, SvcAmt: x.SvcAmt,
		RefundBankCd: x.RefundBankCd, RefundAcntNo: x.RefundAcntNo, RefundDpstrNm: x.RefundDpstrNm, VAcntNo: x.VAcntNo,
	}
}
