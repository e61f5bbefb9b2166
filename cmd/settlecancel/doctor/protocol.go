package doctor

import (
	"context"
	"fmt"

	"settlecancel/gateway"
	"settlecancel/gateway/settlebank"
)

// cancelled are the methods in whose name a cancellation is asked for, until one is not refused for
// the merchant's registration.
var cancelled = []string{settlebank.Card, settlebank.Transfer, settlebank.Phone, settlebank.EasyPay}

// nothing names what the probes ask for.
const nothing = "a request to cancel a payment that does not exist"

// protocol finds out in which protocol SettleBank takes a merchant's cancellations. An inquiry does
// not tell, for its message goes with either.
func (x *examiner) protocol(ctx context.Context, m gateway.Merchant) []Finding {
	set := m.Protocol
	if set == "" {
		set = gateway.Flat
	}
	p := x.probe(ctx, m.ID, set)
	if p.Spoken != "" && p.Spoken != set {
		return x.otherProtocol(ctx, m, set, p)
	}
	f := judge(nothing, p.Outcome)
	f.Check = "merchants"
	switch {
	case p.Class == gateway.OK:
		f = Finding{Check: "protocol", Level: Note, Text: fmt.Sprintf("what answers speaks %s, as is set, and grants %s", set, nothing),
			Mend: "use what answers so for development alone: it is not SettleBank"}
	case f.Level == OK:
		f.Check, f.Text = "protocol", fmt.Sprintf("SettleBank speaks %s, as is set (%s finds none)", set, nothing)
	}
	return []Finding{f}
}

// otherProtocol tells that a request in the protocol that is set was answered in the other one, and
// asks in that one too: as soon as it is set, its keys count.
func (x *examiner) otherProtocol(ctx context.Context, m gateway.Merchant, set gateway.Protocol, p gateway.Probe) []Finding {
	other := p.Spoken
	f := Finding{Check: "protocol", Level: Danger,
		Text: fmt.Sprintf("SETTLEBANK_PROTOCOL is %s, and SettleBank speaks %s with it: nothing can be cancelled (%s, in %s, is answered with %s)", set, other, nothing, set, p.Code),
		Mend: fmt.Sprintf("SETTLEBANK_PROTOCOL=%s, or protocol: %s in SETTLEBANK_MERCHANTS_FILE", other, other)}
	if other == gateway.Protocol0A19 && !m.AESKey.IsSet() {
		f.Mend += ", with the AES key that SettleBank gave"
		return []Finding{f}
	}
	q := x.probe(ctx, m.ID, other)
	if q.Code == gateway.Local {
		f.Mend += "; but a request in " + string(other) + " cannot be made: " + q.Message
		return []Finding{f}
	}
	if q.Spoken != other {
		f.Text = fmt.Sprintf("a request in %s, as is set, is answered in %s, and one in %s with %s: nothing can be cancelled", set, other, other, said(q.Outcome))
		f.Mend = "ask SettleBank which protocol it speaks with this merchant (SETTLEBANK_PROTOCOL)"
		return []Finding{f}
	}
	if g := judge(nothing+", in "+string(other)+",", q.Outcome); g.Level != OK {
		g.Check = "merchants"
		return []Finding{f, g}
	}
	return []Finding{f}
}

// probe asks in a protocol, by one method after the other until one is not refused for its
// registration.
func (x *examiner) probe(ctx context.Context, id string, p gateway.Protocol) (found gateway.Probe) {
	for i, method := range cancelled {
		now := x.Gateway.Probe(ctx, id, p, method)
		if i == 0 || now.Class != gateway.Misconfigured {
			found = now
		}
		if p == gateway.Flat || now.Spoken != p || !unregistered(now.Outcome) {
			break
		}
	}
	return found
}
