package metrics

import (
	"fmt"
	"slices"
	"strings"

	"settlecancel/gateway"
	"settlecancel/gateway/settlebank"
	"settlecancel/tasks"
	"settlecancel/tasks/ledger"
	"settlecancel/worker/pause"
)

// Label values that stand for what is not told apart.
const (
	other        = "other"
	everyone     = "all"      // merchant of a pause of everything
	noMethod     = "none"     // method of a cancellation that names none
	noCode       = "none"     // code of an attempt that no answer came to
	unlistedCode = "unlisted" // code that stands in no row of the gateway's table
)

const (
	kindRequest = ledger.Request
	kindInquiry = ledger.Inquiry
)

// impossible is the class of an inquiry that cannot be made.
const impossible = "impossible"

var classes = []string{string(gateway.OK), string(gateway.Already), string(gateway.Duplicate), string(gateway.Transient),
	string(gateway.Misconfigured), string(gateway.Rejected), string(gateway.Unknown), ledger.Lost, ledger.Unsent, impossible}

// settledStatuses are those in which a worker leaves a cancellation for good.
var settledStatuses = []string{string(ledger.Cancelled), string(ledger.AlreadyCancelled),
	string(ledger.Rejected), string(ledger.Exhausted), string(ledger.Review)}

// labels knows which merchants are told apart.
type labels struct{ merchants []string }

func newLabels(merchants []string) labels {
	merchants = slices.Clone(merchants)
	slices.Sort(merchants)
	return labels{slices.Compact(merchants)}
}

// all returns every value of the label merchant, but everyone.
func (l labels) all() []string { return append(slices.Clone(l.merchants), other) }

func (l labels) merchant(id string) string {
	if _, known := slices.BinarySearch(l.merchants, id); known {
		return id
	}
	if id == pause.AllMerchants {
		return everyone
	}
	return other
}

func oneOf(value string, allowed []string, otherwise string) string {
	if slices.Contains(allowed, value) {
		return value
	}
	return otherwise
}

func methodLabel(method string) string { return oneOf(method, settlebank.Methods(), noMethod) }
func classLabel(class string) string   { return oneOf(class, classes, other) }

// inquiredCancelled is the code of an inquiry that finds the payment cancelled (protocol.md, 0A1M);
// no request is answered with it.
const inquiredCancelled = "0001"

func codeLabel(kind, code string) string {
	switch _, listed := gateway.Classify(code); {
	case code == "":
		return noCode
	case listed, code == gateway.Local, kind == kindInquiry && code == inquiredCancelled:
		return code
	default:
		return unlistedCode
	}
}

// kindLabel tells a request from an inquiry. The record is as it was when the attempt began: only a
// request makes it sending.
func kindLabel(r ledger.Record) string {
	if r.Status == ledger.Sending {
		return kindRequest
	}
	return kindInquiry
}

// currencyLabel returns the currency of a record, and whether its parameters can be read.
func currencyLabel(r ledger.Record) (string, bool) {
	x, err := tasks.FromRecord(r)
	if err == nil && x.Currency == tasks.CurrencyUSD {
		return tasks.CurrencyUSD, true
	}
	return tasks.CurrencyKRW, err == nil
}

// reasonClasses sort the worker's reasons for putting a task off, by how their texts begin.
var reasonClasses = []struct{ class, begins string }{
	{"held", "held: "},
	{"payment", "waiting for another cancellation of the payment"},
	{"not_due", "not due yet"},
	{"not_due", "more steps are due"}, // which a run that has taken its share leaves to the next
	{"not_due", "accepted just now"},
	{"event", "waiting for the event before it"},
	{"paused", "paused by "},
	{"window", "waits until "},
	{"rate", "waits for its turn"},
	{"stopped", "stopped before the "},
	{"misconfigured", string(ledger.Queued) + ": " + string(gateway.Misconfigured)},
	{"retry", string(ledger.Queued) + ": "},
	{"verify", string(ledger.Unknown) + ": "},
	{"ledger", "ledger: "},
}

func reasonLabel(text string) string {
	for _, r := range reasonClasses {
		if strings.HasPrefix(text, r.begins) {
			return r.class
		}
	}
	return other
}

// reasons lists every value of the label reason of a postponement.
func reasons() []string {
	all := []string{other}
	for _, r := range reasonClasses {
		all = append(all, r.class)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

func describe(args []any) string { return strings.TrimSpace(fmt.Sprintln(args...)) }
