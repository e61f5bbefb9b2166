package dashboard

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"settlecancel/tasks/ledger"
)

// What a person can decide on a cancellation.
const (
	asRetry     = "retry"
	asCancelled = string(ledger.Cancelled)
	asElsewhere = string(ledger.RefundedElsewhere)
	asRejected  = string(ledger.Rejected)
)

// decisions are all of them, the least harmful first.
var decisions = []string{asRetry, asCancelled, asElsewhere, asRejected}

const (
	maxForm = 256 << 10 // a page of ticked keys, and a note
	maxNote = 500
)

// decision is one form: a cancellation, what to do with it, and what the person wrote.
type decision struct {
	storyBody
	As      string // one of decisions
	Effect  ledger.Effect
	Version string // what the person saw
	Note    string
	MaxNote int
}

// version changes whenever something happens to a cancellation, so that nobody decides on what they
// have not seen.
func version(r ledger.Record) string {
	return fmt.Sprintf("%s.%d.%d.%d", r.Status, r.EndedAt.UnixMilli(), r.Dropped+len(r.Attempts), len(r.Acts))
}

// effect returns what a decision will do, in the words of those who carry it out.
func effect(as string, r ledger.Record) ledger.Effect {
	if as == asRetry {
		return ledger.AfterRetry(r)
	}
	return ledger.AfterResolve(r, ledger.Status(as))
}

// Happens names the text that says what the decision will do.
func (f decision) Happens() string {
	switch {
	case f.As != asRetry:
		return "decide." + f.As + ".happens"
	case f.Effect.Verifies:
		return "decide.retry.review"
	case len(f.Effect.Warnings) == 0:
		return "decide.retry." + string(f.Status)
	case f.Effect.Sends:
		return "decide.blind_full"
	}
	return "decide.blind_part"
}

// Safe names the text that says why it can do no harm, "" where it may.
func (f decision) Safe() string {
	switch {
	case f.As != asRetry:
		return ""
	case f.Effect.Verifies:
		return "decide.safe.review"
	case len(f.Effect.Warnings) == 0:
		return "decide.safe." + string(f.Status)
	}
	return ""
}

// askDecision shows what would happen, and asks for it.
func (d *Dashboard) askDecision(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	record, err := d.ledger.Get(r.Context(), q.Get("key"))
	if err != nil {
		d.fail(w, r, err)
		return
	}
	d.decisionForm(w, r, http.StatusOK, record, decision{As: q.Get("as")})
}

func (d *Dashboard) decisionForm(w http.ResponseWriter, r *http.Request, status int, record ledger.Record, form decision, faults ...string) {
	if !slices.Contains(decisions, form.As) {
		d.refuse(w, r, http.StatusBadRequest, "message.no_page")
		return
	}
	form.Effect = effect(form.As, record)
	if !form.Effect.Allowed {
		d.redirect(w, r, storyURL(record.Key), flash{Text: "said.not_possible"})
		return
	}
	p := d.page(w, r, "decide."+form.As)
	p.self = &url.URL{Path: cancellations + "decide", RawQuery: url.Values{"key": {record.Key}, "as": {form.As}}.Encode()}
	for _, fault := range faults {
		p.Faults = append(p.Faults, p.T(fault))
	}
	form.storyBody, form.Version, form.MaxNote = newStory(record), version(record), maxNote
	p.Body = form
	d.render(w, r, status, "decide", p)
}

// readForm reads what a form has sent, or refuses the request and reports false.
func (d *Dashboard) readForm(w http.ResponseWriter, r *http.Request) bool {
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	if err := r.ParseForm(); err != nil {
		d.refuse(w, r, http.StatusBadRequest, "message.bad_form")
		return false
	}
	return true
}

// decide carries a decision out.
func (d *Dashboard) decide(w http.ResponseWriter, r *http.Request) {
	if !d.readForm(w, r) {
		return
	}
	key, form := r.PostForm.Get("key"), decision{As: r.PostForm.Get("as"), Note: note(r)}
	record, err := d.ledger.Get(r.Context(), key)
	if err != nil {
		d.fail(w, r, err)
		return
	}
	var faults []string
	if r.PostForm.Get("version") != version(record) {
		faults = append(faults, "decide.changed")
	}
	if form.As != asRetry && form.Note == "" {
		faults = append(faults, "decide.note_missing")
	}
	if form.As != asRetry && r.PostForm.Get("sure") != "yes" {
		faults = append(faults, "decide.sure_missing")
	}
	if len(faults) > 0 || !effect(form.As, record).Allowed {
		d.decisionForm(w, r, http.StatusUnprocessableEntity, record, form, faults...)
		return
	}
	d.carryOut(w, r, key, form)
}

func (d *Dashboard) carryOut(w http.ResponseWriter, r *http.Request, key string, form decision) {
	// Whoever sent the form may be gone; what they decided is seen to its end.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), decideTimeout)
	defer cancel()
	decided := ledger.Decision{Who: who(r), Note: form.Note}
	var record ledger.Record
	var err error
	if form.As == asRetry {
		record, err = d.client.Retry(ctx, key, decided)
	} else {
		decided.As = ledger.Status(form.As)
		record, err = d.ledger.Resolve(ctx, key, decided)
	}
	d.forget()
	said := ""
	switch {
	case err == nil:
		said = "said." + form.As
		if form.As == asRetry && record.Status == ledger.Unknown {
			said = "said.verify"
		}
	case errors.Is(err, ledger.ErrNotDead), errors.Is(err, ledger.ErrEnded):
		said = "said.not_possible"
	case errors.Is(err, ledger.ErrBusy):
		said = "said.busy"
	case form.As == asRetry && atWork(record):
		said = "said.queued_later"
	default:
		d.fail(w, r, fmt.Errorf("%s of %s: %w", form.As, key, err))
		return
	}
	d.log.InfoContext(ctx, "decided by hand", "key", key, "as", form.As, "status", record.Status, "who", decided.Who, "said", said)
	d.redirect(w, r, storyURL(key), flash{Text: said})
}

// atWork tells of a record that came with an error whether it was taken back to work all the same,
// and only the queue is missing.
func atWork(r ledger.Record) bool { return r.Key != "" && r.Open() }

const decideTimeout = 15 * time.Second

// note returns what a person wrote, fit to be kept.
func note(r *http.Request) string {
	return strings.TrimSpace(cut(clean(r.PostForm.Get("note")), maxNote))
}
