package dashboard

import (
	"strings"
	"time"
)

// What the pages do can be done at a terminal as well, and each page says how.

const program = "settlecancel "

// shellSafe reports whether a shell takes text for one word, whatever it is.
func shellSafe(text string) bool {
	const plain = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.:-"
	return text != "" && strings.Trim(text, plain) == ""
}

// Commands returns what shows, and decides on, the same cancellation. A key that a shell could take
// for something else has none.
func (s storyBody) Commands() []string {
	if !shellSafe(s.RawKey) {
		return nil
	}
	all := []string{program + "status " + s.RawKey}
	if s.Dead {
		all = append(all, decisionCommand(s.RawKey, asRetry))
	}
	if s.Dead || s.Open {
		all = append(all, decisionCommand(s.RawKey, asCancelled))
	}
	return all
}

// Command returns what decides the same, "" where there is none.
func (f decision) Command() string {
	if !shellSafe(f.RawKey) {
		return ""
	}
	return decisionCommand(f.RawKey, f.As)
}

// decisionCommand returns what decides so on the dead letters that which names.
func decisionCommand(which, as string) string {
	if as == asRetry {
		return program + "deadletter retry " + which
	}
	return program + "deadletter resolve " + which + " --as " + as + " --note '…'"
}

// Command returns what looks at the same selection, and says how to decide on it; "" where they were
// ticked one by one, or there is no flag for a filter.
func (s selection) Command() string {
	if len(s.Keys) > 0 || s.Method != "" || s.Min != "" || s.Max != "" {
		return ""
	}
	var flags []string
	for _, f := range [][2]string{{"--status", s.commandStatus()}, {"--code", s.Code}, {"--mcht-id", s.Merchant},
		{"--died-since", at(s.from)}, {"--died-before", at(s.before)}} {
		if f[1] == "" {
			continue
		}
		if !shellSafe(strings.ReplaceAll(f[1], "+", "")) {
			return ""
		}
		flags = append(flags, f[0]+" "+f[1])
	}
	if len(flags) == 0 {
		flags = []string{"--all"}
	}
	return decisionCommand(strings.Join(flags, " "), s.As) + " --dry-run"
}

func (s selection) commandStatus() string {
	if s.Status == listDead {
		return ""
	}
	return s.Status
}

func at(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.Format(time.RFC3339)
}
