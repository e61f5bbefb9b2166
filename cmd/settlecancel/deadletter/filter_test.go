package deadletter

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"settlecancel/tasks"
	"settlecancel/tasks/ledger"
)

var died = time.Date(2024, 1, 2, 3, 4, 5, 678e6, time.UTC)

func deadRecord(change func(*tasks.Cancellation, *ledger.Record)) ledger.Record {
	x := tasks.Cancellation{IdempotencyKey: "refund-1", MchtID: "shop", OrgTrdNo: "TRD-refund-1", OrgMchtTrdNo: "ORDER-refund-1",
		OrgTrdDt: "20231215", CanAmt: 500, OrgTrdAmt: 1000, Method: "CA"}
	r := ledger.Record{Key: "refund-1", MchtID: "shop", OrgTrdNo: "TRD-refund-1", OrgMchtTrdNo: "ORDER-refund-1", Amount: 500, Status: ledger.Rejected, Code: "1002",
		AcceptedAt: died.Add(-time.Hour), EndedAt: died}
	change(&x, &r)
	if r.Params == nil {
		entry, err := x.Entry()
		if err != nil {
			panic(err)
		}
		r.Params = entry.Params
	}
	return r
}

func TestFilterMatches(t *testing.T) {
	t.Parallel()
	plain := deadRecord(func(*tasks.Cancellation, *ledger.Record) {})
	noCode := deadRecord(func(_ *tasks.Cancellation, r *ledger.Record) { r.Code, r.Status = "", ledger.Review })
	dollars := deadRecord(func(x *tasks.Cancellation, _ *ledger.Record) { x.Currency = tasks.CurrencyUSD })
	open := deadRecord(func(_ *tasks.Cancellation, r *ledger.Record) { r.EndedAt, r.Status = time.Time{}, ledger.Queued })
	damaged := deadRecord(func(_ *tasks.Cancellation, r *ledger.Record) { r.Params, r.OrgMchtTrdNo = []byte("{"), "" })
	ms, amount := time.Millisecond, func(n int64) *int64 { return &n }
	for name, tt := range map[string]struct {
		filter        Filter
		matches, nots []ledger.Record
	}{
		"any":                 {Filter{}, []ledger.Record{plain, noCode, dollars, open, damaged}, nil},
		"status":              {Filter{Status: ledger.Rejected}, []ledger.Record{plain}, []ledger.Record{noCode, open}},
		"code":                {Filter{Code: "1002"}, []ledger.Record{plain}, []ledger.Record{noCode}},
		"another code":        {Filter{Code: "100"}, nil, []ledger.Record{plain, noCode}},
		"no code":             {Filter{Code: NoCode}, []ledger.Record{noCode}, []ledger.Record{plain}},
		"merchant":            {Filter{MchtID: "shop"}, []ledger.Record{plain}, nil},
		"another merchant":    {Filter{MchtID: "SHOP"}, nil, []ledger.Record{plain}},
		"payment":             {Filter{OrgTrdNo: "TRD-refund-1"}, []ledger.Record{plain}, nil},
		"another payment":     {Filter{OrgTrdNo: "TRD"}, nil, []ledger.Record{plain}},
		"order":               {Filter{OrgMchtTrdNo: "ORDER-refund-1"}, []ledger.Record{plain, dollars}, []ledger.Record{damaged}},
		"another order":       {Filter{OrgMchtTrdNo: "ORDER"}, nil, []ledger.Record{plain}},
		"from then":           {Filter{From: died}, []ledger.Record{plain}, []ledger.Record{open}},
		"from later":          {Filter{From: died.Add(ms)}, nil, []ledger.Record{plain}},
		"before then":         {Filter{Before: died}, []ledger.Record{open}, []ledger.Record{plain}},
		"before later":        {Filter{Before: died.Add(ms)}, []ledger.Record{plain}, nil},
		"amount":              {Filter{Min: amount(500), Max: amount(500)}, []ledger.Record{plain, dollars, damaged}, nil},
		"above":               {Filter{Min: amount(501)}, nil, []ledger.Record{plain}},
		"below":               {Filter{Max: amount(499)}, nil, []ledger.Record{plain}},
		"nothing at all":      {Filter{Max: amount(0)}, nil, []ledger.Record{plain}},
		"won":                 {Filter{Currency: tasks.CurrencyKRW}, []ledger.Record{plain}, []ledger.Record{dollars, damaged}},
		"dollars":             {Filter{Currency: tasks.CurrencyUSD}, []ledger.Record{dollars}, []ledger.Record{plain, damaged}},
		"one of two is wrong": {Filter{Code: "1002", MchtID: "other"}, nil, []ledger.Record{plain}},
		"order and currency": {Filter{OrgMchtTrdNo: "ORDER-refund-1", Currency: tasks.CurrencyUSD},
			[]ledger.Record{dollars}, []ledger.Record{plain}},
		"all of them": {Filter{Status: ledger.Rejected, Code: "1002", From: died, Min: amount(1), Currency: tasks.CurrencyKRW},
			[]ledger.Record{plain}, nil},
	} {
		for _, r := range tt.matches {
			if !tt.filter.Matches(r) {
				t.Errorf("%s: does not match %+v", name, r)
			}
		}
		for _, r := range tt.nots {
			if tt.filter.Matches(r) {
				t.Errorf("%s: matches %+v", name, r)
			}
		}
	}
}

func TestDecideAll(t *testing.T) {
	t.Parallel()
	away := errors.New("redis is away")
	for name, tt := range map[string]struct {
		errs   []error // by key
		open   bool    // the record comes with the error, and is open: only the queue is missing
		want   Decisions
		failed []string
	}{
		"OK":   {errs: []error{nil, nil, nil}, want: Decisions{Done: 3}},
		"none": {},
		"overtaken": {errs: []error{ledger.ErrNotDead, ledger.ErrEnded, ledger.ErrBusy, ledger.ErrNotFound, ledger.ErrNotDead, nil},
			want: Decisions{Done: 1, Moved: 5}},
		"overtaken and open":     {errs: []error{ledger.ErrNotDead}, open: true, want: Decisions{Moved: 1}},
		"decided but not queued": {errs: []error{away, away, away, away, away, away}, open: true, want: Decisions{Done: 6}},
		"ErrSome":                {errs: []error{away, nil, away}, want: Decisions{Done: 1, Failed: 2}, failed: []string{"0", "2"}},
		"ErrAway": {errs: []error{nil, away, away, away, away, away, nil, nil}, want: Decisions{Done: 1, Failed: 5, Left: 2},
			failed: []string{"1", "2", "3", "4", "5"}},
		"ErrAtTheEnd": {errs: []error{away, away, away, away, away}, want: Decisions{Failed: 5}, failed: []string{"0", "1", "2", "3", "4"}},
		"ErrNotInARow": {errs: []error{away, away, away, away, nil, away, ledger.ErrNotDead, away},
			want: Decisions{Done: 1, Moved: 1, Failed: 6}, failed: []string{"0", "1", "2", "3", "5", "7"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			keys := make([]string, len(tt.errs))
			for i := range keys {
				keys[i] = fmt.Sprint(i)
			}
			next := 0
			var failed []string
			got := DecideAll(t.Context(), keys, func(_ context.Context, key string) (ledger.Record, error) {
				if key != fmt.Sprint(next) {
					t.Errorf("decides on %s, want %d", key, next)
				}
				err := tt.errs[next]
				next++
				if err != nil && !tt.open {
					return ledger.Record{}, err
				}
				return ledger.Record{Key: key, Status: ledger.Queued}, err
			}, func(key string, err error) {
				if !errors.Is(err, away) {
					t.Errorf("%s failed with %v", key, err)
				}
				failed = append(failed, key)
			})
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("decisions (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tt.failed, failed); diff != "" {
				t.Errorf("failed (-want +got):\n%s", diff)
			}
		})
	}
}

func TestDecideAllInterrupted(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	got := DecideAll(ctx, []string{"a", "b", "c"}, func(_ context.Context, key string) (ledger.Record, error) {
		if key == "b" {
			cancel()
		}
		return ledger.Record{Key: key, Status: ledger.Queued}, nil
	}, func(key string, err error) { t.Errorf("%s failed: %v", key, err) })
	if want := (Decisions{Done: 2, Left: 1}); got != want {
		t.Errorf("%+v, want %+v: what was begun is counted, the rest is left", got, want)
	}
}
