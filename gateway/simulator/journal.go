package simulator

import (
	"encoding/json"
	"time"
	"unicode/utf8"
)

// Request is one request as it reached a gateway path, and what became of it.
type Request struct {
	Seq      int64     // from 1, in the order of arrival
	Time     time.Time // of arrival
	Path     string    // of the URL
	Body     []byte    // byte for byte as received; not to be changed
	Remote   string    // address of the client
	MchtID   string    // as far as it could be read, as the next two
	OrgTrdNo string
	CanAmt   int64 // in plain; 0 where it cancels nothing
	// MchtTrdNo is the own id of a message of 0A19 or 0A1M.
	MchtTrdNo string
	Status    int    // HTTP status of the answer; 0 where none was sent
	Code      string // result code of the answer; empty where none was sent
	Fault     Kind   // the fault it suffered; empty where it suffered none
	Applied   bool   // it took effect, whatever the answer said
	Done      bool   // answered or given up; false: in progress
}

// MarshalJSON writes the body as text, in field body, where it is UTF-8, else Base64, in field
// bodyBase64.
func (r Request) MarshalJSON() ([]byte, error) {
	wire := struct {
		Seq        int64     `json:"seq"`
		Time       time.Time `json:"time"`
		Path       string    `json:"path"`
		Body       string    `json:"body,omitempty"`
		BodyBase64 []byte    `json:"bodyBase64,omitempty"`
		Remote     string    `json:"remote"`
		MchtID     string    `json:"mchtId,omitempty"`
		OrgTrdNo   string    `json:"orgTrdNo,omitempty"`
		CanAmt     int64     `json:"canAmt,omitempty"`
		MchtTrdNo  string    `json:"mchtTrdNo,omitempty"`
		Status     int       `json:"status,omitempty"`
		Code       string    `json:"code,omitempty"`
		Fault      Kind      `json:"fault,omitempty"`
		Applied    bool      `json:"applied"`
		Done       bool      `json:"done"`
	}{
		Seq: r.Seq, Time: r.Time, Path: r.Path, Remote: r.Remote, MchtID: r.MchtID, OrgTrdNo: r.OrgTrdNo, CanAmt: r.CanAmt,
		MchtTrdNo: r.MchtTrdNo, Status: r.Status, Code: r.Code, Fault: r.Fault, Applied: r.Applied, Done: r.Done,
	}
	if utf8.Valid(r.Body) {
		wire.Body = string(r.Body)
	} else {
		wire.BodyBase64 = r.Body
	}
	return json.Marshal(wire)
}

// Effect is one cancellation that was applied: money that went back, or a virtual account number
// that was withdrawn.
type Effect struct {
	Seq       int64     `json:"seq"`  // from 1, in the order of application
	Time      time.Time `json:"time"` // of application
	MchtID    string    `json:"mchtId"`
	OrgTrdNo  string    `json:"orgTrdNo"`
	Operation Operation `json:"operation"`
	Amount    int64     `json:"amount"`              // in the currency's smallest unit; 0 of a withdrawal
	Round     int       `json:"round"`               // which of its transaction it is, from 1
	CanTrdNo  string    `json:"canTrdNo"`            // the cancellation's number
	MchtTrdNo string    `json:"mchtTrdNo,omitempty"` // the cancellation's id at the merchant; flat has none
	Request   int64     `json:"request,omitempty"`   // Seq of the request that asked for it
	Elsewhere bool      `json:"elsewhere,omitempty"` // nobody asked here: it came by CancelElsewhere
}

// journal keeps the last requests in a ring. Whoever calls it holds the lock of its state.
type journal struct {
	size    int
	entries []*Request
	next    int // the place of the next entry once the ring is full: where the oldest stands
	last    int64
}

// add gives a request its number and files it.
func (j *journal) add(r *Request) {
	j.last++
	r.Seq = j.last
	if len(j.entries) < j.size {
		j.entries = append(j.entries, r)
		return
	}
	j.entries[j.next] = r
	j.next = (j.next + 1) % j.size
}

// list copies what is kept, oldest first.
func (j *journal) list() []Request {
	out := make([]Request, 0, len(j.entries))
	for _, part := range [][]*Request{j.entries[j.next:], j.entries[:j.next]} {
		for _, r := range part {
			out = append(out, *r)
		}
	}
	return out
}
