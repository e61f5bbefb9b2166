package notification

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"settlecancel/tasks"
	"settlecancel/tasks/ledger"
	"settlecancel/tasks/tasktest"
)

func ends(s ledger.Status) ledger.Next { return ledger.Next{Status: s, Code: "XX99"} }

func done(number string) ledger.Next {
	return ledger.Next{Status: ledger.Cancelled, Credit: 500, Rounds: 1, CanTrdNo: number}
}

// TestSettles: a notification of what is not known settles it; again, it changes nothing.
func TestSettles(t *testing.T) {
	t.Parallel()
	for _, status := range []ledger.Status{ledger.Unknown, ledger.Review} {
		for name, f := range map[string][]string{"amount": nil, "id": {"mchtTrdNo", "CNCL-r1"}, "refund": {"bizType", "C1"}} {
			t.Run(string(status)+" "+name, func(t *testing.T) {
				t.Parallel()
				b := newBench(t)
				b.send(refund("r1", "P1"), ends(status))
				b.want("OK", form(f...))
				r := b.record("r1")
				if r.Status != ledger.Cancelled || r.ConfirmedCancelled != 500 || len(r.Acts) != 1 || r.Acts[0].Who != "noti" ||
					r.Acts[0].Note != "SettleBank tells of the cancellation: trdNo C1, 500 KRW, 2024-01-02 12:00:01 KST" {
					t.Errorf("record %+v", r)
				}
				b.want("OK", form(f...))
				if r := b.record("r1"); r.ConfirmedCancelled != 500 || len(r.Acts) != 1 {
					t.Errorf("told again, it is %+v", r)
				}
				if log := b.log.String(); strings.Count(log, "settled by a notification") != 1 || strings.Contains(log, hashKey) {
					t.Errorf("log:\n%s", log)
				}
			})
		}
	}
}

// TestDecidesNothing: everything else is logged and answered OK, and changes nothing.
func TestDecidesNothing(t *testing.T) {
	t.Parallel()
	review := ends(ledger.Review)
	for name, tt := range map[string]struct {
		next ledger.Next
		form []string
		log  string
	}{
		"failure":              {review, []string{"outStatCd", "0031"}, "no cancellation that was carried out"},
		"withdrawal":           {review, []string{"bizType", "A2"}, "no cancellation that was carried out"},
		"no amount":            {review, []string{"trdAmt", ""}, "none of the ledger's"},
		"no payment named":     {review, []string{"orgTrdNo", ""}, "names no payment"},
		"another amount":       {review, []string{"trdAmt", "499"}, "none of the ledger's"},
		"id, another amount":   {review, []string{"trdAmt", "499", "mchtTrdNo", "CNCL-r1"}, "the amounts cannot be compared"},
		"another payment":      {review, []string{"orgTrdNo", "P9"}, "none of the ledger's"},
		"before it was sent":   {review, []string{"trdDtm", "20240102110000"}, "none of the ledger's"},
		"long after":           {review, []string{"trdDtm", "20240104120000"}, "none of the ledger's"},
		"known":                {done("C1"), nil, "what is known"},
		"known without number": {done(""), nil, "what is known"},
		"known, other amount":  {done("C1"), []string{"trdAmt", "499"}, "another amount"},
		"another number":       {done("C9"), nil, "none of the ledger's"},
		"already cancelled":    {ends(ledger.AlreadyCancelled), nil, "what is known"},
		"rejected":             {ends(ledger.Rejected), nil, "contradicts the ledger"},
		"to be sent again":     {ends(ledger.Queued), nil, "contradicts the ledger"},
		"rejected, by its id":  {ends(ledger.Rejected), []string{"mchtTrdNo", "CNCL-r1"}, "contradicts the ledger"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			b.send(refund("r1", "P1"), tt.next)
			b.want("OK", form(tt.form...))
			if r := b.record("r1"); r.Status != tt.next.Status || len(r.Acts) != 0 {
				t.Errorf("record %+v", r)
			}
			if !strings.Contains(b.log.String(), tt.log) {
				t.Errorf("the log lacks %q:\n%s", tt.log, b.log)
			}
		})
	}
	t.Run("one of two", func(t *testing.T) {
		t.Parallel()
		b := newBench(t)
		b.send(refund("r1", "P1"), review)
		b.send(refund("r2", "P1"), review)
		b.want("OK", form())
		if b.record("r1").Status != ledger.Review || b.record("r2").Status != ledger.Review || !strings.Contains(b.log.String(), "one of several") {
			t.Errorf("log:\n%s", b.log)
		}
	})
	t.Run("one of two, by its id", func(t *testing.T) {
		t.Parallel()
		b := newBench(t)
		b.send(refund("r1", "P1"), review)
		b.send(refund("r2", "P1"), review)
		b.want("OK", form("mchtTrdNo", "CNCL-r2"))
		if b.record("r1").Status != ledger.Review || b.record("r2").Status != ledger.Cancelled {
			t.Errorf("log:\n%s", b.log)
		}
	})
	t.Run("beside one with a number", func(t *testing.T) {
		t.Parallel()
		b := newBench(t)
		b.send(refund("r1", "P1"), done("C9"))
		b.send(refund("r2", "P1"), review)
		b.want("OK", form())
		if r := b.record("r2"); r.Status != ledger.Cancelled || r.ConfirmedCancelled != 1000 {
			t.Errorf("record %+v", r)
		}
	})
	t.Run("dollars", func(t *testing.T) {
		t.Parallel()
		b := newBench(t)
		b.send(refund("r1", "P1", func(x *tasks.Cancellation) { x.Currency = "USD" }), review)
		b.want("OK", form())
		if b.record("r1").Status != ledger.Review || !strings.Contains(b.log.String(), "cannot be compared") {
			t.Errorf("log:\n%s", b.log)
		}
	})
}

// TestComesAgain: while an attempt is under way its answer comes first, and without Redis nothing
// is stored.
func TestComesAgain(t *testing.T) {
	t.Parallel()
	t.Run("request", func(t *testing.T) {
		t.Parallel()
		b := newBench(t)
		g := b.begin(refund("r1", "P1"))
		b.want("FAIL", form())
		if _, err := b.ledger.Finish(t.Context(), g, ledger.Attempt{Class: "unknown", Duration: time.Second}, ends(ledger.Unknown)); err != nil {
			t.Fatal(err)
		}
		b.want("OK", form())
		if r := b.record("r1"); r.Status != ledger.Cancelled {
			t.Errorf("it is %s", r.Status)
		}
	})
	t.Run("inquiry", func(t *testing.T) {
		t.Parallel()
		b := newBench(t)
		x := refund("r1", "P1")
		b.send(x, ledger.Next{Status: ledger.Unknown, After: time.Minute})
		b.now = noon.Add(time.Minute)
		g := tasktest.Begin(t, b.ledger, x) // an inquiry
		b.want("FAIL", form())
		if _, err := b.ledger.Finish(t.Context(), g, ledger.Attempt{Class: "ok"}, done("")); err != nil {
			t.Fatal(err)
		}
		b.want("OK", form())
		if r := b.record("r1"); r.ConfirmedCancelled != 500 || len(r.Acts) != 0 {
			t.Errorf("record %+v", r)
		}
	})
	t.Run("no Redis", func(t *testing.T) {
		t.Parallel()
		b := newBench(t)
		b.send(refund("r1", "P1"), ends(ledger.Review))
		_ = b.rdb.Close()
		b.want("FAIL", form())
		if !strings.Contains(b.log.String(), "not stored") {
			t.Errorf("log:\n%s", b.log)
		}
	})
}

// resolving is a ledger whose Resolve fails.
type resolving struct {
	Ledger
	err error
}

func (r resolving) Prove(context.Context, string, ledger.Evidence) (ledger.Record, error) {
	return ledger.Record{}, r.err
}

func TestResolveFails(t *testing.T) {
	t.Parallel()
	for err, want := range map[error]string{
		ledger.ErrEnded: "OK", ledger.ErrNotFound: "OK", ledger.ErrBusy: "FAIL", errors.New("connection refused"): "FAIL",
	} {
		b := newBench(t)
		b.send(refund("r1", "P1"), ends(ledger.Review))
		b.handler.opts.Ledger = resolving{b.ledger, err}
		b.want(want, form())
	}
}

func TestRefused(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.send(refund("r1", "P1"), ends(ledger.Review))
	b.want("FAIL", form("pktHash", strings.Repeat("0", 64)))
	b.want("FAIL", form("mchtId", "other"))
	b.want("FAIL", form("trdAmt", "5.00"))
	b.want("FAIL", form("reason", strings.Repeat("x", maxForm)))
	plain := httptest.NewRequest(http.MethodPost, "/noti", strings.NewReader(form().Encode()))
	plain.RemoteAddr = fromBank
	plain.Header.Set("Content-Type", "application/json")
	if code, answer := b.serve(plain); code != http.StatusOK || answer != "FAIL" {
		t.Errorf("no form: %d %q", code, answer)
	}
	inQuery := httptest.NewRequest(http.MethodPost, "/noti?"+form().Encode(), nil)
	inQuery.RemoteAddr = fromBank
	if code, answer := b.serve(inQuery); code != http.StatusOK || answer != "FAIL" {
		t.Errorf("in the query: %d %q", code, answer)
	}
	get := httptest.NewRequest(http.MethodGet, "/noti?"+form().Encode(), nil)
	get.RemoteAddr = fromBank
	if code, _ := b.serve(get); code != http.StatusMethodNotAllowed {
		t.Errorf("GET: %d", code)
	}
	if r := b.record("r1"); r.Status != ledger.Review {
		t.Errorf("it is %s", r.Status)
	}
	if strings.Contains(b.log.String(), hashKey) {
		t.Errorf("log:\n%s", b.log)
	}
}

func TestAddresses(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	for from, trusted := range map[string]bool{
		"61.252.169.24:1": true, "[::ffff:61.252.169.24]:1": true, "10.1.2.255:1": true, "[2001:db8::1]:1": true, "[2001:db8::1%eth0]:1": true,
		"61.252.169.22:1": false, "10.1.3.0:1": false, "127.0.0.1:1": false, "[::1]:1": false, "[2001:db9::1]:1": false, "@": false, "": false, "61.252.169.24": false,
	} {
		code, answer := b.post(from, form())
		if want := map[bool]int{true: 200, false: 403}[trusted]; code != want || strings.Contains(answer, "OK") != trusted {
			t.Errorf("from %q: %d %q", from, code, answer)
		}
	}
	if n := strings.Count(b.log.String(), "none of NOTI_ADDRESSES"); n != 1 {
		t.Errorf("strangers were told of %d times:\n%s", n, b.log)
	}
	b.now = b.now.Add(logEvery)
	b.post("127.0.0.1:1", form())
	if n := strings.Count(b.log.String(), "none of NOTI_ADDRESSES"); n != 2 {
		t.Errorf("strangers were told of %d times:\n%s", n, b.log)
	}
	if _, err := New(Options{Ledger: b.ledger, Gateway: b.gw}); err == nil {
		t.Error("a Handler that trusts nobody is one")
	}
}
