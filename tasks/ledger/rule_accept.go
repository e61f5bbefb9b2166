package ledger

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"strings"
)

// What Accept refuses. Nothing is stored then.
var (
	ErrConflict     = errors.New("the idempotency key was used before with other parameters")
	ErrAmount       = errors.New("the payment has another amount")
	ErrFull         = errors.New("the payment has as many cancellations as the gateway has rounds")
	ErrPrecondition = errors.New("the payment is not cancelled as far as cancelledSoFar says")
)

// Entry is a cancellation as the producer asked for it. Two with the same key are the same where
// all but Queue, By, Sealed and CancelledSoFar agree.
type Entry struct {
	Key            string // idempotency key; no space
	MchtID         string // no colon
	OrgTrdNo       string
	OrgMchtTrdNo   string
	Method         string
	Amount         int64           // smallest unit of the currency; 0 withdraws an account number
	PaymentAmount  int64           // of the payment; 0 where it is not known
	Foreign        bool            // the gateway shows sums in another unit than this one
	Params         json.RawMessage // the other parameters: a JSON object, or nothing
	Queue          string
	By             string
	Sealed         string // account numbers, unreadable; kept until it has ended
	CancelledSoFar *int64 // what the producer takes for cancelled or accepted already; nil: it does not say
}

// fault returns what of an entry the ledger could store, but not find or compare again.
func (e Entry) fault() error {
	var faults []error
	wrong := func(is bool, what string) {
		if is {
			faults = append(faults, errors.New(what))
		}
	}
	wrong(e.Key == "" || strings.Contains(e.Key, " "), "the key is empty or holds a space")
	wrong(strings.Contains(e.MchtID, ":"), "the merchant id holds a colon")
	wrong(e.Amount < 0 || e.PaymentAmount < 0, "an amount is negative")
	var params map[string]any
	wrong(len(e.Params) > 0 && (json.Unmarshal(e.Params, &params) != nil || params == nil), "the parameters are no JSON object")
	return errors.Join(faults...)
}

// Accept takes a cancellation, or finds that it was taken before. It returns ErrConflict,
// ErrAmount, ErrFull or ErrPrecondition.
func (p *Payment) Accept(at Moment, e Entry) (known bool, err error) {
	if c := p.Find(e.Key); c != nil {
		if !p.same(c, e) {
			return false, ErrConflict
		}
		return true, nil
	}
	if err := p.checkAmount(e); err != nil {
		return false, err
	}
	if len(p.Cancellations) >= maxRounds {
		return false, ErrFull
	}
	if err := p.checkSoFar(at, e); err != nil {
		return false, err
	}
	c := &Cancellation{
		Key: e.Key, Amount: e.Amount, OrgMchtTrdNo: e.OrgMchtTrdNo, Method: e.Method, Foreign: e.Foreign, Params: e.Params,
		GaveAmount: e.PaymentAmount > 0, Queue: e.Queue, By: e.By, Sealed: e.Sealed, Accepted: at.Now, Due: at.Now, Status: Queued,
	}
	if !p.Based(at) {
		c.SoFar = e.CancelledSoFar // the basis will tell
	}
	if e.PaymentAmount > 0 {
		p.Amount = e.PaymentAmount
	}
	p.Cancellations = append(p.Cancellations, c)
	p.touch(c)
	return false, nil
}

// same reports whether c was asked for with the parameters of e.
func (p *Payment) same(c *Cancellation, e Entry) bool {
	if c.Amount != e.Amount || c.OrgMchtTrdNo != e.OrgMchtTrdNo || c.Method != e.Method || c.Foreign != e.Foreign {
		return false
	}
	if c.GaveAmount != (e.PaymentAmount > 0) || c.GaveAmount && e.PaymentAmount != p.Amount {
		return false
	}
	return bytes.Equal(c.Params, e.Params) || equalObjects(c.Params, e.Params)
}

// AskedFor reports whether a cancellation was asked for with the parameters of e.
func (r Record) AskedFor(e Entry) bool {
	p := &Payment{Amount: r.PaymentAmount}
	c := &Cancellation{Amount: r.Amount, OrgMchtTrdNo: r.OrgMchtTrdNo, Method: r.Method, Foreign: r.Foreign, GaveAmount: r.GaveAmount, Params: r.Params}
	return e.Key == r.Key && e.MchtID == r.MchtID && e.OrgTrdNo == r.OrgTrdNo && p.same(c, e)
}

// equalObjects compares two JSON objects, whatever the order of their members. A number is not the
// text of its digits.
func equalObjects(a, b json.RawMessage) bool {
	read := func(raw json.RawMessage) (map[string]any, bool) {
		var m map[string]any
		if len(raw) == 0 {
			return nil, true
		}
		d := json.NewDecoder(bytes.NewReader(raw))
		d.UseNumber()
		return m, d.Decode(&m) == nil
	}
	x, ok := read(a)
	y, alsoOK := read(b)
	return ok && alsoOK && maps.EqualFunc(x, y, func(v, w any) bool { return reflect.DeepEqual(v, w) })
}

// checkAmount refuses a second amount of the payment: what is whole hangs on it.
func (p *Payment) checkAmount(e Entry) error {
	amount := p.Amount
	if amount == 0 {
		amount = e.PaymentAmount
	}
	if amount == 0 {
		return nil
	}
	if e.PaymentAmount > 0 && e.PaymentAmount != amount {
		return fmt.Errorf("%w: %d was given before, not %d", ErrAmount, amount, e.PaymentAmount)
	}
	if e.Amount > amount {
		return fmt.Errorf("%w: it is %d, below the %d to cancel", ErrAmount, amount, e.Amount)
	}
	for _, c := range p.Cancellations {
		if c.Amount > amount {
			return fmt.Errorf("%w: %s cancels %d of it, which is more than %d", ErrAmount, c.Key, c.Amount, amount)
		}
	}
	return nil
}

// checkSoFar holds what the producer believes against what is cancelled or under way. While the
// gateway has not told the sum, others may have cancelled more.
func (p *Payment) checkSoFar(at Moment, e Entry) error {
	if e.CancelledSoFar == nil {
		return nil
	}
	ours := p.meant(nil)
	if *e.CancelledSoFar == ours || *e.CancelledSoFar > ours && !p.Based(at) {
		return nil
	}
	return fmt.Errorf("%w: %d is cancelled or accepted, not %d", ErrPrecondition, ours, *e.CancelledSoFar)
}

// meant returns the sum that is cancelled, with what may still come of those accepted before c, or
// of all where c is nil.
func (p *Payment) meant(c *Cancellation) int64 {
	sum := p.Sum
	for _, o := range p.Cancellations {
		if o == c {
			break
		}
		if o.open() || o.Doubtful() {
			sum += o.Amount
		}
	}
	return sum
}
