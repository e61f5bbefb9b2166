package terminal

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"settlecancel/cmd/settlecancel/terminal/terminaltest"
)

func TestMoney(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		amount   int64
		currency string
		want     string
	}{
		{0, "", "0 KRW"}, {999, "KRW", "999 KRW"}, {1000, "", "1,000 KRW"}, {999_999_999_999, "", "999,999,999,999 KRW"}, {-123456, "", "-123,456 KRW"},
		{5, "USD", "0.05 USD"}, {123456789, "USD", "1,234,567.89 USD"},
	} {
		if got := Money(tt.amount, tt.currency); got != tt.want {
			t.Errorf("Money(%d, %q) = %q, want %q", tt.amount, tt.currency, got, tt.want)
		}
	}
}

func TestTable(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	table := &Table{Out: &out, Right: map[int]bool{1: true}}
	table.Row("가나", "1", "x\x1by")
	table.Row("abc", "100", "")
	if err := table.Flush(); err != nil {
		t.Fatal(err)
	}
	table.Row("abcdef", "7", "z")
	table.Row("a", "7", "z")
	if err := table.Flush(); err != nil {
		t.Fatal(err)
	}
	want := "가나    1  x�y\nabc   100\nabcdef    7  z\na         7  z\n"
	if out.String() != want {
		t.Errorf("table\n%q, want\n%q", out.String(), want)
	}
}

func TestKorean(t *testing.T) {
	t.Parallel()
	// The last second of a year in London is the morning of the next one in Seoul.
	if got := Korean(time.Date(2023, 12, 31, 23, 59, 59, 0, time.UTC)); got != "2024-01-01T08:59:59+09:00" {
		t.Errorf("korean = %s", got)
	}
}

func FuzzCleanLines(f *testing.F) {
	f.Add(terminaltest.Nasty)
	f.Add("\xff\xfe\x7f plain")
	f.Fuzz(func(t *testing.T, text string) {
		got := CleanLines(text)
		terminaltest.WantHarmless(t, got)
		if strings.Count(got, "\n") != strings.Count(text, "\n") {
			t.Errorf("%q became %q: line ends differ", text, got)
		}
		if strings.Contains(Clean(text), "\n") {
			t.Errorf("clean(%q) keeps a line end", text)
		}
		raw, err := terminalJSON([]string{text}, false)
		if err != nil {
			t.Fatal(err)
		}
		terminaltest.WantHarmless(t, string(raw))
		var back []string
		if err := json.Unmarshal(raw, &back); err != nil {
			t.Fatalf("not JSON: %v\n%s", err, raw)
		}
		if !slices.Equal(back, []string{strings.ToValidUTF8(text, "\ufffd")}) && strings.ToValidUTF8(text, "") == text {
			t.Errorf("JSON turned %q into %q", text, back)
		}
	})
}
