package worker

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"

	"settlecancel/gateway"
	"settlecancel/tasks"
	"settlecancel/tasks/ledger"
)

// postponed tells asynq to run the task again later. It is no failure: the ledger counts what
// counts.
type postponed struct {
	after  time.Duration
	reason string
}

func (p *postponed) Error() string { return p.reason }

// handle carries one task out as far as that is possible now.
func (w *Worker) handle(ctx context.Context, t *asynq.Task) error {
	x, err := w.parse(t.Payload())
	if err != nil {
		return w.refuse(ctx, fmt.Errorf("its payload is no cancellation: %w", err))
	}
	if err := w.gate.wait(x.Cancellation); err != nil {
		return err
	}
	var record ledger.Record
	held := w.breakers.pass(x.MchtID, func() (h health) {
		record, h, err = w.advance(ctx, x)
		return h
	})
	if held != nil {
		err = &postponed{after: w.policy.spread(w.policy.HoldFor), reason: "held: " + held.Error()}
	}
	if err != nil {
		return err
	}
	if record.Dead() {
		return fmt.Errorf("%s: %w", brief(fmt.Sprintf("%s %s %s", record.Status, record.Code, record.Message)), asynq.SkipRetry)
	}
	return nil
}

// parse reads the payload of a task.
func (w *Worker) parse(payload []byte) (tasks.Task, error) {
	// What was accepted before midnight elsewhere may be of tomorrow by this machine's clock.
	lenient := func() time.Time { return w.opts.Now().Add(24 * time.Hour) }
	return tasks.ParseTask(payload, tasks.ParseOptions{DefaultMchtID: w.opts.DefaultMchtID, Now: lenient})
}

// advance takes a cancellation one step further. It answers a record that has ended or is a dead
// letter, or an error, mostly
// *postponed, that is for asynq; and what it learned about the gateway.
func (w *Worker) advance(ctx context.Context, x tasks.Task) (ledger.Record, health, error) {
	entry, err := x.Entry()
	if err != nil {
		return ledger.Record{}, healthUntold, w.refuse(ctx, err)
	}
	g, err := w.begin(ctx, entry)
	if err != nil {
		return ledger.Record{}, healthUntold, err
	}
	switch g.Step {
	case ledger.StepSend:
		return w.request(ctx, x, g)
	case ledger.StepInquire:
		return w.inquire(ctx, x.Cancellation, g)
	case ledger.StepEnded, ledger.StepDead:
		// A task that comes again: its note may have got lost with its acknowledgement. The ledger
		// has the outcome in any case.
		if _, err := w.opts.Redis.Pipelined(ctx, func(p redis.Pipeliner) error {
			result(ctx, g.Record.Status, g.Record.CanTrdNo)(p)
			return nil
		}); err != nil {
			w.log.DebugContext(ctx, "task result not written", "key", g.Record.Key, "error", err)
		}
		return g.Record, healthUntold, nil
	case ledger.StepHeld:
		err = &postponed{after: g.Wait, reason: "waiting for another cancellation of the payment"}
	case ledger.StepWait:
		err = &postponed{after: g.Wait, reason: "not due yet"}
	case ledger.StepConflict:
		err = w.refuse(ctx, fmt.Errorf("%s: %w: the ledger keeps the first", x.IdempotencyKey, ledger.ErrConflict))
	default:
		err = &postponed{after: time.Second, reason: "accepted just now, and not found"}
	}
	return ledger.Record{}, healthUntold, err
}

// begin asks the ledger for the next step. A task that a plain asynq client put in the queue is
// accepted first.
func (w *Worker) begin(ctx context.Context, e ledger.Entry) (ledger.Grant, error) {
	for accepted := false; ; accepted = true {
		g, err := w.ledger.Begin(ctx, e)
		if err != nil && g.Step == ledger.StepInquire {
			err = nil // nothing is sent that moves money
		}
		if err != nil {
			w.release(ctx, g, "the intent was not stored safely", 0)
			return g, &postponed{after: w.policy.Pause(0), reason: brief(err.Error())}
		}
		if g.Step != ledger.StepNotFound || accepted {
			return g, nil
		}
		if err := tasks.Complete(e); err != nil {
			return g, w.refuse(ctx, err)
		}
		if _, _, err := w.ledger.Accept(ctx, e); err != nil {
			if errors.Is(err, ledger.ErrConflict) || errors.Is(err, ledger.ErrFull) {
				return g, w.refuse(ctx, err)
			}
			return g, &postponed{after: w.policy.Pause(0), reason: brief(err.Error())}
		}
	}
}

// request sends the one request that g allows, and stores what came of it.
func (w *Worker) request(ctx context.Context, t tasks.Task, g ledger.Grant) (ledger.Record, health, error) {
	x, err := w.open(ctx, t, g)
	if err != nil {
		return ledger.Record{}, healthUntold, err
	}
	// asynq may have given this run up, and begun another; or the grant took so long that it may
	// soon be another's.
	late := w.gate.pacers.take(ctx, x.MchtID)
	if late == nil {
		late = context.Cause(ctx)
	}
	if late == nil && !time.Now().Before(g.Deadline) {
		late = errors.New("the lease is too old")
	}
	if late != nil {
		w.release(ctx, g, brief(late.Error()), 0)
		return ledger.Record{}, healthUntold, &postponed{after: time.Second, reason: brief("stopped before the request: " + late.Error())}
	}
	start := time.Now()
	// The request outlives the task's context: what is on the wire must be seen to its end. It does
	// not outlive its lease, not even where the machine slept meanwhile, which only the wall clock
	// tells: then somebody else has the transaction.
	onWire, cancel := context.WithDeadline(context.WithoutCancel(ctx), g.Expiry.Round(0))
	defer cancel()
	o := w.gateway.Cancel(onWire, cancelRequest(x, g.Record.Round))
	a := ledger.Attempt{Duration: time.Since(start), Class: string(o.Class), Code: o.Code, Message: said(o), HTTPStatus: o.HTTPStatus}
	r, err := w.finish(ctx, x, g, a, w.policy.AfterRequest(g.Record, o))
	return r, healthOf(o), err
}

// open returns the cancellation with its account numbers, which the queue does not hold. Where they
// cannot be read nothing is sent: it waits for whoever mends the settings.
func (w *Worker) open(ctx context.Context, t tasks.Task, g ledger.Grant) (tasks.Cancellation, error) {
	if t.Sealed == "" {
		return t.Cancellation, nil
	}
	x, err := w.opts.Client.Open(g.Record)
	if err != nil {
		w.log.ErrorContext(ctx, "account numbers cannot be read; nothing was sent", "key", t.IdempotencyKey, "error", err)
		after := w.policy.spread(w.policy.HoldFor)
		w.release(ctx, g, brief(err.Error()), after)
		return x, &postponed{after: after, reason: brief("held: " + err.Error())}
	}
	return x, nil
}

// said is what the record keeps of an answer in words: of a success what the gateway told of its
// amounts, since the word that all went well is worth nothing for months; of anything else its
// message.
func said(o gateway.Outcome) string {
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

// inquire asks the gateway what became of an earlier request.
func (w *Worker) inquire(ctx context.Context, x tasks.Cancellation, g ledger.Grant) (ledger.Record, health, error) {
	if !w.policy.CanInquire(g.Record) {
		a := ledger.Attempt{Class: "impossible", Message: "an inquiry needs orgTrdAmt and method, and SETTLEBANK_INQUIRY"}
		r, err := w.finish(ctx, x, g, a, w.policy.WithoutInquiry(g.Record))
		return r, healthUntold, err
	}
	if err := w.gate.pacers.take(ctx, x.MchtID); err != nil {
		w.release(ctx, g, brief(err.Error()), 0)
		return ledger.Record{}, healthUntold, &postponed{after: time.Second, reason: brief("stopped before the inquiry: " + err.Error())}
	}
	start := time.Now()
	q := w.gateway.Inquire(context.WithoutCancel(ctx), gateway.InquiryRequest{
		ID: "INQ-" + rand.Text(), MchtID: x.MchtID, OrgTrdNo: x.OrgTrdNo, OrgMchtTrdNo: x.OrgMchtTrdNo,
		OrgTrdDt: x.OrgTrdDt, Method: x.Method, OrgTrdAmt: x.OrgTrdAmt})
	a := ledger.Attempt{Duration: time.Since(start), Class: string(q.Class), Code: q.Code, Message: q.Message, HTTPStatus: q.HTTPStatus}
	if q.Class == gateway.OK {
		a.Shown = &q.Cancelled
	}
	r, err := w.finish(ctx, x, g, a, w.policy.AfterInquiry(g.Record, q, g.Doubt))
	return r, healthOf(q.Outcome), err
}

// finish stores the outcome, and answers the record as it is now, with *postponed unless it has
// ended or is a dead letter.
func (w *Worker) finish(ctx context.Context, x tasks.Cancellation, g ledger.Grant, a ledger.Attempt, n ledger.Next) (ledger.Record, error) {
	r := g.Record
	r.Status, r.Code, r.Message, r.CanTrdNo = n.Status, n.Code, n.Message, n.CanTrdNo
	traceRecord(ctx, r)
	level := slog.LevelInfo
	if r.Dead() || n.Status == ledger.Unknown {
		level = slog.LevelWarn
	}
	err := w.store(ctx, g, a, n)
	if err != nil {
		// The intent stands in the ledger; once the lease has ended, the outcome counts as unknown
		// and is verified.
		w.log.ErrorContext(ctx, "outcome not stored", "key", r.Key, "status", n.Status, "code", a.Code, "error", err)
		return r, &postponed{after: w.ledger.Lease(), reason: brief(err.Error())}
	}
	w.log.Log(ctx, level, "attempt", "key", r.Key, "mcht_id", r.MchtID, "org_trd_no", r.OrgTrdNo,
		"attempt", r.Dropped+len(r.Attempts), "status", n.Status, "code", a.Code)
	w.opts.Observer.Attempt(ctx, g.Record, x.Method, a)
	if r.Open() {
		return r, &postponed{after: n.After, reason: brief(fmt.Sprintf("%s: %s %s %s", n.Status, a.Class, a.Code, a.Message))}
	}
	w.opts.Observer.Settled(ctx, r, x.Method)
	return r, nil
}

// release gives a grant back on which nothing was asked of the gateway. The next step is due after
// a while.
func (w *Worker) release(ctx context.Context, g ledger.Grant, why string, after time.Duration) {
	n := ledger.Next{Status: ledger.Queued, After: after, Code: g.Record.Code, Message: g.Record.Message, Verification: g.Record.Verification}
	if g.Step == ledger.StepInquire {
		n.Status = ledger.Unknown // as before: an earlier request may have been applied
	}
	if err := w.store(ctx, g, ledger.Attempt{Class: ledger.Unsent, Message: why}, n); err != nil {
		w.log.WarnContext(ctx, "unused intent not taken back; it ends with its lease", "key", g.Record.Key, "error", err)
	}
}

func cancelRequest(x tasks.Cancellation, round int) gateway.CancelRequest {
	return gateway.CancelRequest{
		ID: "CNCL-" + x.IdempotencyKey, Round: round,
		MchtID: x.MchtID, OrgTrdNo: x.OrgTrdNo, OrgMchtTrdNo: x.OrgMchtTrdNo, OrgTrdDt: x.OrgTrdDt,
		CanAmt: x.CanAmt, OrgTrdAmt: x.OrgTrdAmt, Method: x.Method, Reason: x.Reason,
		Operation: x.Operation, Currency: x.Currency, TaxTypeCd: x.TaxTypeCd,
		TaxAmt: x.TaxAmt, VatAmt: x.VatAmt, TaxFreeAmt: x.TaxFreeAmt, SvcAmt: x.SvcAmt,
		RefundBankCd: x.RefundBankCd, RefundAcntNo: x.RefundAcntNo, RefundDpstrNm: x.RefundDpstrNm, VAcntNo: x.VAcntNo,
	}
}
