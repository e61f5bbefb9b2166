package httpapi

import (
	"context"
	"errors"
	"slices"

	"settlecancel/tasks/ledger"
)

// The longest texts of a decision, in characters.
const (
	maxNote = 1000
	maxBy   = 64
)

// retryRequest and resolveRequest describe the bodies for the OpenAPI document.
type (
	retryRequest struct {
		Note string `json:"note,omitempty" maxLength:"1000" doc:"Why; it stays in the record."`
		By   string `json:"by,omitempty" maxLength:"64" doc:"Who decides, if not the user of the credentials."`
	}
	resolveRequest struct {
		As   string `json:"as" enum:"cancelled,refunded_elsewhere,rejected" doc:"cancelled: SettleBank itself shows it as cancelled. refunded_elsewhere: the customer was paid in another way, such as a bank transfer. rejected: it is given up."`
		Note string `json:"note" minLength:"1" maxLength:"1000" doc:"How that is known; it stays in the record."`
		By   string `json:"by,omitempty" maxLength:"64" doc:"Who decides, if not the user of the credentials."`
	}
)

// retry takes a dead letter back to work.
func (a *API) retry(ctx context.Context, c *call, in *keyed) (*shown, error) {
	d, err := c.decision(in.Key, "note", "by")
	if err != nil {
		return nil, err
	}
	r, err := a.client.Retry(ctx, c.key, d)
	switch {
	case errors.Is(err, ledger.ErrNotDead):
		return nil, noDeadLetter(r)
	case err != nil && r.Key != "" && r.Open():
		// It is open again, and will be queued by the sweeper: to say that it failed would be
		// wrong, and to try again useless.
		a.log.WarnContext(ctx, "retried, but not queued yet", "request_id", c.id, "key", c.key, "error", err)
	case err != nil:
		return nil, err
	}
	return showRecord(r)
}

// resolve ends a cancellation by a person's word.
func (a *API) resolve(ctx context.Context, c *call, in *keyed) (*shown, error) {
	d, err := c.decision(in.Key, "as", "note", "by")
	if err != nil {
		return nil, err
	}
	r, err := a.ledger.Resolve(ctx, c.key, d)
	if errors.Is(err, ledger.ErrEnded) {
		return nil, newProblem(stateConflict, "%s is %s and has ended; nothing was changed", r.Key, r.Status)
	}
	if err != nil {
		return nil, err
	}
	return showRecord(r)
}

func noDeadLetter(r ledger.Record) *problem {
	if r.Ended() {
		return newProblem(stateConflict, "%s is %s and has ended; a further refund of this payment needs a new key", r.Key, r.Status)
	}
	return newProblem(stateConflict, "%s is %s, no dead letter: it is being worked at, and there is nothing to retry", r.Key, r.Status)
}

// decision reads what a person decides. Of a body that may be left out nothing is needed.
func (c *call) decision(key string, names ...string) (ledger.Decision, error) {
	if err := c.about(key); err != nil {
		return ledger.Decision{}, err
	}
	d := ledger.Decision{Who: c.caller.name}
	if len(c.body) > 0 || !c.op.bodyOptional {
		given := c.members(names...)
		d.Note = c.text("note", given["note"], maxNote)
		d.As = ledger.Status(c.text("as", given["as"], maxBy))
		if by := c.text("by", given["by"], maxBy); by != "" {
			d.Who = by
		}
	}
	if !c.op.bodyOptional {
		if !c.spoiled("body.as") && !slices.Contains(ledger.Resolutions(), d.As) {
			c.faultf("body.as", "must be %s (SettleBank itself shows it as cancelled), %s (paid in another way) or %s (given up)",
				ledger.Cancelled, ledger.RefundedElsewhere, ledger.Rejected)
		}
		if !c.spoiled("body.note") && d.Note == "" {
			c.fault("body.note", "is required: how is that known?")
		}
	}
	if len(c.faults) > 0 {
		return ledger.Decision{}, faulty(c.faults)
	}
	return d, nil
}

// spoiled reports whether a field has a fault already, or the whole body one.
func (c *call) spoiled(location string) bool {
	return slices.ContainsFunc(c.faults, func(f fault) bool { return f.Location == location || f.Location == "body" })
}
