package dashboard

import (
	"encoding/csv"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"settlecancel/cmd/settlecancel/records"
	"settlecancel/gateway/settlebank"
	"settlecancel/tasks/ledger"
)

// moving is a clock that a test sets.
type moving struct{ at atomic.Int64 }

func (m *moving) now() time.Time { return time.UnixMilli(m.at.Add(1)) }

func (m *moving) set(day, hour int) {
	m.at.Store(time.Date(2026, 3, day, hour, 0, 0, 0, settlebank.KST).UnixMilli())
}

// threeDays is what has ended on three Korean days, and what has not.
func threeDays(t *testing.T) *fixture {
	t.Helper()
	var clock moving
	clock.set(1, 23)
	b := newClockFixture(t, clock.now)
	b.put(sample("first"), ledger.Cancelled)
	b.put(sample("late"), ledger.Rejected) // ends a day later
	b.put(sample("twice"), ledger.Queued)  // becomes a dead letter a day later, and ends
	clock.set(2, 10)
	other := sample("other")
	other.MchtID, other.Method, other.CanAmt, other.OrgTrdAmt = "nx_mid_il", "VA", 70_000, 80_000
	b.put(other, ledger.Cancelled)
	b.put(sample("elsewhere"), ledger.RefundedElsewhere)
	b.put(sample("already"), ledger.AlreadyCancelled)
	b.put(sample("queued"), ledger.Queued)
	b.put(sample("dead"), ledger.Rejected)
	b.attempt(sample("twice"), ledger.Attempt{Class: "rejected"}, ledger.Next{Status: ledger.Rejected})
	b.resolve("refund-twice", ledger.Cancelled)
	b.resolve("refund-late", ledger.Rejected)
	clock.set(3, 1)
	b.put(sample("today"), ledger.Cancelled)
	return b
}

// What has ended is listed by the Korean days on which it ended, each once, today where nobody says.
func TestEnded(t *testing.T) {
	t.Parallel()
	b := threeDays(t)
	second := "&from=2026-03-02&to=2026-03-02"
	for query, want := range map[string][]string{
		"status=ended":                                     {"refund-today"},
		"status=ended&to=2026-03-02":                       {"refund-late", "refund-twice", "refund-already", "refund-elsewhere", "refund-other"},
		"status=ended" + second:                            {"refund-late", "refund-twice", "refund-already", "refund-elsewhere", "refund-other"},
		"status=ended&sort=-amount" + second:               {"refund-other", "refund-already", "refund-elsewhere", "refund-late", "refund-twice"},
		"status=ended&from=2026-03-02":                     {"refund-today", "refund-late", "refund-twice", "refund-already", "refund-elsewhere", "refund-other"},
		"status=ended&from=2026-03-02&method=VA":           {"refund-other"},
		"status=cancelled&from=2026-03-01":                 {"refund-today", "refund-twice", "refund-other", "refund-first"},
		"status=cancelled&from=2026-03-01&mcht=nxca_jt_bi": {"refund-today", "refund-twice", "refund-first"},
		"status=already_cancelled" + second:                {"refund-already"},
		"status=refunded_elsewhere" + second:               {"refund-elsewhere"},
		"status=given_up" + second:                         {"refund-late"},
		"status=ended&from=2026-03-03&to=2026-03-02":       nil,
		"status=ended&from=2026-04-03":                     nil,
	} {
		if diff := cmp.Diff(want, b.see(cancellations+"list?"+query).keys()); diff != "" {
			t.Errorf("%s: %s", query, diff)
		}
	}
	b.want(b.see(cancellations+"list?status=ended"+second), "Matching: 5, together ₩72,000", "today yesterday last 7 days this month", "03-02 10:00", "CNCL20231215001")
	if page := b.see(cancellations + "list?status=ended" + second); strings.Contains(page.text, `name="key"`) || strings.Contains(page.text, "Show all") {
		t.Error("what has ended can be ticked, or is said to be narrowed")
	}
	b.want(b.see(cancellations+"list?status=ended&from=2025-12-01"), "A list is of 31 days at most. It shows the last 31 of those asked for.")
	b.board.walk = 3
	b.want(b.see(cancellations+"list?status=ended"+second), "There are more than 3")
}

// What a person gave up is no dead letter any more, and stands in no list of those.
func TestGivenUpIsNotRejected(t *testing.T) {
	t.Parallel()
	b := threeDays(t)
	if diff := cmp.Diff([]string{"refund-dead"}, b.see(cancellations+"list?status=rejected").keys()); diff != "" {
		t.Error(diff)
	}
}

// A file takes as long as it takes: the bound of the server is for other answers.
func TestDownloadEndedSlowly(t *testing.T) {
	t.Parallel()
	b := threeDays(t)
	hasty := httptest.NewUnstartedServer(b.board)
	hasty.Config.WriteTimeout = time.Nanosecond
	hasty.Start()
	t.Cleanup(hasty.Close)
	b.url = hasty.URL
	if got := b.see(cancellations + "list.csv?status=ended&from=2026-03-01&to=2026-03-03"); strings.Count(got.text, "\n") != 8 {
		t.Errorf("the file is %s", got.text)
	}
}

// The file of what has ended is whole however much it is, or says that it is not.
func TestDownloadEnded(t *testing.T) {
	t.Parallel()
	b := threeDays(t)
	b.board.walk = 1 // bounds pages, not files
	path := cancellations + "list.csv?status=cancelled&from=2026-03-01&to=2026-03-02"
	rows := func() [][]string {
		t.Helper()
		got := b.see(path)
		if name := got.Header.Get("Content-Disposition"); !strings.Contains(name, `"cancellations-cancelled-2026-03-01-2026-03-02.csv"`) {
			t.Errorf("the file is named %s", name)
		}
		text, marked := strings.CutPrefix(got.text, "\uFEFF")
		reader := csv.NewReader(strings.NewReader(text))
		reader.FieldsPerRecord = -1
		all, err := reader.ReadAll()
		if err != nil || !marked {
			t.Fatalf("%v, marked %v", err, marked)
		}
		return all
	}
	all := rows()
	if len(all) != 4 || all[1][0] != "refund-twice" || all[2][0] != "refund-other" || all[3][0] != "refund-first" || !slices.Contains(all[2], "CNCL20231215001") || all[2][6] != "70000" {
		t.Errorf("%v", all)
	}
	for query, want := range map[string]int{"status=ended&from=2020-01-01": http.StatusBadRequest, "status=ended&to=soon": http.StatusBadRequest, "status=ended": http.StatusOK} {
		if got := b.see(cancellations + "list.csv?" + query); got.StatusCode != want {
			t.Errorf("%s: %d", query, got.StatusCode)
		}
	}
	keys, err := b.rdb.Keys(t.Context(), "*STFP_first*").Result()
	if err != nil || len(keys) == 0 {
		t.Fatal(keys, err)
	}
	for _, key := range keys {
		if b.rdb.Type(t.Context(), key).Val() == "string" {
			b.rdb.Set(t.Context(), key, "{", 0)
		}
	}
	all = rows()
	if last := all[len(all)-1]; fmt.Sprint(last) != "["+records.BrokenOff+"]" || len(all) != 4 {
		t.Errorf("with a damaged record: %v", all)
	}
}
