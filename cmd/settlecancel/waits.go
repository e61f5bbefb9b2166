package main

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"settlecancel/cmd/settlecancel/terminal"
	"settlecancel/gateway"
	"settlecancel/tasks"
	"settlecancel/tasks/ledger"
	"settlecancel/worker/pause"
)

// waits says why nothing is sent for an open cancellation at present, however soon its next step is
// due: people paused its merchant, or those who must take part are closed. "" is that nothing keeps
// it.
func (i *installation) waits(ctx context.Context, r ledger.Record, now time.Time) (string, error) {
	if !r.Open() {
		return "", nil
	}
	paused, err := pause.All(ctx, i.rdb)
	if err != nil {
		return "", err
	}
	for _, id := range []string{pause.AllMerchants, r.MchtID} {
		if p, is := paused[id]; is {
			return pauseText(p), nil
		}
	}
	x, err := tasks.FromRecord(r)
	if err != nil {
		return "", err
	}
	hold := closed(i.cfg.MaintenanceWindows, protocolsOf(i.cfg))
	until, why := hold(gateway.CancelRequest{MchtID: x.MchtID, Method: x.Method, OrgTrdDt: x.OrgTrdDt, Operation: x.Operation}, now)
	if until.After(now) {
		return fmt.Sprintf("held until %s: %s", terminal.Korean(until), why), nil
	}
	return "", nil
}

// warnOfPauses tells whose cancellations wait however many are accepted.
func (a app) warnOfPauses(ctx context.Context, i *installation) error {
	paused, err := pause.All(ctx, i.rdb)
	if err != nil {
		return err
	}
	for _, id := range slices.Sorted(maps.Keys(paused)) {
		a.Complain(fmt.Errorf("%s; what is accepted waits", pauseText(paused[id])))
	}
	return nil
}

// pauseText says who is paused, since when, by whom and why.
func pauseText(p pause.Pause) string {
	text := fmt.Sprintf("%s paused since %s by %s", merchantText(p.MchtID, " is", " are"), terminal.Korean(p.At), terminal.Clean(p.Who))
	if p.Note != "" {
		text += ": " + terminal.Clean(p.Note)
	}
	return text
}

// merchantText names one merchant, or all of them.
func merchantText(mchtID, one, all string) string {
	if mchtID == pause.AllMerchants {
		return "all merchants" + all
	}
	return terminal.Clean(mchtID) + one
}
