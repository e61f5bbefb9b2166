package spreadsheet

import (
	"encoding/csv"
	"errors"
	"slices"
	"strings"
	"testing"

	"settlecancel/cmd/settlecancel/terminal/terminaltest"
)

func TestHarmless(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"": "", "plain": "plain", "=1+1": "'=1+1", "+cmd|' /C calc'!A0": "'+cmd|' /C calc'!A0", "-2+3": "'-2+3", "@SUM(A1)": "'@SUM(A1)",
		"\t=1": "' =1", "\r=1": "' =1", "\tx": "' x", "\nx": "' x", "  =1": "'  =1", "＝1": "'＝1", "＋1": "'＋1", "\x1b=1": "\ufffd=1",
		"-5": "-5", "+82": "+82", "-1.50": "-1.50", "+82 2": "'+82 2", "-": "'-", "--": "'--", "1-2": "1-2", "a=b": "a=b", "한도=": "한도=", " x": " x",
	} {
		if got := harmless(text); got != want {
			t.Errorf("harmless(%q) = %q, want %q", text, got, want)
		}
	}
}

// Whatever a cell is made of, it is one cell of one line, and no formula.
func FuzzHarmless(f *testing.F) {
	for _, text := range []string{terminaltest.Nasty, "=1+1", "a\",\"=1", "\t=1", "\xff=1", "-5"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got := harmless(text)
		terminaltest.WantHarmless(t, strings.ReplaceAll(got, "\n", "\x00"))
		formula := strings.IndexAny(strings.TrimSpace(got), "=+-@") == 0 && !plainNumber.MatchString(got)
		if formula || strings.ContainsAny(got, "\r\n") {
			t.Errorf("harmless(%q) = %q", text, got)
		}
		var out strings.Builder
		w := csv.NewWriter(&out)
		w.UseCRLF = true
		_ = w.Write([]string{"key", got, "end"})
		w.Flush()
		back, err := csv.NewReader(strings.NewReader(out.String())).ReadAll()
		if err != nil || len(back) != 1 || !slices.Equal(back[0], []string{"key", got, "end"}) {
			t.Errorf("%q is read back as %q, %v", got, back, err)
		}
	})
}

// A file begins with one mark, however it is flushed, and its lines end as spreadsheets have them.
func TestWriter(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	w := NewWriter(&out)
	for _, cells := range [][]string{{"이름", "값"}, {"=1+1", "a,b"}} {
		if err := errors.Join(w.Write(cells...), w.Flush()); err != nil {
			t.Fatal(err)
		}
	}
	if want := "\ufeff이름,값\r\n'=1+1,\"a,b\"\r\n"; out.String() != want {
		t.Errorf("%q, want %q", out.String(), want)
	}
}
