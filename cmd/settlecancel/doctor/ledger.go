package doctor

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"settlecancel/gateway"
	"settlecancel/tasks"
	"settlecancel/tasks/ledger"
	"settlecancel/worker/pause"
)

const (
	// overdueAfter is how late a cancellation's next step may be: the sweeper brings back within
	// seconds what lost its task.
	overdueAfter = 5 * time.Minute
	// overdueRead is how many of the overdue ones are looked at.
	overdueRead = 1000
	// deadTooLong is how long a dead letter may lie: SettleBank takes cancellations for a limited
	// time only.
	deadTooLong = 7 * 24 * time.Hour
	// pausedTooLong is how long a pause may last until it looks forgotten.
	pausedTooLong = 24 * time.Hour
)

// overdue looks for open cancellations that nobody works at, though nothing bids them wait.
func (x *examiner) overdue(ctx context.Context, s *sheet) {
	until := x.Now().Add(-overdueAfter)
	late, next, err := x.Client.Ledger().List(ctx, ledger.Open, ledger.Listing{Until: until, Limit: overdueRead})
	if !readable(s, err) {
		return
	}
	open, _, err := x.Client.Ledger().Counts(ctx)
	if !readable(s, err) {
		return
	}
	paused, err := pause.All(ctx, x.Redis)
	if !readable(s, err) {
		return
	}
	late = slices.DeleteFunc(late, func(r ledger.Record) bool { return r.DueAt.After(until) }) // an attempt holds it
	all := len(late)
	late = slices.DeleteFunc(late, func(r ledger.Record) bool { return x.bidden(r, paused) })
	waits := ""
	if n := all - len(late); n > 0 {
		waits = fmt.Sprintf(" (%d wait for the end of a pause or of the banks' maintenance)", n)
	}
	if len(late) == 0 {
		s.ok("%s, none overdue%s", plural(int(open), "open cancellation"), waits)
		return
	}
	count, first := fmt.Sprint(len(late)), late[0]
	if next != "" {
		count = "more than " + count
	}
	s.danger("see that a worker runs, that no queue is paused or full (then wait until it is worked off), and in the workers' logs that merchant "+
		first.MchtID+" is not held; then settlecancel status "+first.Key,
		"%s of %d open cancellations are overdue by more than %s%s; the first, %s, is %s and was due %s ago",
		count, open, age(overdueAfter), waits, first.Key, first.Status, age(x.Now().Sub(first.DueAt)))
}

// bidden reports whether something bids a cancellation wait that is no fault: a pause, or the
// banks' maintenance.
func (x *examiner) bidden(r ledger.Record, paused map[string]pause.Pause) bool {
	for _, whom := range []string{r.MchtID, pause.AllMerchants} {
		if _, is := paused[whom]; is {
			return true
		}
	}
	c, err := tasks.FromRecord(r)
	i := slices.IndexFunc(x.Settings.Merchants, func(m gateway.Merchant) bool { return m.ID == r.MchtID })
	if err != nil || i < 0 {
		return false
	}
	until, _ := gateway.Hold(gateway.CancelRequest{Method: c.Method, Operation: c.Operation, OrgTrdDt: c.OrgTrdDt,
		RefundBankCd: c.RefundBankCd}, x.Settings.Merchants[i].Protocol, x.Now())
	return until.After(x.Now())
}

// pauses tells who is paused, and for how long.
func (x *examiner) pauses(ctx context.Context, s *sheet) {
	paused, err := pause.All(ctx, x.Redis)
	if !readable(s, err) {
		return
	}
	for _, id := range slices.Sorted(maps.Keys(paused)) {
		p, whom, command := paused[id], "merchant "+id, "settlecancel resume "+id
		if id == pause.AllMerchants {
			whom, command = "every merchant", "settlecancel resume --all"
		}
		since := x.Now().Sub(p.At)
		tell := s.note
		if since > pausedTooLong {
			tell = s.danger
		}
		tell(command+" once there is no more reason for it", "%s has been paused for %s, by %s (%s): what is accepted waits", whom, age(since), p.Who, p.Note)
	}
	if len(paused) == 0 {
		s.ok("no merchant is paused")
	}
}

// deadLetters tells how many cancellations wait for a person, and for how long.
func (x *examiner) deadLetters(ctx context.Context, s *sheet) {
	_, dead, err := x.Client.Ledger().Counts(ctx)
	if !readable(s, err) {
		return
	}
	oldest, _, err := x.Client.Ledger().List(ctx, ledger.DeadLetters, ledger.Listing{Limit: 1})
	if !readable(s, err) {
		return
	}
	if dead == 0 {
		s.ok("no dead letters")
		return
	}
	tell, says := s.note, plural(int(dead), "dead letter")+" waiting for a person"
	for _, r := range oldest {
		since := x.Now().Sub(r.EndedAt)
		if since > deadTooLong {
			tell = s.danger
		}
		says += fmt.Sprintf("; the oldest, %s, has been %s for %s", r.Key, r.Status, age(since))
	}
	tell("decide: settlecancel deadletter ls, then retry or resolve; SettleBank takes cancellations for a limited time only", "%s", says)
}

// forgotten reports whether Redis has forgotten confirmed writes.
func (x *examiner) forgotten(ctx context.Context, s *sheet) {
	e, err := x.Client.Ledger().Epochs(ctx)
	switch {
	case !readable(s, err):
	case e.Raised == 0:
		s.ok("Redis has forgotten no write that was noticed")
	case !e.Cautious:
		s.ok("Redis forgot writes, last noticed %s ago; nothing is held up by it any more", age(x.Now().Sub(e.Since)))
	default:
		s.danger("see why: a failover to a replica that was behind, or an old copy put in place; then settlecancel reconcile for each day since, and deadletter ls",
			"Redis has forgotten writes, or an old copy of it was put in place, last noticed %s ago: at least %d writes are missing; sums that the ledger cannot explain are for people for now",
			age(x.Now().Sub(e.Since)), e.Forgotten)
	}
}

// readable tells what kept the ledger from being read. What was read besides damaged records still
// counts.
func readable(s *sheet, err error) bool {
	switch {
	case err == nil:
		return true
	case errors.Is(err, ledger.ErrDamaged):
		s.danger("ask SettleBank what became of these payments; keep what Redis holds of them before anything is changed", "cancellations cannot be read: %v", err)
		return true
	}
	s.danger("run it again; look at Redis", "the ledger cannot be read: %v", err)
	return false
}
