package reconcile

import (
	"context"
	"errors"
	"fmt"

	"settlecancel/cmd/settlecancel/evidence"
	"settlecancel/gateway/settlebank"
	"settlecancel/tasks"
	"settlecancel/tasks/ledger"
)

// What a person is told, where it is told in several places.
const (
	noteUSD     = "SettleBank's documents do not say in which unit it lists other currencies than KRW: compare by hand"
	noteDamaged = "records of this payment cannot be read: see the failures"
)

// decide tells what a line is that was linked so; r is nil where it was linked to no record. It
// settles what the line decides.
func (c *comparison) decide(ctx context.Context, p payment, l *line, how evidence.How, r *ledger.Record) (Row, error) {
	row := c.listedRow(l, r)
	as := func(category Category, note string, args ...any) (Row, error) {
		row.Category, row.Note = category, fmt.Sprintf(note, args...)
		return row, nil
	}
	switch {
	case p.damaged && how != evidence.Number:
		return as(Undecided, noteDamaged)
	case how == evidence.Again:
		return as(Differs, "the number is listed twice: ask SettleBank")
	case how == evidence.Several:
		return as(Undecided, "the outcome of several cancellations of this payment and amount is not known, and this is one of them: see which, and resolve it")
	case r == nil:
		return as(NotWithUs, "cancelled by others than this ledger, or it ended longer ago than LEDGER_RETENTION")
	case how == evidence.Differs:
		return as(Differs, "the amounts differ, if the line is this cancellation: ask SettleBank which was paid back")
	case how == evidence.Renamed:
		return as(Differs, "SettleBank answered with another number than it lists, or this is a second cancellation: ask SettleBank")
	}
	return c.judge(ctx, row, l, *r)
}

// judge tells what follows from a line that is a certain record.
func (c *comparison) judge(ctx context.Context, row Row, l *line, r ledger.Record) (Row, error) {
	switch r.Status {
	case ledger.Cancelled, ledger.AlreadyCancelled:
		row.Category = Agreed
		if l.elsewhen {
			row.Note = "listed on another day"
		}
		judgeAmounts(&row)
	case ledger.Unknown, ledger.Review:
		if !r.Closed {
			return c.resolve(ctx, row, l, r)
		}
		row.Category, row.Note = NotWithUs, "a person ended "+r.Key+" as not applied: see what became of the money"
	case ledger.Sending:
		row.Category, row.Note = Undecided, "a request is under way, which may be this: compare again"
	case ledger.Queued:
		if evidence.Unsettled(r) {
			return c.resolve(ctx, row, l, r)
		}
		row.Category, row.Note = NotWithUs, "it would be sent: resolve it as cancelled before it is, if this is it"
	default:
		row.Category, row.Note = NotWithUs, fmt.Sprintf("the ledger says that it was not applied (%s): resolve it as cancelled, if this is it", r.Status)
	}
	return row, nil
}

// resolve ends a record as cancelled that the line decides.
func (c *comparison) resolve(ctx context.Context, row Row, l *line, r ledger.Record) (Row, error) {
	switch {
	case !evidence.InKRW(r):
		row.Category, row.Note = Undecided, noteUSD
		return row, nil
	case r.Amount != l.amount:
		row.Category, row.Note = Undecided, "the line carries its id, and another amount: ask SettleBank which was paid back"
		return row, nil
	}
	row.Category = Settled
	if c.query.DryRun {
		row.Note = "would be resolved as cancelled"
		return row, nil
	}
	now, err := evidence.Settle(ctx, c.opts.Ledger, r.Key, evidence.Reconcile, l.evidence())
	switch {
	case err == nil:
		row.Status, row.EndedAt, row.Note = now.Status, now.EndedAt.In(settlebank.KST), "resolved as cancelled"
	case errors.Is(err, ledger.ErrBusy):
		row.Category, row.Note = Undecided, "not resolved: an attempt holds it; compare again in a few minutes"
	case errors.Is(err, ledger.ErrEnded) && now.Status == ledger.Cancelled:
		row.Category, row.Status, row.EndedAt = Agreed, now.Status, now.EndedAt.In(settlebank.KST)
	case errors.Is(err, ledger.ErrEnded), errors.Is(err, ledger.ErrNotFound):
		row.Category, row.Status, row.Note = Undecided, now.Status, "it was ended while it was compared: compare again"
	default:
		return row, err
	}
	return row, nil
}

// unlisted tells what an open record is that no line is; false: nothing that differs.
func (c *comparison) unlisted(p payment, e *entry) (Row, bool) {
	row := c.rowOf(e)
	status, closed := e.state(), false
	for _, r := range p.records {
		if r.Key == e.key() {
			status, closed = r.Status, r.Closed
		}
	}
	row.Status = status
	as := func(category Category, note string) (Row, bool) {
		row.Category, row.Note = category, note
		return row, true
	}
	switch status {
	case ledger.AlreadyCancelled:
		return as(Before, "")
	case ledger.Cancelled:
		switch {
		case !c.over():
			return as(Undecided, "the day is not over: compare again then")
		case !c.seen(e):
			return as(Undecided, "not listed, but not every list could be had in which it may stand")
		case closed && e.number() == "":
			return as(Undecided, "a person ended it; it is not listed on the days of its requests: see when SettleBank carried it out")
		}
		return as(NotAtSettleBank, "not listed on this day, the days around it or those of its requests: ask SettleBank")
	case ledger.Unknown, ledger.Review, ledger.Sending:
		if closed {
			return row, false
		}
		return as(Undecided, c.advice(e, status))
	}
	return row, false
}

// advice tells what to do about a record whose outcome is not known and that no list has.
func (c *comparison) advice(e *entry, status ledger.Status) string {
	nextOver := !c.now.Before(c.end.AddDate(0, 0, 1))
	switch {
	case !nextOver:
		return "not listed so far: compare again when the day after is over too"
	case !c.seen(e):
		return "not listed, but not every list could be had in which it may stand"
	case status == ledger.Review:
		return "listed neither on its day nor on the next, so probably not applied: deadletter retry asks SettleBank again, deadletter resolve --as rejected ends it"
	}
	return "listed neither on its day nor on the next, so probably not applied: it is being verified"
}

// listedRow is a row of a line, and of the record that it may be.
func (c *comparison) listedRow(l *line, r *ledger.Record) Row {
	row := Row{MchtID: c.mchtID, OrgTrdNo: l.orgTrdNo(), ListedTrdNo: l.trdNo(), ListedAmount: l.amount, ListedAt: fromMillis(l.at)}
	if r != nil {
		row.Key, row.Status, row.CanTrdNo, row.Amount = r.Key, r.Status, evidence.NumberOf(*r), r.Amount
		if x, err := tasks.FromRecord(*r); err == nil {
			row.Currency = x.Currency
		}
		if !r.EndedAt.IsZero() {
			row.EndedAt = r.EndedAt.In(settlebank.KST)
		}
	}
	row.Method = string(l.method[:])
	return row
}

// rowOf is a row of a record.
func (c *comparison) rowOf(e *entry) Row {
	row := Row{MchtID: c.mchtID, Method: e.methodName(), OrgTrdNo: e.orgTrdNo(), Key: e.key(), Status: e.state(),
		CanTrdNo: e.number(), Amount: e.amount}
	if e.usd {
		row.Currency = settlebank.USD
	}
	if !e.doubtful() || e.state() == ledger.Review {
		row.EndedAt = fromMillis(e.ended)
	}
	return row
}
