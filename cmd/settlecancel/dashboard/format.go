package dashboard

import (
	"encoding/json"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"settlecancel/gateway/settlebank"
	"settlecancel/tasks"
	"settlecancel/tasks/events"
)

// What asynqmon shows where there is nothing that can be shown safely.
const (
	notCancellation = "[not a cancellation]"
	notEvent        = "[not an event]"
	notResult       = "[not a result]"
)

// formatPayload shows a task's payload in asynqmon, with account numbers masked.
func formatPayload(taskType string, payload []byte) string {
	if taskType == events.TypeWebhook {
		return formatEvent(payload)
	}
	x, ok := readPayload(payload)
	if taskType != tasks.TypeCancel || !ok {
		return notCancellation
	}
	return clean(x.String())
}

// readPayload reads a cancellation, also one that would not be accepted any more: what cannot be
// read cannot be helped.
func readPayload(payload []byte) (tasks.Task, bool) {
	if x, err := tasks.ParseTask(payload, tasks.ParseOptions{}); err == nil {
		return x, true
	}
	var x tasks.Task
	err := json.Unmarshal(payload, &x)
	return x, err == nil && x.IdempotencyKey != ""
}

// formatResult shows in asynqmon what a worker wrote as the result of a task.
func formatResult(taskType string, result []byte) string {
	if len(result) == 0 {
		return ""
	}
	var r struct {
		Status   string `json:"status"`
		CanTrdNo string `json:"canTrdNo,omitempty"`
	}
	if err := json.Unmarshal(result, &r); err != nil || taskType != tasks.TypeCancel || r.Status == "" {
		return notResult
	}
	out, err := json.Marshal(r)
	if err != nil {
		return notResult
	}
	return clean(string(out))
}

// clean returns s on one line, without characters that are not seen but change how others are seen:
// control characters, and those that turn the direction of writing. html/template does the rest.
func clean(s string) string {
	return strings.TrimSpace(strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\r' || r == '\t' || r == '\u2028' || r == '\u2029':
			return ' '
		case unicode.Is(unicode.C, r) || r == utf8.RuneError:
			return utf8.RuneError
		}
		return r
	}, strings.ToValidUTF8(s, string(utf8.RuneError))))
}

// cut returns the first n characters of s, and says that there were more.
func cut(s string, n int) string {
	if utf8.RuneCountInString(s) <= n {
		return s
	}
	return string([]rune(s)[:n-1]) + "…"
}

// grouped writes a number with a comma at every third digit.
func grouped(n int64) string {
	s := strconv.FormatInt(n, 10)
	digits := strings.TrimPrefix(s, "-")
	sign := s[:len(s)-len(digits)]
	var out strings.Builder
	for i, c := range digits {
		if i > 0 && (len(digits)-i)%3 == 0 {
			out.WriteByte(',')
		}
		out.WriteRune(c)
	}
	return sign + out.String()
}

// money writes an amount of the currency's smallest unit.
func money(amount int64, currency, lang string) string {
	switch {
	case currency == tasks.CurrencyUSD:
		sign := ""
		if amount < 0 {
			sign, amount = "-", -amount
		}
		cents := strconv.FormatInt(amount%100, 10)
		return sign + "US$" + grouped(amount/100) + "." + strings.Repeat("0", 2-len(cents)) + cents
	case currency != "" && currency != tasks.CurrencyKRW:
		return grouped(amount) + " " + cut(clean(currency), 8)
	case lang == korean:
		return grouped(amount) + "원"
	default:
		return "₩" + grouped(amount)
	}
}

// clock writes a time as people in Korea read it off the wall.
func clock(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.In(settlebank.KST).Format("2006-01-02 15:04:05")
}
