package tasks_test

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"settlecancel/tasks"
	"settlecancel/tasks/ledger"
)

// However a receipt is printed, it shows neither bytes nor a seal.
func TestReceiptPrinted(t *testing.T) {
	t.Parallel()
	r := tasks.Receipt{Replayed: true, Record: ledger.Record{Key: "refund-1", Status: ledger.Queued,
		Params: json.RawMessage(`{"o":"ORDER"}`), Sealed: "SEALED"}}
	var log strings.Builder
	slog.New(slog.NewTextHandler(&log, nil)).Info("accepted", "receipt", r)
	for verb, want := range map[string]string{
		"%v": "refund-1: queued, accepted before", "%+v": "refund-1: queued, accepted before", "%s": "refund-1: queued, accepted before",
		"%#v": "tasks.Receipt{refund-1: queued, accepted before}",
	} {
		if got := fmt.Sprintf(verb, r); got != want {
			t.Errorf("%s: %q, want %q", verb, got, want)
		}
	}
	if got := log.String(); !strings.Contains(got, "receipt.key=refund-1 receipt.status=queued receipt.replayed=true") || strings.Contains(got, "SEALED") {
		t.Errorf("logged as %s", got)
	}
	r.Replayed = false
	if got := r.String(); got != "refund-1: queued" {
		t.Errorf("%q", got)
	}
}
