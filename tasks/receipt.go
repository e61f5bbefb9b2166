package tasks

import (
	"fmt"
	"log/slog"
)

// String returns which cancellation was accepted and how far it has come: the record behind it
// holds what nobody wants to read as bytes, and an account's seal.
func (r Receipt) String() string {
	again := ""
	if r.Replayed {
		again = ", accepted before"
	}
	return fmt.Sprintf("%s: %s%s", r.Record.Key, r.Record.Status, again)
}

// GoString is String, so that %#v shows no more.
func (r Receipt) GoString() string { return "tasks.Receipt{" + r.String() + "}" }

// LogValue returns what names the cancellation in a log.
func (r Receipt) LogValue() slog.Value {
	return slog.GroupValue(slog.String("key", r.Record.Key), slog.String("status", string(r.Record.Status)), slog.Bool("replayed", r.Replayed))
}
