package dashboard

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"settlecancel/gateway/settlebank"
	"settlecancel/tasks/ledger"
)

func TestDecisions(t *testing.T) {
	t.Parallel()
	sure := map[string]string{"note": "looked it up: 승인 취소 확인", "sure": "yes"}
	for _, c := range []struct {
		from, to ledger.Status
		as       string
		fields   map[string]string
		says     string
		closed   bool
		sum      int64
	}{
		{from: ledger.Rejected, as: asRetry, to: ledger.Queued, says: "Queued again"},
		{from: ledger.Exhausted, as: asRetry, to: ledger.Queued, fields: map[string]string{"note": "limit raised"}, says: "Queued again"},
		{from: ledger.Review, as: asRetry, to: ledger.Unknown, says: "Being verified again"},
		{from: ledger.Review, as: asCancelled, to: ledger.Cancelled, fields: sure, says: "Resolved as cancelled", closed: true},
		{from: ledger.Review, as: asRejected, to: ledger.Rejected, fields: sure, says: "Resolved as rejected", closed: true},
		{from: ledger.Rejected, as: asRejected, to: ledger.Rejected, fields: sure, says: "Resolved as rejected", closed: true},
		{from: ledger.Review, as: asElsewhere, to: ledger.RefundedElsewhere, fields: sure, says: "Resolved as refunded elsewhere", closed: true},
		{from: ledger.Queued, as: asRejected, to: ledger.Rejected, fields: sure, says: "Resolved as rejected", closed: true},
		{from: ledger.Unknown, as: asCancelled, to: ledger.Cancelled, fields: sure, says: "Resolved as cancelled", closed: true},
		{from: ledger.Sending, as: asCancelled, to: ledger.Sending, fields: sure, says: "under way"},
	} {
		t.Run(fmt.Sprintf("%s/%s", c.from, c.as), func(t *testing.T) {
			t.Parallel()
			b := newFixture(t)
			x := b.put(sample("x"), c.from)
			visitor := b.visitor()
			page := b.send(visitor, cancellations+"decide?key=refund-x&as="+c.as, c.fields)
			b.want(page, c.says)
			if page.Request.Method != http.MethodGet {
				t.Error("a reload would send the form again")
			}
			if again := b.do(visitor, "GET", cancellations+"show?key=refund-x", ""); strings.Contains(again.text, `role="status"`) {
				t.Error("it is said twice")
			}
			r := b.get(x.IdempotencyKey)
			if r.Status != c.to || r.Closed != c.closed || r.ConfirmedCancelled != c.sum {
				t.Errorf("it is %s, closed %v, sum %d", r.Status, r.Closed, r.ConfirmedCancelled)
			}
			if c.from == c.to && !c.closed {
				return
			}
			if len(r.Acts) != 1 || r.Acts[0].Who != "ops" || r.Acts[0].Note != c.fields["note"] {
				t.Errorf("acts %+v", r.Acts)
			}
			b.want(b.see(cancellations+"show?key=refund-x"), "by ops", c.fields["note"])
		})
	}
}

func TestDecisionRefused(t *testing.T) {
	t.Parallel()
	b := newFixture(t)
	b.put(sample("dead"), ledger.Review)
	b.put(sample("done"), ledger.Cancelled)
	before := b.snapshot()
	for _, c := range []struct {
		name, page string
		fields     map[string]string
		status     int
		says       string
	}{
		{"ErrNoNote", "key=refund-dead&as=cancelled", map[string]string{"sure": "yes", "note": " \t\n"}, http.StatusUnprocessableEntity, "a note is needed"},
		{"ErrNotSure", "key=refund-dead&as=cancelled", map[string]string{"note": "so ist es"}, http.StatusUnprocessableEntity, "tick that you have looked it up"},
		{"ErrChanged", "key=refund-dead&as=retry", map[string]string{"version": "review.0.1.0"}, http.StatusUnprocessableEntity, "It has changed since"},
		{"ErrNoVersion", "key=refund-dead&as=retry", map[string]string{"version": ""}, http.StatusUnprocessableEntity, "It has changed since"},
		{"ErrUnknownKey", "key=refund-dead&as=retry", map[string]string{"key": "nobody"}, http.StatusNotFound, "No cancellation with this key"},
		{"ErrNoSuchDecision", "key=refund-dead&as=retry", map[string]string{"as": "delete"}, http.StatusBadRequest, "no such page"},
		{"ErrOtherStatus", "key=refund-dead&as=retry", map[string]string{"as": "review"}, http.StatusBadRequest, "no such page"},
		{"ErrEnded", "key=refund-dead&as=retry", map[string]string{"key": "refund-done"}, http.StatusOK, "it has moved on meanwhile"},
	} {
		got := b.send(b.visitor(), cancellations+"decide?"+c.page, c.fields)
		if got.StatusCode != c.status {
			t.Errorf("%s: %d, want %d", c.name, got.StatusCode, c.status)
		}
		b.want(got, c.says)
		if c.name == "ErrNotSure" && !strings.Contains(got.text, ">so ist es</textarea>") {
			t.Errorf("%s: the note is gone", c.name)
		}
		if c.status == http.StatusUnprocessableEntity && !strings.Contains(got.text, "decide?as=") {
			t.Errorf("%s: the other language is nowhere", c.name)
		}
	}
	if got := b.do(http.DefaultClient, "POST", cancellations+"decide", strings.Repeat("a", maxForm+1)); got.StatusCode != http.StatusBadRequest {
		t.Errorf("a huge form: %d", got.StatusCode)
	}
	after := b.snapshot()
	for key := range before {
		if before[key] != after[key] {
			t.Errorf("%s changed", key)
		}
	}
}

// A form that was opened before somebody else decided must not decide again.
func TestDecisionOvertaken(t *testing.T) {
	t.Parallel()
	b := newFixture(t)
	b.put(sample("x"), ledger.Review)
	form := hidden(b.see(cancellations + "decide?key=refund-x&as=cancelled").text)
	form.Set("note", "seen")
	form.Set("sure", "yes")
	b.send(b.visitor(), cancellations+"decide?key=refund-x&as=retry", nil)
	got := b.do(b.visitor(), "POST", cancellations+"decide", form.Encode())
	b.want(got, "It has changed since", "unknown")
	if r := b.get("refund-x"); r.Status != ledger.Unknown || len(r.Acts) != 1 {
		t.Errorf("it is %s, acts %+v", r.Status, r.Acts)
	}
}

func TestDecisionExplains(t *testing.T) {
	t.Parallel()
	b := newFixture(t)
	b.put(sample("rejected"), ledger.Rejected)
	b.put(sample("review"), ledger.Review)
	part := sample("blind")
	part.Method = ""
	b.put(part, ledger.Review)
	whole := sample("whole")
	whole.Method, whole.CanAmt = "", whole.OrgTrdAmt
	b.put(whole, ledger.Review)
	for page, words := range map[string]string{
		"key=refund-rejected&as=retry":            "This is safe: SettleBank refused the earlier request",
		"key=refund-review&as=retry":              "This is safe: no money goes back before it is known that none has.",
		"key=refund-blind&as=retry":               "It will come straight back here.",
		"key=refund-whole&as=retry":               "SettleBank refuses to cancel a payment twice.",
		"key=refund-review&as=cancelled":          "You say that SettleBank has cancelled ₩500.",
		"key=refund-review&as=rejected":           "You give this cancellation up.",
		"key=refund-review&as=refunded_elsewhere": "the customer must have been paid in another way",
	} {
		b.want(b.see(cancellations+"decide?"+page), words)
	}
}

func TestBulk(t *testing.T) {
	t.Parallel()
	b := newFixture(t)
	for i := range 5 {
		b.put(sample(fmt.Sprint(i)), ledger.Rejected)
	}
	b.put(sample("other"), ledger.Exhausted)
	b.put(sample("review"), ledger.Review)
	page := cancellations + "bulk?code=1002"
	b.want(b.see(cancellations+"bulk"), "Dead letters: 7.")
	b.want(b.see(cancellations+"bulk?code=9999"), "There are no such dead letters.")
	b.want(b.see(page), "Dead letters: 5. Together: ₩2,500", "rejected 5", "type their number: 5")
	for count, says := range map[string]string{"": "not their number", "4": "not their number", "6": "not their number", "five": "not their number"} {
		got := b.send(b.visitor(), page, map[string]string{"count": count})
		if got.StatusCode != http.StatusUnprocessableEntity {
			t.Errorf("count %q: %d", count, got.StatusCode)
		}
		b.want(got, says)
	}
	for name, fields := range map[string]map[string]string{"digest": {"count": "5", "digest": "x"}, "code": {"count": "1", "code": "ST41"}, "status": {"count": "5", "status": "review"}} {
		if got := b.send(b.visitor(), page, fields); got.StatusCode < 400 {
			t.Errorf("another %s: %d", name, got.StatusCode)
		}
	}
	if open, dead, _ := b.ledger.Counts(t.Context()); open != 0 || dead != 7 {
		t.Fatalf("%d open, %d dead, after nothing was confirmed", open, dead)
	}
	got := b.send(b.visitor(), page, map[string]string{"count": "5", "note": "limit raised"})
	b.want(got, "Retried: 5. Moved on meanwhile: 0. Failed: 0.")
	for i := range 5 {
		r := b.get("refund-" + fmt.Sprint(i))
		if r.Status != ledger.Queued || len(r.Acts) != 1 || r.Acts[0].Note != "limit raised" {
			t.Errorf("%s is %s, acts %+v", r.Key, r.Status, r.Acts)
		}
	}
	if open, dead, _ := b.ledger.Counts(t.Context()); open != 5 || dead != 2 {
		t.Errorf("%d open, %d dead", open, dead)
	}
	b.want(b.send(b.visitor(), cancellations+"bulk?code=-&status=review", map[string]string{"count": "1"}), "Retried: 1.")
	if r := b.get("refund-review"); r.Status != ledger.Unknown {
		t.Errorf("one for review is %s: it must be verified, not sent", r.Status)
	}
}

// What dies while the form is open must not spoil it; what is decided meanwhile must.
func TestBulkMoves(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 2, 10, 0, 0, 0, settlebank.KST)
	b := newClockFixture(t, func() time.Time { return now })
	b.put(sample("a"), ledger.Rejected)
	b.put(sample("b"), ledger.Rejected)
	form := hidden(b.see(cancellations + "bulk?code=1002").text)
	form.Set("count", "2")
	now = now.Add(time.Millisecond)
	b.put(sample("late"), ledger.Rejected)
	b.want(b.do(b.visitor(), "POST", cancellations+"bulk", form.Encode()), "Retried: 2.")
	if r := b.get("refund-late"); r.Status != ledger.Rejected {
		t.Errorf("one that nobody saw was retried: %s", r.Status)
	}
	b.put(sample("c"), ledger.Rejected)
	form = hidden(b.see(cancellations + "bulk?code=1002").text)
	form.Set("count", "2")
	b.send(b.visitor(), cancellations+"decide?key=refund-c&as=retry", nil)
	got := b.do(b.visitor(), "POST", cancellations+"bulk", form.Encode())
	b.want(got, "These dead letters have changed")
	if got.StatusCode != http.StatusConflict || b.get("refund-late").Status != ledger.Rejected {
		t.Errorf("%d, and the other one is %s", got.StatusCode, b.get("refund-late").Status)
	}
}

func TestBulkIsBounded(t *testing.T) {
	t.Parallel()
	b := newFixture(t)
	b.board.bulk = 2
	for i := range 3 {
		b.put(sample(fmt.Sprint(i)), ledger.Rejected)
	}
	page := cancellations + "bulk?code=1002"
	b.want(b.see(page), "Dead letters: 2.", "There are more. The oldest 2")
	b.want(b.send(b.visitor(), page, map[string]string{"count": "2"}), "Retried: 2.")
	if r := b.get("refund-2"); r.Status != ledger.Rejected {
		t.Errorf("the youngest is %s", r.Status)
	}
}
