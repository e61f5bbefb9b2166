package httpapi

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"strings"
	"time"

	"settlecancel/gateway/settlebank"
	"settlecancel/tasks/ledger"
	"settlecancel/tasks/report"
)

// page is a part of a listing.
type page struct {
	Items      []report.Record `json:"items" doc:"The records."`
	NextCursor string          `json:"nextCursor,omitempty" doc:"cursor of the next page; left out at the end. A page may be short, or empty, before the end."`
	Incomplete bool            `json:"incomplete,omitempty" doc:"Some records cannot be read; the log names them under the request id."`
}

// list returns the cancellations that are asked for, the latest first.
func (a *API) list(ctx context.Context, c *call, in *listing) (*listed, error) {
	q := a.question(c, in)
	if len(c.faults) > 0 {
		return nil, faulty(c.faults)
	}
	records, next, err := a.ledger.Search(ctx, q)
	if err != nil && !errors.Is(err, ledger.ErrDamaged) {
		return nil, err
	}
	p := page{Items: make([]report.Record, 0, len(records)), NextCursor: sealCursor(next, in.name())}
	for _, r := range records {
		record, damage := report.New(r)
		if damage != nil {
			err = errors.Join(err, damage)
			continue
		}
		p.Items = append(p.Items, record)
	}
	if err != nil {
		p.Incomplete = true
		a.log.ErrorContext(ctx, "records left out of a listing", "request_id", c.id, "error", err)
	}
	return &listed{p}, nil
}

// question returns what the ledger is asked.
func (a *API) question(c *call, in *listing) ledger.Query {
	q := ledger.Query{MchtID: in.MchtID, OrgMchtTrdNo: in.OrgMchtTrdNo, OrgTrdNo: in.OrgTrdNo, MchtIDs: a.shops, Limit: in.Limit}
	if in.Status != "" {
		q.Statuses = []ledger.Status{ledger.Status(in.Status)}
		if (ledger.Record{Status: q.Statuses[0]}).Dead() {
			q.Match = ledger.Record.Dead // what was decided waits for nobody any more
		}
	}
	if in.OrgTrdNo != "" && in.MchtID == "" && len(a.shops) == 0 {
		c.fault("query.mchtId", "is required with orgTrdNo")
	}
	q.From, q.Before = c.day("from", in.From), c.day("to", in.To)
	if !q.Before.IsZero() {
		q.Before = q.Before.AddDate(0, 0, 1)
	}
	var ok bool
	if q.Cursor, ok = openCursor(in.Cursor, in.name()); !ok {
		c.fault("query.cursor", "is not one that this listing answered")
	}
	return q
}

// day returns the start of a Korean day, zero where none is given.
func (c *call) day(name, text string) time.Time {
	if text == "" {
		return time.Time{}
	}
	day, err := time.ParseInLocation("20060102", text, settlebank.KST)
	if err != nil {
		c.faultf("query."+name, "is %s, no day of the calendar", quote(text))
	}
	return day
}

// name names a question, so that a cursor is good for it alone.
func (in *listing) name() string {
	sum := sha256.Sum256([]byte(strings.Join([]string{string(in.Status), in.MchtID, in.OrgMchtTrdNo, in.OrgTrdNo, in.From, in.To}, "\x00")))
	return hex.EncodeToString(sum[:8])
}

// sealCursor makes a cursor of the ledger one that belongs to a question, and is nothing to be
// read.
func sealCursor(inner, question string) string {
	if inner == "" {
		return ""
	}
	return base64.RawURLEncoding.EncodeToString([]byte(question + "\n" + inner))
}

func openCursor(cursor, question string) (inner string, ok bool) {
	if cursor == "" {
		return "", true
	}
	raw, err := base64.RawURLEncoding.Strict().DecodeString(cursor)
	of, inner, cut := strings.Cut(string(raw), "\n")
	return inner, err == nil && cut && inner != "" && of == question
}
