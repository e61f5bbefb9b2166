package tasks

import (
	"cmp"
	"time"

	"settlecancel/tasks/ledger"
)

// Report is a record of the ledger as the command line and the HTTP API show it. It holds neither
// an account number nor its holder's name.
type Report struct {
	Cancellation
	Queue        string          `json:"queue"`
	Status       ledger.Status   `json:"status"`
	Closed       bool            `json:"closed,omitempty"`   // a person ended it
	CanTrdNo     string          `json:"canTrdNo,omitempty"` // the cancellation's number at SettleBank
	Code         string          `json:"code,omitempty"`     // result code of the outcome, or of the latest attempt while open
	Message      string          `json:"message,omitempty"`
	AcceptedAt   time.Time       `json:"acceptedAt"`
	AcceptedBy   string          `json:"acceptedBy,omitempty"`
	EndedAt      *time.Time      `json:"endedAt,omitempty"` // of dead letters, when they died
	NextAt       *time.Time      `json:"nextAt,omitempty"`  // when the next step is due
	RetriesSpent int             `json:"retriesSpent"`
	Attempts     []AttemptReport `json:"attempts"`
	OlderDropped int             `json:"olderAttemptsDropped,omitempty"`
	Acts         []ActReport     `json:"acts,omitempty"`
}

// AttemptReport is one request, inquiry or late answer.
type AttemptReport struct {
	Kind       string    `json:"kind"`
	StartedAt  time.Time `json:"startedAt"`
	Millis     int64     `json:"millis"` // how long it took; 0 while under way
	UnderWay   bool      `json:"underWay,omitempty"`
	Class      string    `json:"class,omitempty"`
	Code       string    `json:"code,omitempty"`
	Message    string    `json:"message,omitempty"`
	HTTPStatus int       `json:"httpStatus,omitempty"`
	Shown      *int64    `json:"shownCancelled,omitempty"` // sum that an inquiry showed
}

// ActReport is what a person did.
type ActReport struct {
	At   time.Time `json:"at"`
	Who  string    `json:"who"`
	What string    `json:"what"`
	Note string    `json:"note,omitempty"`
}

// NewReport returns the report of a record. Times are in UTC.
func NewReport(r ledger.Record) (Report, error) {
	c, err := FromRecord(r)
	if err != nil {
		return Report{}, err
	}
	report := Report{
		Cancellation: c, Queue: cmp.Or(r.Queue, QueueDefault), Status: r.Status, Closed: r.Closed, CanTrdNo: r.CanTrdNo,
		Code: r.Code, Message: r.Message, AcceptedAt: r.AcceptedAt.UTC(), AcceptedBy: r.AcceptedBy,
		EndedAt: orNil(r.EndedAt), NextAt: orNil(r.DueAt), RetriesSpent: r.Spent,
		Attempts: make([]AttemptReport, len(r.Attempts)), OlderDropped: r.Dropped,
	}
	for i, a := range r.Attempts {
		report.Attempts[i] = AttemptReport{Kind: a.Kind, StartedAt: a.StartedAt.UTC(), Millis: a.Duration.Milliseconds(),
			UnderWay: a.UnderWay, Class: a.Class, Code: a.Code, Message: a.Message, HTTPStatus: a.HTTPStatus, Shown: a.Shown}
	}
	for _, a := range r.Acts {
		report.Acts = append(report.Acts, ActReport{At: a.At.UTC(), Who: a.Who, What: a.What, Note: a.Note})
	}
	return report, nil
}

func orNil(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}
