package ledger

import (
	"fmt"
	"slices"
	"strings"
)

// Transition is a change of a cancellation's status by a rule.
type Transition struct {
	From, To Status // From is "" for a new one
	By       string // the rule: a method of Payment
}

// transitions is every change of status that can happen. Its order is that of the drawing. The
// model in worker/model meets these and no others. Restore besides brings back, in the state that
// it had, what Redis has forgotten altogether.
var transitions = []Transition{
	{"", Queued, "Accept"},

	{Queued, Sending, "Begin"},
	{Sending, Unknown, "Begin"},

	{Queued, Cancelled, "Finish"},
	{Queued, AlreadyCancelled, "Finish"},
	{Queued, Rejected, "Finish"},
	{Queued, Review, "Finish"},
	{Sending, Queued, "Finish"},
	{Sending, Unknown, "Finish"},
	{Sending, Cancelled, "Finish"},
	{Sending, AlreadyCancelled, "Finish"},
	{Sending, Rejected, "Finish"},
	{Sending, Exhausted, "Finish"},
	{Sending, Review, "Finish"},
	{Unknown, Queued, "Finish"},
	{Unknown, Cancelled, "Finish"},
	{Unknown, AlreadyCancelled, "Finish"},
	{Unknown, Rejected, "Finish"},
	{Unknown, Exhausted, "Finish"},
	{Unknown, Review, "Finish"},
	{Review, Cancelled, "Finish"},
	{Review, Rejected, "Finish"},

	{Queued, Cancelled, "Prove"},
	{Sending, Cancelled, "Prove"},
	{Unknown, Cancelled, "Prove"},
	{Rejected, Cancelled, "Prove"},
	{Exhausted, Cancelled, "Prove"},
	{Review, Cancelled, "Prove"},

	{Rejected, Queued, "Retry"},
	{Rejected, Unknown, "Retry"},
	{Exhausted, Queued, "Retry"},
	{Exhausted, Unknown, "Retry"},
	{Review, Unknown, "Retry"},

	{Queued, Cancelled, "Resolve"},
	{Queued, RefundedElsewhere, "Resolve"},
	{Queued, Rejected, "Resolve"},
	{Sending, Cancelled, "Resolve"},
	{Sending, RefundedElsewhere, "Resolve"},
	{Sending, Rejected, "Resolve"},
	{Unknown, Cancelled, "Resolve"},
	{Unknown, RefundedElsewhere, "Resolve"},
	{Unknown, Rejected, "Resolve"},
	{Rejected, Cancelled, "Resolve"},
	{Rejected, RefundedElsewhere, "Resolve"},
	{Exhausted, Cancelled, "Resolve"},
	{Exhausted, RefundedElsewhere, "Resolve"},
	{Exhausted, Rejected, "Resolve"},
	{Review, Cancelled, "Resolve"},
	{Review, RefundedElsewhere, "Resolve"},
	{Review, Rejected, "Resolve"},

	{Queued, Unknown, "Restore"},
	{Queued, Cancelled, "Restore"},
	{Queued, Rejected, "Restore"},
	{Queued, Exhausted, "Restore"},
	{Queued, Review, "Restore"},
	{Sending, Queued, "Restore"},
	{Sending, Unknown, "Restore"},
	{Sending, Cancelled, "Restore"},
	{Sending, AlreadyCancelled, "Restore"},
	{Sending, Rejected, "Restore"},
	{Sending, Exhausted, "Restore"},
	{Unknown, Queued, "Restore"},
	{Unknown, Cancelled, "Restore"},
	{Unknown, AlreadyCancelled, "Restore"},
	{Unknown, Rejected, "Restore"},
	{Unknown, Exhausted, "Restore"},
	{Review, Cancelled, "Restore"},
}

// Transitions returns every change of status that can happen.
func Transitions() []Transition { return slices.Clone(transitions) }

// boxes are the states that the drawing puts together.
var boxes = []struct {
	name   string
	states []Status
}{
	{"open", []Status{Queued, Sending, Unknown}},
	{"dead_letter", []Status{Rejected, Exhausted, Review}},
}

// Chart draws the transitions as a state diagram in mermaid's language. What leads from every state
// of a box to the same state is one arrow from the box.
func Chart() string {
	var b strings.Builder
	b.WriteString("stateDiagram-v2\n")
	for _, g := range boxes {
		fmt.Fprintf(&b, "    state %s {\n", g.name)
		for _, s := range g.states {
			fmt.Fprintf(&b, "        %s\n", s)
		}
		b.WriteString("    }\n")
	}
	drawn := map[string]bool{}
	for _, t := range transitions {
		from := fromBox(t)
		arrow := from + " --> " + string(t.To)
		if drawn[arrow] {
			continue
		}
		drawn[arrow] = true
		var by []string
		for _, o := range transitions {
			if o.To == t.To && fromBox(o) == from && !slices.Contains(by, o.By) {
				by = append(by, o.By)
			}
		}
		fmt.Fprintf(&b, "    %s: %s\n", arrow, strings.Join(by, ", "))
	}
	for _, s := range []Status{Cancelled, AlreadyCancelled, RefundedElsewhere} {
		fmt.Fprintf(&b, "    %s --> [*]\n", s)
	}
	return b.String()
}

// fromBox returns where the arrow of a transition begins.
func fromBox(t Transition) string {
	if t.From == "" {
		return "[*]"
	}
	for _, g := range boxes {
		all := !slices.ContainsFunc(g.states, func(s Status) bool {
			return s != t.To && !slices.Contains(transitions, Transition{s, t.To, t.By})
		})
		if all && slices.Contains(g.states, t.From) && !slices.Contains(g.states, t.To) {
			return g.name
		}
	}
	return string(t.From)
}
