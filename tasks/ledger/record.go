package ledger

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Status is the state of a cancellation.
type Status string

// The states of a cancellation. Cancelled and AlreadyCancelled are ended; Rejected, Exhausted and
// Review are dead letters until a person retries or resolves them.
const (
	Queued           Status = "queued"            // waiting for its first or next attempt
	Sending          Status = "sending"           // the intent is stored; a request may be on the wire
	Unknown          Status = "unknown"           // a request may have been applied; being verified
	Cancelled        Status = "cancelled"         // the gateway cancelled it
	AlreadyCancelled Status = "already_cancelled" // a full cancellation whose goal another request had reached
	Rejected         Status = "rejected"          // the gateway refused it for good
	Exhausted        Status = "exhausted"         // nothing applied, and the retry budget is spent
	Review           Status = "review"            // whether it was applied cannot be settled by machine
)

// Statuses lists every state, in the order of a cancellation's life.
func Statuses() []Status {
	return []Status{Queued, Sending, Unknown, Cancelled, AlreadyCancelled, Rejected, Exhausted, Review}
}

// Record is what the ledger knows of one cancellation.
type Record struct {
	Key          string
	MchtID       string
	OrgTrdNo     string
	Amount       int64           // smallest unit of the currency
	Full         bool            // cancels the whole payment
	Params       json.RawMessage // the parameters as the producer gave them, without those above
	Queue        string          // "" is the default queue
	AcceptedBy   string          // name of the credentials that it was accepted under, "" where there were none
	Sealed       string          // account numbers, unreadable, until it has ended
	Status       Status
	Closed       bool   // a person ended it with Resolve
	CanTrdNo     string // the cancellation's number at the gateway, once cancelled
	Code         string // result code of the outcome, or of the latest attempt while open
	Message      string
	AcceptedAt   time.Time
	EndedAt      time.Time // ended, or dead since; zero while open
	DueAt        time.Time // when the next step is due; zero unless open
	Spent        int       // retry budget spent since it was accepted or last retried
	Verification Verification
	Attempts     []Attempt
	Dropped      int // older attempts that are no longer kept
	Acts         []Act

	// Of its transaction:
	Sum   int64 // known to be cancelled so far, over all cancellations
	Round int   // round of the next cancellation (cnclOrd)
}

// Ended reports whether nothing will change any more: the gateway cancelled it, or a person
// resolved it.
func (r Record) Ended() bool {
	return r.Closed || r.Status == Cancelled || r.Status == AlreadyCancelled
}

// Dead reports whether it is a dead letter: only a person moves it.
func (r Record) Dead() bool {
	return !r.Closed && (r.Status == Rejected || r.Status == Exhausted || r.Status == Review)
}

// Open reports whether the machine still works at it.
func (r Record) Open() bool { return !r.Ended() && !r.Dead() }

// Verification is how far the verification of an unknown outcome has come.
type Verification struct {
	Failed     int    `json:"f,omitempty"` // inquiries without a usable answer
	NotApplied int    `json:"z,omitempty"` // inquiries in a row that showed nothing applied
	Reason     string `json:"r,omitempty"` // class of the answer that is being verified
	Unlisted   bool   `json:"u,omitempty"` // its code stands in no row of the table
	Resent     int    `json:"n,omitempty"` // requests sent again after an unknown outcome that proved not applied
	Steps      int    `json:"s,omitempty"` // rounds tried because the one before was taken elsewhere
}

// The kinds of an attempt.
const (
	Request = "request"
	Inquiry = "inquiry"
	Late    = "late" // an answer to a request that had been given up
)

// Classes of attempts that no answer gave.
const (
	Lost   = "lost"   // the worker died; whether it sent is not known
	Unsent = "unsent" // the worker stepped back before the first byte
)

// Attempt is one request or inquiry, or the late answer to one.
type Attempt struct {
	Kind       string        // Request, Inquiry or Late
	StartedAt  time.Time     // by the clock of Redis
	Duration   time.Duration // 0 while under way
	UnderWay   bool
	Class      string // class of the answer; Lost where the worker died, "overtaken" where a late answer came first
	Code       string
	Message    string
	HTTPStatus int
	Shown      *int64 // sum that an inquiry showed
}

// Act is what a person did to a cancellation.
type Act struct {
	At   time.Time
	Who  string
	What string // "retry", "resolve cancelled" or "resolve rejected"
	Note string
}

// stored is a cancellation as txn.lua documents it.
type stored struct {
	P  json.RawMessage     `json:"p"`
	M  int64               `json:"m"`
	W  int                 `json:"w"`
	S  Status              `json:"s"`
	Q  string              `json:"q"`
	By string              `json:"by"`
	Z  string              `json:"z"`
	At int64               `json:"at"`
	E  *int64              `json:"e"`
	D  int64               `json:"d"`
	No string              `json:"no"`
	RC string              `json:"rc"`
	RM string              `json:"rm"`
	B  int                 `json:"b"`
	V  Verification        `json:"v"`
	CL int                 `json:"cl"`
	A  [][]json.RawMessage `json:"a"`
	AX int                 `json:"ax"`
	O  [][]json.RawMessage `json:"o"`
}

// document is a transaction as txn.lua documents it, as far as Go reads it.
type document struct {
	Sum   int64             `json:"s"`
	Round int               `json:"r"`
	C     map[string]stored `json:"c"`
}

func decodeRecord(p place, raw string, sum int64, round int) (Record, error) {
	var s stored
	if err := json.Unmarshal([]byte(raw), &s); err != nil {
		return Record{}, fmt.Errorf("%s: %w: %w", p.key, ErrDamaged, err)
	}
	return s.record(p, sum, round)
}

// decodeTransaction returns the record at p from the document of its transaction; ok tells whether
// it is there.
func decodeTransaction(p place, raw []byte) (r Record, ok bool, err error) {
	var doc document
	if err := json.Unmarshal(raw, &doc); err != nil {
		return Record{}, false, fmt.Errorf("%s: %w: transaction %s: %w", p.key, ErrDamaged, p.txn, err)
	}
	s, ok := doc.C[p.key]
	if !ok {
		return Record{}, false, nil
	}
	r, err = s.record(p, doc.Sum, doc.Round)
	return r, err == nil, err
}

func (s stored) record(p place, sum int64, round int) (Record, error) {
	if !slices.Contains(Statuses(), s.S) {
		return Record{}, fmt.Errorf("%s: %w: status %q", p.key, ErrDamaged, s.S)
	}
	mchtID, orgTrdNo, _ := strings.Cut(p.txn, ":")
	r := Record{
		Key: p.key, MchtID: mchtID, OrgTrdNo: orgTrdNo,
		Amount: s.M, Full: s.W == 1, Params: s.P, Queue: s.Q, AcceptedBy: s.By, Sealed: s.Z,
		Status: s.S, Closed: s.CL == 1, CanTrdNo: s.No, Code: s.RC, Message: s.RM,
		AcceptedAt: fromMillis(s.At), DueAt: fromMillis(s.D),
		Spent: s.B, Verification: s.V, Dropped: s.AX, Sum: sum, Round: round,
	}
	if s.E != nil {
		r.EndedAt = fromMillis(s.At + *s.E)
	}
	for _, raw := range s.A {
		a, err := s.attempt(raw)
		if err != nil {
			return Record{}, fmt.Errorf("%s: %w: attempts: %w", p.key, ErrDamaged, err)
		}
		r.Attempts = append(r.Attempts, a)
	}
	for _, raw := range s.O {
		var at int64
		var act Act
		if err := scan(raw, &at, &act.Who, &act.What, &act.Note); err != nil {
			return Record{}, fmt.Errorf("%s: %w: acts: %w", p.key, ErrDamaged, err)
		}
		act.At = fromMillis(at)
		r.Acts = append(r.Acts, act)
	}
	return r, nil
}

func (s stored) attempt(raw []json.RawMessage) (Attempt, error) {
	var start, millis int64
	var kind string
	var a Attempt
	if len(raw) < 2 {
		return a, errors.New("one has no start")
	}
	err := scan(raw, &kind, &start, &millis, &a.Class, &a.Code, &a.Message, &a.HTTPStatus, &a.Shown)
	if a.Kind = map[string]string{"r": Request, "i": Inquiry, "l": Late}[kind]; a.Kind == "" {
		err = errors.Join(err, fmt.Errorf("one is of kind %q", kind))
	}
	a.StartedAt = fromMillis(s.At + start)
	a.Duration = time.Duration(millis) * time.Millisecond
	a.UnderWay = len(raw) == 2
	return a, err
}

// scan reads the values of an array that may be cut short.
func scan(raw []json.RawMessage, into ...any) error {
	for i, v := range raw {
		if i == len(into) {
			return nil
		}
		if err := json.Unmarshal(v, into[i]); err != nil {
			return err
		}
	}
	return nil
}

func fromMillis(ms int64) time.Time {
	if ms == 0 {
		return time.Time{}
	}
	return time.UnixMilli(ms)
}
