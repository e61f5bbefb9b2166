// Package byflags reads one cancellation from the flags of a command line.
package byflags

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"settlecancel/tasks"
)

// flag is a flag that gives a field of a cancellation.
type flag struct{ name, field, usage string }

func all() []flag {
	return []flag{
		{"key", "idempotencyKey", "idempotency key: names this cancellation for ever"},
		{"mcht-id", "mchtId", "merchant id (may be left out where one is configured)"},
		{"org-trd-no", "orgTrdNo", "SettleBank's number of the original transaction"},
		{"org-mcht-trd-no", "orgMchtTrdNo", "the order number of the original transaction"},
		{"org-trd-dt", "orgTrdDt", "its date, yyyyMMdd in Korea"},
		{"amount", "canAmt", "amount to cancel: whole KRW, or cents of USD"},
		{"org-amount", "orgTrdAmt", "amount of the original; always give it where you know it"},
		{"method", "method", "payment method, two letters such as CA; always give it where you know it"},
		{"reason", "reason", "why, for people"},
		{"operation", "operation", "cancel (default), refund or withdraw"},
		{"currency", "currency", "KRW (default) or USD"},
		{"tax-type-cd", "taxTypeCd", "Y exempt, N taxable, G compound"},
		{"tax-amt", "taxAmt", "taxable part, for G"},
		{"vat-amt", "vatAmt", "value-added tax, for G"},
		{"tax-free-amt", "taxFreeAmt", "exempt part, for G"},
		{"svc-amt", "svcAmt", "service charge"},
	}
}

// Add defines the flags.
func Add(flags *pflag.FlagSet) {
	for _, f := range all() {
		flags.String(f.name, "", f.usage)
	}
}

// Given returns the fields that flags give, by the vendor's names.
func Given(flags *pflag.FlagSet) map[string]string {
	given := map[string]string{}
	for _, f := range all() {
		if set := flags.Lookup(f.name); set.Changed {
			given[f.field] = set.Value.String()
		}
	}
	return given
}

// Parse reads a cancellation from the fields that flags gave, with the rules of every other way in.
// mchtID is the merchant where no flag names one. The error is an *tasks.InvalidError whose faults
// name flags.
func Parse(given map[string]string, mchtID string) (tasks.Cancellation, error) {
	members := make([]string, 0, len(given))
	for _, field := range slices.Sorted(maps.Keys(given)) {
		members = append(members, quote(field)+":"+quote(given[field]))
	}
	x, err := tasks.Parse([]byte("{"+strings.Join(members, ",")+"}"), tasks.ParseOptions{DefaultMchtID: mchtID})
	var invalid *tasks.InvalidError
	if errors.As(err, &invalid) {
		for i := range invalid.Faults {
			fault := &invalid.Faults[i]
			fault.Message = namingFlags(fault.Message)
			if f := flagOf(fault.Field); f != "" {
				fault.Field = f
			} else if fault.Field != "" {
				fault.Message += " (by --file only)"
			}
		}
	}
	return x, err
}

// namingFlags adds its flag to each field that a message speaks of by the vendor's name.
func namingFlags(message string) string {
	for _, f := range all() {
		if strings.ToLower(f.field) != f.field {
			message = strings.ReplaceAll(message, f.field, f.field+" (--"+f.name+")")
		}
	}
	return message
}

func flagOf(field string) string {
	for _, f := range all() {
		if f.field == field {
			return "--" + f.name
		}
	}
	return ""
}

// quote writes a text as a JSON string byte for byte: encoding/json would mend what is not UTF-8,
// and so hide it.
func quote(text string) string {
	var b strings.Builder
	b.WriteByte('"')
	for i := range len(text) {
		switch c := text[i]; {
		case c < ' ':
			fmt.Fprintf(&b, `\u%04x`, c)
		case c == '"' || c == '\\':
			b.WriteString(`\` + string(rune(c)))
		default:
			b.WriteByte(c)
		}
	}
	b.WriteByte('"')
	return b.String()
}
