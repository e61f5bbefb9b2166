package ledger

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"
)

// Status is the state of a cancellation.
type Status string

// The states of a cancellation. Cancelled, AlreadyCancelled and RefundedElsewhere are ends;
// Rejected, Exhausted and Review are dead letters until a person retries or resolves them.
const (
	Queued            Status = "queued"             // waits for its first or next attempt
	Sending           Status = "sending"            // the intent is stored; a request may be on the wire
	Unknown           Status = "unknown"            // a request may have been applied; being verified
	Cancelled         Status = "cancelled"          // the gateway cancelled it
	AlreadyCancelled  Status = "already_cancelled"  // a whole one whose goal another request had reached
	RefundedElsewhere Status = "refunded_elsewhere" // a person says that the customer was paid in another way
	Rejected          Status = "rejected"           // the gateway refused it for good
	Exhausted         Status = "exhausted"          // nothing applied, and the retry budget is spent
	Review            Status = "review"             // whether it was applied cannot be settled by machine
)

// Statuses returns every state, in the order of a cancellation's life.
func Statuses() []Status {
	return []Status{Queued, Sending, Unknown, Cancelled, AlreadyCancelled, RefundedElsewhere, Rejected, Exhausted, Review}
}

// Reason is why a cancellation is in review, was given up, or is being verified, as a word for
// programs. Message says it to people.
type Reason string

// Record is what the ledger knows of one cancellation, and of its payment what concerns it.
type Record struct {
	Key          string
	MchtID       string
	OrgTrdNo     string
	OrgMchtTrdNo string
	Method       string
	Amount       int64           // smallest unit of the currency
	Full         bool            // cancels the whole payment, as far as its amount is known
	GaveAmount   bool            // its producer gave the payment's amount
	Foreign      bool            // the gateway shows sums of the payment in another unit
	Params       json.RawMessage // the other parameters, as the producer gave them
	Queue        string          // "" is the default queue
	AcceptedBy   string          // name of the credentials that it was accepted under
	Sealed       string          // account numbers, unreadable, until it has ended
	Status       Status
	Closed       bool   // a person ended it with Resolve
	Reason       Reason // "" while nothing needs one
	CanTrdNo     string // the cancellation's number at the gateway, once cancelled
	Code         string // result code of the outcome, or of the latest attempt while open
	Message      string
	AcceptedAt   time.Time
	EndedAt      time.Time // ended, or dead since; zero while open
	DueAt        time.Time // when the next step is due; zero unless open
	Spent        int       // retry budget spent since it was accepted or last retried
	RequestID    int       // ids that were refused for good; the next request carries a later one
	Doubted      bool      // the outcome of an attempt was ever unknown
	Doubtful     bool      // it may be applied without ConfirmedCancelled holding it
	Blind        bool      // it is in doubt, and what was cancelled before is not known from the gateway
	SoFar        *int64    // what its producer took for cancelled, where that is to be held against the basis
	Ahead        int64     // amounts of those accepted before it that are open or in doubt
	Inquirable   bool      // an inquiry can settle it
	Verification Verification
	Attempts     []Attempt
	Dropped      int // older attempts that are no longer kept
	Acts         []Act

	// Of its payment:
	PaymentAmount      int64     // 0 while nobody gave it
	ConfirmedCancelled int64     // known to be cancelled, over all cancellations
	Basis              BasisKind // how the gateway told that; "" if it did not, or before the last epoch
	BasisAt            time.Time
	Round              int // that the next request takes (cnclOrd)
}

// Ended reports whether nothing will change any more: the gateway cancelled it, or a person
// resolved it.
func (r Record) Ended() bool {
	return r.Closed || r.Status == Cancelled || r.Status == AlreadyCancelled || r.Status == RefundedElsewhere
}

// Dead reports whether it is a dead letter: only a person moves it.
func (r Record) Dead() bool {
	return !r.Closed && (r.Status == Rejected || r.Status == Exhausted || r.Status == Review)
}

// Open reports whether the machine still works at it.
func (r Record) Open() bool { return !r.Ended() && !r.Dead() }

// Verification is how far the verification of an unknown outcome has come.
type Verification struct {
	Failed int  `json:"f,omitempty"` // inquiries in a row without a usable answer
	Seen   int  `json:"z,omitempty"` // inquiries in a row that showed nothing applied
	Then   Then `json:"t,omitempty"` // what follows where nothing was applied
	Resent int  `json:"n,omitempty"` // requests sent again after an unknown outcome
	Steps  int  `json:"s,omitempty"` // rounds tried because the one before was taken elsewhere
	Based  bool `json:"b,omitempty"` // the basis was asked for in vain: send without
}

// Then is what follows a verification that shows nothing applied.
type Then string

// What may follow.
const (
	ThenSend    Then = ""  // send again
	ThenReject  Then = "r" // the gateway refused it for good
	ThenExhaust Then = "x" // the retry budget is spent
	ThenReview  Then = "d" // the gateway calls it a duplicate of something that has no effect
	ThenAlready Then = "a" // the gateway says that the whole payment is cancelled
)

// The kinds of an attempt.
const (
	Request = "request"
	Inquiry = "inquiry"
	Late    = "late" // an answer to a request that had been given up
)

// Classes of attempts that no answer gave.
const (
	Lost      = "lost"      // the worker died; whether it sent is not known
	Unsent    = "unsent"    // the worker stepped back before the first byte
	Overtaken = "overtaken" // a late answer to an earlier request came first
)

// Attempt is one request or inquiry, or the late answer to one.
type Attempt struct {
	Kind       string        // Request, Inquiry or Late
	StartedAt  time.Time     // by the clock of Redis
	Duration   time.Duration // 0 while under way
	UnderWay   bool
	Class      string // class of the answer, or Lost, Unsent, Overtaken
	Code       string
	Message    string
	HTTPStatus int
	Shown      *int64 // sum that an inquiry showed
	Raw        string // what was sent, masked: of the last attempts, until the gateway settles it
}

// kinds are the attempts' kinds as they are stored.
var kinds = map[string]string{Request: "r", Inquiry: "i", Late: "l"}

// MarshalJSON writes an attempt as an array that is cut behind its last value: kind, start in ms,
// and, unless it is under way, duration in ms, class, code, message, HTTP status, shown sum, raw
// answer.
func (a Attempt) MarshalJSON() ([]byte, error) {
	values := []any{kinds[a.Kind], a.StartedAt.UnixMilli(), a.Duration.Milliseconds(), a.Class, a.Code, a.Message, a.HTTPStatus, a.Shown, a.Raw}
	switch {
	case a.UnderWay:
		values = values[:2]
	case a.Raw != "":
	case a.Shown != nil:
		values = values[:8]
	case a.HTTPStatus != 0 && a.HTTPStatus != 200:
		values = values[:7]
	case a.Message != "":
		values = values[:6]
	case a.Code != "":
		values = values[:5]
	default:
		values = values[:4]
	}
	return json.Marshal(values)
}

// UnmarshalJSON reads what MarshalJSON writes.
func (a *Attempt) UnmarshalJSON(raw []byte) error {
	var values []json.RawMessage
	if err := json.Unmarshal(raw, &values); err != nil {
		return err
	}
	if len(values) < 2 {
		return errors.New("an attempt has no start")
	}
	var kind string
	var start, length int64
	into := []any{&kind, &start, &length, &a.Class, &a.Code, &a.Message, &a.HTTPStatus, &a.Shown, &a.Raw}
	for i, v := range values[:min(len(values), len(into))] {
		if err := json.Unmarshal(v, into[i]); err != nil {
			return err
		}
	}
	for name, short := range kinds {
		if short == kind {
			a.Kind = name
		}
	}
	if a.Kind == "" {
		return fmt.Errorf("an attempt is of kind %q", kind)
	}
	a.StartedAt = time.UnixMilli(start)
	a.Duration = time.Duration(length) * time.Millisecond
	a.UnderWay = len(values) == 2
	return nil
}

// Act is what a person, or what speaks for the gateway, did to a cancellation.
type Act struct {
	At   time.Time `json:"-"`
	Who  string    `json:"w"`
	What string    `json:"d"` // "retry", or "resolve" and the status
	Note string    `json:"n,omitempty"`
	ID   string    `json:"i"` // of the call
	Ms   int64     `json:"t"` // At, as it is stored
}

// record returns c as people and programs see it.
func (p *Payment) record(c *Cancellation, at Moment, r Rules) Record {
	rec := Record{
		Key: c.Key, MchtID: p.MchtID, OrgTrdNo: p.OrgTrdNo, OrgMchtTrdNo: c.OrgMchtTrdNo, Method: c.Method,
		Amount: c.Amount, Full: p.Whole(c), GaveAmount: c.GaveAmount, Foreign: c.Foreign, Params: c.Params, Queue: c.Queue, AcceptedBy: c.By,
		Sealed: c.Sealed, Status: c.Status, Closed: c.Closed, Reason: c.Reason, CanTrdNo: c.CanTrdNo, Code: c.Code,
		Message: c.Message, AcceptedAt: fromMillis(c.Accepted), DueAt: fromMillis(c.Due), Spent: c.Spent,
		RequestID: c.RequestID, Doubted: c.Doubts > 0, Doubtful: c.Doubtful(), Blind: c.Doubts > 0 && (c.Blind || !p.Based(at)),
		SoFar: c.SoFar, Ahead: p.meant(c) - p.Sum,
		Inquirable: p.Inquirable(c, r), Verification: c.Verify, Attempts: slices.Clone(c.Attempts), Dropped: c.Dropped,
		PaymentAmount: p.Amount, ConfirmedCancelled: p.Sum, Round: p.Round + 1,
	}
	if !c.open() {
		rec.EndedAt = fromMillis(c.Accepted + c.Ended)
	}
	if p.Based(at) {
		rec.Basis, rec.BasisAt = p.Basis.Kind, fromMillis(p.Basis.At)
	}
	for _, a := range c.Acts {
		a.At = fromMillis(a.Ms)
		rec.Acts = append(rec.Acts, a)
	}
	return rec
}

func fromMillis(ms int64) time.Time {
	if ms == 0 {
		return time.Time{}
	}
	return time.UnixMilli(ms)
}
