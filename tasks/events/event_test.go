package events

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"settlecancel/gateway/settlebank"
	"settlecancel/tasks"
	"settlecancel/tasks/ledger"
	"settlecancel/tasks/ledger/redistest"
)

func outboxEvent(t *testing.T) ledger.Event {
	t.Helper()
	c := tasks.Cancellation{IdempotencyKey: "refund-1", MchtID: "shop", OrgTrdNo: "TRD-1", OrgMchtTrdNo: "ORDER-1", OrgTrdDt: "20231215",
		CanAmt: 1_234_50, OrgTrdAmt: 9_999_99, Method: "CA", Currency: tasks.CurrencyUSD}
	entry, err := c.Entry()
	if err != nil {
		t.Fatal(err)
	}
	return ledger.Event{ID: "3-1700000000000.0", Seq: 2, Record: ledger.Record{
		Key: c.IdempotencyKey, MchtID: c.MchtID, OrgTrdNo: c.OrgTrdNo, OrgMchtTrdNo: c.OrgMchtTrdNo, Amount: c.CanAmt, Params: entry.Params, Sealed: "SEALED",
		Status: ledger.Rejected, Closed: true, Code: "1002", Message: "한도 초과",
		EndedAt: time.Date(2024, 1, 2, 12, 4, 7, 5e6, settlebank.KST),
	}}
}

// The JSON is what receivers rely on.
func TestEventJSON(t *testing.T) {
	t.Parallel()
	e, err := New(outboxEvent(t))
	if err != nil {
		t.Fatal(err)
	}
	raw, err := json.Marshal(e)
	if err != nil {
		t.Fatal(err)
	}
	want := `{"id":"` + e.ID + `","type":"cancellation.rejected","timestamp":"2024-01-02T03:04:07.005Z","seq":2,"data":{` +
		`"idempotencyKey":"refund-1","mchtId":"shop","orgTrdNo":"TRD-1","orgMchtTrdNo":"ORDER-1","orgTrdDt":"20231215","canAmt":123450,` +
		`"currency":"USD","status":"rejected","closed":true,"code":"1002","message":"한도 초과"}}`
	if diff := cmp.Diff(want, string(raw)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	var back Event
	if err := json.Unmarshal(raw, &back); err != nil || back != e {
		t.Errorf("read back as %+v, %v", back, err)
	}
}

// Ids tell all events apart, stay the same, and hold no full stop.
func TestEventID(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, change := range []func(*ledger.Event){
		func(*ledger.Event) {},
		func(e *ledger.Event) { e.Record.Key = "refund-2" },
		func(e *ledger.Event) { e.Seq = 3 },
	} {
		entry := outboxEvent(t)
		change(&entry)
		e, err := New(entry)
		again, _ := New(entry)
		if err != nil || seen[e.ID] || e.ID != again.ID || !strings.HasPrefix(e.ID, "evt_") || strings.Contains(e.ID, ".") || len(e.ID) != 28 {
			t.Errorf("%s, then %s, %v", e.ID, again.ID, err)
		}
		seen[e.ID] = true
	}
}

func TestEventDamaged(t *testing.T) {
	t.Parallel()
	entry := outboxEvent(t)
	entry.Record.Params = json.RawMessage("{")
	if _, err := New(entry); !errors.Is(err, ledger.ErrDamaged) || !strings.Contains(err.Error(), "refund-1") {
		t.Error(err)
	}
	entry = outboxEvent(t)
	entry.Damage = fmt.Errorf("%w: entry 1-1", ledger.ErrDamaged)
	if e, err := New(entry); !errors.Is(err, ledger.ErrDamaged) || e != (Event{}) {
		t.Errorf("%+v, %v", e, err)
	}
}

// Read reads any number of pages, each event once.
func TestReadManyPages(t *testing.T) {
	t.Parallel()
	rdb := redistest.Start(t, redistest.Options{}).Client(t)
	begin := time.Now().UTC()
	var all []Event
	for i := range 2*pageSize + 7 {
		all = append(all, Event{ID: fmt.Sprint("evt_", i), Timestamp: begin.Add(time.Duration(i) * time.Millisecond)})
	}
	for _, told := range [][]Event{all, all[5:50]} {
		if err := Append(context.Background(), rdb, told, 1_000_000); err != nil {
			t.Fatal(err)
		}
	}
	var got []Event
	for e, err := range Read(context.Background(), rdb, begin.Add(3*time.Millisecond), time.Time{}) {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, e)
	}
	if diff := cmp.Diff(all[3:], got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if err := Append(context.Background(), rdb, nil, 10); err != nil {
		t.Errorf("no events at all: %v", err)
	}
	for _, err := range Read(canceled(), rdb, begin, time.Time{}) {
		if err == nil {
			t.Error("read by a dead context")
		}
	}
}

func canceled() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}
