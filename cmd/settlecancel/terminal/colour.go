package terminal

// Colour is one of a screen's own, which people have chosen to be legible.
type Colour string

// The colours that are used, and what for.
const (
	Plain Colour = ""
	Good  Colour = "32" // green: the money is back
	Bad   Colour = "31" // red: somebody must act
	Doubt Colour = "33" // yellow: not known yet
)

func (c Colour) paint(text string) string {
	if c == Plain || text == "" {
		return text
	}
	return "\x1b[" + string(c) + "m" + text + "\x1b[0m"
}
