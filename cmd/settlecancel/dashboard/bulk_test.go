package dashboard

import (
	"encoding/csv"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"settlecancel/tasks/ledger"
)

// What is ticked in a list is decided on together, and nothing else, behind the same questions.
func TestTicked(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		as     string
		fields map[string]string
		says   string
		status ledger.Status
		closed bool
	}{
		{asRetry, nil, "Retried: 2. Moved on meanwhile: 0. Failed: 0.", ledger.Queued, false},
		{asCancelled, map[string]string{"note": "seen", "sure": "yes"}, "Resolved as cancelled: 2.", ledger.Cancelled, true},
		{asRejected, map[string]string{"note": "given up", "sure": "yes"}, "Resolved as rejected: 2.", ledger.Rejected, true},
	} {
		t.Run(c.as, func(t *testing.T) {
			t.Parallel()
			b := newFixture(t)
			for i := range 4 {
				b.put(sample(fmt.Sprint(i)), ledger.Rejected)
			}
			ticks := url.Values{"key": {"refund-1", "refund-3"}, "as": {c.as}, "status": {listDead}}
			visitor := b.visitor()
			page := b.do(visitor, "POST", cancellations+"ticked", ticks.Encode())
			b.want(page, "Dead letters: 2. Together: ₩1,000", "type their number: 2")
			if _, dead, _ := b.ledger.Counts(t.Context()); dead != 4 {
				t.Fatal("something was decided before it was confirmed")
			}
			form := hidden(page.text)
			send := func(change map[string]string) answer {
				values := url.Values{}
				for name := range form {
					values[name] = form[name]
				}
				for name, value := range change {
					values.Set(name, value)
				}
				return b.do(visitor, "POST", cancellations+"bulk", values.Encode())
			}
			fields := map[string]string{"count": "2"}
			for name, value := range c.fields {
				fields[name] = value
			}
			for name := range fields {
				without := map[string]string{}
				for other, value := range fields {
					if other != name {
						without[other] = value
					}
				}
				if got := send(without); got.StatusCode != http.StatusUnprocessableEntity {
					t.Errorf("without %s: %d", name, got.StatusCode)
				}
			}
			b.want(send(fields), c.says)
			for i := range 4 {
				r := b.get("refund-" + fmt.Sprint(i))
				if ticked := i%2 == 1; ticked && (r.Status != c.status || r.Closed != c.closed || r.Acts[0].Note != c.fields["note"]) || !ticked && !r.Dead() {
					t.Errorf("%s is %s, acts %+v", r.Key, r.Status, r.Acts)
				}
			}
		})
	}
}

func TestTickedRefused(t *testing.T) {
	t.Parallel()
	b := newFixture(t)
	b.put(sample("a"), ledger.Rejected)
	b.put(sample("b"), ledger.Rejected)
	b.want(b.do(b.visitor(), "POST", cancellations+"ticked", "as=retry"), "Nothing was chosen.")
	visitor := b.visitor()
	form := hidden(b.do(visitor, "POST", cancellations+"ticked", "as=retry&key=refund-a&key=refund-b").text)
	form.Set("count", "2")
	b.send(b.visitor(), cancellations+"decide?key=refund-a&as=retry", nil) // somebody else decides
	if got := b.do(visitor, "POST", cancellations+"bulk", form.Encode()); got.StatusCode != http.StatusConflict {
		t.Errorf("overtaken: %d", got.StatusCode)
	}
	if r := b.get("refund-b"); r.Status != ledger.Rejected {
		t.Errorf("the other one is %s", r.Status)
	}
	for _, wrong := range []string{"from=yesterday", "min=x"} {
		form := hidden(b.see(cancellations + "bulk?code=1002").text)
		form.Set("count", "1")
		got := b.do(visitor, "POST", cancellations+"bulk", form.Encode()+"&"+wrong)
		b.want(got, "could not be read")
		if got.StatusCode != http.StatusUnprocessableEntity || b.get("refund-b").Status != ledger.Rejected {
			t.Errorf("%s: %d", wrong, got.StatusCode)
		}
	}
}

func TestDownload(t *testing.T) {
	t.Parallel()
	b := newClockFixture(t, steps())
	everyStatus(b)
	formula := sample("formula")
	formula.OrgMchtTrdNo = "=HYPERLINK(1)"
	b.put(formula, ledger.Rejected)
	got := b.see(cancellations + "list.csv?status=rejected&sort=since")
	text, marked := strings.CutPrefix(got.text, "\uFEFF")
	if !marked || got.Header.Get("Content-Type") != "text/csv; charset=utf-8" || !strings.Contains(got.Header.Get("Content-Disposition"), `filename="cancellations-rejected-20260302-`) {
		t.Errorf("mark %v, headers %v", marked, got.Header)
	}
	rows, err := csv.NewReader(strings.NewReader(text)).ReadAll()
	if err != nil || len(rows) != 5 || rows[0][0] != "idempotencyKey" {
		t.Fatalf("%d rows, %v", len(rows), err)
	}
	if line := strings.Join(rows[1], " "); !strings.HasPrefix(line, "refund-rejected rejected nxca_jt_bi STFP_rejected ORDER-rejected 20231215 500 1000 KRW CA cancel") ||
		!strings.Contains(line, " 1002 취소금액 초과 2026-03-02T") {
		t.Errorf("the first: %s", line)
	}
	if rows[2][6] != "1234" || rows[2][8] != "USD" || rows[4][4] != "'=HYPERLINK(1)" || rows[0][20] != "diedAt" {
		t.Errorf("%v", rows)
	}
	for query, status := range map[string]int{"min=x": http.StatusBadRequest, "from=soon": http.StatusBadRequest} {
		if got := b.see(cancellations + "list.csv?" + query); got.StatusCode != status {
			t.Errorf("%s: %d", query, got.StatusCode)
		}
	}
	b.board.walk = 2
	if got := b.see(cancellations + "list.csv"); got.StatusCode != http.StatusConflict {
		t.Errorf("a file that is not whole: %d", got.StatusCode)
	}
}
