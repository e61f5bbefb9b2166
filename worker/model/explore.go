package model

import (
	"fmt"
	"hash/maphash"
	"strings"
	"time"

	"settlecancel/tasks/ledger"
	"settlecancel/worker/policy"
)

// Model is one walk.
type Model struct {
	Seen map[ledger.Transition]bool // the transitions that the walk has met

	bounds  Bounds
	rules   ledger.Rules
	policy  policy.Policy
	entries []ledger.Entry
	buffers [2][]byte
	telling bool
	seeds   [2]maphash.Seed

	visited map[[2]uint64]int32
	parent  []int32  // of each state, by which it was reached first
	step    []uint16 // which of the parent's steps that was
	edges   []int32  // the states that follow, of all states
	from    []int    // where those of a state begin
}

// Result is what a walk found.
type Result struct {
	States, Steps int
	Depth         int // longest of the shortest ways to a state
	Longest       int // longest run
	Took          time.Duration
	Complete      bool // false where MaxStates ended it
	Violations    []Violation
}

// Violation is a state that must not be, and the shortest way to it in plain words.
type Violation struct {
	What  string
	Trace []string
}

func (v Violation) String() string { return v.What + "\n" + strings.Join(v.Trace, "\n") }

// New returns the model within bounds.
func New(b Bounds) *Model {
	return &Model{bounds: b, rules: b.rules(), policy: b.policy(), entries: b.entries(), Seen: map[ledger.Transition]bool{},
		seeds: [2]maphash.Seed{maphash.MakeSeed(), maphash.MakeSeed()}, visited: map[[2]uint64]int32{}}
}

// steps yields all that can happen next, always in the same order, and whether the machine does it
// by itself.
func (m *Model) steps(w *world, yield func(next *world, what string, machine bool)) {
	machine := func(n *world, what string) { yield(n, what, true) }
	others := func(n *world, what string) { yield(n, what, false) }
	m.work(w, machine)
	m.acceptAgain(w, machine)
	m.tickOn(w, machine)
	m.land(w, others)
	m.decide(w, others)
	m.prove(w, others)
	m.forget(w, others)
	m.sayAgain(w, others)
	m.cancelElsewhere(w, others)
}

// maxViolations is how many different ones are reported.
const maxViolations = 5

// Walk visits every state, nearest first.
func (m *Model) Walk() Result {
	began := time.Now()
	result := Result{Complete: true}
	found := map[string]bool{}
	report := func(what string, id int32) {
		if kind, _, _ := strings.Cut(what, ":"); !found[kind] && len(found) < maxViolations {
			found[kind] = true
			result.Violations = append(result.Violations, Violation{what, m.trace(id)})
		}
	}
	queue := []*world{m.first()}
	m.visit(queue[0], -1, 0)
	ends := 1 // the first state beyond this depth
	for id := int32(0); len(queue) > 0 && result.Complete; id++ {
		w := queue[0]
		queue[0], queue = nil, queue[1:]
		if int(id) == ends {
			result.Depth, ends = result.Depth+1, len(m.parent)
		}
		m.from = append(m.from, len(m.edges))
		if w == nil { // nothing follows a violation
			continue
		}
		nth, moves := 0, 0
		m.steps(w, func(next *world, what string, machine bool) {
			to, isNew := m.visit(next, id, nth)
			nth++
			if to == id {
				return
			}
			m.edges = append(m.edges, to)
			if machine {
				moves++
			}
			if !isNew {
				return
			}
			if broken := m.check(next); broken != "" {
				report(broken, to)
				next = nil
			}
			queue = append(queue, next)
		})
		if c := w.unsettled(m); moves == 0 && c != "" {
			report("nobody goes on with "+c, id)
		}
		result.Complete = m.bounds.MaxStates == 0 || len(m.parent) <= m.bounds.MaxStates
	}
	result.States, result.Steps = len(m.parent), len(m.edges)
	if result.Complete {
		longest, circle := m.longest()
		if result.Longest = longest; circle >= 0 {
			report("it goes round in circles", circle)
		}
	}
	result.Took = time.Since(began)
	return result
}

// visit returns the number of a state, and whether it was met for the first time.
func (m *Model) visit(w *world, parent int32, step int) (int32, bool) {
	raw := m.canon(w)
	hash := [2]uint64{maphash.Bytes(m.seeds[0], raw), maphash.Bytes(m.seeds[1], raw)}
	if id, ok := m.visited[hash]; ok {
		return id, false
	}
	id := int32(len(m.parent))
	m.visited[hash] = id
	m.parent = append(m.parent, parent)
	m.step = append(m.step, uint16(step))
	return id, true
}

// say says what happens, where somebody listens.
func (m *Model) say(format string, args ...any) string {
	if !m.telling {
		return ""
	}
	return fmt.Sprintf(format, args...)
}

// trace tells the shortest way to a state.
func (m *Model) trace(id int32) []string {
	m.telling = true
	defer func() { m.telling = false }()
	var way []int32
	for ; id >= 0; id = m.parent[id] {
		way = append(way, id)
	}
	w := m.first()
	lines := []string{"   " + m.tell(w)}
	for i := len(way) - 2; i >= 0; i-- {
		want, nth := int(m.step[way[i]]), 0
		var next *world
		m.steps(w, func(n *world, what string, _ bool) {
			if nth == want {
				next = n
				lines = append(lines, fmt.Sprintf("%2d %s", len(way)-1-i, what), "   "+m.tell(n))
			}
			nth++
		})
		w = next
	}
	return lines
}

// tell describes a world in one line.
func (m *Model) tell(w *world) string {
	text := fmt.Sprintf("%v: ", time.Duration(w.now-start)*time.Millisecond)
	for _, c := range w.payment.Cancellations {
		text += fmt.Sprintf("%s %s", c.Key, c.Status)
		if c.Reason != "" {
			text += fmt.Sprintf(" (%s)", c.Reason)
		}
		if c.Doubtful() {
			text += " in doubt"
		}
		text += ", "
	}
	text += fmt.Sprintf("known %d %s; SettleBank: %d cancelled", w.payment.Sum, w.payment.Basis.Kind, w.bank.sum)
	for c := range m.entries {
		text += fmt.Sprintf(", %s %d times", name(c), w.bank.applied[c])
	}
	return text
}

// longest returns the length of the longest run, and a state on a circle, -1 for none.
func (m *Model) longest() (int, int32) {
	n := len(m.from)
	before := make([]int32, n) // steps that lead here, not yet taken
	for _, to := range m.edges {
		before[to]++
	}
	length := make([]int32, n)
	ready := []int32{0}
	seen, most := 0, int32(0)
	for len(ready) > 0 {
		id := ready[len(ready)-1]
		ready = ready[:len(ready)-1]
		seen++
		most = max(most, length[id])
		for _, to := range m.follow(id) {
			length[to] = max(length[to], length[id]+1)
			if before[to]--; before[to] == 0 {
				ready = append(ready, to)
			}
		}
	}
	if seen == n {
		return int(most), -1
	}
	for id, b := range before {
		if b > 0 {
			return int(most), int32(id)
		}
	}
	return int(most), -1
}

// follow returns the states that follow one.
func (m *Model) follow(id int32) []int32 {
	end := len(m.edges)
	if int(id)+1 < len(m.from) {
		end = m.from[id+1]
	}
	return m.edges[m.from[id]:end]
}
