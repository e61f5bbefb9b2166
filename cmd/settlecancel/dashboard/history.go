package dashboard

import (
	"cmp"
	"context"
	"net/url"
	"slices"
	"time"

	"settlecancel/gateway/settlebank"
	"settlecancel/tasks/ledger"
)

// history is who kept count of what ended.
type history interface {
	Counters(ctx context.Context, from, before time.Time) ([]ledger.Counter, error)
}

// total is a number of cancellations, and their money.
type total struct {
	Name  string
	Count int64
	KRW   int64  // won
	USD   int64  // cents, of the only other currency
	URL   string // of what they are
}

func (t *total) add(c ledger.Counter) {
	t.Count += c.Count
	t.KRW += c.Amount
	t.USD += c.Foreign
}

// today is what has happened since midnight in Korea.
type today struct {
	Known              bool
	Cancelled, Dead    total
	Methods, Merchants []total // of what was cancelled, the most money first
	MoreMerchants      int     // that are not shown
}

// past is what the overview shows of what has ended.
type past struct {
	Today today
	Plots []plot
}

const (
	plotHours = 24
	plotDays  = 30

	merchantsShown = 8
)

// past reads what has ended within the last thirty days.
func (d *Dashboard) past(ctx context.Context, p *page) *past {
	now := p.now.In(settlebank.KST)
	midnight := time.Date(now.Year(), now.Month(), now.Day(), 0, 0, 0, 0, settlebank.KST)
	firstDay := midnight.AddDate(0, 0, 1-plotDays)
	counted, err := d.history.Counters(ctx, firstDay, now)
	if err != nil {
		d.log.ErrorContext(ctx, "what has ended is not known", "error", err)
		return &past{}
	}
	thisHour := now.Truncate(time.Hour)
	hours := newBars(plotHours, func(n int) (time.Time, string) {
		at := thisHour.Add(time.Duration(n-plotHours+1) * time.Hour)
		return at, at.Format("15:00")
	})
	days := newBars(plotDays, func(n int) (time.Time, string) {
		at := firstDay.AddDate(0, 0, n)
		return at, at.Format("01-02")
	})
	x := &past{Today: today{Known: true}}
	methods, merchants := map[string]total{}, map[string]total{}
	for _, c := range counted {
		hours.add(c)
		days.add(c)
		if c.Hour.Before(midnight) {
			continue
		}
		if !moneyWent(c.Status) {
			x.Today.Dead.add(c)
			continue
		}
		x.Today.Cancelled.add(c)
		addTo(methods, c.Method, c)
		addTo(merchants, c.MchtID, c)
	}
	x.Today.Methods, x.Today.Merchants = byMoney(methods, "method"), byMoney(merchants, "mcht")
	x.Today.MoreMerchants = max(0, len(merchants)-merchantsShown)
	x.Today.Merchants = x.Today.Merchants[:len(merchants)-x.Today.MoreMerchants]
	if len(counted) > 0 { // axes with nothing between them tell nothing
		x.Plots = []plot{p.plot("hours", hours, 6), p.plot("days", days, 7)}
	}
	return x
}

// moneyWent reports whether a cancellation that ended so did what was asked.
func moneyWent(s ledger.Status) bool { return s == ledger.Cancelled || s == ledger.AlreadyCancelled }

func addTo(by map[string]total, name string, c ledger.Counter) {
	t := by[name]
	t.Name = name
	t.add(c)
	by[name] = t
}

// byMoney returns totals, the most money first. Each leads to the list that field narrows to it.
func byMoney(by map[string]total, field string) []total {
	var all []total
	for _, t := range by {
		t.URL = cancellations + "list?" + url.Values{"status": {listEnded}, field: {codeParam(clean(t.Name))}}.Encode()
		all = append(all, t)
	}
	slices.SortFunc(all, func(a, b total) int {
		return cmp.Or(cmp.Compare(b.KRW, a.KRW), cmp.Compare(b.USD, a.USD), cmp.Compare(a.Name, b.Name))
	})
	return all
}
