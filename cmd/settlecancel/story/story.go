// Package story is what dev shows: a few cancellations, one of each kind, that the simulator
// answers as SettleBank would, and that must end as they should.
package story

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"settlecancel/gateway/settlebank"
	"settlecancel/gateway/simulator"
	"settlecancel/tasks"
	"settlecancel/tasks/ledger"
)

// A Teller enqueues the story, and shows how it goes on.
type Teller struct {
	Out    io.Writer
	Client *tasks.Client
	Sim    *simulator.Simulator
	MchtID string // one that the simulator knows
}

// Keys returns the idempotency keys of the story's cancellations.
func Keys() []string {
	keys := map[string]bool{}
	for _, c := range (Teller{}).story() {
		keys[c.cancel.IdempotencyKey] = true
	}
	return slices.Sorted(maps.Keys(keys))
}

// chapter is one cancellation of the story.
type chapter struct {
	title  string
	cancel tasks.Cancellation
	paid   int64             // the original's amount, KRW; 0: it does not exist
	faults []simulator.Fault // what the gateway does to its requests, in this order
	again  bool              // the key was used in the chapter before
	ends   ledger.Status
}

func (t Teller) story() []chapter {
	today := settlebank.Date(time.Now())
	make := func(key, order string, amount, of int64) tasks.Cancellation {
		return tasks.Cancellation{IdempotencyKey: key, MchtID: t.MchtID, OrgTrdNo: "STFP_" + order, OrgMchtTrdNo: order,
			OrgTrdDt: today, CanAmt: amount, OrgTrdAmt: of, Method: "CA", Reason: "customer returned the goods"}
	}
	overloaded := simulator.Fault{Kind: simulator.KindCode, Code: "ST41"}
	return []chapter{
		{title: "a full cancellation", cancel: make("story-full", "ORDER1", 1000, 1000), paid: 1000, ends: ledger.Cancelled},
		{title: "the same key once more: nothing happens twice", cancel: make("story-full", "ORDER1", 1000, 1000), again: true, ends: ledger.Cancelled},
		{title: "a partial cancellation", cancel: make("story-partial", "ORDER2", 500, 1000), paid: 1000, ends: ledger.Cancelled},
		{title: "more than was paid: refused for good", cancel: make("story-refused", "ORDER3", 5000, 0), paid: 1000, ends: ledger.Rejected},
		{title: "the gateway is overloaded, then fine", cancel: make("story-overloaded", "ORDER4", 700, 700), paid: 700,
			faults: []simulator.Fault{overloaded, overloaded}, ends: ledger.Cancelled},
		{title: "applied, but the answer is lost: the worker inquires", cancel: make("story-lost-answer", "ORDER5", 300, 1000), paid: 1000,
			faults: []simulator.Fault{{Kind: simulator.KindDrop, Apply: simulator.ApplyYes}}, ends: ledger.Cancelled},
	}
}

// Tell enqueues the story and shows each cancellation's states as they change. Its error names
// those that ended otherwise than they should.
func (t Teller) Tell(ctx context.Context) error {
	story := t.story()
	watched := map[string]ledger.Status{}
	for _, c := range story {
		if err := t.prepare(c); err != nil {
			return err
		}
		receipt, err := t.Client.Enqueue(ctx, c.cancel, tasks.EnqueueOptions{By: "dev"})
		if err != nil {
			return fmt.Errorf("%s: %w", c.title, err)
		}
		fmt.Fprintf(t.Out, "%-18s %s: %d of %s\n", c.cancel.IdempotencyKey, c.title, c.cancel.CanAmt, paid(c.cancel))
		if receipt.Replayed != c.again {
			return fmt.Errorf("%s: known already: %v, want %v", c.title, receipt.Replayed, c.again)
		}
		watched[c.cancel.IdempotencyKey] = ""
	}
	fmt.Fprintln(t.Out)
	if err := t.watch(ctx, watched); err != nil {
		return err
	}
	return t.judge(story, watched)
}

func (t Teller) prepare(c chapter) error {
	x := c.cancel
	if c.paid > 0 {
		err := t.Sim.Register(simulator.Original{MchtID: x.MchtID, OrgTrdNo: x.OrgTrdNo, OrgMchtTrdNo: x.OrgMchtTrdNo,
			OrgTrdDt: x.OrgTrdDt, Amount: c.paid, Method: x.Method})
		if err != nil {
			return err
		}
	}
	for _, f := range c.faults {
		if _, err := t.Sim.Script(simulator.Rule{Path: simulator.PathCancel, OrgTrdNo: x.OrgTrdNo, Times: 1, Fault: f}); err != nil {
			return err
		}
	}
	return nil
}

// watch prints each change of state until all have ended or are dead letters.
func (t Teller) watch(ctx context.Context, watched map[string]ledger.Status) error {
	start := time.Now()
	seen := map[string]int{}
	ticker := time.NewTicker(20 * time.Millisecond)
	defer ticker.Stop()
	for open := len(watched); open > 0; {
		select {
		case <-ctx.Done():
			return errors.New("interrupted before the story had ended")
		case <-ticker.C:
		}
		open = 0
		for _, key := range slices.Sorted(maps.Keys(watched)) {
			r, err := t.Client.Ledger().Get(ctx, key)
			if err != nil {
				return err
			}
			if r.Open() {
				open++
			}
			if r.Status != watched[key] || len(r.Attempts) != seen[key] {
				watched[key], seen[key] = r.Status, len(r.Attempts)
				fmt.Fprintf(t.Out, "%6.1fs  %-18s %s\n", time.Since(start).Seconds(), key, latest(r))
			}
		}
	}
	return nil
}

func latest(r ledger.Record) string {
	parts := []string{string(r.Status)}
	if r.CanTrdNo != "" {
		parts = append(parts, "canTrdNo "+r.CanTrdNo)
	}
	if n := len(r.Attempts); n > 0 {
		last := r.Attempts[n-1]
		parts = append(parts, fmt.Sprintf("%s %d", last.Kind, n))
		if !last.UnderWay {
			parts = append(parts, strings.TrimSpace(last.Class+" "+last.Code+" "+last.Message))
		}
	}
	return strings.Join(parts, " · ")
}

func (t Teller) judge(story []chapter, ended map[string]ledger.Status) error {
	var wrong []error
	for _, c := range story {
		if got := ended[c.cancel.IdempotencyKey]; got != c.ends {
			wrong = append(wrong, fmt.Errorf("%s ended as %s, want %s", c.cancel.IdempotencyKey, got, c.ends))
		}
	}
	effects := map[string]int{}
	for _, e := range t.Sim.Effects() {
		if effects[e.OrgTrdNo]++; effects[e.OrgTrdNo] > 1 {
			wrong = append(wrong, fmt.Errorf("%s was cancelled %d times", e.OrgTrdNo, effects[e.OrgTrdNo]))
		}
	}
	if len(wrong) == 0 {
		fmt.Fprintf(t.Out, "\n%d cancellations ended as they should; SettleBank carried out %d, none of them twice.\n", len(ended), len(t.Sim.Effects()))
	}
	return errors.Join(wrong...)
}

func paid(x tasks.Cancellation) string {
	if x.OrgTrdAmt == 0 {
		return "a payment of unknown amount"
	}
	return fmt.Sprintf("%d KRW", x.OrgTrdAmt)
}
