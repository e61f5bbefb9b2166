package bulk

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"settlecancel/tasks"
	"settlecancel/tasks/ledger"
)

var today = time.Date(2024, 1, 31, 12, 0, 0, 0, time.UTC)

func refund(number int, key, payment string, amount int64) tasks.Line {
	return tasks.Line{Number: number, Cancellation: tasks.Cancellation{IdempotencyKey: key, MchtID: "shop", OrgTrdNo: payment, CanAmt: amount}}
}

func accepted(key string, amount int64, status ledger.Status, ago time.Duration) ledger.Record {
	return ledger.Record{Key: key, Amount: amount, Status: status, AcceptedAt: today.Add(-ago)}
}

func checker(known map[string][]ledger.Record) Checker {
	return Checker{
		Payment:  func(_ context.Context, _, payment string) ([]ledger.Record, error) { return known[payment], nil },
		Validate: func(tasks.Cancellation) error { return nil },
		Now:      today,
		Settled:  func(int) {},
	}
}

// A spreadsheet took the zeros off the keys of a file that had been enqueued before.
func TestForecastOfSameRefunds(t *testing.T) {
	t.Parallel()
	known := map[string][]ledger.Record{
		"T1": {accepted("001", 300, ledger.Cancelled, time.Hour)},
		"T2": {accepted("002", 300, ledger.Queued, time.Hour)},
		"T3": {accepted("3", 300, ledger.Cancelled, time.Hour)},
		"T4": {accepted("004", 300, ledger.Rejected, time.Hour)},
		"T5": {accepted("005", 300, ledger.Cancelled, 31*24*time.Hour)},
		"T6": {accepted("006", 200, ledger.Cancelled, time.Hour)},
	}
	lines := []tasks.Line{refund(2, "1", "T1", 300), refund(3, "2", "T2", 300), refund(4, "3", "T3", 300), refund(5, "4", "T4", 300),
		refund(6, "5", "T5", 300), refund(7, "6", "T6", 300), refund(8, "8", "T8", 500), refund(9, "9", "T8", 500), refund(10, "8", "T8", 500),
		refund(11, "11", "T8", 400), {Number: 12, Err: &tasks.InvalidError{}}}
	got, err := checker(known).Forecast(t.Context(), slices.Values(lines))
	want := Forecast{Lines: 11, New: 9, Known: 1, Refused: 1, Amount: 300*5 + 500*3 + 400, Twins: []Twin{
		{Line: 2, Key: "1", OrgTrdNo: "T1", Amount: 300, OtherKey: "001", Status: ledger.Cancelled},
		{Line: 3, Key: "2", OrgTrdNo: "T2", Amount: 300, OtherKey: "002", Status: ledger.Queued},
		{Line: 9, Key: "9", OrgTrdNo: "T8", Amount: 500, OtherLine: 8},
	}}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("%v, forecast (-want +got):\n%s", err, diff)
	}
	for i, says := range []string{"1 cancels as much of T1 as 001, which is cancelled", "", "9 cancels as much of T8 as line 8, under another key"} {
		if says != "" && got.Twins[i].String() != says {
			t.Errorf("says %q, want %q", got.Twins[i], says)
		}
	}
}

// A key that belongs to another cancellation would be refused, wherever that is.
func TestForecastOfConflicts(t *testing.T) {
	t.Parallel()
	c := checker(map[string][]ledger.Record{"T1": {accepted("a", 300, ledger.Cancelled, time.Hour)}})
	c.Find = func(_ context.Context, key string) (ledger.Record, error) {
		if key == "b" {
			return ledger.Record{Key: "b", OrgTrdNo: "elsewhere", Amount: 300}, nil
		}
		return ledger.Record{}, ledger.ErrNotFound
	}
	var told []int
	c.Refused = func(line int, err error) {
		if told = append(told, line); !errors.Is(err, tasks.ErrConflict) {
			t.Errorf("line %d: %v", line, err)
		}
	}
	got, err := c.Forecast(t.Context(), slices.Values([]tasks.Line{refund(1, "a", "T1", 301), refund(2, "b", "T2", 300), refund(3, "c", "T2", 300)}))
	if err != nil || got.Refused != 2 || got.New != 1 || !slices.Equal(told, []int{1, 2}) {
		t.Errorf("%v, %+v, told of %v", err, got, told)
	}
}

// What comes by a pipe is held up line by line; what was accepted already is not.
func TestGuard(t *testing.T) {
	t.Parallel()
	known := map[string][]ledger.Record{"T1": {accepted("001", 300, ledger.Cancelled, time.Hour)}}
	var sent []string
	guarded := checker(known).Guard(func(_ context.Context, some []tasks.Submission) []tasks.Outcome {
		for _, s := range some {
			sent = append(sent, s.IdempotencyKey)
		}
		return make([]tasks.Outcome, len(some))
	})
	give := func(lines ...tasks.Line) (refused []string) {
		var some []tasks.Submission
		for _, l := range lines {
			some = append(some, tasks.Submission{Cancellation: l.Cancellation})
		}
		for i, o := range guarded(t.Context(), some) {
			if errors.Is(o.Err, ErrSameRefund) && OfLine(o.Err) {
				refused = append(refused, some[i].IdempotencyKey)
			} else if o.Err != nil {
				t.Errorf("%s: %v", some[i].IdempotencyKey, o.Err)
			}
		}
		return refused
	}
	got := append(give(refund(1, "1", "T1", 300), refund(2, "001", "T1", 300), refund(3, "a", "T2", 5)), give(refund(4, "b", "T2", 5), refund(5, "a", "T2", 5))...)
	if diff := cmp.Diff([]string{"1", "b"}, got); diff != "" {
		t.Errorf("refused (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"001", "a", "a"}, sent); diff != "" {
		t.Errorf("sent on (-want +got):\n%s", diff)
	}
}

// However long a file is, it is read in batches, and no more twins are held than are shown.
func TestForecastOfManyLines(t *testing.T) {
	t.Parallel()
	const many = 3*batch + 7
	most := 0
	c := checker(nil)
	c.Settled = func(lines int) { most = lines }
	got, err := c.Forecast(t.Context(), func(yield func(tasks.Line) bool) {
		for i := range many {
			if !yield(refund(i+1, fmt.Sprint("k-", i), "one payment", 500)) {
				return
			}
		}
	})
	if err != nil || got.New != many || most != many || len(got.Twins) != shownTwins || got.More != many-1-shownTwins {
		t.Errorf("%v: %d new, %d told, %d twins and %d more", err, got.New, most, len(got.Twins), got.More)
	}
}

func TestForecastFails(t *testing.T) {
	t.Parallel()
	c := checker(nil)
	got, err := c.Forecast(t.Context(), slices.Values([]tasks.Line{refund(1, "a", "T", 1),
		{Number: 2, Err: &tasks.ReadError{Line: 2, Err: errors.New("disk on fire")}}}))
	if err != nil || got.New != 1 || !strings.Contains(got.Stopped, "disk on fire") {
		t.Errorf("%+v, %v", got, err)
	}
	away := errors.New("redis is away")
	c.Payment = func(context.Context, string, string) ([]ledger.Record, error) { return nil, away }
	if _, err := c.Forecast(t.Context(), slices.Values([]tasks.Line{refund(1, "a", "T", 1)})); !errors.Is(err, away) {
		t.Errorf("error %v", err)
	}
	ended, stop := context.WithCancel(t.Context())
	stop()
	if _, err := checker(nil).Forecast(ended, slices.Values([]tasks.Line{refund(1, "a", "T", 1)})); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
}
