package dashboard

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"settlecancel/gateway/settlebank"
	"settlecancel/tasks/ledger"
)

// counted is a History that is told what to say.
type counted struct {
	all      []ledger.Counter
	from, to time.Time
	err      error
}

func (h *counted) Counters(_ context.Context, from, to time.Time) ([]ledger.Counter, error) {
	h.from, h.to = from, to
	return h.all, h.err
}

func TestToday(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 2, 10, 30, 0, 0, settlebank.KST)
	hour := func(ago int) time.Time { return now.Truncate(time.Hour).Add(-time.Duration(ago) * time.Hour).UTC() }
	h := &counted{all: []ledger.Counter{
		{Hour: hour(0), MchtID: "shop", Method: "CA", Status: ledger.Cancelled, Count: 3, Amount: 3000, Foreign: 1205},
		{Hour: hour(9), MchtID: "shop", Method: "VA", Status: ledger.AlreadyCancelled, Count: 1, Amount: 9000},
		{Hour: hour(10), MchtID: "other", Status: ledger.Cancelled, Count: 2, Foreign: 50}, // midnight
		{Hour: hour(2), MchtID: "shop", Method: "CA", Status: ledger.Rejected, Count: 4, Amount: 400},
		{Hour: hour(11), MchtID: "shop", Method: "CA", Status: ledger.Cancelled, Count: 100, Amount: 1}, // yesterday
		{Hour: hour(24 * 20), MchtID: "shop", Method: "CA", Status: ledger.Review, Count: 7, Amount: 1},
		{Hour: hour(24 * 40), MchtID: "shop", Method: "CA", Status: ledger.Cancelled, Count: 5000, Amount: 1}, // before the plots
	}}
	b := newFixture(t, func(o *Options) { o.Now = func() time.Time { return now } })
	b.board.history = h
	page := b.see(root)
	b.want(page, "Cancelled: 6, together ₩12,000 US$12.55 · became dead letters: 4, together ₩400", "virtual account 1 ₩9,000 card 3 ₩3,000 US$12.05 no method 2 US$0.50",
		"shop 4 ₩12,000 US$12.05 other 2 US$0.50", "The last 24 hours, by the hour cancelled 106 dead or given up 4",
		"The last 30 days, by day cancelled 106 dead or given up 11", "10:00 3 0", "08:00 0 4", "03-01 100 0", "03-02 6 4", "02-10 0 7")
	if want := time.Date(2026, 2, 1, 0, 0, 0, 0, settlebank.KST); !h.from.Equal(want) || !h.to.Equal(now) {
		t.Errorf("asked for %s to %s", h.from, h.to)
	}
	if n := strings.Count(page.text, "<rect"); n != 2*2+4+1 {
		t.Errorf("%d bars", n)
	}
	h.err = errors.New("away")
	b.want(b.see(root), "What has ended cannot be read at the moment.")
}

// Of many merchants the overview shows those with the most money.
func TestTodayOfManyMerchants(t *testing.T) {
	t.Parallel()
	b := newFixture(t)
	h := &counted{}
	for n := range merchantsShown + 3 {
		h.all = append(h.all, ledger.Counter{Hour: time.Now().Truncate(time.Hour), MchtID: fmt.Sprintf("shop%02d", n), Method: "CA", Status: ledger.Cancelled, Count: 1, Amount: int64(n)})
	}
	b.board.history = h
	page := b.see(root)
	b.want(page, "shop10 1 ₩10", "shop03 1 ₩3 and 3 merchants more")
	if strings.Contains(page.text, "shop02") {
		t.Error("it shows one too many")
	}
}

func TestPlotScale(t *testing.T) {
	t.Parallel()
	for n, want := range map[int64]int64{0: 2, 1: 2, 3: 4, 5: 6, 7: 10, 11: 20, 59: 60, 61: 100, 1000: 1000, 1001: 2000} {
		if got := roundUp(n); got != want {
			t.Errorf("roundUp(%d) is %d, want %d", n, got, want)
		}
	}
	p := &page{}
	all := newBars(2, func(n int) (time.Time, string) { return time.Unix(int64(n)*3600, 0), "" })
	all.add(ledger.Counter{Hour: time.Unix(3600, 0), Status: ledger.Cancelled, Count: 1000})
	all.add(ledger.Counter{Hour: time.Unix(7199, 0), Status: ledger.Rejected, Count: 1})
	x := p.plot("hours", all, 6)
	if b := x.Bars[1]; b.DoneHeight != plotHeight/2 || b.DeadHeight != 1 || b.DoneY != x.Floor-b.DoneHeight || b.DeadY != b.DoneY-1 {
		t.Errorf("one beside a thousand: %+v, top %d", b, x.Top)
	}
}
