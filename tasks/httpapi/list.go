package httpapi

import (
	"context"
	"encoding/base64"
	"errors"
	"slices"
	"strings"

	"settlecancel/tasks/ledger"
	"settlecancel/tasks/report"
)

// page is a part of a listing.
type page struct {
	Items      []report.Record `json:"items" doc:"The records."`
	NextCursor string          `json:"nextCursor,omitempty" doc:"cursor of the next page; left out at the end. A page may be short, or empty, before the end."`
	Incomplete bool            `json:"incomplete,omitempty" doc:"Some records cannot be read; the log names them under the request id."`
}

// list returns cancellations of one status, or all.
func (a *API) list(ctx context.Context, c *call, in *listing) (*listed, error) {
	status := ledger.Status(in.Status)
	inner, ok := openCursor(in.Cursor, status)
	if !ok {
		return nil, ledger.ErrCursor
	}
	records, next, err := a.find(ctx, status, inner, in.Limit)
	if err != nil && !errors.Is(err, ledger.ErrDamaged) {
		return nil, err
	}
	p := page{Items: make([]report.Record, 0, len(records)), NextCursor: sealCursor(next, status)}
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

// find returns a page of the records that have a status. The ledger keeps the open ones and the
// dead letters in order; for what has ended, and for all at once, it has to look through
// everything.
func (a *API) find(ctx context.Context, status ledger.Status, cursor string, limit int) ([]ledger.Record, string, error) {
	is := func(r ledger.Record) bool { return r.Status == status }
	q := ledger.Query{Cursor: cursor, Limit: limit}
	switch status {
	case ledger.Queued, ledger.Sending, ledger.Unknown:
		return a.findIn(ctx, ledger.Open, ledger.Listing{Cursor: cursor}, limit, is)
	case ledger.Rejected, ledger.Exhausted, ledger.Review:
		return a.findIn(ctx, ledger.DeadLetters, ledger.Listing{Cursor: cursor, Newest: true}, limit, is)
	case "":
	default:
		q.Statuses = []ledger.Status{status}
	}
	return a.ledger.Search(ctx, q)
}

// findIn looks through a set, for as long as one request may.
func (a *API) findIn(ctx context.Context, set ledger.Set, o ledger.Listing, limit int, is func(ledger.Record) bool) (found []ledger.Record, next string, damage error) {
	const looks = 20
	for range looks {
		o.Limit = limit - len(found)
		records, next, err := a.ledger.List(ctx, set, o)
		if errors.Is(err, ledger.ErrDamaged) {
			damage = errors.Join(damage, err)
		} else if err != nil {
			return nil, "", err
		}
		found = append(found, slices.DeleteFunc(records, func(r ledger.Record) bool { return !is(r) })...)
		if o.Cursor = next; next == "" || len(found) == limit {
			break
		}
	}
	return found, o.Cursor, damage
}

// sealCursor makes a cursor of the ledger one that belongs to a listing, and is nothing to be read.
func sealCursor(inner string, status ledger.Status) string {
	if inner == "" {
		return ""
	}
	return base64.RawURLEncoding.EncodeToString([]byte(string(status) + "\n" + inner))
}

func openCursor(cursor string, status ledger.Status) (inner string, ok bool) {
	if cursor == "" {
		return "", true
	}
	raw, err := base64.RawURLEncoding.Strict().DecodeString(cursor)
	of, inner, cut := strings.Cut(string(raw), "\n")
	return inner, err == nil && cut && inner != "" && of == string(status)
}
