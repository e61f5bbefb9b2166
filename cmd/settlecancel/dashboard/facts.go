package dashboard

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"settlecancel/cmd/settlecancel/pulse"
	"settlecancel/tasks"
	"settlecancel/tasks/ledger"
	"settlecancel/worker/pause"
)

// fact is one thing that is so now, in the words of the page.
type fact struct {
	Tone string // "bad", "doubt" or "good"
	Text string
	Link string // where to see more, "" is nowhere
	More string // text of the link
	Act  string // what a form beside it does, "" is nothing
}

// What is late, as the shipped alarms have it.
const (
	settling     = 30 * time.Second // a worker that just started may take that long until it sweeps
	overdueAfter = 5 * time.Minute
	untoldAfter  = 5 * time.Minute
	hooksLate    = time.Hour
	deadOld      = 3 * 24 * time.Hour

	forgottenShown = 24 * time.Hour
)

// facts returns what is wrong now, the worst first. Where nothing is, and all of it is known, it
// returns the one fact that all is well.
func (p *page) facts(s standing) []fact {
	if s.redisAway {
		return []fact{{Tone: "bad", Text: p.T("now.redis")}}
	}
	all := slices.Concat(p.workerFacts(s), p.pauseFacts(s), p.heldFacts(s), p.alarmFacts(s), p.hookFacts(s))
	for _, unknown := range []struct {
		known bool
		what  string
	}{{s.workersKnown, "workers"}, {s.pausesKnown, "pauses"}, {s.queuesKnown, "queues"}, {s.alarmsKnow, "alarms"}} {
		if !unknown.known {
			all = append(all, fact{Tone: "doubt", Text: p.T("now.not_known", p.T("now.of."+unknown.what))})
		}
	}
	if len(all) > 0 {
		slices.SortStableFunc(all, func(a, b fact) int { return cmp.Compare(a.Tone, b.Tone) }) // bad before doubt
		return all
	}
	if len(s.workers) == 0 {
		return []fact{{Tone: "doubt", Text: p.T("now.idle")}}
	}
	return []fact{{Tone: "good", Text: p.T("now.well", p.N(len(s.workers)))}}
}

// workerFacts tells whether anybody works.
func (p *page) workerFacts(s standing) (all []fact) {
	if !s.workersKnown {
		return nil
	}
	if len(s.workers) == 0 {
		if s.open > 0 {
			all = append(all, fact{Tone: "bad", Text: p.T("now.no_worker", grouped(s.open)), Link: queues + "servers", More: p.T("now.to_servers")})
		}
		return all
	}
	for _, name := range slices.Sorted(maps.Keys(tasks.Queues())) {
		if !s.served[name] {
			all = append(all, fact{Tone: "bad", Text: p.T("now.queue_unserved", name), Link: queues + "servers", More: p.T("now.to_servers")})
		}
	}
	if !s.sweeper && p.now.Sub(s.started) > settling {
		all = append(all, fact{Tone: "doubt", Text: p.T("now.no_sweeper")})
	}
	return all
}

// pauseFacts tells who has stopped what, since when and why.
func (p *page) pauseFacts(s standing) (all []fact) {
	for _, id := range slices.Sorted(maps.Keys(s.pauses)) {
		all = append(all, fact{Tone: "bad", Text: p.pause(s.pauses[id])})
	}
	for _, name := range s.queues {
		all = append(all, fact{Tone: "bad", Text: p.T("now.queue_paused", name), Link: queues, More: p.T("now.to_queues")})
	}
	return all
}

// pause says of a pause who began it, since when it lasts and why.
func (p *page) pause(x pause.Pause) string {
	whom := clean(x.MchtID)
	if x.MchtID == pause.AllMerchants {
		whom = p.T("now.every_merchant")
	}
	who, why := cmp.Or(cut(clean(x.Who), maxName), "?"), cut(clean(x.Note), maxNote)
	if why == "" {
		return p.T("now.paused", whom, who, p.Clock(x.At), p.Ago(x.At))
	}
	return p.T("now.paused_why", whom, who, p.Clock(x.At), p.Ago(x.At), why)
}

// heldFacts tells whose traffic the workers hold. A worker that does not say it leaves it unknown.
func (p *page) heldFacts(s standing) (all []fact) {
	if s.workersKnown && (!s.pulsesKnown || len(s.pulses) < len(s.workers)) {
		all = append(all, fact{Tone: "doubt", Text: p.T("now.not_known", p.T("now.of.held"))})
	}
	seen := map[string]bool{}
	for _, beat := range s.pulses {
		for _, h := range beat.Held {
			if seen[h.MchtID] {
				continue
			}
			seen[h.MchtID] = true
			all = append(all, fact{Tone: "bad", Text: p.held(h)})
		}
	}
	return all
}

// held says of a held merchant since when, and after which answer.
func (p *page) held(h pulse.Held) string {
	answer := clean(h.Code + " " + cut(h.Message, rowMessage))
	return p.T("now.held", clean(h.MchtID), p.Clock(h.Since), cmp.Or(answer, p.T("now.no_answer")))
}

// stops returns why nothing is done for an open cancellation: nobody works, somebody has paused its
// merchant or its queue, or the workers hold the merchant's traffic.
func (p *page) stops(s standing, r ledger.Record) (all []string) {
	if s.workersKnown && len(s.workers) == 0 {
		all = append(all, p.T("stop.no_worker"))
	}
	for _, id := range []string{pause.AllMerchants, r.MchtID} {
		if x, paused := s.pauses[id]; paused {
			all = append(all, p.pause(x))
		}
	}
	if queue := cmp.Or(r.Queue, tasks.QueueDefault); slices.Contains(s.queues, queue) {
		all = append(all, p.T("now.queue_paused", clean(queue)))
	}
	for _, beat := range s.pulses {
		if i := slices.IndexFunc(beat.Held, func(h pulse.Held) bool { return h.MchtID == r.MchtID }); i >= 0 {
			return append(all, p.held(beat.Held[i]))
		}
	}
	return all
}

// alarmFacts tells what is late, by the measure of the shipped alarms.
func (p *page) alarmFacts(s standing) (all []fact) {
	if !s.alarmsKnow {
		return nil
	}
	if e := s.epochs; e.Raised > 0 && (e.Cautious || p.now.Sub(e.Since) < forgottenShown) {
		all = append(all, fact{Tone: "bad", Text: p.T("now.forgotten", p.Clock(e.Since), grouped(e.Forgotten))})
	}
	if late := p.now.Sub(s.oldestDue); !s.oldestDue.IsZero() && late > overdueAfter && len(s.workers) > 0 && len(s.pauses) == 0 && len(s.queues) == 0 {
		all = append(all, fact{Tone: "doubt", Text: p.T("now.overdue", p.Span(late)), Link: listURL(listOpen, ""), More: p.T("now.to_list")})
	}
	if b := s.backlog; b.Waiting > 0 && p.now.Sub(b.Oldest) > untoldAfter {
		all = append(all, fact{Tone: "bad", Text: p.T("now.untold", grouped(b.Waiting), p.Span(p.now.Sub(b.Oldest)))})
	}
	if s.backlog.Damaged > 0 {
		all = append(all, fact{Tone: "doubt", Text: p.T("now.events_damaged", grouped(s.backlog.Damaged))})
	}
	if old := p.now.Sub(s.oldestDead); !s.oldestDead.IsZero() && old > deadOld {
		all = append(all, fact{Tone: "doubt", Text: p.T("now.dead_old", p.Span(old)), Link: listURL(listDead, "") + "&order=oldest", More: p.T("now.to_list")})
	}
	return all
}

// hookFacts tells what the receiver of webhooks has not been told.
func (p *page) hookFacts(s standing) (all []fact) {
	if s.hooks.GivenUp > 0 {
		f := fact{Tone: "doubt", Text: p.T("now.hooks_given_up", p.N(s.hooks.GivenUp)), Link: queues + "queues/webhooks?status=archived", More: p.T("now.to_hooks")}
		if !p.ReadOnly {
			f.Act = cancellations + "webhooks"
		}
		all = append(all, f)
	}
	if s.hooks.Late(p.now) {
		all = append(all, fact{Tone: "doubt", Text: p.T("now.hooks_late", p.N(s.hooks.Waiting), p.Ago(s.hooks.Oldest)),
			Link: queues + "queues/webhooks?status=retry", More: p.T("now.to_hooks")})
	}
	return all
}
