package simulator

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"time"
)

// ErrNoOriginal is returned by CancelElsewhere for an original that does not exist.
var ErrNoOriginal = errors.New("no such original")

// When is on which side of a request something happens.
type When string

const (
	Before When = "before" // before the bank looks at the request
	After  When = "after"  // when the bank has looked at it, or would have, and before it is answered
)

// Elsewhere is a part of a request's transaction that somebody cancels on the vendor's own site.
// What cannot be taken at that moment is left.
type Elsewhere struct {
	When   When  `json:"when"`
	Amount int64 `json:"amount,omitempty"` // 0: drawn by the seed, up to a tenth of the original
}

// others reports whether a rule has others cancel, instead of a fault.
func (r *Rule) others() bool { return r.Elsewhere != Elsewhere{} }

// checkElsewhere names what is wrong with a rule that has others cancel.
func (r Rule) checkElsewhere() error {
	var faults []error
	if when := r.Elsewhere.When; when != Before && when != After {
		faults = append(faults, fmt.Errorf("elsewhere: when %q: must be %s or %s", when, Before, After))
	}
	if r.Elsewhere.Amount < 0 {
		faults = append(faults, fmt.Errorf("elsewhere: amount %d: must not be below zero", r.Elsewhere.Amount))
	}
	if r.Fault != (Fault{}) {
		faults = append(faults, errors.New("elsewhere: a rule has either this or a fault"))
	}
	if r.Path == PathCollation {
		faults = append(faults, errors.New("elsewhere: a collation names no transaction"))
	}
	return errors.Join(faults...)
}

// amount is how much of a transaction is cancelled.
func (e Elsewhere) amount(t *transaction, random *rand.Rand) int64 {
	if e.Amount > 0 {
		return e.Amount
	}
	return 1 + random.Int64N(max(1, t.Amount/10))
}

// othersCancel enters what others cancel on one side of the request into the books.
func (x *exchange) othersCancel(when When) {
	if len(x.others) == 0 {
		return
	}
	now := x.sim.options.Now()
	x.st.mu.Lock()
	defer x.st.mu.Unlock()
	defer x.st.touched()
	for _, e := range x.others {
		if e.When == when && !x.tx.withdrawn && x.tx.mayTake(terms{amount: e.Amount}) == granted {
			x.sim.applyElsewhere(x.st, x.tx, e.Amount, now)
		}
	}
}

// CancelElsewhere cancels an amount of an original as somebody does on the vendor's own site: no
// request of the merchant asked for it, yet every protocol sees it, and the round moves on. The
// error says why it cannot be; ErrNoOriginal that there is nothing to cancel from.
func (s *Simulator) CancelElsewhere(mchtID, orgTrdNo string, amount int64) (Effect, error) {
	now := s.options.Now()
	st := s.state.Load()
	st.mu.Lock()
	defer st.mu.Unlock()
	t := st.bank.byTrdNo[name{mchtID, orgTrdNo}]
	refused := func(why string, args ...any) error {
		return fmt.Errorf("cancelling %d of orgTrdNo %q of %s elsewhere: "+why, append([]any{amount, orgTrdNo, mchtID}, args...)...)
	}
	if t == nil {
		return Effect{}, refused("%w", ErrNoOriginal)
	}
	switch v := t.mayTake(terms{amount: amount}); {
	case amount <= 0:
		return Effect{}, refused("the amount must be above zero")
	case t.withdrawn:
		return Effect{}, refused("its virtual account number was withdrawn")
	case v == aboveRemaining:
		return Effect{}, refused("only %d are left", t.Amount-t.cancelled)
	case v == noPartial:
		return Effect{}, refused("it can only be cancelled as a whole, %d", t.Amount)
	}
	e := s.applyElsewhere(st, t, amount, now)
	st.touched()
	return e, nil
}

// applyElsewhere enters a cancellation that nobody asked for here into the books, where the lock is
// held and the amount may be taken. In real temper it has a number of the vendor's own site; in
// strict temper it goes by the original's order number.
func (s *Simulator) applyElsewhere(st *state, t *transaction, amount int64, now time.Time) Effect {
	e := Effect{
		Time: now, Operation: OperationCancel, Amount: amount, CanTrdNo: s.nextCanTrdNo(t.MchtID, now), Elsewhere: true,
	}
	if st.conduct.Load().real() {
		e.MchtTrdNo = "ADMIN" + e.CanTrdNo
	}
	return st.apply(t, e, now)
}

func (s *Simulator) controlElsewhere(w http.ResponseWriter, r *http.Request) error {
	var wire struct {
		MchtID   string `json:"mchtId"`
		OrgTrdNo string `json:"orgTrdNo"`
		Amount   int64  `json:"amount"`
	}
	if err := readControl(r.Body, &wire); err != nil {
		return err
	}
	e, err := s.CancelElsewhere(wire.MchtID, wire.OrgTrdNo, wire.Amount)
	switch {
	case errors.Is(err, ErrNoOriginal):
		writeNotFound(w, "original")
	case err != nil:
		return err
	default:
		writeControl(w, http.StatusCreated, e)
	}
	return nil
}

// controlNoti sets where notifications go.
func (s *Simulator) controlNoti(w http.ResponseWriter, r *http.Request) error {
	var wire struct {
		URL string `json:"url"`
	}
	if err := readControl(r.Body, &wire); err != nil {
		return err
	}
	if err := s.SetNoti(wire.URL); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}
