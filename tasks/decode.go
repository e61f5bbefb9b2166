package tasks

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"settlecancel/gateway/settlebank"
	"settlecancel/tasks/strictjson"
)

// MaxSize is the size in bytes of the longest document Parse takes, and of the
// longest line ReadNDJSON and the longest record ReadCSV take.
const MaxSize = 64 << 10

const notAmount = "must be a whole number in digits alone: no sign, no fraction, no exponent"

// ParseOptions says what Parse takes where the document is silent.
type ParseOptions struct {
	// DefaultMchtID stands in for an mchtId that was not given; empty: none.
	DefaultMchtID string
	// DefaultKey is the idempotency key given beside the document, in the
	// Idempotency-Key header; empty: none. Where both are given they must agree.
	DefaultKey string
	// Now is the clock that orgTrdDt is judged by; nil: time.Now. Who reads
	// again what was accepted elsewhere sets it ahead by more than the clocks
	// may differ, else a cancellation accepted at midnight is refused there.
	Now func() time.Time
}

// now asks the clock.
func (o ParseOptions) now() time.Time {
	if o.Now == nil {
		return time.Now()
	}
	return o.Now()
}

// Parse reads one cancellation from JSON: exactly one object of at most
// MaxSize bytes in valid UTF-8, without unknown or repeated fields, names
// matching in case, no null. Amounts are whole numbers, or strings of digits.
// An empty text counts as not given.
//
// What is returned without an error is valid (Cancellation.Validate); else the
// error is an *InvalidError that names every fault at once, and the
// cancellation is zero.
func Parse(data []byte, o ParseOptions) (Cancellation, error) {
	var d draft
	d.decode(data)
	return d.finish(o)
}

// decode reads the members of the JSON object in data.
func (d *draft) decode(data []byte) {
	if len(data) > MaxSize {
		d.reject("the document has %d bytes, at most %d are taken", len(data), MaxSize)
		return
	}
	if err := strictjson.Check(data); err != nil {
		d.reject("the document %s", err)
	}
	for name, value := range strictjson.Members(data) {
		// Of a document that breaks off, the key names the cancellation that the error is about.
		if !d.broken || name == fieldKey.String() {
			d.member(name, value)
		}
	}
}

// member takes one name and its value.
func (d *draft) member(name string, value strictjson.Value) {
	f, known := fieldByName(name)
	switch {
	case name == sealedName && d.stored:
		d.takeMark(string(value))
	case !known:
		d.unknownField(name, "is not a known field"+likely(name))
	case d.repeated.has(f):
	case d.seen.has(f):
		d.repeated.add(f)
		d.spoil(f, "stands more than once")
	default:
		d.seen.add(f)
		d.value(f, value)
	}
}

// likely returns which field a name in another case means.
func likely(name string) string {
	for _, known := range fieldNames {
		if strings.EqualFold(known, name) {
			return "; did you mean " + known + "?"
		}
	}
	return ""
}

// value takes the JSON value of f.
func (d *draft) value(f field, value strictjson.Value) {
	isText := d.c.text(f) != nil
	switch {
	case value.IsNumber() && !isText:
		d.setAmount(f, string(value))
	case !value.IsText() && !isText:
		d.spoil(f, "must be a whole number, not "+value.Kind())
	default:
		text, err := value.Text()
		if err != nil {
			d.spoil(f, err.Error())
			return
		}
		d.set(f, text)
	}
}

// set takes the value of f given as text: a JSON string, or the cell of a CSV file.
func (d *draft) set(f field, value string) {
	if text := d.c.text(f); text != nil {
		*text = value
		return
	}
	d.setAmount(f, value)
}

// setAmount takes an amount, given in digits.
func (d *draft) setAmount(f field, text string) {
	amount, err := strconv.ParseUint(text, 10, 63)
	switch {
	case errors.Is(err, strconv.ErrSyntax):
		d.spoil(f, notAmount)
	case len(text) > settlebank.AmountDigits:
		d.spoil(f, fmt.Sprintf("has more than %d digits", settlebank.AmountDigits))
	case amount == 0 && f == fieldOrgTrdAmt:
		// Zero means "not known" in the struct, so it must not come from outside.
		d.spoil(f, "must be above 0; leave it out where it is not known")
	default:
		d.c.setAmount(f, int64(amount))
	}
}
