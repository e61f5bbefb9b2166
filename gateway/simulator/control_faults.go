package simulator

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
)

// controlScript adds all rules of a list or none.
func (s *Simulator) controlScript(w http.ResponseWriter, r *http.Request) error {
	rules, err := readOneOrMany[Rule](r.Body)
	if err != nil {
		return err
	}
	if err := eachFault(rules, func(r Rule) error { _, err := r.ready(); return err }); err != nil {
		return err
	}
	ids := make([]int, len(rules))
	st := s.state.Load()
	st.mu.Lock()
	for i, rule := range rules {
		rule, _ = rule.ready() // which was checked
		ids[i] = st.faults.script(rule)
	}
	st.mu.Unlock()
	writeControl(w, http.StatusCreated, map[string][]int{"ids": ids})
	return nil
}

// controlFaultList is what GET /_sim/faults answers.
type controlFaultList struct {
	Rules []RuleState `json:"rules"`
	Chaos Chaos       `json:"chaos"`
}

func (s *Simulator) controlFaults(w http.ResponseWriter, _ *http.Request) error {
	st := s.state.Load()
	st.mu.Lock()
	list := controlFaultList{Rules: make([]RuleState, 0, len(st.faults.rules)), Chaos: st.faults.chaos.Chaos}
	for _, rule := range st.faults.rules {
		list.Rules = append(list.Rules, rule.RuleState)
	}
	st.mu.Unlock()
	writeControl(w, http.StatusOK, list)
	return nil
}

func (s *Simulator) controlClearFaults(w http.ResponseWriter, _ *http.Request) error {
	st := s.state.Load()
	st.mu.Lock()
	st.faults.rules, st.faults.live, st.faults.chaos = nil, nil, chaos{}
	st.mu.Unlock()
	w.WriteHeader(http.StatusNoContent)
	return nil
}

func (s *Simulator) controlRemoveFault(w http.ResponseWriter, r *http.Request) error {
	id, err := strconv.Atoi(r.PathValue("id"))
	if err != nil {
		return fmt.Errorf("id %q: must be a number", r.PathValue("id"))
	}
	st := s.state.Load()
	st.mu.Lock()
	removed := st.faults.remove(id)
	st.mu.Unlock()
	if !removed {
		writeNotFound(w, "rule")
		return nil
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// chaosJSON is Chaos as the control interface takes it: a kind may be named alone, and then means
// every fault of that kind in DefaultFaults.
type chaosJSON struct {
	Rate      float64           `json:"rate"`
	Seed      uint64            `json:"seed"`
	Kinds     []json.RawMessage `json:"kinds"`
	Inquiries bool              `json:"inquiries"`
}

func (s *Simulator) controlChaos(w http.ResponseWriter, r *http.Request) error {
	var wire chaosJSON
	if err := readControl(r.Body, &wire); err != nil {
		return err
	}
	c := Chaos{Rate: wire.Rate, Seed: wire.Seed, Inquiries: wire.Inquiries}
	var faults []error
	for i, raw := range wire.Kinds {
		drawn, err := readKind(raw)
		if err != nil {
			faults = append(faults, fmt.Errorf("kinds %d: %w", i, err))
		}
		c.Kinds = append(c.Kinds, drawn...)
	}
	_, err := c.ready()
	if err := errors.Join(append(faults, err)...); err != nil {
		return err
	}
	if err := s.SetChaos(c); err != nil {
		return err
	}
	writeControl(w, http.StatusOK, c)
	return nil
}

// readKind reads one of the kinds to draw from: a fault, or the name of a kind.
func readKind(raw json.RawMessage) ([]Fault, error) {
	var name Kind
	if json.Unmarshal(raw, &name) != nil {
		var f Fault
		err := json.Unmarshal(raw, &f)
		return []Fault{f}, err
	}
	var drawn []Fault
	for _, f := range DefaultFaults() {
		if f.Kind == name {
			drawn = append(drawn, f)
		}
	}
	if drawn == nil {
		return nil, fmt.Errorf("kind %q: must be one of %s", name, strings.Join(kindNames(), ", "))
	}
	return drawn, nil
}
