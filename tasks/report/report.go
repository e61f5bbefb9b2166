// Package report turns records of the ledger into what people and programs are shown.
package report

import (
	"cmp"
	"time"

	"settlecancel/tasks"
	"settlecancel/tasks/ledger"
)

// Record is a record of the ledger as the command line and the HTTP API show it. It holds neither
// an account number nor its holder's name.
type Record struct {
	tasks.Cancellation
	Queue        string        `json:"queue"`
	Status       ledger.Status `json:"status"`
	Closed       bool          `json:"closed,omitempty"`   // a person ended it
	CanTrdNo     string        `json:"canTrdNo,omitempty"` // the cancellation's number at SettleBank
	Code         string        `json:"code,omitempty"`     // result code of the outcome, or of the latest attempt while open
	Message      string        `json:"message,omitempty"`
	AcceptedAt   time.Time     `json:"acceptedAt"`
	AcceptedBy   string        `json:"acceptedBy,omitempty"`
	EndedAt      *time.Time    `json:"endedAt,omitempty"` // of dead letters, when they died
	NextAt       *time.Time    `json:"nextAt,omitempty"`  // when the next step is due
	RetriesSpent int           `json:"retriesSpent"`
	Attempts     []Attempt     `json:"attempts"`
	OlderDropped int           `json:"olderAttemptsDropped,omitempty"`
	Acts         []Act         `json:"acts,omitempty"`
}

// Attempt is one request, inquiry or late answer.
type Attempt struct {
	Kind       string    `json:"kind"`
	StartedAt  time.Time `json:"startedAt"`
	Millis     int64     `json:"millis"` // how long it took; 0 while under way
	UnderWay   bool      `json:"underWay,omitempty"`
	Class      string    `json:"class,omitempty"`
	Code       string    `json:"code,omitempty"`
	Message    string    `json:"message,omitempty"`
	HTTPStatus int       `json:"httpStatus,omitempty"`
	Shown      *int64    `json:"shownCancelled,omitempty"` // sum that an inquiry showed
	Raw        string    `json:"rawAnswer,omitempty"`      // what SettleBank sent, masked
}

// Act is what a person did.
type Act struct {
	At   time.Time `json:"at"`
	Who  string    `json:"who"`
	What string    `json:"what"`
	Note string    `json:"note,omitempty"`
}

// New returns how a record is shown. Times are in UTC.
func New(r ledger.Record) (Record, error) {
	c, err := tasks.FromRecord(r)
	if err != nil {
		return Record{}, err
	}
	shown := Record{
		Cancellation: c, Queue: cmp.Or(r.Queue, tasks.QueueDefault), Status: r.Status, Closed: r.Closed, CanTrdNo: r.CanTrdNo,
		Code: r.Code, Message: r.Message, AcceptedAt: r.AcceptedAt.UTC(), AcceptedBy: r.AcceptedBy,
		EndedAt: orNil(r.EndedAt), NextAt: orNil(r.DueAt), RetriesSpent: r.Spent,
		Attempts: make([]Attempt, len(r.Attempts)), OlderDropped: r.Dropped,
	}
	for i, a := range r.Attempts {
		shown.Attempts[i] = Attempt{Kind: a.Kind, StartedAt: a.StartedAt.UTC(), Millis: a.Duration.Milliseconds(),
			UnderWay: a.UnderWay, Class: a.Class, Code: a.Code, Message: a.Message, HTTPStatus: a.HTTPStatus, Shown: a.Shown, Raw: a.Raw}
	}
	for _, a := range r.Acts {
		shown.Acts = append(shown.Acts, Act{At: a.At.UTC(), Who: a.Who, What: a.What, Note: a.Note})
	}
	return shown, nil
}

func orNil(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}
