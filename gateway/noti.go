package gateway

import (
	"crypto/subtle"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"settlecancel/gateway/settlebank"
)

// Notification is a cancellation notification that carries its merchant's pktHash: section
// "Cancellation notification" of protocol.md.
//
// The hash covers outStatCd, time, merchant, MchtTrdNo and Amount, and no more: which original was
// cancelled stands outside it. So a notification proves something only where it comes from an
// address of SettleBank's too.
type Notification struct {
	// Done reports whether outStatCd is 0021, a success.
	Done bool
	// Cancellation reports whether bizType is C0, a cancellation, or C1, a refund.
	Cancellation bool
	// Payment reports whether it tells of a payment, not of what became of one: an approval (B0), an
	// account number that was issued (A0), a deposit (B1), or what is not known.
	Payment bool
	// TrdNo is the cancellation's number at the gateway.
	TrdNo          string
	Method, MchtID string
	// MchtTrdNo is the merchant's number of it; may be empty.
	MchtTrdNo string
	// Time is when, to the second.
	Time time.Time
	// Amount is what was cancelled, in KRW, or 0 where it was not told; in which unit the gateway
	// tells of a payment in USD, its documents do not say.
	Amount int64
	// OrgTrdNo and OrgTrdDt (yyyyMMdd) are the original's; may be empty.
	OrgTrdNo, OrgTrdDt string
	// OwnID reports whether MchtTrdNo is the cancel request's own: the merchant's protocol is 0A19.
	OwnID bool
}

var (
	// ErrNotificationForm says that a form is no notification as protocol.md describes
	// it.
	ErrNotificationForm = errors.New("no notification of SettleBank's")
	// ErrNotificationHash says that a notification does not carry its merchant's pktHash, or that
	// of no merchant configured.
	ErrNotificationHash = errors.New("the notification's pktHash is not its merchant's")
)

// Notification reads the form of a notification. It returns [ErrNotificationForm] with every fault,
// or
// [ErrNotificationHash]; neither tells what the fields hold.
func (c *Client) Notification(form url.Values) (Notification, error) {
	var faults []string
	get := func(name string) string {
		if len(form[name]) > 1 {
			faults = append(faults, name+" stands there twice")
		}
		return form.Get(name)
	}
	stat, sent, amt, hash, kind := get("outStatCd"), get("trdDtm"), get("trdAmt"), get("pktHash"), get("bizType")
	n := Notification{
		Done: stat == settlebank.StatDone, Cancellation: kind == settlebank.BizCancel || kind == settlebank.BizRefund,
		Payment: !slices.Contains([]string{settlebank.BizCancel, settlebank.BizRefund, settlebank.BizWithdraw}, kind),
		TrdNo:   get("trdNo"), Method: get("method"), MchtID: get("mchtId"), MchtTrdNo: get("mchtTrdNo"),
		OrgTrdNo: get("orgTrdNo"), OrgTrdDt: get("orgTrdDt"),
	}
	fault := func(is bool, what string) {
		if is {
			faults = append(faults, what)
		}
	}
	whole := amt == ""
	if !whole {
		n.Amount, whole = amount(amt)
	}
	at, err := time.ParseInLocation(settlebank.DateTimeLayout, sent, settlebank.KST)
	n.Time = at
	fault(stat == "", "outStatCd is missing")
	fault(!whole, "trdAmt is not 1 to 12 digits")
	fault(err != nil || len(sent) != 14, "trdDtm is no time yyyyMMddHHmmss")
	faults = checkText(faults, "mchtId", n.MchtID, settlebank.MaxMchtID)
	if n.MchtTrdNo != "" {
		faults = checkText(faults, "mchtTrdNo", n.MchtTrdNo, settlebank.MaxMchtTrdNo)
	}
	if n.Done && n.Cancellation {
		fault(!isPrintable(n.TrdNo, 100), "trdNo is not 1 to 100 printable ASCII characters")
		fault(n.OrgTrdNo != "" && !isPrintable(n.OrgTrdNo, 100), "orgTrdNo is not 1 to 100 printable ASCII characters")
	}
	if len(faults) > 0 {
		return Notification{}, fmt.Errorf("gateway: %w: %s", ErrNotificationForm, strings.Join(faults, "; "))
	}
	m, ok := c.merchant(n.MchtID)
	if !ok || !sameHash(strings.ToLower(hash), notificationHash(m.HashKey, stat, sent, n.MchtID, n.MchtTrdNo, amt)) {
		return Notification{}, fmt.Errorf("gateway: %w", ErrNotificationHash)
	}
	n.OwnID = m.Protocol == Protocol0A19
	return n, nil
}

// notificationHash signs date and time as the one text that they are in trdDtm.
func notificationHash(key settlebank.Secret, outStatCd, trdDtm, mchtID, mchtTrdNo, trdAmt string) string {
	return sign(key, outStatCd, trdDtm, mchtID, mchtTrdNo, trdAmt)
}

// sameHash takes as long wherever the two differ.
func sameHash(given, want string) bool {
	return subtle.ConstantTimeCompare([]byte(given), []byte(want)) == 1
}
