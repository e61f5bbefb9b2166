package dashboard

import (
	"context"
	"errors"
	"slices"
	"time"

	"settlecancel/gateway/settlebank"
	"settlecancel/tasks/ledger"
)

// SettleBank's number of a cancellation stands in no index: there would be one for every refund of
// months, for a question that is asked a few times a day. But such numbers carry the time of their
// making, and the ledger knows what was accepted or ended on a day.

// How far a search by number goes.
const (
	numberPages = 4                // pages of the newest acceptances, of 5,000 each
	numberTime  = 15 * time.Second // for the days that a number names, and again for the newest
	numberDays  = 400              // days in which a date in a number is taken for one
	mostDates   = 4                // different dates in one number
)

// looked is what was looked through for a number.
type looked struct {
	Days   []string // Korean days of the number, yyyy-mm-dd
	Count  int      // cancellations of those days
	Cut    bool     // time ran out before all of those days were looked through
	Newest bool     // the newest acceptances, too
}

// findNumber looks for SettleBank's number of a cancellation: on the days that the number may be of,
// then, where it is on none of them, among the newest acceptances.
func (d *Dashboard) findNumber(ctx context.Context, number string, found *hits) error {
	if err := d.findOnDays(ctx, number, found); err != nil || len(found.Items) > 0 {
		return err
	}
	found.Looked.Newest = true
	ctx, cancel := context.WithTimeout(ctx, d.numberTime)
	defer cancel()
	more, err := d.gather(ctx, ledger.Query{Match: func(r ledger.Record) bool { return r.CanTrdNo == number }}, numberPages, found)
	if d.outOfTime(ctx, err) {
		more, err = true, nil
	}
	found.Cut = more
	return err
}

func (d *Dashboard) findOnDays(ctx context.Context, number string, found *hits) error {
	inTime, cancel := context.WithTimeout(ctx, d.numberTime)
	defer cancel()
	for _, day := range datesIn(number, d.opts.Now()) {
		found.Looked.Days = append(found.Looked.Days, day.Format(time.DateOnly))
		for r, err := range d.ledger.Day(inTime, day.Format(settlebank.DateLayout)) {
			switch {
			case errors.Is(err, ledger.ErrDamaged):
				found.Failed = true
				continue
			case d.outOfTime(inTime, err) && ctx.Err() == nil:
				found.Looked.Cut, found.Cut = true, true
				return nil
			case err != nil:
				return err
			}
			if found.Looked.Count++; r.CanTrdNo == number {
				found.add(r)
			}
		}
	}
	return nil
}

// outOfTime reports whether an error is of a context that has run out of time.
func (d *Dashboard) outOfTime(ctx context.Context, err error) bool {
	return err != nil && errors.Is(ctx.Err(), context.DeadlineExceeded)
}

// datesIn returns the Korean days that a number may have been made on: it holds them as yyyyMMdd or
// yyMMdd, mostly with the time of day behind them. What is made within the last hour of a day may be
// stored on the next.
func datesIn(number string, now time.Time) (days []time.Time) {
	for _, layout := range []string{"20060102150405", "060102150405", "20060102", "060102"} {
		for i := range len(number) - len(layout) + 1 {
			at, err := time.ParseInLocation(layout, number[i:i+len(layout)], settlebank.KST)
			if err != nil || at.After(now.Add(24*time.Hour)) || at.Before(now.AddDate(0, 0, -numberDays)) {
				continue
			}
			days = addDay(days, at)
			if len(layout) > 8 && at.Hour() == 23 {
				days = addDay(days, at.AddDate(0, 0, 1))
			}
		}
	}
	return days[:min(len(days), mostDates)]
}

func addDay(days []time.Time, at time.Time) []time.Time {
	day := time.Date(at.Year(), at.Month(), at.Day(), 0, 0, 0, 0, settlebank.KST)
	if slices.ContainsFunc(days, day.Equal) {
		return days
	}
	return append(days, day)
}
