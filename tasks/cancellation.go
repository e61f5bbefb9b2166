// Package tasks is the producer's contract: what a cancellation is, when it is
// valid, how it is written and read (JSON, NDJSON, CSV), and how it is handed
// over to be carried out.
//
// An order system makes one Client on the Redis that the workers use, and
// enqueues a Cancellation for each refund, under a key that it keeps with it:
//
//	client := tasks.NewClient(rdb, tasks.ClientOptions{})
//	receipt, err := client.Enqueue(ctx, cancellation, tasks.EnqueueOptions{})
//
// A nil error means that the cancellation is stored, and will be carried out
// exactly once, whatever dies. After an *InvalidError or ErrConflict nothing is
// stored, and to try again would not help. After any other error nobody knows:
// repeat the same call, with the same key, until it succeeds. EnqueueMany takes
// many at a time, ReadCSV and ReadNDJSON read them from files. A cancellation
// with an account number needs a Sealer with the workers' PAYLOAD_KEY.
//
// How it ends is told by package events, as a Redis Stream and as webhooks;
// Client.Ledger reads records meanwhile, which package report shows. Task,
// ParseTask, FromRecord and Complete are the workers' side of the contract.
package tasks

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"unicode/utf8"

	"settlecancel/gateway/settlebank"
	"settlecancel/tasks/strictjson"
)

// The operations of Cancellation.Operation.
const (
	OperationCancel   = settlebank.OpCancel   // give money back the way it came; the default
	OperationRefund   = settlebank.OpRefund   // transfer it to a bank account instead
	OperationWithdraw = settlebank.OpWithdraw // take back a virtual account number nobody has paid into
)

// The currencies of Cancellation.Currency.
const (
	CurrencyKRW = settlebank.KRW // whole won; the default
	CurrencyUSD = settlebank.USD // cents, for cards paid abroad
)

// masked stands where an account number would be read.
const masked = "[masked]"

// A Cancellation is one cancellation as an order system means it: the payload
// of the task, the body of the HTTP API, a line of a file. The fields carry
// the vendor's names (protocol.md, "Protocol flat" and "Protocol 0A19"), so
// that what was stored with the payment can be passed on as it is.
//
// Amounts are whole numbers of the currency's smallest unit: KRW, or cents
// where Currency is USD. The zero value of an optional field means "not given".
type Cancellation struct {
	IdempotencyKey string `json:"idempotencyKey"` // names this cancellation: 1–64 of A-Z a-z 0-9 . _ : -
	MchtID         string `json:"mchtId"`         // merchant id
	OrgTrdNo       string `json:"orgTrdNo"`       // SettleBank's number of the original transaction
	OrgMchtTrdNo   string `json:"orgMchtTrdNo"`   // the merchant's order number of it
	OrgTrdDt       string `json:"orgTrdDt"`       // its date, yyyyMMdd in Korean time

	CanAmt    int64  `json:"canAmt,omitempty"`    // amount to cancel; 0 for OperationWithdraw alone
	OrgTrdAmt int64  `json:"orgTrdAmt,omitempty"` // amount of the original; with Method it makes an unknown outcome verifiable
	Method    string `json:"method,omitempty"`    // payment method, two letters
	// CancelledSoFar is what the order system takes for cancelled of the payment already, or accepted;
	// nil where it does not say. Where the ledger knows otherwise, nothing is accepted: a refund that
	// came a second time under another key is noticed.
	CancelledSoFar *int64 `json:"cancelledSoFar,omitempty"`
	Reason         string `json:"reason,omitempty"` // for people; the gateway sees its first 255 characters

	Operation  string `json:"operation,omitempty"`  // OperationCancel where empty
	Currency   string `json:"currency,omitempty"`   // CurrencyKRW where empty
	TaxTypeCd  string `json:"taxTypeCd,omitempty"`  // Y exempt, N taxable, G compound; empty: the merchant's setting
	TaxAmt     *int64 `json:"taxAmt,omitempty"`     // taxable part; required for G
	VatAmt     *int64 `json:"vatAmt,omitempty"`     // value-added tax; required for G
	TaxFreeAmt *int64 `json:"taxFreeAmt,omitempty"` // exempt part; required for G
	SvcAmt     *int64 `json:"svcAmt,omitempty"`     // service charge

	RefundBankCd  string `json:"refundBankCd,omitempty"`  // OperationRefund: bank, three digits
	RefundAcntNo  string `json:"refundAcntNo,omitempty"`  // OperationRefund: account number, never to be shown
	RefundDpstrNm string `json:"refundDpstrNm,omitempty"` // OperationRefund: account holder, never to be shown
	VAcntNo       string `json:"vAcntNo,omitempty"`       // OperationWithdraw: virtual account number, never to be shown
}

// Full reports whether c cancels all of the original transaction. Without
// OrgTrdAmt that is not known, and the answer is false.
func (c Cancellation) Full() bool {
	return c.OrgTrdAmt > 0 && c.OrgTrdAmt == c.CanAmt
}

// Payload returns c as compact JSON, which Parse reads back: the same
// parameters always give the same bytes. It holds account numbers in plain
// text. The only error is a field that is not valid UTF-8.
func (c Cancellation) Payload() ([]byte, error) {
	if err := c.checkUTF8(); err != nil {
		return nil, err
	}
	return encode(c), nil
}

// checkUTF8 names a field that JSON would change.
func (c *Cancellation) checkUTF8() error {
	for f := range fieldCount {
		if text := c.text(f); text != nil && !utf8.ValidString(*text) {
			return fmt.Errorf("write cancellation %.64q as JSON: %s %w", c.IdempotencyKey, f, strictjson.ErrNotUTF8)
		}
	}
	return nil
}

// encode writes the canonical JSON of a Cancellation or a Task: the fields in
// the order of the struct, no white space, no HTML escapes.
func encode(c any) []byte {
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(c); err != nil {
		panic("tasks: strings and integers always have a JSON form: " + err.Error())
	}
	return bytes.TrimSuffix(out.Bytes(), []byte("\n"))
}

// String returns c as JSON with the account numbers and their holder masked.
func (c Cancellation) String() string { return string(encode(c.masked())) }

// masked returns c without what must not be shown.
func (c Cancellation) masked() Cancellation {
	for _, secret := range []*string{&c.RefundAcntNo, &c.RefundDpstrNm, &c.VAcntNo} {
		if *secret != "" {
			*secret = masked
		}
	}
	return c
}

// GoString is String, so that %#v shows no account number either.
func (c Cancellation) GoString() string { return "tasks.Cancellation" + c.String() }

// LogValue returns what names c in a log, and nothing of what it holds.
func (c Cancellation) LogValue() slog.Value {
	return slog.GroupValue(
		slog.String("key", c.IdempotencyKey),
		slog.String("mcht_id", c.MchtID),
		slog.String("org_trd_no", c.OrgTrdNo),
	)
}
