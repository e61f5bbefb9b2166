package simulator

import (
	"strconv"
	"time"
	"unicode/utf8"

	"settlecancel/gateway/settlebank"
)

// refusal is a result code other than success, and the words that go with it. The zero value
// refuses nothing.
type refusal struct{ code, message string }

// The refusals of a request that are the same in every protocol.
var (
	refusedShape    = refusal{"5001", "잘못된 전문입니다."}
	refusedValue    = refusal{"6001", "요청 파라미터가 올바르지 않습니다."}
	refusedHash     = refusal{"1901", "해쉬값이 일치하지 않습니다."}
	refusedMerchant = refusal{"ST47", "등록되지 않은 상점입니다."}
	refusedCipher   = refusal{"1902", "암호화되지 않은 항목이 있습니다:"}
	refusedTax      = refusal{"ST55", "복합과세 금액이 일치하지 않습니다."}
)

// fieldSpec is what the protocol says about one field.
type fieldSpec struct {
	name     string
	max      int               // greatest length in bytes of UTF-8
	missing  string            // result code where it is absent or empty
	tooLong  string            // result code where it is longer than max
	valid    func(string) bool // nil: anything goes
	optional bool              // may be absent or empty
	secret   bool              // comes encrypted; max and valid are about the plain text

	// In real temper:
	taken func(string) bool // instead of valid, where it is set
	blank bool              // may be absent or empty
}

// checkFields tells what is wrong with an object, unknown names first, which real temper overlooks,
// then by kind of fault and in the order of specs: of several faults a request has, the gateway
// names one.
func checkFields(o object, specs []fieldSpec, c Conduct) refusal {
	for i := range o {
		if !c.real() && findSpec(specs, o[i].name) == nil {
			return refusedValue
		}
	}
	for i := range specs {
		if !specs[i].optional && !(c.real() && specs[i].blank) && o.get(specs[i].name) == "" {
			return refusal{specs[i].missing, "필수 항목이 누락되었습니다: " + specs[i].name}
		}
	}
	for i := range specs {
		if utf8.RuneCountInString(o.get(specs[i].name)) > specs[i].max {
			return refusal{specs[i].tooLong, "항목의 길이를 초과했습니다: " + specs[i].name}
		}
	}
	for i := range specs {
		value, valid := o.get(specs[i].name), specs[i].valid
		if c.real() && specs[i].taken != nil {
			valid = specs[i].taken
		}
		if value != "" && valid != nil && !valid(value) {
			return refusal{refusedValue.code, refusedValue.message + " " + specs[i].name}
		}
	}
	return refusal{}
}

// findSpec returns what the protocol says about a field, nil where it knows none of that name.
func findSpec(specs []fieldSpec, name string) *fieldSpec {
	for i := range specs {
		if specs[i].name == name {
			return &specs[i]
		}
	}
	return nil
}

func isDigits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s != ""
}

// isDate reports whether s is a day that exists, as yyyyMMdd.
func isDate(s string) bool {
	_, err := parseDate(s)
	return err == nil && isDigits(s)
}

// isTime reports whether s is a time of day, as HHmmss.
func isTime(s string) bool {
	_, err := time.Parse(settlebank.ClockLayout, s)
	return err == nil && isDigits(s)
}

// isAccount reports whether s is an account number.
func isAccount(s string) bool { return isDigits(s) && len(s) <= settlebank.MaxVAcntNo }

func isCurrency(s string) bool { return s == "KRW" || s == "USD" }

// isAmount reports whether s is digits only and above zero.
func isAmount(s string) bool { return isDigits(s) && parseAmount(s) > 0 }

// parseAmount reads an amount; what is none is 0, which nobody can cancel.
func parseAmount(s string) int64 {
	if !isDigits(s) {
		return 0
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		return 0
	}
	return n
}

func parseDate(s string) (time.Time, error) {
	return time.ParseInLocation(settlebank.DateLayout, s, settlebank.KST)
}

// withinADay reports whether two dates that exist are the same or neighbours.
func withinADay(a, b string) bool {
	if a == b {
		return true
	}
	ta, errA := parseDate(a)
	tb, errB := parseDate(b)
	return errA == nil && errB == nil && ta.Sub(tb).Abs() <= 24*time.Hour
}
