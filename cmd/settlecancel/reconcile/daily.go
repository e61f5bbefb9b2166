package reconcile

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"settlecancel/gateway/settlebank"
)

// The times of the daily comparison.
const (
	dailyTime  = time.Hour        // that one comparison may take
	dailyAgain = 30 * time.Minute // after one that failed
	dailyTries = 4                // of a day
	dailyRows  = 500              // that are logged; the command tells all
	dailyKept  = 72 * time.Hour   // that it is remembered to be done
)

// RunDaily compares each day once, from Options.DailyAt on the next morning, until ctx ends. Of all
// workers one does; where it fails or dies, or a list could not be had, one tries again half an
// hour later, up to four times until the day ends. What it comes to is logged: the counts, and each
// difference.
func (r *Reconciler) RunDaily(ctx context.Context) error {
	if r.opts.Redis == nil || r.opts.DailyAt < 0 || r.opts.DailyAt >= 24*time.Hour {
		return errors.New("reconcile: RunDaily needs Redis, and DailyAt within a day")
	}
	for {
		if err := r.opts.Wait(ctx, r.untilDue()); err != nil {
			return nil // told to end
		}
		date := Yesterday(r.opts.Now())
		if err := r.daily(ctx, date); err != nil && ctx.Err() == nil {
			r.log.ErrorContext(ctx, "daily reconciliation failed; it will be tried again", "date", date, "error", err)
		}
		if err := r.opts.Wait(ctx, dailyAgain); err != nil {
			return nil
		}
	}
}

// untilDue returns how long it is to the time of day at which the day before is compared; 0 where
// it has passed.
func (r *Reconciler) untilDue() time.Duration {
	now := r.opts.Now().In(settlebank.KST)
	y, m, d := now.Date()
	return max(time.Date(y, m, d, 0, 0, 0, 0, settlebank.KST).Add(r.opts.DailyAt).Sub(now), 0)
}

// dailyKey names who compares a day, or that it is done.
func dailyKey(date string) string { return "settlecancel:reconcile:" + date }

const dailyDone = "done"

// daily compares a day, if nobody does or has.
func (r *Reconciler) daily(ctx context.Context, date string) error {
	key, me := dailyKey(date), rand.Text()
	mine, err := r.opts.Redis.SetNX(ctx, key, me, dailyTime+dailyAgain).Result()
	if err != nil {
		return fmt.Errorf("reconcile: take %s: %w", key, err)
	}
	if !mine {
		return nil
	}
	within, cancel := context.WithTimeoutCause(ctx, dailyTime, fmt.Errorf("it took longer than %s", dailyTime))
	defer cancel()
	told := 0
	summary, err := r.Run(within, Query{Date: date}, func(row Row) error {
		if differs := r.logRow(ctx, row, told < dailyRows); differs {
			told++
		}
		return nil
	})
	if err == nil {
		r.logSummary(ctx, summary)
	}
	return errors.Join(err, r.dailyEnd(context.WithoutCancel(ctx), key, err == nil && len(summary.Failures) == 0, ctx.Err() != nil))
}

// dailyEnd remembers how a comparison ended: it is done, or somebody may try again after a while;
// at once, where it was shut down.
func (r *Reconciler) dailyEnd(ctx context.Context, key string, whole, shutDown bool) error {
	life, value := dailyKept, dailyDone
	switch {
	case whole:
	case shutDown:
		life, value = time.Second, "shut down"
	default:
		tries, err := r.opts.Redis.Incr(ctx, key+":tries").Result()
		if err == nil {
			err = r.opts.Redis.PExpire(ctx, key+":tries", dailyKept).Err()
		}
		if err != nil {
			return fmt.Errorf("reconcile: count %s: %w", key, err)
		}
		if tries < dailyTries {
			life, value = dailyAgain, "failed"
		}
	}
	if err := r.opts.Redis.Set(ctx, key, value, life).Err(); err != nil {
		return fmt.Errorf("reconcile: keep %s: %w", key, err)
	}
	return nil
}

// logRow reports whether a row tells of what differs, and logs it where it is to be told; what was
// settled always is.
func (r *Reconciler) logRow(ctx context.Context, row Row, tell bool) (differs bool) {
	level, text := slog.LevelWarn, "reconciliation differs"
	switch row.Category {
	case Agreed, Before:
		return false
	case Settled:
		level, text, tell = slog.LevelInfo, "settled by the day's list", true
	default:
		differs = true
	}
	if tell {
		r.log.Log(ctx, level, text, "key", row.Key, "mcht_id", row.MchtID, "org_trd_no", row.OrgTrdNo, "status", row.Status,
			"category", row.Category, "trd_no", row.ListedTrdNo, "note", row.Note)
	}
	return differs
}

func (r *Reconciler) logSummary(ctx context.Context, s Summary) {
	level := slog.LevelInfo
	if !s.Agrees() {
		level = slog.LevelWarn
	}
	attrs := []any{"date", s.Date, "agrees", s.Agrees(), "failures", len(s.Failures)}
	for _, category := range Categories() {
		attrs = append(attrs, string(category), s.Totals[category].Count)
	}
	r.log.Log(ctx, level, "daily reconciliation", attrs...)
	for _, f := range s.Failures {
		r.log.WarnContext(ctx, "reconciliation could not look at everything", "date", s.Date, "error", f)
	}
}
