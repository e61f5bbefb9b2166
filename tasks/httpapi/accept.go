package httpapi

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"settlecancel/tasks"
	"settlecancel/tasks/ledger"
	"settlecancel/tasks/report"
)

const keyHeader = "Idempotency-Key"

// headerKey returns the idempotency key that stands in the header: a string of RFC 8941, or the key
// as it is. What is neither is no key, and is refused as one.
func headerKey(h http.Header) string {
	given := strings.TrimSpace(strings.Join(h.Values(keyHeader), ", "))
	if text, ok := strings.CutPrefix(given, `"`); ok {
		if text, ok := strings.CutSuffix(text, `"`); ok && !strings.ContainsAny(text, `"\`) { // no key holds what is escaped
			return text
		}
	}
	return given
}

// badKey reports whether no cancellation can have this key.
func badKey(key string) bool {
	var e *tasks.InvalidError
	err := tasks.Cancellation{IdempotencyKey: key}.Validate(time.Time{})
	return errors.As(err, &e) && slices.ContainsFunc(e.Faults, func(f tasks.Fault) bool { return f.Field == "idempotencyKey" })
}

// accept takes one cancellation.
func (a *API) accept(ctx context.Context, c *call, in *acceptance) (*accepted, error) {
	options := a.parse
	options.DefaultKey = headerKey(c.r.Header)
	x, err := tasks.Parse(c.body, options)
	c.key = x.IdempotencyKey
	if err != nil {
		c.faults = append(c.faults, explained(faultsOf(err, "body"), options.DefaultKey)...)
	}
	if len(c.faults) > 0 {
		return nil, faulty(c.faults)
	}
	receipt, err := a.client.Enqueue(ctx, x, tasks.EnqueueOptions{Queue: string(in.Queue), By: c.caller.name})
	if err != nil {
		return nil, notAccepted(x.IdempotencyKey, "body", err)
	}
	record, err := report.New(receipt.Record)
	if err != nil {
		return nil, err
	}
	out := &accepted{Location: location(x.IdempotencyKey), Body: record}
	if receipt.Replayed {
		out.Replayed = "true"
	}
	return out, nil
}

func location(key string) string { return pathCancellations + "/" + url.PathEscape(key) }

// explained returns the faults of a cancellation with what a caller over HTTP has to know besides:
// where else a key may stand, and what this call takes.
func explained(faults []fault, headerKey string) []fault {
	listed := false
	for i := range faults {
		f := &faults[i]
		switch {
		case f.Location == "body.idempotencyKey" && headerKey == "" && f.Message == "is required":
			f.Message = "is required, here or in the header " + keyHeader
		case f.Location == "body.idempotencyKey" && headerKey != "" && badKey(headerKey):
			f.Location = "header." + keyHeader
		case f.Location == `body["items"]`:
			f.Message += "; many cancellations are taken by " + pathCancellations + ":batch"
		case strings.HasPrefix(f.Location, "body[") && !listed:
			f.Message += "; this call takes " + listOf(fieldNames())
			listed = true
		}
	}
	return faults
}

// notAccepted returns the problem of a cancellation that was not accepted, and stands at a place of
// the request.
func notAccepted(key, at string, err error) *problem {
	if faults := faultsOf(err, at); len(faults) > 0 {
		return faulty(faults)
	}
	return refusal(key, err)
}

// faultsOf returns what is wrong with a cancellation, if that is what the error says.
func faultsOf(err error, at string) (faults []fault) {
	var e *tasks.InvalidError
	if !errors.As(err, &e) {
		return nil
	}
	for _, f := range e.Faults {
		where := at + "." + f.Field
		switch {
		case f.Field == "":
			where = at
		case f.Field[0] == '"':
			where = at + "[" + f.Field + "]"
		}
		faults = append(faults, fault{where, f.Message})
	}
	return faults
}

// show returns one cancellation.
func (a *API) show(ctx context.Context, c *call, in *keyed) (*shown, error) {
	if err := c.about(in.Key); err != nil {
		return nil, err
	}
	r, err := a.ledger.Get(ctx, c.key)
	if err != nil {
		return nil, err
	}
	return showRecord(r)
}

func showRecord(r ledger.Record) (*shown, error) {
	record, err := report.New(r)
	return &shown{record}, err
}

// about notes the key in the path.
func (c *call) about(key string) error {
	if badKey(key) {
		return newProblem(notFound, "no cancellation has such a key: 1 to 64 of A-Z a-z 0-9 . _ : -")
	}
	c.key = key
	return nil
}
