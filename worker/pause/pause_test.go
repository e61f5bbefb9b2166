package pause_test

import (
	"context"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"settlecancel/gateway/settlebank"
	"settlecancel/tasks/ledger/redistest"
	"settlecancel/worker/pause"
)

func TestPause(t *testing.T) {
	t.Parallel()
	ctx, rdb := t.Context(), redistest.Start(t, redistest.Options{}).Client(t)
	want := func(want map[string]pause.Pause) {
		t.Helper()
		got, err := pause.All(ctx, rdb)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	}
	want(map[string]pause.Pause{})
	at := time.Date(2026, 1, 5, 12, 0, 0, 0, time.UTC)
	shop := pause.Pause{MchtID: "shop", Who: "kim", Note: "audit", At: at.In(settlebank.KST)}
	everybody := pause.Pause{MchtID: pause.AllMerchants, Who: "lee", At: at}
	for _, p := range []pause.Pause{{MchtID: "shop", Who: "park"}, shop, everybody} {
		if err := pause.Begin(ctx, rdb, p); err != nil {
			t.Fatal(err)
		}
	}
	shop.At = at
	// A pause that cannot be read stops the merchant all the same.
	if err := rdb.HSet(ctx, "settlecancel:paused", "damaged", "{").Err(); err != nil {
		t.Fatal(err)
	}
	want(map[string]pause.Pause{"shop": shop, pause.AllMerchants: everybody, "damaged": {MchtID: "damaged", Note: "(unreadable)"}})
	for _, was := range []bool{true, false} {
		if got, err := pause.End(ctx, rdb, "shop"); got != was || err != nil {
			t.Errorf("ended: %v, %v; want %v", got, err, was)
		}
	}
	want(map[string]pause.Pause{pause.AllMerchants: everybody, "damaged": {MchtID: "damaged", Note: "(unreadable)"}})

	canceled, cancel := context.WithCancel(ctx)
	cancel()
	if err := pause.Begin(canceled, rdb, shop); err == nil {
		t.Error("begun by a dead context")
	}
	if _, err := pause.End(canceled, rdb, "shop"); err == nil {
		t.Error("ended by a dead context")
	}
	if paused, err := pause.All(canceled, rdb); err == nil || paused != nil {
		t.Errorf("read by a dead context: %v", paused)
	}
}
