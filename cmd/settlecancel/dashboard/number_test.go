package dashboard

import (
	"os"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"settlecancel/gateway/settlebank"
	"settlecancel/tasks/ledger"
)

func TestDatesIn(t *testing.T) {
	t.Parallel()
	now := time.Date(2024, 1, 10, 12, 0, 0, 0, settlebank.KST)
	for number, want := range map[string][]string{
		"STFP_PGCAnxca_jt_il0231215143022M1494620": {"2023-12-15"},
		"STFP_PGCAnxca_jt_il0231215235959M1494620": {"2023-12-15", "2023-12-16"}, // may be stored the day after
		"CNCL20231215001":                          {"2023-12-15"},
		"20231215143022":                           {"2023-12-15"},
		"T240110-1":                                {"2024-01-10"},
		"T240112-1":                                nil, // has not come
		"STFP_PGCAnxca_jt_il0211129135810M1494620": nil, // of long ago
		"ORDER-1":                                  nil,
		"231315":                                   nil, // no date
		"":                                         nil,
		"231215231216231217231218231219":           {"2023-12-15", "2023-12-16", "2023-12-17", "2023-12-18"}, // no more than four
		"취소231215":                                 {"2023-12-15"},
	} {
		var got []string
		for _, day := range datesIn(number, now) {
			got = append(got, day.Format(time.DateOnly))
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%s: %s", number, d)
		}
	}
}

// A number of a day that is not among the newest any more is found by its date, and the page says
// what was looked through.
func TestSearchNumber(t *testing.T) {
	t.Parallel()
	b := threeDays(t)
	b.enqueue(sample("numbered"))
	b.attempt(sample("numbered"), ledger.Attempt{Class: "ok"},
		ledger.Next{Status: ledger.Cancelled, Credit: 500, Rounds: 1, CanTrdNo: "PGCAnxca_jt_il0260303010000M1"})
	search := func(number string) answer { return b.see(cancellations + "search?q=" + number) }
	if got := search("PGCAnxca_jt_il0260303010000M1"); got.Request.URL.Query().Get("key") != "refund-numbered" {
		t.Errorf("it leads to %s", got.Request.URL)
	}
	got := search("PGCAnxca_jt_il0260302010000M1")
	b.want(got, "Nothing was found", "ended on its date, 2026-03-02: 8 entries", "among the newest 20,000 acceptances")
	b.want(b.see(cancellations+"search?lang=ko&q=PGCAnxca_jt_il0260302010000M1"), "날짜(2026-03-02)에 접수되었거나 끝난 기록 8건", "최근 접수된 2만 건")
	// By another date in it, by none, and by all that there is.
	keys := search("CNCL20231215001").keys()
	if slices.Sort(keys); len(keys) < 4 {
		t.Errorf("without a date that has a list: %v", keys)
	}
	b.board.numberTime = 0
	b.want(search("PGCAnxca_jt_il0260303010000M1"), "no time for all: 0 entries", "Not all was looked through")
}

// BenchmarkSearchNumber looks for a number on the day of all cancellations: NUMBERS=100000, else
// 2,000.
func BenchmarkSearchNumber(b *testing.B) {
	n, err := strconv.Atoi(os.Getenv("NUMBERS"))
	if err != nil {
		n = 2000
	}
	f := crowd(b, n)
	number := "PGCAnxca_jt_il0" + time.Now().In(settlebank.KST).Format("060102150405") + "M1"
	f.board.numberTime = time.Hour
	for b.Loop() {
		found := hits{known: map[string]bool{}}
		begun := time.Now()
		if err := f.board.findOnDays(b.Context(), number, &found); err != nil || found.Looked.Count < n {
			b.Fatalf("%+v, %v", found, err)
		}
		b.Logf("%d cancellations in %s", found.Looked.Count, time.Since(begun))
	}
}
