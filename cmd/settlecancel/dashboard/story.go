package dashboard

import (
	"cmp"
	"errors"
	"net/http"
	"slices"
	"time"

	"settlecancel/tasks"
	"settlecancel/tasks/ledger"
)

// storyBody is all that is known of one cancellation.
type storyBody struct {
	item
	X          tasks.Cancellation // cleaned, accounts masked
	Damaged    bool               // the parameters cannot be read
	CanTrdNo   string
	Queue      string
	AcceptedBy string
	AcceptedAt time.Time
	DueAt      time.Time
	Spent      int
	Dropped    int
	Sum        int64  // cancelled so far of the payment
	Basis      string // how the gateway told that, "" if it did not
	BasisAt    time.Time
	Why        string // reason, as a word for programs
	Full       bool
	Dead, Open bool
	Message    string // whole
	Events     []event
	Siblings   []item   // of the same payment
	Stops      []string // why it waits, while nothing is done for it
}

// event is one line of the story.
type event struct {
	At       time.Time
	Kind     string // "accepted", one of ledger's kinds of attempt, "act", "died" or "ended"
	Tone     string // "good", "bad", "doubt" or ""
	Class    string
	Code     string
	Message  string
	HTTP     int
	Took     time.Duration
	UnderWay bool
	Shown    *int64
	Raw      string // what SettleBank sent, masked
	Who      string
	What     string
}

func (d *Dashboard) show(w http.ResponseWriter, r *http.Request) {
	record, err := d.ledger.Get(r.Context(), r.URL.Query().Get("key"))
	if err != nil {
		d.fail(w, r, err)
		return
	}
	siblings, err := d.ledger.Transaction(r.Context(), record.MchtID, record.OrgTrdNo)
	if err != nil && !errors.Is(err, ledger.ErrDamaged) {
		d.fail(w, r, err)
		return
	}
	p := d.page(w, r, "story.title")
	body := newStory(record)
	if body.Open {
		body.Stops = p.stops(d.stand(r.Context()), record)
	}
	for _, s := range siblings {
		if s.Key != record.Key {
			i, _ := newItem(s)
			body.Siblings = append(body.Siblings, i)
		}
	}
	p.Title = body.Key
	p.Body = body
	d.render(w, r, http.StatusOK, "story", p)
}

func newStory(r ledger.Record) storyBody {
	i, x := newItem(r)
	s := storyBody{
		item: i, X: masked(x), Damaged: x.IdempotencyKey == "", CanTrdNo: clean(r.CanTrdNo),
		Queue: clean(cmp.Or(r.Queue, tasks.QueueDefault)), AcceptedBy: clean(r.AcceptedBy), AcceptedAt: r.AcceptedAt,
		DueAt: r.DueAt, Spent: r.Spent, Dropped: r.Dropped, Sum: r.ConfirmedCancelled, Full: r.Full,
		Basis: string(r.Basis), BasisAt: r.BasisAt, Why: string(r.Reason), Dead: r.Dead(), Open: r.Open(), Message: clean(r.Message),
	}
	s.Events = append(s.Events, event{At: r.AcceptedAt, Kind: "accepted", Who: s.AcceptedBy})
	for _, a := range r.Attempts {
		s.Events = append(s.Events, event{At: a.StartedAt, Kind: a.Kind, Tone: tone(a), Class: clean(a.Class), Code: clean(a.Code),
			Message: clean(a.Message), HTTP: a.HTTPStatus, Took: a.Duration, UnderWay: a.UnderWay, Shown: a.Shown, Raw: clean(a.Raw)})
	}
	for _, a := range r.Acts {
		if died, ok := diedBefore(r, a); ok {
			s.Events = append(s.Events, died)
		}
		s.Events = append(s.Events, event{At: a.At, Kind: "act", Tone: "person", Who: clean(a.Who), What: clean(a.What), Message: clean(a.Note)})
	}
	switch {
	case r.Dead():
		s.Events = append(s.Events, event{At: r.EndedAt, Kind: "died", Tone: "bad", What: string(r.Status)})
	case r.Ended() && !r.Closed:
		s.Events = append(s.Events, event{At: r.EndedAt, Kind: "ended", Tone: "good", What: string(r.Status), Code: s.CanTrdNo})
	}
	slices.SortStableFunc(s.Events, func(a, b event) int { return a.At.Compare(b.At) })
	return s
}

// tone returns how an attempt went.
func tone(a ledger.Attempt) string {
	switch {
	case a.UnderWay:
		return ""
	case a.Class == "ok", a.Class == "already":
		return "good"
	case a.Class == "rejected":
		return "bad"
	case a.Class == "unknown", a.Class == ledger.Lost, a.Class == "duplicate":
		return "doubt"
	}
	return ""
}

// masked returns a cancellation that can be shown. Of accounts it says only that there is one, or
// was: what is read here of the ledger does not hold them.
func masked(x tasks.Cancellation) tasks.Cancellation {
	const hidden = "●●●●"
	x.RefundAcntNo, x.RefundDpstrNm, x.VAcntNo = "", "", ""
	switch x.Operation {
	case tasks.OperationRefund:
		x.RefundAcntNo, x.RefundDpstrNm = hidden, hidden
	case tasks.OperationWithdraw:
		x.VAcntNo = hidden
	}
	for _, text := range []*string{&x.IdempotencyKey, &x.MchtID, &x.OrgTrdNo, &x.OrgMchtTrdNo, &x.OrgTrdDt, &x.Method, &x.Reason,
		&x.Operation, &x.Currency, &x.TaxTypeCd, &x.RefundBankCd} {
		*text = clean(*text)
	}
	return x
}
