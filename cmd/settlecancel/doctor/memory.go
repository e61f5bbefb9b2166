package doctor

import (
	"context"
	"fmt"

	"github.com/hibiken/asynq"

	"settlecancel/tasks"
)

const (
	// Shares of its memory that a Redis may use before it is told of.
	fillingUp, nearlyFull = 0.75, 0.90
	// retentionNoted is which share of the memory the ended cancellations may take before it is
	// told of.
	retentionNoted = 0.5

	// endedBytes is what an ended cancellation takes of Redis's memory; the ledger's tests hold it.
	endedBytes = 700
	// daysSeen is over how many days the rate of cancellations is measured.
	daysSeen = 7
)

// memory tells of each node what happens when its memory runs out, and how near that is.
func (x *examiner) memory(_ context.Context, s *sheet) {
	x.survey.each(func(n node) {
		if policy := n.info["maxmemory_policy"]; policy != "" && policy != "noeviction" {
			s.danger("maxmemory-policy noeviction: a full Redis then refuses what is new",
				"%s: maxmemory-policy is %s: where memory runs out Redis deletes cancellations, and with them the knowledge of what was sent", n.addr, policy)
		} else if policy == "" {
			s.note("make sure of maxmemory-policy noeviction at whoever runs this Redis", "%s does not tell its maxmemory-policy", n.addr)
		}
		if evicted := n.number("evicted_keys"); evicted > 0 {
			s.danger("maxmemory-policy noeviction; then compare with the gateway what was cancelled (settlecancel reconcile)",
				"%s has deleted %d keys for lack of memory since it started, cancellations perhaps among them", n.addr, evicted)
		}
		limit, own := n.limit()
		if !own {
			s.note("set maxmemory below what the machine has: Redis then refuses writes before the kernel kills it", "%s: maxmemory is not set", n.addr)
		}
		if limit > 0 {
			fill(s, n, limit)
		}
	})
}

func fill(s *sheet, n node, limit int64) {
	const mend = "give it more memory (maxmemory), or lower LEDGER_RETENTION; once it is full nothing is accepted and nothing is sent"
	used := n.number("used_memory")
	share := float64(used) / float64(limit)
	tell := func(_, format string, args ...any) { s.ok(format, args...) }
	switch {
	case share >= nearlyFull:
		tell = s.danger
	case share >= fillingUp:
		tell = s.note
	}
	tell(mend, "%s: %s of %s memory used (%.0f %%)", n.addr, size(used), size(limit), 100*share)
}

// retention holds what will be kept of ended cancellations, at the rate seen, against the memory
// there is.
func (x *examiner) retention(_ context.Context, s *sheet) {
	var limit int64
	x.survey.each(func(n node) {
		if bytes, _ := n.limit(); !n.replica() {
			limit += bytes
		}
	})
	rate, err := ratePerDay(asynq.NewInspectorFromRedisClient(x.Redis))
	switch {
	case err != nil:
		s.note("run it again", "how many cancellations there are a day cannot be read: %v", err)
		return
	case rate == 0:
		s.ok("nothing was carried out in the last %d days: no rate to measure LEDGER_RETENTION (%s) by", daysSeen, age(x.Settings.Retention))
		return
	}
	days := x.Settings.Retention.Hours() / 24
	need := int64(rate * days * endedBytes)
	says := fmt.Sprintf("%.0f cancellations a day, kept for %s (LEDGER_RETENTION), take some %s of memory", rate, age(x.Settings.Retention), size(need))
	mend := "give Redis more memory, or lower LEDGER_RETENTION; its disk needs about three times as much, since the append-only file is rewritten beside the old one"
	switch share := float64(need) / float64(limit); {
	case limit == 0:
		s.note("see that Redis has it, and its disk about three times as much", "%s; how much there is Redis does not tell", says)
	case share >= nearlyFull:
		s.danger(mend, "%s; there are %s", says, size(limit))
	case share >= retentionNoted:
		s.note(mend, "%s; there are %s", says, size(limit))
	default:
		s.ok("%s of %s", says, size(limit))
	}
}

// ratePerDay returns how many tasks were carried out a day, since the first of the last days on
// which any was.
func ratePerDay(inspector *asynq.Inspector) (float64, error) {
	var perDay [daysSeen]int // today first
	exist, err := inspector.Queues()
	if err != nil {
		return 0, err
	}
	for _, queue := range exist {
		if _, ours := tasks.Queues()[queue]; !ours {
			continue
		}
		history, err := inspector.History(queue, daysSeen)
		if err != nil {
			return 0, err
		}
		for i, day := range history {
			perDay[i] += day.Processed
		}
	}
	sum, days := 0, 1
	for i, n := range perDay {
		sum += n
		if n > 0 {
			days = i + 1
		}
	}
	return float64(sum) / float64(days), nil
}

// size shows bytes as people read them.
func size(bytes int64) string {
	const unit = 1024
	value, names := float64(bytes), []string{"bytes", "KiB", "MiB", "GiB", "TiB"}
	for value >= unit && len(names) > 1 {
		value /= unit
		names = names[1:]
	}
	if names[0] == "bytes" {
		return fmt.Sprintf("%d bytes", bytes)
	}
	return fmt.Sprintf("%.1f %s", value, names[0])
}
