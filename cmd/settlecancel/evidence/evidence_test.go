package evidence

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"settlecancel/gateway/settlebank"
	"settlecancel/tasks/ledger"
)

var (
	noon = time.Date(2024, 1, 2, 12, 0, 0, 0, settlebank.KST)
)

// record is a cancellation of 500 that was sent at noon; edits change it.
func record(key string, s ledger.Status, edits ...func(*ledger.Record)) ledger.Record {
	r := ledger.Record{Key: key, MchtID: "shop", OrgTrdNo: "T1", OrgMchtTrdNo: "O1", Method: "CA", Amount: 500, Params: []byte(`{"d":"20231215"}`),
		Status: s, AcceptedAt: noon.Add(-time.Minute),
		Attempts: []ledger.Attempt{{Kind: ledger.Request, StartedAt: noon, Duration: time.Second}}}
	if !r.Open() {
		r.EndedAt = noon.Add(time.Minute)
	}
	for _, edit := range edits {
		edit(&r)
	}
	return r
}

func number(n string) func(*ledger.Record) { return func(r *ledger.Record) { r.CanTrdNo = n } }
func amount(n int64) func(*ledger.Record)  { return func(r *ledger.Record) { r.Amount = n } }
func at(t time.Time) func(*ledger.Record) {
	return func(r *ledger.Record) {
		r.Attempts[0].StartedAt, r.AcceptedAt = t, t
		if !r.EndedAt.IsZero() {
			r.EndedAt = t
		}
	}
}
func by(who, note string) func(*ledger.Record) {
	return func(r *ledger.Record) {
		r.Closed = true
		r.Acts = []ledger.Act{{Who: who, What: "resolve " + string(r.Status), Note: note}}
	}
}

func line(trdNo string, edits ...func(*Line)) Line {
	l := Line{TrdNo: trdNo, MchtTrdNo: "O1", OrgTrdNo: "T1", Amount: 500, At: noon.Add(time.Second)}
	for _, edit := range edits {
		edit(&l)
	}
	return l
}

func of(n int64) func(*Line)       { return func(l *Line) { l.Amount = n } }
func when(t time.Time) func(*Line) { return func(l *Line) { l.At = t } }
func own(l *Line)                  { l.Own = true }
func named(id string) func(*Line)  { return func(l *Line) { l.MchtTrdNo = id } }

func TestMatch(t *testing.T) {
	t.Parallel()
	const u, c, q = ledger.Unknown, ledger.Cancelled, ledger.Queued
	type lines = []Line
	type records = []ledger.Record
	for _, tt := range []struct {
		name    string
		lines   []Line
		records []ledger.Record
		want    string // a link a line: How, and the record's key
	}{
		{"number", lines{line("C1")}, records{record("a", c, number("C1"))}, "Number a"},
		{"number at any time and of any amount", lines{line("C1", of(9), when(noon.AddDate(1, 0, 0)))}, records{record("a", c, number("C1"))}, "Number a"},
		{"number before amount", lines{line("C1"), line("C2")}, records{record("a", c), record("b", c, number("C1"))}, "Number b, Amount a"},
		{"number of a note", lines{line("C1")}, records{record("a", c, by(Reconcile, note(line("C1"))))}, "Number a"},
		{"number of a notification", lines{line("C1")}, records{record("a", c, by(Noti, note(line("C1"))))}, "Number a"},
		{"a person's note is no number", lines{line("C1")}, records{record("a", c, by("kim", note(line("C1"))))}, "Amount a"},
		{"nothing of ours", lines{line("C1")}, nil, "None"},
		{"told twice", lines{line("C1"), line("C1")}, records{record("a", c, number("C1")), record("b", u)}, "Number a, Again"},

		{"id", lines{line("C1", named("CNCL-b"))}, records{record("a", u), record("b", u)}, "ID b"},
		{"id of one that was given up", lines{line("C1", named("CNCL-a"))}, records{record("a", ledger.Rejected)}, "ID a"},
		{"id of one with another number", lines{line("C1", named("CNCL-a"))}, records{record("a", c, number("C9"))}, "Renamed a"},

		{"amount", lines{line("C1")}, records{record("a", c)}, "Amount a"},
		{"amount of one already cancelled, long before", lines{line("C1", when(noon.AddDate(0, -1, 0)))}, records{record("a", ledger.AlreadyCancelled)}, "Amount a"},
		{"amount of one that a person ended, before", lines{line("C1", when(noon.AddDate(0, 0, -3)))}, records{record("a", c, by("kim", "seen"))}, "Amount a"},
		{"amount before doubt", lines{line("C1")}, records{record("a", u), record("b", c)}, "Amount b"},
		{"amount, one each", lines{line("C1"), line("C2"), line("C3")}, records{record("a", c), record("b", c)}, "Amount a, Amount b, None"},
		{"amount, too early", lines{line("C1", when(noon.Add(-Early-time.Second)))}, records{record("a", c)}, "None"},
		{"amount, clocks apart", lines{line("C1", when(noon.Add(-Early)))}, records{record("a", c)}, "Amount a"},
		{"amount, too late", lines{line("C1", when(noon.Add(time.Minute+Delay+time.Second)))}, records{record("a", c)}, "None"},
		{"amount, the earliest first", lines{line("C2", when(noon.Add(Delay+time.Hour))), line("C1")},
			records{record("b", c, at(noon.Add(2*time.Hour))), record("a", c)}, "Amount b, Amount a"},

		{"doubt", lines{line("C1")}, records{record("a", u)}, "Applied a"},
		{"doubt in review", lines{line("C1")}, records{record("a", ledger.Review)}, "Applied a"},
		{"doubt, too early", lines{line("C1", when(noon.Add(-time.Hour)))}, records{record("a", u)}, "None"},
		{"doubt, too late", lines{line("C1", when(noon.Add(25*time.Hour)))}, records{record("a", u)}, "None"},
		{"doubt, under way", lines{line("C1")}, records{record("a", ledger.Sending)}, "Pending a"},
		{"doubt, closed", lines{line("C1")}, records{record("a", ledger.Review, func(r *ledger.Record) { r.Closed = true })}, "None"},
		{"doubt of another amount", lines{line("C1", of(501))}, records{record("a", u)}, "None"},
		{"doubt, one of two", lines{line("C1")}, records{record("a", u), record("b", ledger.Review)}, "Several"},
		{"doubt, one of two of whom one is under way", lines{line("C1")}, records{record("a", u), record("b", ledger.Sending)}, "Several"},
		{"doubt, both of two", lines{line("C1"), line("C2")}, records{record("a", u), record("b", ledger.Review)}, "Applied a, Applied b"},
		{"doubt, two of three", lines{line("C1"), line("C2")}, records{record("a", u), record("b", u), record("d", u)}, "Several, Several"},
		{"doubt, a line too many", lines{line("C1"), line("C2")}, records{record("a", u)}, "Applied a, None"},
		{"doubt, one of two, and a line that is neither", lines{line("C1"), line("C0", when(noon.AddDate(0, 0, -1)))},
			records{record("a", u), record("b", u)}, "Several, None"},
		{"doubt, apart in time", lines{line("C1")}, records{record("a", u), record("b", ledger.Review, at(noon.Add(time.Hour)))}, "Applied a"},
		{"doubt that another number explains", lines{line("C1")}, records{record("a", u), record("b", c, number("C9"))}, "Renamed b"},
		{"doubt beside what has its own line", lines{line("C1"), line("C9")}, records{record("a", u), record("b", c, number("C9"))}, "Applied a, Number b"},

		{"own id of another", lines{line("C1", own, named("20240102777"))}, records{record("a", u)}, "None"},
		{"own id of another, around what is cancelled", lines{line("C1", own, named("20240102777"))}, records{record("a", c)}, "None"},
		{"own id of another, already cancelled", lines{line("C1", own, named("20240102777"))}, records{record("a", ledger.AlreadyCancelled)}, "Amount a"},
		{"own id of another, a person's word", lines{line("C1", own, named("20240102777"))}, records{record("a", c, by("kim", "seen"))}, "Amount a"},
		{"own id of another, given up", lines{line("C1", own, named("20240102777"))}, records{record("a", ledger.Rejected)}, "None"},
		{"own id of another, other amount", lines{line("C1", own, of(501), named("20240102777"))}, records{record("a", c)}, "None"},
		{"own id of another, another number", lines{line("C1", own, named("20240102777"))}, records{record("a", c, number("C9"))}, "None"},
		{"own id, a later one", lines{line("C1", own, named("CNCL2-a"))}, records{record("a", u)}, "ID a"},
		{"own id of another of ours", lines{line("C1", own, named("CNCL-b"))}, records{record("a", u)}, "None"},
		{"own id of another of ours, already cancelled", lines{line("C1", own, named("CNCL-b"))}, records{record("a", ledger.AlreadyCancelled)}, "None"},
		{"own id is the order's", lines{line("C1", own)}, records{record("a", u)}, "Several"},
		{"own id is missing", lines{line("C1", own, named(""))}, records{record("a", u)}, "Several"},
		{"own id is the order's, cancelled", lines{line("C1", own)}, records{record("a", c)}, "Amount a"},
		{"own id and number", lines{line("C1", own, named("20240102777"))}, records{record("a", c, number("C1"))}, "Number a"},

		{"another amount", lines{line("C1", of(501))}, records{record("a", c)}, "Differs a"},
		{"another amount, one of two", lines{line("C1", of(501))}, records{record("a", c), record("b", c)}, "None"},
		{"queued", lines{line("C1")}, records{record("a", q)}, "Against a"},
		{"exhausted", lines{line("C1")}, records{record("a", ledger.Exhausted)}, "Against a"},
		{"doubt before what was given up", lines{line("C1")}, records{record("a", ledger.Exhausted), record("b", u)}, "Applied b"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if d := cmp.Diff(tt.want, describe(Match(tt.lines, tt.records), tt.records)); d != "" {
				t.Errorf("links (-want +got):\n%s", d)
			}
		})
	}
}

func describe(links []Link, records []ledger.Record) string {
	names := map[How]string{None: "None", Number: "Number", ID: "ID", Amount: "Amount", Applied: "Applied", Pending: "Pending",
		Several: "Several", Renamed: "Renamed", Differs: "Differs", Against: "Against", Again: "Again"}
	var all []string
	for _, l := range links {
		text := names[l.How]
		if l.Record >= 0 {
			text += " " + records[l.Record].Key
		}
		all = append(all, text)
	}
	return strings.Join(all, ", ")
}

func TestWindow(t *testing.T) {
	t.Parallel()
	retried := record("a", ledger.Unknown)
	retried.Attempts = append(retried.Attempts, ledger.Attempt{Kind: ledger.Request, StartedAt: noon.Add(time.Hour), Duration: time.Minute},
		ledger.Attempt{Kind: ledger.Inquiry, StartedAt: noon.Add(5 * time.Hour)})
	dropped := retried
	dropped.Dropped = 3
	for name, tt := range map[string]struct {
		r        ledger.Record
		from, to time.Time
	}{
		"one request":       {record("a", ledger.Unknown), noon.Add(-Early), noon.Add(time.Second + Delay)},
		"several requests":  {retried, noon.Add(-Early), noon.Add(61*time.Minute + Delay)},
		"some not kept":     {dropped, noon.Add(-time.Minute - Early), noon.Add(61*time.Minute + Delay)},
		"ended":             {record("a", ledger.Cancelled), noon.Add(-Early), noon.Add(time.Minute + Delay)},
		"already cancelled": {record("a", ledger.AlreadyCancelled), time.Time{}, noon.Add(time.Minute + Delay)},
		"by a person":       {record("a", ledger.Cancelled, by("kim", "")), time.Time{}, noon.Add(time.Minute + Delay)},
		"by a list":         {record("a", ledger.Cancelled, by(Reconcile, note(line("C1")))), noon.Add(-Early), noon.Add(time.Minute + Delay)},
		"never sent":        {record("a", ledger.Queued, func(r *ledger.Record) { r.Attempts = nil }), noon.Add(-time.Minute - Early), noon.Add(-time.Minute + Delay)},
	} {
		if from, to := Window(tt.r); !from.Equal(tt.from) || !to.Equal(tt.to) {
			t.Errorf("%s: from %s to %s, want from %s to %s", name, from, to, tt.from, tt.to)
		}
	}
}

func TestInKRW(t *testing.T) {
	t.Parallel()
	for params, want := range map[string]bool{`{}`: true, `{"cu":"KRW"}`: true, `{"cu":"USD"}`: false, `damaged`: false} {
		if got := InKRW(ledger.Record{Params: []byte(params)}); got != want {
			t.Errorf("%s: %t", params, got)
		}
	}
}

// TestMatchProperties: whatever the lines and records are, each is used once, and what would be
// settled could be nothing else.
func TestMatchProperties(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var lines []Line
		for i := range rapid.IntRange(0, 5).Draw(t, "lines") {
			lines = append(lines, line(fmt.Sprint("C", rapid.IntRange(0, 6).Draw(t, "number")), of(rapid.Int64Range(1, 2).Draw(t, "amount")),
				when(noon.Add(time.Duration(rapid.IntRange(-40, 40).Draw(t, "hours"))*time.Hour)),
				named(rapid.SampledFrom([]string{"O1", "CNCL-0", "CNCL2-1", "20240102777"}).Draw(t, "id")),
				func(l *Line) { l.OrgTrdNo, l.Own = l.OrgTrdNo+fmt.Sprint(i), rapid.Bool().Draw(t, "own") }))
		}
		var records []ledger.Record
		for i := range rapid.IntRange(0, 5).Draw(t, "records") {
			r := record(fmt.Sprint(i), rapid.SampledFrom(ledger.Statuses()).Draw(t, "status"), amount(rapid.Int64Range(1, 2).Draw(t, "amount")),
				at(noon.Add(time.Duration(rapid.IntRange(-40, 40).Draw(t, "hours"))*time.Hour)))
			if r.Status == ledger.Cancelled && rapid.Bool().Draw(t, "numbered") {
				r.CanTrdNo = fmt.Sprint("C", 10*i+rapid.IntRange(0, 6).Draw(t, "number"))
			}
			r.Closed = r.Dead() && rapid.Bool().Draw(t, "closed")
			records = append(records, r)
		}
		links := Match(lines, records)
		used := map[int]bool{}
		for i, l := range links {
			if l.Record < 0 {
				continue
			}
			if used[l.Record] {
				t.Fatalf("record %d is used twice: %v", l.Record, links)
			}
			used[l.Record] = true
			r := records[l.Record]
			if l.How == Applied && lines[i].Own && !bears(lines[i].MchtTrdNo, r.Key) {
				t.Fatalf("line %+v, of somebody else, would settle %+v", lines[i], r)
			}
			if l.How == Applied && (r.Status != ledger.Unknown && r.Status != ledger.Review || r.Closed || r.Amount != lines[i].Amount || !around(lines[i], r)) {
				t.Fatalf("line %+v would settle %+v", lines[i], r)
			}
		}
		for i, l := range links {
			for j, r := range records {
				if l.How == Applied && !used[j] && r.Amount == lines[i].Amount && around(lines[i], r) && mayBeOurs(lines[i], r) && (cancelled(r) || Unsettled(r)) {
					t.Fatalf("line %+v would settle %s, and could be %s", lines[i], records[l.Record].Key, r.Key)
				}
			}
		}
	})
}
