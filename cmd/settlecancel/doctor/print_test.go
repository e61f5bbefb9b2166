package doctor

import (
	"bytes"
	"testing"

	"settlecancel/cmd/settlecancel/terminal"
)

func TestPrintFindings(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	err := Print(terminal.Terminal{Out: &out}, []Finding{
		{Check: "clock", Level: Danger, Text: "late\x1b[2J", Mend: "chrony"}, {Check: "redis", Level: OK, Text: "well"}, {Check: "keys", Level: Note, Text: "odd", Mend: "look"}})
	if err != nil {
		t.Fatal(err)
	}
	want := "ok      redis  well\nnote    keys   odd\n               → look\nDANGER  clock  late\uFFFD[2J\n               → chrony\n\n1 danger, 1 note, 1 ok\n"
	if out.String() != want {
		t.Errorf("got\n%s\nwant\n%s", out.String(), want)
	}
}
