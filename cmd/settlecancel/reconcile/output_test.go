package reconcile

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"settlecancel/tasks/ledger"
)

var (
	bothRow = Row{Category: Agreed, MchtID: shop, Method: "CA", OrgTrdNo: "P1", Key: "r1", Status: ledger.Cancelled, CanTrdNo: "C1",
		Amount: 500, Currency: "KRW", EndedAt: on("2 12:00:01"), ListedTrdNo: "C1", ListedAmount: 500, ListedAt: on("2 12:00:00")}
	theirsRow = Row{Category: NotWithUs, MchtID: shop, Method: "CA", OrgTrdNo: "=P2", Currency: "KRW", ListedTrdNo: "C2", ListedAmount: 0,
		ListedAt: on("2 13:00:00"), Note: "who, and \"why\""}
	oursRow = Row{Category: NotAtSettleBank, MchtID: shop, OrgTrdNo: "P3", Key: "r3", Status: ledger.Cancelled, Amount: 1234, Currency: "USD",
		EndedAt: on("2 14:00:00"), Note: "ask"}
)

// whole writes rows and what they come to.
func whole(t *testing.T, w Writer, s Summary, rows ...Row) {
	t.Helper()
	for _, r := range rows {
		s.add(r)
		if err := w.Row(r); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(s); err != nil {
		t.Fatal(err)
	}
}

func empty() Summary { return Summary{Date: day, Totals: map[Category]Total{}} }

func TestCSV(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	s := empty()
	s.Failures = []string{"list of x: cut"}
	whole(t, NewCSV(&out), s, bothRow, theirsRow, oursRow)
	want := `category,mchtId,method,orgTrdNo,idempotencyKey,status,canTrdNo,amount,currency,endedAt,listedTrdNo,listedAmount,listedAt,note
agreed,nxca_jt_bi,CA,P1,r1,cancelled,C1,500,KRW,2024-01-02T12:00:01+09:00,C1,500,2024-01-02T12:00:00+09:00,
not_with_us,nxca_jt_bi,CA,'=P2,,,,,KRW,,C2,0,2024-01-02T13:00:00+09:00,"who, and ""why"""
not_at_settlebank,nxca_jt_bi,,P3,r3,cancelled,,1234,USD,2024-01-02T14:00:00+09:00,,,,ask
failure,,,,,,,,,,,,,list of x: cut
`
	if d := cmp.Diff("\ufeff"+strings.ReplaceAll(want, "\n", "\r\n"), out.String()); d != "" {
		t.Errorf("CSV (-want +got):\n%s", d)
	}
	if _, err := csv.NewReader(&out).ReadAll(); err != nil {
		t.Error(err)
	}
	out.Reset()
	whole(t, NewCSV(&out), empty())
	if strings.Count(out.String(), "\n") != 1 || !strings.HasPrefix(out.String(), "\ufeffcategory,") {
		t.Errorf("of no rows: %q", &out)
	}
}

func TestJSON(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	whole(t, NewJSON(&out, Query{Date: day, DryRun: true}), Summary{Date: day, DryRun: true, Totals: map[Category]Total{}, Failures: []string{"cut"}}, bothRow, theirsRow, oursRow)
	var got any
	if err := json.Unmarshal(out.Bytes(), &got); err != nil {
		t.Fatalf("%v in\n%s", err, &out)
	}
	none := map[string]any{"count": 0., "krw": 0., "usd": 0.}
	want := map[string]any{
		"date": day, "dryRun": true, "agrees": false, "failures": []any{"cut"},
		"rows": []any{
			map[string]any{"category": "agreed", "mchtId": shop, "method": "CA", "orgTrdNo": "P1", "idempotencyKey": "r1", "status": "cancelled",
				"canTrdNo": "C1", "amount": 500., "currency": "KRW", "endedAt": "2024-01-02T12:00:01+09:00",
				"listedTrdNo": "C1", "listedAmount": 500., "listedAt": "2024-01-02T12:00:00+09:00"},
			map[string]any{"category": "not_with_us", "mchtId": shop, "method": "CA", "orgTrdNo": "=P2", "currency": "KRW",
				"listedTrdNo": "C2", "listedAmount": 0., "listedAt": "2024-01-02T13:00:00+09:00", "note": `who, and "why"`},
			map[string]any{"category": "not_at_settlebank", "mchtId": shop, "orgTrdNo": "P3", "idempotencyKey": "r3", "status": "cancelled",
				"amount": 1234., "currency": "USD", "endedAt": "2024-01-02T14:00:00+09:00", "note": "ask"},
		},
		"totals": map[string]any{
			"agreed": map[string]any{"count": 1., "krw": 500., "usd": 0.}, "not_with_us": map[string]any{"count": 1., "krw": 0., "usd": 0.},
			"not_at_settlebank": map[string]any{"count": 1., "krw": 0., "usd": 1234.},
			"settled":           none, "already_cancelled": none, "differs": none, "undecided": none,
		},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("JSON (-want +got):\n%s", d)
	}
	out.Reset()
	whole(t, NewJSON(&out, Query{Date: day}), empty())
	var bare struct {
		Rows     []any
		Failures []any
		Agrees   bool
	}
	if err := json.Unmarshal(out.Bytes(), &bare); err != nil || bare.Rows == nil || bare.Failures == nil || !bare.Agrees {
		t.Errorf("of no rows %+v, %v:\n%s", bare, err, &out)
	}
}

// limited takes so many bytes.
type limited struct{ left int }

var errFull = errors.New("full")

func (l *limited) Write(p []byte) (int, error) {
	if l.left -= len(p); l.left < 0 {
		return 0, errFull
	}
	return len(p), nil
}

// TestWritersErr: what cannot be written is told, at the end at the latest.
func TestWritersErr(t *testing.T) {
	t.Parallel()
	for name, open := range map[string]func(*limited) Writer{
		"CSV": func(l *limited) Writer { return NewCSV(l) }, "JSON": func(l *limited) Writer { return NewJSON(l, Query{Date: day}) },
	} {
		for left := range 8 {
			w := open(&limited{left: 1000 * left})
			var err error
			for range 100 {
				err = errors.Join(err, w.Row(bothRow))
			}
			if err = errors.Join(err, w.Close(empty())); !errors.Is(err, errFull) {
				t.Errorf("%s, %d bytes: error %v", name, 1000*left, err)
			}
		}
	}
}
