package tasks

import (
	"bytes"
	"encoding/json"
	"fmt"

	"settlecancel/tasks/ledger"
)

// parameters is what the ledger keeps of a Cancellation and does not look at. The names are short
// because each stands in Redis once for every cancellation of the last months.
type parameters struct {
	OrgTrdDt     string `json:"d"`
	Reason       string `json:"y,omitempty"`
	Operation    string `json:"op,omitempty"`
	Currency     string `json:"cu,omitempty"`
	TaxTypeCd    string `json:"tt,omitempty"`
	TaxAmt       *int64 `json:"ta,omitempty"`
	VatAmt       *int64 `json:"va,omitempty"`
	TaxFreeAmt   *int64 `json:"tf,omitempty"`
	SvcAmt       *int64 `json:"sv,omitempty"`
	RefundBankCd string `json:"rb,omitempty"`
	Account      string `json:"ac,omitempty"` // Sealer.Mark of the account numbers, and of their holder
}

// Entry returns c as the ledger takes it. Two cancellations under one key are the same where their
// entries are. One with an account number has no such entry, since that would be readable:
// Client.Entry seals it.
func (c Cancellation) Entry() (ledger.Entry, error) { return c.entry("") }

func (c Cancellation) entry(mark string) (ledger.Entry, error) {
	if c.account() != (account{}) {
		return ledger.Entry{}, fmt.Errorf("tasks: %s: account numbers must be sealed", c.IdempotencyKey)
	}
	p := parameters{
		OrgTrdDt: c.OrgTrdDt, Reason: c.Reason, Operation: c.Operation, Currency: c.Currency, TaxTypeCd: c.TaxTypeCd,
		TaxAmt: c.TaxAmt, VatAmt: c.VatAmt, TaxFreeAmt: c.TaxFreeAmt, SvcAmt: c.SvcAmt,
		RefundBankCd: c.RefundBankCd, Account: mark,
	}
	if p.Operation == OperationCancel {
		p.Operation = ""
	}
	if p.Currency == CurrencyKRW {
		p.Currency = ""
	}
	var raw bytes.Buffer
	enc := json.NewEncoder(&raw)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(p); err != nil {
		return ledger.Entry{}, fmt.Errorf("tasks: %s: %w", c.IdempotencyKey, err)
	}
	return ledger.Entry{
		Key: c.IdempotencyKey, MchtID: c.MchtID, OrgTrdNo: c.OrgTrdNo, OrgMchtTrdNo: c.OrgMchtTrdNo, Method: c.Method,
		Amount: c.CanAmt, PaymentAmount: c.OrgTrdAmt, Foreign: c.Currency != "" && c.Currency != CurrencyKRW,
		Params: bytes.TrimSpace(raw.Bytes()), CancelledSoFar: c.CancelledSoFar,
	}, nil
}

// Complete returns an error where e is that of a Task whose account numbers the ledger has lost, or
// never had: accepted like that, it could never be carried out.
func Complete(e ledger.Entry) error {
	var p parameters
	if err := json.Unmarshal(e.Params, &p); err != nil {
		return fmt.Errorf("tasks: parameters of %s are damaged: %w", e.Key, err)
	}
	if p.Account != "" && e.Sealed == "" {
		return fmt.Errorf("%s: the ledger does not have its account number; enqueue it again", e.Key)
	}
	return nil
}

// FromRecord returns the cancellation that a record of the ledger stands for, without its account
// numbers: see Client.Open.
func FromRecord(r ledger.Record) (Cancellation, error) {
	t, err := taskOf(r)
	return t.Cancellation, err
}

// taskOf returns what the queue is given of a record.
func taskOf(r ledger.Record) (Task, error) {
	var p parameters
	if err := json.Unmarshal(r.Params, &p); err != nil {
		return Task{}, fmt.Errorf("tasks: parameters of %s are damaged: %w", r.Key, err)
	}
	c := Cancellation{
		IdempotencyKey: r.Key, MchtID: r.MchtID, OrgTrdNo: r.OrgTrdNo, CanAmt: r.Amount,
		OrgMchtTrdNo: r.OrgMchtTrdNo, OrgTrdDt: p.OrgTrdDt, Method: r.Method, Reason: p.Reason,
		Operation: p.Operation, Currency: p.Currency, TaxTypeCd: p.TaxTypeCd,
		TaxAmt: p.TaxAmt, VatAmt: p.VatAmt, TaxFreeAmt: p.TaxFreeAmt, SvcAmt: p.SvcAmt,
		RefundBankCd: p.RefundBankCd,
	}
	if r.GaveAmount {
		c.OrgTrdAmt = r.PaymentAmount
	}
	return Task{Cancellation: c, Sealed: p.Account}, nil
}
