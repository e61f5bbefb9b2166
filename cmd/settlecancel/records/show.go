// Package records shows what the ledger knows of cancellations: one in full, or many as a list or
// as a file for spreadsheets.
package records

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"settlecancel/cmd/settlecancel/terminal"
	"settlecancel/tasks"
	"settlecancel/tasks/ledger"
	"settlecancel/tasks/report"
)

// Show prints all that is known of a cancellation, for people. waits says what it waits for besides
// its next step, "" where that is nothing.
func Show(t terminal.Terminal, r ledger.Record, waits string) error {
	shown, err := report.New(r)
	if err != nil {
		return err
	}
	fields := t.Table(1)
	fields.Wrap = true
	fields.Paint = t.Painted(func(column int, cell string) terminal.Colour {
		if column == 1 && cell == State(r) {
			return ColourOf(r.Status)
		}
		return terminal.Plain
	})
	field := func(name, value string) {
		if value != "" {
			fields.Row(name, value)
		}
	}
	field("key", shown.IdempotencyKey)
	field("status", State(r))
	showPayment(field, shown)
	showProgress(field, r, shown)
	field("waits", waits)
	for _, print := range []func() error{
		fields.Flush,
		func() error { return showAttempts(t, shown) },
		func() error { return showActs(t, shown) },
		func() error { return showAdvice(t.Out, r) },
	} {
		if err := print(); err != nil {
			return err
		}
	}
	return nil
}

// State names the status, and what it means where the name does not tell.
func State(r ledger.Record) string {
	switch {
	case r.Closed:
		return string(r.Status) + ", decided by a person"
	case r.Dead():
		return string(r.Status) + ", a dead letter"
	}
	return string(r.Status)
}

// Word is the status in a column. A dead letter that a person has closed as rejected would look like
// one that waits for people.
func Word(c report.Record) string {
	if c.Closed && c.Status == ledger.Rejected {
		return string(c.Status) + " (closed)"
	}
	return string(c.Status)
}

// ColourOf is the colour of a status.
func ColourOf(s ledger.Status) terminal.Colour {
	switch s {
	case ledger.Cancelled, ledger.AlreadyCancelled:
		return terminal.Good
	case ledger.Rejected, ledger.Exhausted, ledger.Review:
		return terminal.Bad
	case ledger.Unknown:
		return terminal.Doubt
	}
	return terminal.Plain
}

// InColumn paints a column of statuses.
func InColumn(t terminal.Terminal, status int) func(int, string) terminal.Colour {
	return t.Painted(func(column int, cell string) terminal.Colour {
		if column == status {
			return ColourOf(ledger.Status(cell))
		}
		return terminal.Plain
	})
}

// showPayment shows what was asked for. Account numbers and their holders are left out.
func showPayment(field func(name, value string), c report.Record) {
	field("payment", c.OrgTrdNo)
	field("merchant", c.MchtID)
	field("order", c.OrgMchtTrdNo)
	field("paid on", c.OrgTrdDt)
	field("amount", amountOf(c.Cancellation))
	field("method", c.Method)
	field("operation", c.Operation)
	field("tax", taxOf(c.Cancellation))
	field("refund to bank", c.RefundBankCd)
	field("reason", c.Reason)
	field("queue", c.Queue)
}

func amountOf(c tasks.Cancellation) string {
	switch {
	case c.CanAmt == 0:
		return "none"
	case c.Full():
		return terminal.Money(c.CanAmt, c.Currency) + ", the whole payment"
	case c.OrgTrdAmt > 0:
		return terminal.Money(c.CanAmt, c.Currency) + " of " + terminal.Money(c.OrgTrdAmt, c.Currency)
	}
	return terminal.Money(c.CanAmt, c.Currency)
}

func taxOf(c tasks.Cancellation) string {
	var parts []string
	if c.TaxTypeCd != "" {
		parts = append(parts, "type "+c.TaxTypeCd)
	}
	for _, p := range []struct {
		name   string
		amount *int64
	}{{"taxable", c.TaxAmt}, {"VAT", c.VatAmt}, {"exempt", c.TaxFreeAmt}, {"service", c.SvcAmt}} {
		if p.amount != nil {
			parts = append(parts, p.name+" "+terminal.Money(*p.amount, c.Currency))
		}
	}
	return strings.Join(parts, ", ")
}

// showProgress shows how far it has come.
func showProgress(field func(name, value string), r ledger.Record, c report.Record) {
	field("canTrdNo", c.CanTrdNo)
	field("outcome", strings.TrimSpace(c.Code+" "+c.Message))
	field("accepted", terminal.Korean(c.AcceptedAt))
	field("accepted by", c.AcceptedBy)
	if r.Dead() {
		field("died", terminal.KoreanOrNone(c.EndedAt))
	} else {
		field("ended", terminal.KoreanOrNone(c.EndedAt))
	}
	field("next step", terminal.KoreanOrNone(c.NextAt))
	if c.RetriesSpent > 0 {
		field("retries spent", strconv.Itoa(c.RetriesSpent))
	}
}

func showAttempts(t terminal.Terminal, c report.Record) error {
	if len(c.Attempts) == 0 {
		return nil
	}
	title := "\nattempts"
	if c.OlderDropped > 0 {
		title += fmt.Sprintf(" (the first %d are no longer kept)", c.OlderDropped)
	}
	fmt.Fprintln(t.Out, title)
	attempts := t.Table(6)
	attempts.Indent, attempts.Right, attempts.Wrap = "  ", map[int]bool{0: true, 3: true, 7: true}, true
	attempts.Row("n", "kind", "when", "took", "class", "code", "message", "shown cancelled")
	for i, a := range c.Attempts {
		shown := ""
		if a.Shown != nil {
			shown = terminal.Money(*a.Shown, c.Currency)
		}
		attempts.Row(strconv.Itoa(c.OlderDropped+i+1), a.Kind, terminal.Korean(a.StartedAt), took(a), a.Class, codeOf(a), a.Message, shown)
	}
	if err := attempts.Flush(); err != nil {
		return err
	}
	return showRaw(t, c)
}

// showRaw shows what SettleBank sent, of those attempts that still have it.
func showRaw(t terminal.Terminal, c report.Record) error {
	raw := t.Table(1)
	raw.Indent, raw.Right, raw.Wrap = "  ", map[int]bool{0: true}, true
	some := false
	for i, a := range c.Attempts {
		if a.Raw != "" {
			some = true
			raw.Row(strconv.Itoa(c.OlderDropped+i+1), a.Raw)
		}
	}
	if !some {
		return nil
	}
	fmt.Fprintln(t.Out, "\nraw answers (masked; of the last five, kept until SettleBank settles it)")
	return raw.Flush()
}

func took(a report.Attempt) string {
	if a.UnderWay {
		return "under way"
	}
	return (time.Duration(a.Millis) * time.Millisecond).String()
}

// codeOf shows the result code, and the HTTP status where it is not the usual one.
func codeOf(a report.Attempt) string {
	if a.HTTPStatus == 0 || a.HTTPStatus == 200 {
		return a.Code
	}
	return strings.TrimSpace(fmt.Sprintf("%s HTTP %d", a.Code, a.HTTPStatus))
}

func showActs(t terminal.Terminal, c report.Record) error {
	if len(c.Acts) == 0 {
		return nil
	}
	fmt.Fprintln(t.Out, "\ndecisions of people")
	acts := t.Table(3)
	acts.Indent, acts.Wrap = "  ", true
	for _, a := range c.Acts {
		acts.Row(terminal.Korean(a.At), a.Who, a.What, a.Note)
	}
	return acts.Flush()
}

// showAdvice tells what a person can do about a dead letter.
func showAdvice(out io.Writer, r ledger.Record) error {
	if !r.Dead() {
		return nil
	}
	follows := "sends it again, with a new budget"
	if r.Status == ledger.Review {
		follows = "asks SettleBank again what happened; nothing is sent blindly"
	}
	_, err := fmt.Fprintf(out, "\nwhat you can do\n"+
		"  settlecancel deadletter retry %[1]s\n      %[2]s\n"+
		"  settlecancel deadletter resolve %[1]s --as cancelled|refunded_elsewhere|rejected --note TEXT\n      ends it by your word: SettleBank shows it as cancelled,\n      the customer was paid in another way, or it is given up\n",
		terminal.Clean(r.Key), follows)
	return err
}
