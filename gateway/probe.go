package gateway

import (
	"context"
	"crypto/rand"
	"strings"

	"settlecancel/gateway/settlebank"
)

// Probe is the answer to a request for the cancellation of a payment that does not exist.
type Probe struct {
	Outcome
	// Spoken is the protocol that the answer is written in; "" where none came.
	Spoken Protocol
}

// Probe asks, in a merchant's name, for the cancellation of a payment that does not exist, in a
// protocol that need not be the merchant's own: what comes back shows which one the gateway speaks,
// and whether it knows the merchant and its keys. Nothing can come of it. [Flat] does not use
// method, the payment method's two letters.
func (c *Client) Probe(ctx context.Context, mchtID string, p Protocol, method string) Probe {
	m, ok := c.merchant(mchtID)
	if !ok {
		return Probe{Outcome: unknownMerchant(mchtID)}
	}
	way, err := protocolOf(p)
	if err != nil {
		return Probe{Outcome: refused(Misconfigured, err.Error())}
	}
	now, unique := c.now(), "probe-"+rand.Text()
	q, faults := way.build(m, CancelRequest{ID: unique, Round: 1, MchtID: mchtID, OrgTrdNo: unique, OrgMchtTrdNo: unique,
		OrgTrdDt: settlebank.Date(now), CanAmt: 1, Method: method, Reason: "connection test"}, now)
	if len(faults) > 0 {
		return Probe{Outcome: refused(Rejected, strings.Join(faults, "; "))}
	}
	probe := Probe{}
	probe.Outcome, _ = c.exchange(ctx, m, q, func(q request, body []byte) (answer, bool) {
		probe.Spoken = spokenIn(body)
		return way.parse(q, body)
	}, "probe of "+mchtID)
	return probe
}

// spokenIn returns the protocol that a body is written in; "": it is no answer.
func spokenIn(body []byte) Protocol {
	w, ok := readWords(body)
	switch {
	case !ok:
		return ""
	case w.shape == shapeFlat:
		return Flat
	}
	return Protocol0A19
}
