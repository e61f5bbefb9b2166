package terminal

import (
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"settlecancel/gateway/settlebank"
	"settlecancel/tasks"
)

// Clean makes foreign text fit for a line of a terminal: what a gateway or a person wrote may hold
// escape sequences, line ends and marks that turn the direction of writing.
func Clean(text string) string {
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

// CleanLines is Clean for a text of several lines.
func CleanLines(text string) string {
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		lines[i] = Clean(line)
	}
	return strings.Join(lines, "\n")
}

// Cut shortens a text to so many characters.
func Cut(text string, most int) string {
	if runes := []rune(text); len(runes) > most {
		return string(runes[:most-1]) + "…"
	}
	return text
}

// Money shows an amount in the smallest unit of its currency ("" is KRW) as people write it:
// "1,234,500 KRW", "12.34 USD".
func Money(amount int64, currency string) string {
	if currency == tasks.CurrencyUSD {
		return fmt.Sprintf("%s.%02d USD", Thousands(amount/100), amount%100)
	}
	return Thousands(amount) + " " + tasks.CurrencyKRW
}

func Thousands(n int64) string {
	digits := strconv.FormatInt(n, 10)
	for i := len(digits) - 3; i > 0 && digits[i-1] != '-'; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}

// Korean shows a time as in Korea, where the payments are.
func Korean(t time.Time) string {
	return t.In(settlebank.KST).Format(time.RFC3339)
}

// KoreanOrNone shows a time that may not be there.
func KoreanOrNone(t *time.Time) string {
	if t == nil {
		return ""
	}
	return Korean(*t)
}

// Plural returns a number of things: "1 line", "2 lines".
func Plural(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}
