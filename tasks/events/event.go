// Package events tells how cancellations end: each final status and each dead letter becomes an
// Event, an entry of a Redis Stream and, where a receiver is configured, a webhook.
package events

import (
	"crypto/sha256"
	"encoding/base32"
	"fmt"
	"strconv"
	"strings"
	"time"

	"settlecancel/tasks"
	"settlecancel/tasks/ledger"
)

// Prefix stands before a status in Event.Type: "cancellation.cancelled",
// "cancellation.review".
const Prefix = "cancellation."

// Event says that a cancellation has ended or become a dead letter. It is an entry of the
// Redis Stream Stream and the body of a webhook, as the same JSON.
//
// Each is told at least once, those of one cancellation in the order of Seq. Whoever must act on it
// once keeps the IDs seen.
type Event struct {
	ID        string    `json:"id"`        // the same whenever the event is told again; the webhook-id
	Type      string    `json:"type"`      // Prefix and the status
	Timestamp time.Time `json:"timestamp"` // since when the cancellation is in that state, UTC
	Seq       int       `json:"seq"`       // counts the events of one cancellation, from 1
	Data      Data      `json:"data"`
}

// Data is the cancellation as it was then. It holds neither an account number nor its holder's
// name.
type Data struct {
	IdempotencyKey string        `json:"idempotencyKey"`
	MchtID         string        `json:"mchtId"`
	OrgTrdNo       string        `json:"orgTrdNo"`
	OrgMchtTrdNo   string        `json:"orgMchtTrdNo"`
	OrgTrdDt       string        `json:"orgTrdDt"`
	CanAmt         int64         `json:"canAmt"`             // smallest unit of the currency
	Currency       string        `json:"currency,omitempty"` // tasks.CurrencyKRW where empty
	Status         ledger.Status `json:"status"`
	Closed         bool          `json:"closed"`             // a person ended it
	CanTrdNo       string        `json:"canTrdNo,omitempty"` // the cancellation's number at SettleBank
	Code           string        `json:"code,omitempty"`     // result code of the outcome
	Message        string        `json:"message,omitempty"`
}

// New returns the event of an entry of the ledger's outbox. The only error is one of a damaged
// record.
func New(e ledger.Event) (Event, error) {
	if e.Damage != nil {
		return Event{}, e.Damage
	}
	r := e.Record
	c, err := tasks.FromRecord(r)
	if err != nil {
		return Event{}, fmt.Errorf("%w: event %s: %w", ledger.ErrDamaged, e.ID, err)
	}
	return Event{
		ID: eventID(e), Type: Prefix + string(r.Status), Timestamp: r.EndedAt.UTC(), Seq: e.Seq,
		Data: Data{
			IdempotencyKey: c.IdempotencyKey, MchtID: c.MchtID, OrgTrdNo: c.OrgTrdNo, OrgMchtTrdNo: c.OrgMchtTrdNo,
			OrgTrdDt: c.OrgTrdDt, CanAmt: c.CanAmt, Currency: c.Currency,
			Status: r.Status, Closed: r.Closed, CanTrdNo: r.CanTrdNo, Code: r.Code, Message: r.Message,
		},
	}, nil
}

// eventID follows from key and number alone, so that an event which is told again, by whomever, is
// the same event. It holds no full stop, which parts the id from the time in what a webhook's
// signature covers.
func eventID(e ledger.Event) string {
	sum := sha256.Sum256([]byte(e.Record.Key + " " + strconv.Itoa(e.Seq)))
	return "evt_" + strings.ToLower(base32.StdEncoding.EncodeToString(sum[:15]))
}
