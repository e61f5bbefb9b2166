package simulator

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// ErrRegistered is returned by Register for an original, or a merchant's order number, that is there already.
var ErrRegistered = errors.New("already registered")

// Original is a payment that can be cancelled.
type Original struct {
	MchtID       string `json:"mchtId"`
	OrgTrdNo     string `json:"orgTrdNo"`
	OrgMchtTrdNo string `json:"orgMchtTrdNo"`
	OrgTrdDt     string `json:"orgTrdDt"`           // yyyyMMdd, Korean time
	OrgTrdTm     string `json:"orgTrdTm,omitempty"` // HHmmss; empty: a flat inquiry may name any time
	Amount       int64  `json:"amount"`             // KRW
	// Method is the two letters of the payment method; empty: CA, or for an original that was created on first sight
	// whatever the first inquiry says.
	Method string `json:"method,omitempty"`
	// NoPartial refuses partial cancellations, as vouchers always do.
	NoPartial bool `json:"noPartial,omitempty"`
}

// check names every fault of an original that somebody registers.
func (o Original) check(merchants map[string]Merchant) error {
	var faults []error
	fault := func(format string, args ...any) { faults = append(faults, fmt.Errorf(format, args...)) }
	if _, ok := merchants[o.MchtID]; !ok {
		fault("mchtId %q: no such merchant", o.MchtID)
	}
	if o.OrgTrdNo == "" || len(o.OrgTrdNo) > 50 {
		fault("orgTrdNo %q: must have 1 to 50 bytes", o.OrgTrdNo)
	}
	if o.OrgMchtTrdNo == "" || len(o.OrgMchtTrdNo) > 100 {
		fault("orgMchtTrdNo %q: must have 1 to 100 bytes", o.OrgMchtTrdNo)
	}
	if !isDate(o.OrgTrdDt) {
		fault("orgTrdDt %q: must be a day that exists, yyyyMMdd", o.OrgTrdDt)
	}
	if o.OrgTrdTm != "" && !isTime(o.OrgTrdTm) {
		fault("orgTrdTm %q: must be a time of day, HHmmss", o.OrgTrdTm)
	}
	if o.Amount <= 0 || o.Amount > maxAmount {
		fault("amount %d: must be 1 to %d", o.Amount, int64(maxAmount))
	}
	if o.Method != "" && !isMethod(o.Method) {
		fault("method %q: no such payment method", o.Method)
	}
	return errors.Join(faults...)
}

// bank holds the originals and what was cancelled of them. Whoever calls it holds the lock of its state.
type bank struct {
	byTrdNo map[name]*transaction
	byOrder map[name]*transaction // by the merchant's order number
	ids     recentIDs
}

// name is a number and the merchant it belongs to.
type name struct{ mchtID, number string }

// transaction is an original, with its cancellations and those who are at it now.
type transaction struct {
	Original
	adopts    bool // the method is not known yet
	cancelled int64
	changes   []change
	traffic   traffic
}

// change is one cancellation as inquiries see it.
type change struct {
	effect  int // its place among the effects
	amount  int64
	visible time.Time // no inquiry shows it before
}

// traffic counts the requests of one transaction.
type traffic struct {
	cancels, inquiries       uint64 // that came
	cancelsNow, requestsNow  int    // in progress
	cancelsPeak, requestPeak int    // the most ever in progress
}

func newBank() bank {
	return bank{byTrdNo: map[name]*transaction{}, byOrder: map[name]*transaction{}}
}

// taken says, with ErrRegistered, that an original or its order number is there already.
func (b *bank) taken(o Original) error {
	if b.byTrdNo[name{o.MchtID, o.OrgTrdNo}] != nil {
		return fmt.Errorf("orgTrdNo %q of %s: %w", o.OrgTrdNo, o.MchtID, ErrRegistered)
	}
	if b.byOrder[name{o.MchtID, o.OrgMchtTrdNo}] != nil {
		return fmt.Errorf("orgMchtTrdNo %q of %s: %w", o.OrgMchtTrdNo, o.MchtID, ErrRegistered)
	}
	return nil
}

// register checks and files an original.
func (b *bank) register(o Original, merchants map[string]Merchant) error {
	if err := errors.Join(o.check(merchants), b.taken(o)); err != nil {
		return err
	}
	if o.Method == "" {
		o.Method = defaultMethod
	}
	b.file(&transaction{Original: o})
	return nil
}

// registerAll files all originals of a list or, where one of them cannot be, none.
func (b *bank) registerAll(list []Original, merchants map[string]Merchant) error {
	fresh := newBank()
	err := eachFault(list, func(o Original) error { return errors.Join(b.taken(o), fresh.register(o, merchants)) })
	if err != nil {
		return err
	}
	for _, t := range fresh.byTrdNo {
		b.file(t)
	}
	return nil
}

func (b *bank) file(t *transaction) {
	b.byTrdNo[name{t.MchtID, t.OrgTrdNo}] = t
	if order := (name{t.MchtID, t.OrgMchtTrdNo}); b.byOrder[order] == nil {
		b.byOrder[order] = t
	}
}

// find returns the transaction a request means, nil where there is none: by the vendor's number where it is given,
// else by the merchant's.
func (b *bank) find(t terms) *transaction {
	if t.orgTrdNo != "" {
		return b.byTrdNo[name{t.mchtID, t.orgTrdNo}]
	}
	return b.byOrder[name{t.mchtID, t.orgMchtTrdNo}]
}

// findOrCreate is find, but creates an original of amount on first sight where amount is above zero and the request
// tells the vendor's number.
func (b *bank) findOrCreate(t terms, amount int64) *transaction {
	if found := b.find(t); found != nil || amount <= 0 || t.orgTrdNo == "" {
		return found
	}
	created := &transaction{Original: Original{
		MchtID:       t.mchtID,
		OrgTrdNo:     t.orgTrdNo,
		OrgMchtTrdNo: t.orgMchtTrdNo,
		OrgTrdDt:     t.orgTrdDt,
		Amount:       amount,
		Method:       methodInNumber(t.orgTrdNo),
	}}
	created.adopts = created.Method == ""
	b.file(created)
	return created
}

// methodInNumber reads the method from a number of the vendor's form, STFP_PGCAnxca_jt_il…; "" where it tells none.
func methodInNumber(orgTrdNo string) string {
	const prefix = "STFP_PG"
	if !strings.HasPrefix(orgTrdNo, prefix) || len(orgTrdNo) < len(prefix)+2 {
		return ""
	}
	if m := orgTrdNo[len(prefix) : len(prefix)+2]; isMethod(m) {
		return m
	}
	return ""
}

// mayCancel decides on a cancellation. A repeated partial one is as good as a second intended one, as long as enough
// is left: the flat request has nothing to tell them apart by.
func (t *transaction) mayCancel(want terms) verdict {
	switch {
	case t == nil:
		return noTransaction
	case t.OrgMchtTrdNo != want.orgMchtTrdNo, t.OrgTrdDt != want.orgTrdDt:
		return otherTransaction
	case t.cancelled == t.Amount:
		return alreadyCancelled
	case want.amount > t.Amount-t.cancelled:
		return aboveRemaining
	case want.amount < t.Amount && (t.NoPartial || traitsOf(t.Method).fullOnly):
		return noPartial
	default:
		return granted
	}
}

// mayInquire decides on an inquiry.
func (t *transaction) mayInquire(want terms) verdict {
	switch {
	case t == nil:
		return noTransaction
	case want.neighbours && !withinADay(t.OrgTrdDt, want.orgTrdDt):
		return noTransaction
	case !want.neighbours && t.OrgTrdDt != want.orgTrdDt:
		return noTransaction
	case want.orgTrdTm != "" && t.OrgTrdTm != "" && t.OrgTrdTm != want.orgTrdTm:
		return noTransaction
	case t.OrgMchtTrdNo != want.orgMchtTrdNo:
		return otherTransaction
	case !t.adopts && t.Method != want.method:
		return otherTransaction
	case t.Amount != want.amount:
		return otherAmount
	default:
		return granted
	}
}

// shown is the sum that an inquiry shows as cancelled at a moment.
func (t *transaction) shown(at time.Time) int64 {
	var sum int64
	for _, c := range t.changes {
		if !c.visible.After(at) {
			sum += c.amount
		}
	}
	return sum
}

// recentIDs remembers the ids of the last requests, so that none is used twice. It forgets the older half once
// maxRecentIDs are held, so a simulator that runs for weeks does not grow.
type recentIDs struct{ young, old map[name]struct{} }

const maxRecentIDs = 1 << 16

// use says whether an id is new, and remembers it.
func (r *recentIDs) use(id name) bool {
	_, young := r.young[id]
	_, old := r.old[id]
	if young || old {
		return false
	}
	if r.young == nil || len(r.young) >= maxRecentIDs/2 {
		r.young, r.old = make(map[name]struct{}), r.young
	}
	r.young[id] = struct{}{}
	return true
}
