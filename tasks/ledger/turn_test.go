package ledger

import (
	"context"
	"errors"
	"testing"
)

func TestTurns(t *testing.T) {
	t.Parallel()
	var all turns
	end, err := all.wait(t.Context(), "pay-1")
	if err != nil {
		t.Fatal(err)
	}
	other, err := all.wait(t.Context(), "pay-2")
	if err != nil {
		t.Fatal("another payment waits")
	}
	other()
	cause := errors.New("enough")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(cause)
	if _, err := all.wait(ctx, "pay-1"); !errors.Is(err, cause) {
		t.Errorf("whose time is up waits: %v", err)
	}
	taken := make(chan func())
	go func() {
		end, _ := all.wait(context.Background(), "pay-1")
		taken <- end
	}()
	end()
	(<-taken)()
	if len(all.lines) != 0 {
		t.Errorf("left behind: %v", all.lines)
	}
}
