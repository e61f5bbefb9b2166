package dashboard

import (
	"context"
	"errors"
	"net/url"
	"time"

	"settlecancel/gateway/settlebank"
	"settlecancel/tasks/ledger"
)

// What has ended is far more than what is open or dead, and grows every day: a list of it is always
// of some Korean days, today where nobody says.

// mostDays is how many days one list of what has ended is of at most.
const mostDays = 31

// tooLong stands among the fields that cannot be read for days that are more.
const tooLong = "days"

// readFilter reads a filter from the address of a list, and gives a list of what has ended its days.
func (d *Dashboard) readFilter(q url.Values) (filter, []string) {
	f, wrong := readFilter(q)
	if f.SetName() != listEnded {
		return f, wrong
	}
	today := d.midnight()
	if f.To == "" {
		f.before = today.AddDate(0, 0, 1)
		if f.From != "" && f.from.After(today) {
			f.before = f.from.AddDate(0, 0, 1)
		}
	}
	last := f.before.AddDate(0, 0, -1)
	if f.From == "" {
		f.from = last
	}
	if first := f.before.AddDate(0, 0, -mostDays); f.from.Before(first) {
		f.from, wrong = first, append(wrong, tooLong)
	}
	f.From, f.To = f.from.Format(time.DateOnly), last.Format(time.DateOnly)
	return f, wrong
}

// midnight returns when today began in Korea.
func (d *Dashboard) midnight() time.Time {
	now := d.opts.Now().In(settlebank.KST)
	return time.Date(now.Year(), now.Month(), now.Day(), 0, 0, 0, 0, settlebank.KST)
}

// days are some that people often ask for.
type days struct {
	Name    string // of their text
	URL     string
	Current bool
}

// days returns those that a list of what has ended is one click away from.
func (d *Dashboard) days(f filter) []days {
	if f.SetName() != listEnded {
		return nil
	}
	today := d.midnight()
	yesterday := today.AddDate(0, 0, -1)
	var all []days
	for _, span := range []struct {
		name     string
		from, to time.Time
	}{{"today", today, today}, {"yesterday", yesterday, yesterday}, {"week", today.AddDate(0, 0, -6), today},
		{"month", today.AddDate(0, 0, 1-today.Day()), today}} {
		at := f
		at.From, at.To, at.Page = span.from.Format(time.DateOnly), span.to.Format(time.DateOnly), 1
		all = append(all, days{Name: span.name, URL: at.URL(), Current: at.From == f.From && at.To == f.To})
	}
	return all
}

// ended returns what has ended on the days of f, what ended last first, but no more than d.walk.
func (d *Dashboard) ended(ctx context.Context, f filter) (found, error) {
	ctx, cancel := context.WithTimeout(ctx, walkTimeout)
	defer cancel()
	var all found
	damaged, err := d.eachEnded(ctx, f, func(i item, _ ledger.Record) bool {
		if len(all.items) == d.walk {
			all.cut = true
			return false
		}
		all.items = append(all.items, i)
		return true
	})
	all.damaged = damaged
	return all, err
}

// eachEnded looks at each cancellation that has ended on one of the days of f once, the last day
// first, until look returns false. It keeps no more in memory than the keys of a day.
func (d *Dashboard) eachEnded(ctx context.Context, f filter, look func(item, ledger.Record) bool) (damaged bool, err error) {
	for day := f.before.AddDate(0, 0, -1); !day.Before(f.from); day = day.AddDate(0, 0, -1) {
		seen := map[string]bool{} // the index of a day names one twice that died on it, and then ended
		next := day.AddDate(0, 0, 1)
		for r, err := range d.ledger.Day(ctx, day.Format("20060102")) {
			switch {
			case errors.Is(err, ledger.ErrDamaged):
				damaged = true
				d.log.ErrorContext(ctx, "record damaged", "error", err)
				continue
			case err != nil:
				return damaged, err
			case !r.Ended() || !r.EndedAt.Before(next) || seen[r.Key]:
				continue
			}
			seen[r.Key] = true
			if i, _ := newItem(r); !look(i, r) {
				return damaged, nil
			}
		}
	}
	return damaged, nil
}
