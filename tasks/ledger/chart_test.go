package ledger

import (
	"os"
	"strings"
	"testing"
)

// The drawing in the README is that of the code.
func TestChart(t *testing.T) {
	t.Parallel()
	raw, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	if want := "```mermaid\n" + Chart() + "```\n"; !strings.Contains(string(raw), want) {
		t.Errorf("README.md must show:\n%s", want)
	}
}

func TestTransitionsAreOfKnownStates(t *testing.T) {
	t.Parallel()
	known := map[Status]bool{}
	for _, s := range Statuses() {
		known[s] = true
	}
	reached := map[Status]bool{}
	seen := map[Transition]bool{}
	for _, x := range transitions {
		if x.From != "" && !known[x.From] || !known[x.To] || x.From == x.To || seen[x] {
			t.Errorf("%+v", x)
		}
		if c := (&Cancellation{Status: x.From}); x.From != "" && c.ended() {
			t.Errorf("%+v leaves an end", x)
		}
		seen[x], reached[x.To] = true, true
	}
	for s := range known {
		if !reached[s] {
			t.Errorf("nothing leads to %s", s)
		}
	}
}
