package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/rivo/uniseg"

	"settlecancel/gateway/settlebank"
	"settlecancel/tasks"
	"settlecancel/tasks/ledger"
)

// table prints rows in columns. It is flushed page by page, so that a list of any length takes
// little memory; columns only grow from page to page.
type table struct {
	out    io.Writer
	indent string
	right  map[int]bool // columns of numbers
	rows   [][]string
	widths []int
}

// row adds a row. What its cells hold is cleaned.
func (t *table) row(cells ...string) {
	for i, cell := range cells {
		cells[i] = clean(cell)
		if i == len(t.widths) {
			t.widths = append(t.widths, 0)
		}
		t.widths[i] = max(t.widths[i], uniseg.StringWidth(cells[i]))
	}
	t.rows = append(t.rows, cells)
}

// flush prints the rows added since the last flush.
func (t *table) flush() error {
	var page strings.Builder
	for _, cells := range t.rows {
		line := t.indent
		for i, cell := range cells {
			space := strings.Repeat(" ", t.widths[i]-uniseg.StringWidth(cell))
			if t.right[i] {
				cell, space = space+cell, ""
			}
			line += cell + space + "  "
		}
		page.WriteString(strings.TrimRight(line, " ") + "\n")
	}
	t.rows = t.rows[:0]
	_, err := io.WriteString(t.out, page.String())
	return err
}

// clean makes foreign text fit for a line of a terminal: what a gateway or a person wrote may hold
// escape sequences, line ends and marks that turn the direction of writing.
func clean(text string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case !unicode.IsPrint(r):
			return utf8.RuneError
		}
		return r
	}, text)
}

// cleanLines is clean for a text of several lines.
func cleanLines(text string) string {
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		lines[i] = clean(line)
	}
	return strings.Join(lines, "\n")
}

// cut shortens a text to so many characters.
func cut(text string, most int) string {
	if runes := []rune(text); len(runes) > most {
		return string(runes[:most-1]) + "…"
	}
	return text
}

// money shows an amount in the smallest unit of its currency ("" is KRW) as people write it:
// "1,234,500 KRW", "12.34 USD".
func money(amount int64, currency string) string {
	if currency == tasks.CurrencyUSD {
		return fmt.Sprintf("%s.%02d USD", thousands(amount/100), amount%100)
	}
	return thousands(amount) + " " + tasks.CurrencyKRW
}

func thousands(n int64) string {
	digits := strconv.FormatInt(n, 10)
	for i := len(digits) - 3; i > 0 && digits[i-1] != '-'; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}

// korean shows a time as in Korea, where the payments are.
func korean(t time.Time) string {
	return t.In(settlebank.KST).Format(time.RFC3339)
}

// koreanOrNone shows a time that may not be there.
func koreanOrNone(t *time.Time) string {
	if t == nil {
		return ""
	}
	return korean(*t)
}

// printJSON writes v, indented where it is something to be read by itself.
func printJSON(out io.Writer, v any, indented bool) error {
	raw, err := terminalJSON(v, indented)
	if err != nil {
		return err
	}
	_, err = out.Write(append(raw, '\n'))
	return err
}

// printArray prints what each shows as one array, in constant memory. If the showing breaks off, so
// does the array: then nobody takes it for complete. Damage alone, an ErrDamaged, does not break it
// off.
func printArray[T any](out io.Writer, each func(show func(T) error) error) error {
	separator := "["
	err := each(func(v T) error {
		raw, err := terminalJSON(v, false)
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(out, "%s\n%s", separator, raw)
		separator = ","
		return err
	})
	if err != nil && !errors.Is(err, ledger.ErrDamaged) {
		return err
	}
	end := "\n]\n"
	if separator == "[" {
		end = "[]\n"
	}
	_, failed := io.WriteString(out, end)
	return errors.Join(err, failed)
}

// terminalJSON writes v as JSON that is harmless on a terminal too: characters that encoding/json
// leaves as they are, and a terminal may act on, stand as \u escapes.
func terminalJSON(v any, indented bool) ([]byte, error) {
	var plain bytes.Buffer
	enc := json.NewEncoder(&plain)
	enc.SetEscapeHTML(false)
	if indented {
		enc.SetIndent("", "  ")
	}
	if err := enc.Encode(v); err != nil {
		return nil, fmt.Errorf("write JSON: %w", err)
	}
	text := strings.TrimSuffix(plain.String(), "\n")
	var safe bytes.Buffer
	for _, r := range text {
		if r >= 0x7f && r <= 0xffff && (unicode.IsControl(r) || unicode.Is(unicode.Cf, r)) {
			fmt.Fprintf(&safe, `\u%04x`, r)
		} else {
			safe.WriteRune(r)
		}
	}
	return safe.Bytes(), nil
}
