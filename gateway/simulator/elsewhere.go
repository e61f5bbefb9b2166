package simulator

import (
	"errors"
	"fmt"
	"net/http"
)

// ErrNoOriginal is returned by CancelElsewhere for an original that does not exist.
var ErrNoOriginal = errors.New("no such original")

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
	e := st.apply(t, Effect{
		Time: now, Operation: OperationCancel, Amount: amount, CanTrdNo: s.nextCanTrdNo(mchtID, now), Elsewhere: true,
	}, now)
	st.touched()
	return e, nil
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
