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

// selection is dead letters that are decided on together: all that a filter shows, or those that a
// person has ticked.
type selection struct {
	filter
	Keys      []string // ticked; where there are none, the filter counts
	As        string   // one of decisions
	Decisions []string
	Statuses  []ledger.Status
	Merchants []string
	Codes     []string

	All     sum // of the selection as far as it is decided on at once
	By      map[ledger.Status]sum
	First   []item
	More    bool // there are more than are decided on at once
	Limit   int
	Until   int64  // ms: when the latest of them died; what dies after the page was made is left out, or a busy day would spoil every confirmation
	Digest  string // of the keys, and of what was seen of each
	Note    string
	MaxNote int

	keys  []string
	wrong []string // fields of the filter that cannot be read
}

const examplesShown = 5

var deadStatuses = []ledger.Status{ledger.Rejected, ledger.Exhausted, ledger.Review}

// Of returns the part of the selection in one status.
func (s selection) Of(status ledger.Status) tile { return tile{Status: status, sum: s.By[status]} }

// Retry reports whether the decision is to try again.
func (s selection) Retry() bool { return s.As == asRetry }

// Query is what a form has to send of the filter.
func (s selection) Query() url.Values { return s.query() }

// URL leads to the list that it was chosen from.
func (s selection) URL() string {
	s.Sort = ""
	return s.filter.URL()
}

// AsURL leads to another decision on the same dead letters, where the address names them.
func (s selection) AsURL(as string) string {
	q := s.query()
	q.Set("as", as)
	return cancellations + "bulk?" + q.Encode()
}

func readSelection(q url.Values) selection {
	f, wrong := readFilter(q)
	if f.SetName() != listDead {
		f.Status = listDead
	}
	f.Page, f.Sort = 1, "since"
	s := selection{filter: f, Keys: q["key"], As: q.Get("as"), Decisions: decisions, Statuses: deadStatuses, MaxNote: maxNote, wrong: wrong}
	if !slices.Contains(decisions, s.As) {
		s.As = asRetry
	}
	return s
}

// fill looks the selection up, the oldest first.
func (d *Dashboard) fill(ctx context.Context, s *selection) error {
	s.keys, s.First, s.All, s.More = nil, nil, sum{}, false
	s.Limit, s.By, s.Digest = d.bulk, map[ledger.Status]sum{}, ""
	seen, err := d.lookAfresh(ctx)
	if err != nil {
		return err
	}
	s.Merchants = values(seen.dead, func(i item) string { return i.MchtID })
	s.Codes = values(seen.dead, func(i item) string { return codeParam(i.Code) })
	ticked := map[string]bool{}
	for _, key := range s.Keys {
		ticked[key] = true
	}
	hash, until := sha256.New(), s.Until
	for _, i := range s.sorted(seen.dead) {
		switch {
		case len(s.Keys) > 0 && !ticked[i.RawKey], until > 0 && i.Since.UnixMilli() > until:
			continue
		case len(s.keys) == s.Limit:
			s.More = true
			continue
		}
		s.add(i)
		hash.Write([]byte(i.RawKey + "\n" + i.Version + "\n"))
	}
	s.More = s.More || seen.DeadCut
	s.Digest = base64.RawURLEncoding.EncodeToString(hash.Sum(nil)[:12])
	return nil
}

func (s *selection) add(i item) {
	s.keys = append(s.keys, i.RawKey)
	s.All.add(i)
	by := s.By[i.Status]
	by.add(i)
	s.By[i.Status] = by
	s.Until = max(s.Until, i.Since.UnixMilli())
	if len(s.First) < examplesShown {
		s.First = append(s.First, i)
	}
}

// askBulk shows how many there are, and how much money that is, and asks for the number as a sign
// that it was read.
func (d *Dashboard) askBulk(w http.ResponseWriter, r *http.Request) {
	d.bulkForm(w, r, http.StatusOK, readSelection(r.URL.Query()))
}

// askTicked shows the same of what was ticked in a list. It changes nothing.
func (d *Dashboard) askTicked(w http.ResponseWriter, r *http.Request) {
	if !d.readForm(w, r) {
		return
	}
	s := readSelection(r.PostForm)
	if len(s.Keys) == 0 {
		d.redirect(w, r, s.URL(), flash{Text: "said.none_ticked"})
		return
	}
	d.bulkForm(w, r, http.StatusOK, s)
}

func (d *Dashboard) bulkForm(w http.ResponseWriter, r *http.Request, status int, s selection, faults ...string) {
	s.Until = 0
	if err := d.fill(r.Context(), &s); err != nil {
		d.fail(w, r, err)
		return
	}
	p := d.page(w, r, "bulk.title."+s.As)
	p.self = &url.URL{Path: cancellations + "bulk", RawQuery: s.query().Encode() + "&as=" + s.As}
	p.Section = listDead
	for _, field := range s.wrong {
		p.Faults = append(p.Faults, p.wrong(field))
	}
	for _, fault := range faults {
		p.Faults = append(p.Faults, p.T(fault))
	}
	p.Body = s
	d.render(w, r, status, "bulk", p)
}

// decideBulk decides on the dead letters that the person saw, and only if they are still the same.
func (d *Dashboard) decideBulk(w http.ResponseWriter, r *http.Request) {
	if !d.readForm(w, r) {
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
	var faults []string
	if err != nil || count != len(s.keys) {
		faults = append(faults, "bulk.wrong_count")
	}
	if !s.Retry() && s.Note == "" {
		faults = append(faults, "decide.note_missing")
	}
	if !s.Retry() && r.PostForm.Get("sure") != "yes" {
		faults = append(faults, "decide.sure_missing")
	}
	switch {
	case len(s.wrong) > 0: // it would decide on more than was meant
		d.bulkForm(w, r, http.StatusUnprocessableEntity, s)
	case len(s.keys) == 0:
		d.bulkForm(w, r, http.StatusUnprocessableEntity, s, "bulk.none")
	case r.PostForm.Get("digest") != s.Digest:
		d.bulkForm(w, r, http.StatusConflict, s, "bulk.changed")
	case len(faults) > 0:
		d.bulkForm(w, r, http.StatusUnprocessableEntity, s, faults...)
	default:
		said := d.decideAll(r, s)
		d.forget()
		d.redirect(w, r, s.URL(), said)
	}
}

const bulkTimeout = 2 * time.Minute

func (d *Dashboard) decideAll(r *http.Request, s selection) flash {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), bulkTimeout)
	defer cancel()
	decided := ledger.Decision{Who: who(r), Note: s.Note}
	act := func(ctx context.Context, key string) (ledger.Record, error) { return d.client.Retry(ctx, key, decided) }
	if !s.Retry() {
		decided.As = ledger.Status(s.As)
		act = func(ctx context.Context, key string) (ledger.Record, error) {
			return d.ledger.Resolve(ctx, key, decided)
		}
	}
	done := deadletter.DecideAll(ctx, s.keys, act, func(key string, err error) {
		d.log.ErrorContext(ctx, "dead letter not decided", "key", key, "as", s.As, "error", err)
	})
	failed := done.Failed + done.Left
	d.log.InfoContext(ctx, "dead letters decided together", "as", s.As, "code", s.Code, "merchant", s.Merchant, "ticked", len(s.Keys),
		"who", decided.Who, "done", done.Done, "moved", done.Moved, "failed", failed)
	return flash{Text: "said.bulk." + s.As, Args: []any{done.Done, done.Moved, failed}}
}
