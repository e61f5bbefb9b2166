package dashboard

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"settlecancel/cmd/settlecancel/deadletter"
	"settlecancel/tasks/ledger"
)

// selection is the dead letters that one code left behind.
type selection struct {
	Code     string // deadletter.NoCode: those without one
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

// Of returns the part of the selection in one status.
func (s selection) Of(status ledger.Status) tile { return tile{Status: status, sum: s.By[status]} }

func readSelection(q url.Values) selection {
	s := selection{Code: strings.TrimSpace(q.Get("code")), Merchant: strings.TrimSpace(q.Get("mcht")), Status: q.Get("status"),
		Statuses: deadStatuses, MaxNote: maxNote}
	if !slices.Contains(deadStatuses, ledger.Status(s.Status)) {
		s.Status = ""
	}
	return s
}

func (s selection) selects() deadletter.Filter {
	f := deadletter.Filter{Status: ledger.Status(s.Status), Code: s.Code, MchtID: s.Merchant}
	if s.Until > 0 {
		f.Before = time.UnixMilli(s.Until + 1)
	}
	return f
}

// fill looks the selection up, the oldest first.
func (d *Dashboard) fill(ctx context.Context, s *selection) error {
	f := s.selects()
	s.Limit, s.By, s.Digest = d.bulk, map[ledger.Status]sum{}, ""
	if s.Code == "" {
		return nil
	}
	walked, err := d.each(ctx, ledger.DeadLetters, func(r ledger.Record) {
		if !f.Matches(r) {
			return
		}
		if len(s.keys) == s.Limit {
			s.More = true
			return
		}
		i, _ := newItem(r)
		s.keys = append(s.keys, r.Key)
		s.Until = max(s.Until, r.EndedAt.UnixMilli())
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

// askBulk shows how many there are, and how much money that is, and asks for the number as a sign
// that it was read.
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
		said := d.retryAll(r, s)
		d.tally.forget()
		d.redirect(w, r, listURL(listDead, s.Code), said)
	}
}

const bulkTimeout = 2 * time.Minute

func (d *Dashboard) retryAll(r *http.Request, s selection) flash {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), bulkTimeout)
	defer cancel()
	decided := ledger.Decision{Who: who(r), Note: s.Note}
	done := deadletter.DecideAll(ctx, s.keys,
		func(ctx context.Context, key string) (ledger.Record, error) { return d.client.Retry(ctx, key, decided) },
		func(key string, err error) {
			d.log.ErrorContext(ctx, "dead letter not retried", "key", key, "error", err)
		})
	failed := done.Failed + done.Left
	d.log.InfoContext(ctx, "dead letters retried by code", "code", s.Code, "who", decided.Who,
		"retried", done.Done, "moved", done.Moved, "failed", failed)
	return flash{Text: "said.bulk", Args: []any{done.Done, done.Moved, failed}}
}
