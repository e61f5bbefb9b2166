package httpapi

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"settlecancel/tasks"
	"settlecancel/tasks/report"
)

// How much is taken at a time: bytes of one cancellation, and of a batch, and cancellations in it.
const (
	maxOne   = tasks.MaxSize
	maxBatch = 4 << 20
	maxItems = 1000
)

// batch is what becomes of many cancellations.
type batch struct {
	Items    []item `json:"items" doc:"What became of each cancellation, in the order of the request."`
	Accepted int    `json:"accepted" doc:"How many were accepted by this request."`
	Replayed int    `json:"replayed" doc:"How many had been accepted before, with the same parameters."`
	Refused  int    `json:"refused" doc:"How many were not accepted."`
}

// item is what became of one cancellation of a batch.
type item struct {
	Status         int            `json:"status" doc:"The HTTP status that it would have been answered with by itself: 202 is accepted."`
	IdempotencyKey string         `json:"idempotencyKey,omitempty" doc:"Its key, where one could be read."`
	Replayed       bool           `json:"replayed,omitempty" doc:"It had been accepted before, with the same parameters."`
	Cancellation   *report.Record `json:"cancellation,omitempty" doc:"The record, where it is accepted."`
	Problem        *problem       `json:"problem,omitempty" doc:"Why it is not accepted."`
}

// acceptMany takes many cancellations, each by itself.
func (a *API) acceptMany(ctx context.Context, c *call, in *acceptanceOfMany) (*many, error) {
	raw := c.items()
	if len(c.faults) > 0 {
		return nil, faulty(c.faults)
	}
	b := batch{Items: make([]item, len(raw))}
	var submissions []tasks.Submission
	var which []int
	for i, document := range raw {
		x, err := tasks.Parse(document, a.parse)
		if err != nil {
			b.Items[i] = unreadable(err, itemAt(i))
			continue
		}
		submissions = append(submissions, tasks.Submission{Cancellation: x, EnqueueOptions: tasks.EnqueueOptions{Queue: string(in.Queue), By: c.caller.name}})
		which = append(which, i)
	}
	away := 0
	for n, o := range a.client.EnqueueMany(ctx, submissions) {
		i, key := which[n], submissions[n].IdempotencyKey
		b.Items[i] = outcome(o, key, itemAt(i))
		if p := b.Items[i].Problem; p != nil && p.Status == unavailable.Status {
			if away++; away == len(submissions) {
				return nil, p // of all that is in order none is confirmed
			}
		}
	}
	b.count()
	return &many{b}, nil
}

// items reads the cancellations of a batch, each as it stands.
func (c *call) items() (raw []json.RawMessage) {
	if c.r.Header.Get(keyHeader) != "" {
		c.fault("header."+keyHeader, "does not belong here: each cancellation of a batch has its own key")
	}
	value, ok := c.members("items")["items"]
	switch {
	case len(c.faults) > 0:
	case !ok:
		c.fault("body.items", "is required")
	case json.Unmarshal(value, &raw) != nil:
		c.fault("body.items", "must be an array, not "+value.Kind())
	default:
		if len(raw) == 0 || len(raw) > maxItems {
			c.faultf("body.items", "has %d cancellations, 1 to %d are taken", len(raw), maxItems)
		}
	}
	return raw
}

func itemAt(i int) string { return fmt.Sprintf("body.items[%d]", i) }

// unreadable is an item that is no valid cancellation.
func unreadable(err error, at string) item {
	var e *tasks.InvalidError
	errors.As(err, &e)
	return item{Status: invalid.Status, IdempotencyKey: e.Key, Problem: faulty(faultsOf(err, at))}
}

// outcome is what became of an item that is one.
func outcome(o tasks.Outcome, key, at string) item {
	if o.Err != nil {
		p := notAccepted(key, at, o.Err)
		return item{Status: p.Status, IdempotencyKey: key, Problem: p}
	}
	record, err := report.New(o.Receipt.Record)
	if err != nil {
		p := refusal(key, err)
		return item{Status: p.Status, IdempotencyKey: key, Problem: p}
	}
	return item{Status: http.StatusAccepted, IdempotencyKey: key, Replayed: o.Receipt.Replayed, Cancellation: &record}
}

func (b *batch) count() {
	for _, it := range b.Items {
		switch {
		case it.Problem != nil:
			b.Refused++
		case it.Replayed:
			b.Replayed++
		default:
			b.Accepted++
		}
	}
}
