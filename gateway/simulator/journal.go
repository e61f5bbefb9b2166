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
	CanAmt   int64  // KRW; 0 in an inquiry
	Status   int    // HTTP status of the answer; 0 where none was sent
	Code     string // result code of the answer; empty where none was sent
	Fault    Kind   // the fault it suffered; empty where it suffered none
	Applied  bool   // money was moved, whatever the answer said
	Done     bool   // answered or given up; false: in progress
}

// MarshalJSON writes the body as text, in field body, where it is UTF-8, else Base64, in field bodyBase64.
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
		Status     int       `json:"status,omitempty"`
		Code       string    `json:"code,omitempty"`
		Fault      Kind      `json:"fault,omitempty"`
		Applied    bool      `json:"applied"`
		Done       bool      `json:"done"`
	}{
		Seq: r.Seq, Time: r.Time, Path: r.Path, Remote: r.Remote, MchtID: r.MchtID, OrgTrdNo: r.OrgTrdNo, CanAmt: r.CanAmt,
		Status: r.Status, Code: r.Code, Fault: r.Fault, Applied: r.Applied, Done: r.Done,
	}
	if utf8.Valid(r.Body) {
		wire.Body = string(r.Body)
	} else {
		wire.BodyBase64 = r.Body
	}
	return json.Marshal(wire)
}

// Effect is one cancellation that was applied: money that went back.
type Effect struct {
	Seq      int64     `json:"seq"`  // from 1, in the order of application
	Time     time.Time `json:"time"` // of application
	MchtID   string    `json:"mchtId"`
	OrgTrdNo string    `json:"orgTrdNo"`
	Amount   int64     `json:"amount"`   // KRW
	CanTrdNo string    `json:"canTrdNo"` // the cancellation's number
	Request  int64     `json:"request"`  // Seq of the request that asked for it
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
