package doctor

import (
	"fmt"

	"settlecancel/cmd/settlecancel/terminal"
)

// marks are how the levels are shown, and their order: what matters most stands last, where the eye
// is.
var marks = []struct {
	level Level
	mark  string
}{{OK, "ok"}, {Note, "note"}, {Danger, "DANGER"}}

// Print prints the findings, each with what mends it below, and how many there are of each
// level.
func Print(screen terminal.Terminal, findings []Finding) error {
	t := screen.Table(2)
	t.Wrap = true
	t.Paint = screen.Painted(func(column int, cell string) terminal.Colour {
		if column == 0 && cell == "DANGER" {
			return terminal.Bad
		}
		return terminal.Plain
	})
	counts := map[Level]int{}
	for _, m := range marks {
		for _, f := range findings {
			if f.Level != m.level {
				continue
			}
			counts[f.Level]++
			t.Row(m.mark, f.Check, f.Text)
			if f.Mend != "" {
				t.Row("", "", "→ "+f.Mend)
			}
		}
	}
	if err := t.Flush(); err != nil {
		return err
	}
	_, err := fmt.Fprintf(screen.Out, "\n%s, %s, %d ok\n", terminal.Plural(counts[Danger], "danger"), terminal.Plural(counts[Note], "note"), counts[OK])
	return err
}
