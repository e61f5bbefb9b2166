package simulator

import (
	"cmp"
	"errors"
	"fmt"
	"strings"
	"time"
)

// bank holds the originals and what was cancelled of them. Whoever calls it holds the lock of its
// state.
type bank struct {
	byTrdNo   map[name]*transaction
	byOrder   map[name]*transaction // by the merchant's order number
	filed     []*transaction        // in the order they came; only ever appended to
	inquiries recentIDs
	cancels   cancelIDs
}

// name is a number and the merchant it belongs to.
type name struct{ mchtID, number string }

// transaction is an original, with its cancellations and those who are at it now. Of one that was
// created on first sight some things may be unknown; they are empty, agree with whatever a request
// says, and are then adopted from it.
type transaction struct {
	Original
	cancelled int64
	lastRound int  // the cnclOrd of the last cancellation, told or given
	withdrawn bool // its virtual account number was
	changes   []change
	traffic   traffic
}

// change is one cancellation as inquiries see it.
type change struct {
	effect     int // its place among the effects
	amount     int64
	withdrawal bool
	visible    time.Time // no inquiry shows it before
}

// traffic counts the requests of one transaction.
type traffic struct {
	cancels, inquiries      uint64 // that came
	cancelsNow, requestsNow int    // in progress
	cancelsPeak             int    // the most ever in progress
}

func newBank() bank {
	return bank{
		byTrdNo: map[name]*transaction{}, byOrder: map[name]*transaction{},
		cancels: cancelIDs{applied: map[name][]essence{}},
	}
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
	o.Method, o.Currency = cmp.Or(o.Method, defaultMethod), cmp.Or(o.Currency, "KRW")
	o.Provider = o.providerOr("")
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
	for _, t := range fresh.filed {
		b.file(t)
	}
	return nil
}

func (b *bank) file(t *transaction) {
	b.byTrdNo[name{t.MchtID, t.OrgTrdNo}] = t
	b.filed = append(b.filed, t)
	b.fileOrder(t)
}

func (b *bank) fileOrder(t *transaction) {
	if order := (name{t.MchtID, t.OrgMchtTrdNo}); t.OrgMchtTrdNo != "" && b.byOrder[order] == nil {
		b.byOrder[order] = t
	}
}

// adopt fills in what is not known of a transaction yet from a request that was granted.
func (b *bank) adopt(t *transaction, from terms) {
	if t.OrgMchtTrdNo == "" {
		t.OrgMchtTrdNo = from.orgMchtTrdNo
		b.fileOrder(t)
	}
	t.OrgTrdDt = cmp.Or(t.OrgTrdDt, from.orgTrdDt)
	t.Method = cmp.Or(t.Method, from.method)
	t.Provider = t.providerOr(from.provider)
	t.Currency = cmp.Or(t.Currency, from.currency)
}

// find returns the transaction a request means, nil where there is none: by the vendor's number
// where it is given, else by the merchant's.
func (b *bank) find(t terms) *transaction {
	if t.orgTrdNo != "" {
		return b.byTrdNo[name{t.mchtID, t.orgTrdNo}]
	}
	return b.byOrder[name{t.mchtID, t.orgMchtTrdNo}]
}

// findOrCreate is find, but creates an original of amount on first sight where amount is above zero
// and the request tells the vendor's number.
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
		Currency:     t.currency,
		Method:       methodInNumber(t.orgTrdNo),
	}}
	created.Provider = created.providerOr("")
	b.file(created)
	return created
}

// methodInNumber reads the method from a number of the vendor's form, STFP_PGCAnxca_jt_il…; ""
// where it tells none.
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
