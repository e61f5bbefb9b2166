package simulator

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"settlecancel/gateway/settlebank"
	"settlecancel/tasks/clocktest"
)

const collationPath = "/api/pg/" + testMerchant + "/transInfo.do"

// collationForm is a collation, signed after the changes.
func collationForm(changes fields) url.Values {
	f := with(fields{"mchtId": testMerchant, "mchtTy": "M", "method": "CA", "pdTy": "D", "trdDtSt": testDate}, changes)
	if _, signed := changes["pktHash"]; !signed {
		f["pktHash"] = sum(f["mchtId"], f["trdDtSt"], settlebank.TestbedHashKey)
	}
	form := url.Values{}
	for name, value := range f {
		form.Set(name, value)
	}
	return form
}

// collate sends a collation and returns its first line and the others, each in its fields.
func (b *fixture) collate(changes fields) (head []string, records [][]string) {
	b.t.Helper()
	r := b.do(context.Background(), "POST", collationPath, contentForm, strings.NewReader(collationForm(changes).Encode()))
	if r.err != nil || r.status != 200 || r.header.Get("Content-Type") != "text/plain; charset=UTF-8" {
		b.t.Fatalf("collation: status %d, Content-Type %q, error %v", r.status, r.header.Get("Content-Type"), r.err)
	}
	return splitCollation(b.t, string(r.body))
}

func splitCollation(t *testing.T, body string) (head []string, records [][]string) {
	t.Helper()
	for i, line := range strings.Split(strings.TrimSuffix(body, "\n"), "\n") {
		line, ended := strings.CutSuffix(line, "|")
		if !ended {
			t.Fatalf("line %d, %q, does not end in |", i, line)
		}
		cells := strings.Split(line, "|")
		if i == 0 {
			head = cells
			continue
		}
		if len(cells) != 16 {
			t.Fatalf("line %d has %d fields, want 16: %q", i, len(cells), line)
		}
		records = append(records, cells)
	}
	if len(head) != 3 {
		t.Fatalf("first line %q, want code, message and count", head)
	}
	return head, records
}

func TestCollationFields(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name    string
		changes fields
		want    string
	}{
		{"OK", nil, "0000"},
		{"OK nothing of that day", fields{"trdDtSt": "20231214"}, "1001"},
		{"OK nothing by that method", fields{"method": "RA"}, "1001"},
		{"ErrNoMerchant", fields{"mchtId": "-"}, "ST91"},
		{"ErrNoType", fields{"mchtTy": "-"}, "ST91"},
		{"ErrNoMethod", fields{"method": "-"}, "ST91"},
		{"ErrNoPeriod", fields{"pdTy": "-"}, "ST91"},
		{"ErrNoDate", fields{"trdDtSt": "-"}, "ST91"},
		{"ErrEmptyDate", fields{"trdDtSt": ""}, "ST91"},
		{"ErrNoHash", fields{"pktHash": ""}, "ST91"},
		{"ErrType", fields{"mchtTy": "S"}, "ST09"},
		{"ErrPeriod", fields{"pdTy": "M"}, "ST09"},
		{"ErrMethod", fields{"method": "XX"}, "ST09"},
		{"ErrDate", fields{"trdDtSt": "20230229"}, "ST09"},
		{"ErrLongDate", fields{"trdDtSt": "202312150"}, "ST09"},
		{"ErrUnknownField", fields{"trdDtEd": testDate}, "ST09"},
		{"ErrOtherThanThePath", fields{"mchtId": "nx_mid_il"}, "ST09"},
		{"ErrHash", fields{"pktHash": sum("x")}, "ST92"},
		{"ErrHashOfOtherDay", fields{"pktHash": sum(testMerchant, "20231216", settlebank.TestbedHashKey)}, "ST92"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b := registered(t, Options{}, 1000)
			head, records := b.collate(tt.changes)
			count := "0"
			if tt.want == "0000" {
				count = "1"
			}
			if head[0] != tt.want || head[1] == "" || head[2] != count || strconv.Itoa(len(records)) != count {
				t.Errorf("first line %q and %d records, want %s and %s", head, len(records), tt.want, count)
			}
			if got := b.Received()[0]; got.Code != tt.want || !got.Done || b.Stats().Collations != 1 {
				t.Errorf("journal %+v, want code %s", got, tt.want)
			}
		})
	}
}

func TestCollationHTTP(t *testing.T) {
	t.Parallel()
	form := collationForm(nil).Encode()
	for _, tt := range []struct {
		name, method, path, contentType, body string
		status                                int
		want                                  string // begin of the body
	}{
		{"OK GET", "GET", collationPath + "?" + form, "", "", 200, "0000|"},
		{"OK POST", "POST", collationPath, "application/x-www-form-urlencoded; charset=UTF-8", form, 200, "0000|"},
		{"ErrUnknownMerchant", "POST", "/api/pg/nobody/transInfo.do", contentForm, collationForm(fields{"mchtId": "nobody"}).Encode(), 200, "ST90|"},
		{"ErrTwice", "POST", collationPath, contentForm, form + "&method=CA", 200, "ST09|"},
		{"ErrEscape", "POST", collationPath, contentForm, form + "&x=%zz", 200, "ST09|"},
		{"ErrJSON", "POST", collationPath, contentJSON, form, 415, "<html>"},
		{"ErrNoContentType", "POST", collationPath, "", form, 415, "<html>"},
		{"ErrPut", "PUT", collationPath, contentForm, form, 405, "<html>"},
		{"ErrLarge", "POST", collationPath, contentForm, strings.Repeat("x", maxBody+1), 413, "<html>"},
		{"ErrPath", "GET", "/api/pg/a/b/transInfo.do?" + form, "", "", 404, "<html>"},
		{"ErrNoMerchantInPath", "GET", "/api/pg//transInfo.do?" + form, "", "", 404, "<html>"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b := registered(t, Options{}, 1000)
			r := b.do(context.Background(), tt.method, tt.path, tt.contentType, strings.NewReader(tt.body))
			if r.err != nil || r.status != tt.status || !strings.HasPrefix(string(r.body), tt.want) {
				t.Errorf("status %d, body %q, error %v; want %d and %s…", r.status, r.body, r.err, tt.status, tt.want)
			}
		})
	}
}

// TestCollation lists payments and cancellations of several days, merchants and methods, however
// they came.
func TestCollation(t *testing.T) {
	t.Parallel()
	clock := clocktest.New(time.Date(2023, 12, 15, 14, 59, 59, 0, time.UTC)) // the last second of the day in Korea
	b := start(t, Options{Now: clock.Now})
	for _, o := range []Original{
		{MchtID: testMerchant, OrgTrdNo: testTrdNo, OrgMchtTrdNo: testOrder, OrgTrdDt: testDate, OrgTrdTm: "143022", Amount: 1000},
		{MchtID: testMerchant, OrgTrdNo: "T2", OrgMchtTrdNo: "O|2\n", OrgTrdDt: "20231214", Amount: 700},
		{MchtID: testMerchant, OrgTrdNo: "T3", OrgMchtTrdNo: "O3", OrgTrdDt: testDate, Amount: 1000, Method: "RA"},
		{MchtID: "nx_mid_il", OrgTrdNo: "T4", OrgMchtTrdNo: "O4", OrgTrdDt: testDate, Amount: 1000},
	} {
		if err := b.Register(o); err != nil {
			t.Fatal(err)
		}
	}
	first := *b.cancel("400").CanTrdNo
	b.code(cancelPath, cancel0A19("C3", "001", "500", fields{"method": "RA"}, fields{"orgTrdNo": "T3"}))
	e, err := b.CancelElsewhere(testMerchant, "T2", 700)
	if err != nil {
		t.Fatal(err)
	}
	clock.Advance(time.Second)
	b.code(cancelPath, cancel0A19("C4", "002", "100", nil, nil))
	last := b.Effects()[3].CanTrdNo

	const rest = "홍길동 상품 00000000 001 00 N"
	line := func(cells ...string) []string { return append(cells, strings.Fields(rest)...) }
	want := [][]string{
		line(testMerchant, "CA", testTrdNo, testOrder, "0", testDate, "143022", "1000", "", ""),
		line(testMerchant, "CA", first, testOrder, "1", testDate, "235959", "400", testTrdNo, testDate),
		line(testMerchant, "CA", e.CanTrdNo, "O 2 ", "1", testDate, "235959", "700", "T2", "20231214"),
	}
	head, got := b.collate(nil)
	if diff := cmp.Diff(want, got); diff != "" || head[2] != "3" {
		t.Errorf("first line %q, records (-want +got):\n%s", head, diff)
	}
	_, got = b.collate(fields{"trdDtSt": "20231216"})
	want = [][]string{line(testMerchant, "CA", last, "C4", "1", "20231216", "000000", "100", testTrdNo, testDate)}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("next day (-want +got):\n%s", diff)
	}
	if _, got = b.collate(fields{"method": "RA"}); len(got) != 2 || got[1][3] != "C3" {
		t.Errorf("account transfers %q, want a payment and cancellation C3", got)
	}
}

// TestCollationListsNoWithdrawal: it moves no money; and what has no method yet goes as a card.
func TestCollationListsNoWithdrawal(t *testing.T) {
	t.Parallel()
	b := paidBy(t, Options{Now: at(2023, 12, 15, 12, 0)}, "VA", nil)
	b.code(vbankPath, withdrawal("W1", nil))
	if _, got := b.collate(fields{"method": "VA"}); len(got) != 1 || got[0][4] != "0" {
		t.Errorf("records %q, want the payment alone", got)
	}
	auto := start(t, Options{AutoAmount: 1000, Now: at(2023, 12, 15, 12, 0)})
	auto.cancelFields(flatFields("100", fields{"orgTrdNo": "T1"}))
	if _, got := auto.collate(nil); len(got) != 2 {
		t.Errorf("records %q, want a payment and its cancellation", got)
	}
}

// pieces is a ResponseWriter that checks lines as they come, and keeps none.
type pieces struct {
	blank
	lines, writes, longest int
}

func (p *pieces) Write(b []byte) (int, error) {
	p.lines += strings.Count(string(b), "|\n")
	p.writes++
	p.longest = max(p.longest, len(b))
	return len(b), nil
}

// TestCollationStreams lists 60,000 cancellations while others are applied, in pieces.
func TestCollationStreams(t *testing.T) {
	t.Parallel()
	const n = 60_000
	b := registered(t, Options{Now: at(2023, 12, 16, 12, 0)}, 10*n)
	cancel := func(times int) {
		for range times {
			if _, err := b.CancelElsewhere(testMerchant, testTrdNo, 1); err != nil {
				t.Error(err)
				return
			}
		}
	}
	cancel(n)
	done := make(chan struct{})
	go func() {
		defer close(done)
		cancel(2000)
	}()
	w := &pieces{blank: blank{http.Header{}}}
	form := collationForm(fields{"trdDtSt": "20231216"}).Encode()
	req, err := http.NewRequestWithContext(context.Background(), "GET", collationPath+"?"+form, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	b.ServeHTTP(w, req)
	<-done
	if w.lines < n+1 || w.lines > n+2001 || w.longest > 256<<10 || w.writes < 50 {
		t.Errorf("%d lines in %d writes of %d bytes at most; want over %d lines, in pieces", w.lines, w.writes, w.longest, n)
	}
	head, records := b.collate(fields{"trdDtSt": "20231216"})
	if len(records) != n+2000 || head[2] != strconv.Itoa(n+2000) {
		t.Errorf("first line %q, %d records; want %d", head, len(records), n+2000)
	}
}
