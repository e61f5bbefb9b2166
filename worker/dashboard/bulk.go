package dashboard

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"settlecancel/tasks/ledger"
)

// selection is the dead letters that one code left behind.
type selection struct {
	Code     string // noCode: those without one
	Merchant string
	Status   string // one of the dead, "" is all of them
	Statuses []ledger.Status

	All     sum // of the selection as far as it is retried at once
	By      map[ledger.Status]sum
	First   []item
	More    bool // there are more than are retried at once
	Limit   int
	Until   int64  // ms: when the latest of them died; what dies after the page was made is left out, or a busy day would spoil every confirmation
	Digest  string // of the keys
	Note    string
	MaxNote int

	keys []string
}

const examplesShown = 5

var deadStatuses = []ledger.Status{ledger.Rejected, ledger.Exhausted, ledger.Review}

// Of answers the part of the selection in one status.
func (s selection) Of(status ledger.Status) tile { return tile{Status: status, sum: s.By[status]} }

func readSelection(q url.Values) selection {
	s := selection{Code: strings.TrimSpace(q.Get("code")), Merchant: strings.TrimSpace(q.Get("mcht")), Status: q.Get("status"),
		Statuses: deadStatuses, MaxNote: maxNote}
	if !slices.Contains(deadStatuses, ledger.Status(s.Status)) {
		s.Status = ""
	}
	return s
}

// fill looks the selection up, the oldest first.
func (d *Dashboard) fill(ctx context.Context, s *selection) error {
	asked := s.Until
	s.Limit, s.By, s.Digest = d.bulk, map[ledger.Status]sum{}, ""
	if s.Code == "" {
		return nil
	}
	f := filter{Status: cmp.Or(s.Status, listDead), Code: s.Code, Merchant: s.Merchant}
	walked, err := d.each(ctx, ledger.DeadLetters, func(r ledger.Record) {
		i, _ := newItem(r)
		died := r.EndedAt.UnixMilli()
		if !f.takes(r, i.Since, time.Time{}) || asked > 0 && died > asked {
			return
		}
		if len(s.keys) == s.Limit {
			s.More = true
			return
		}
		s.keys = append(s.keys, r.Key)
		s.Until = max(s.Until, died)
		s.All.add(i)
		by := s.By[r.Status]
		by.add(i)
		s.By[r.Status] = by
		if len(s.First) < examplesShown {
			s.First = append(s.First, i)
		}
	})
	s.More = s.More || walked.cut
	hash := sha256.Sum256([]byte(strings.Join(s.keys, "\n")))
	s.Digest = base64.RawURLEncoding.EncodeToString(hash[:12])
	return err
}

// askBulk shows how many there are, and how much money that is, and asks for the number as a sign that it was read.
func (d *Dashboard) askBulk(w http.ResponseWriter, r *http.Request) {
	d.bulkForm(w, r, http.StatusOK, readSelection(r.URL.Query()))
}

func (d *Dashboard) bulkForm(w http.ResponseWriter, r *http.Request, status int, s selection, faults ...string) {
	s.keys, s.First, s.All, s.More, s.Until = nil, nil, sum{}, false, 0
	if err := d.fill(r.Context(), &s); err != nil {
		d.fail(w, r, err)
		return
	}
	p := d.page(w, r, "bulk.title")
	p.self = &url.URL{Path: office + "bulk", RawQuery: url.Values{"code": {s.Code}, "mcht": {s.Merchant}, "status": {s.Status}}.Encode()}
	p.Section = listDead
	for _, fault := range faults {
		p.Faults = append(p.Faults, p.T(fault))
	}
	s.Code, s.Merchant = clean(s.Code), clean(s.Merchant)
	p.Body = s
	d.render(w, r, status, "bulk", p)
}

// retryBulk retries the dead letters that the person saw, and only if they are still the same.
func (d *Dashboard) retryBulk(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	if err := r.ParseForm(); err != nil {
		d.refuse(w, r, http.StatusBadRequest, "message.bad_form")
		return
	}
	s := readSelection(r.PostForm)
	s.Note = note(r)
	s.Until, _ = strconv.ParseInt(r.PostForm.Get("until"), 10, 64) // where it is missing, the digest differs
	if err := d.fill(r.Context(), &s); err != nil {
		d.fail(w, r, err)
		return
	}
	count, err := strconv.Atoi(strings.ReplaceAll(strings.TrimSpace(r.PostForm.Get("count")), ",", ""))
	switch {
	case len(s.keys) == 0:
		d.bulkForm(w, r, http.StatusUnprocessableEntity, s, "bulk.none")
	case r.PostForm.Get("digest") != s.Digest:
		d.bulkForm(w, r, http.StatusConflict, s, "bulk.changed")
	case err != nil || count != len(s.keys):
		d.bulkForm(w, r, http.StatusUnprocessableEntity, s, "bulk.wrong_count")
	default:
		done := d.retryAll(r, s)
		d.tally.forget()
		d.redirect(w, r, listURL(listDead, s.Code), done.say())
	}
}

// bulkDone is what became of a bulk retry.
type bulkDone struct {
	retried, moved, failed int
}

func (b bulkDone) say() flash {
	return flash{Text: "said.bulk", Args: []any{b.retried, b.moved, b.failed}}
}

const (
	bulkTimeout  = 2 * time.Minute
	bulkFailures = 5 // in a row: Redis is away, and more will not help
)

func (d *Dashboard) retryAll(r *http.Request, s selection) bulkDone {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), bulkTimeout)
	defer cancel()
	var done bulkDone
	decided := ledger.Decision{Who: who(r), Note: s.Note}
	inARow := 0
	for i, key := range s.keys {
		record, err := d.client.Retry(ctx, key, decided)
		switch {
		case errors.Is(err, ledger.ErrNotDead), errors.Is(err, ledger.ErrNotFound):
			done.moved++
			inARow = 0
			continue
		case err == nil, atWork(record): // the sweeper queues what could not be queued
			done.retried++
			inARow = 0
			continue
		}
		done.failed++
		d.log.ErrorContext(ctx, "dead letter not retried", "key", key, "error", err)
		if inARow++; inARow == bulkFailures {
			done.failed += len(s.keys) - i - 1
			break
		}
	}
	d.log.InfoContext(ctx, "dead letters retried by code", "code", s.Code, "who", decided.Who,
		"retried", done.retried, "moved", done.moved, "failed", done.failed)
	return done
}
