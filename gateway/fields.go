package gateway

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"settlecancel/gateway/settlebank"
)

// sign returns the lower-case hex SHA-256 of parts and key, in this order and without separators.
func sign(key settlebank.Secret, parts ...string) string {
	h := make([]byte, 0, 256)
	for _, p := range parts {
		h = append(h, p...)
	}
	sum := sha256.Sum256(append(h, key.Reveal()...))
	return hex.EncodeToString(sum[:])
}

// render encodes v as compact JSON, < > & as they are: the gateway hashes the values it reads.
func render(v any) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		panic("gateway: structs of strings always encode: " + err.Error())
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}

func decimal(n int64) string { return strconv.FormatInt(n, 10) }

// amount reads an amount as the gateway writes it: one to twelve digits.
func amount(s string) (int64, bool) {
	if s == "" || len(s) > settlebank.AmountDigits || strings.Trim(s, "0123456789") != "" {
		return 0, false
	}
	n, err := strconv.ParseInt(s, 10, 64)
	return n, err == nil
}

// checkText adds to faults what is wrong with a required field of at most limit characters.
func checkText(faults []string, name, value string, limit int) []string {
	switch {
	case value == "":
		return append(faults, name+" is missing")
	case !utf8.ValidString(value) || strings.ContainsFunc(value, isControl):
		return append(faults, name+" holds control characters or is no UTF-8")
	case utf8.RuneCountInString(value) > limit:
		return append(faults, fmt.Sprintf("%s has %d characters, at most %d are allowed", name, utf8.RuneCountInString(value), limit))
	}
	return faults
}

func isControl(r rune) bool { return r < ' ' || r == 0x7f }

// checkDigits adds to faults that a field does not consist of least to most digits. It does not
// repeat the value.
func checkDigits(faults []string, name, value string, least, most int) []string {
	switch {
	case value == "":
		return append(faults, name+" is missing")
	case len(value) < least || len(value) > most || strings.Trim(value, "0123456789") != "":
		if least == most {
			return append(faults, fmt.Sprintf("%s needs %d digits", name, most))
		}
		return append(faults, fmt.Sprintf("%s needs %d to %d digits", name, least, most))
	}
	return faults
}

// checkDate adds to faults that a yyyyMMdd field holds no date.
func checkDate(faults []string, name, value string) []string {
	if _, err := time.Parse(settlebank.DateLayout, value); err != nil {
		return append(faults, name+" is no date yyyyMMdd")
	}
	return faults
}

// checkAmount adds to faults that an amount does not fit its field.
func checkAmount(faults []string, name string, value int64) []string {
	if value <= 0 || value > settlebank.MaxAmount {
		return append(faults, fmt.Sprintf("%s is %d, want 1 to %d", name, value, int64(settlebank.MaxAmount)))
	}
	return faults
}
