package gateway

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"settlecancel/gateway/settlebank"
)

// What the gateway says above a list.
const (
	collationFound   = "0000"
	collationNothing = "1001"
)

// listLimits bound what is read of a list.
type listLimits struct {
	line  int   // bytes of a line
	total int64 // bytes of a list
}

// collationLimits leave room for the longest fields documented, and for a few million lines.
var collationLimits = listLimits{line: 4 << 10, total: 1 << 30}

// collationFields is how many fields a record has: those of "Daily collation" in the gateway's
// documents.
const collationFields = 16

// list reads the text of a list: a line with code, message and count, then one a record; every
// field ends with a bar.
type list struct {
	asked  CollationRequest
	lines  *bufio.Reader
	left   *io.LimitedReader // below lines; one byte more than may come
	number int               // of the last line read
	count  int               // of records, as the list says
	read   int               // records so far
	fault  *CollationError   // why it ended, if not because it was complete
}

func newList(asked CollationRequest, text io.Reader, limits listLimits) *list {
	left := &io.LimitedReader{R: text, N: limits.total + 1}
	return &list{asked: asked, lines: bufio.NewReaderSize(left, limits.line), left: left, count: -1}
}

// next returns the next record. After false there is none, and fault says whether that is all.
func (l *list) next() (CollationRecord, bool) {
	if l.count < 0 && !l.head() {
		return CollationRecord{}, false
	}
	line, ok := l.line()
	switch {
	case l.fault != nil:
		return CollationRecord{}, false
	case !ok:
		if l.read < l.count {
			l.fail(Transient, fmt.Errorf("%w: %d of its %d lines came", ErrCollationCut, l.read, l.count))
		}
		return CollationRecord{}, false
	case l.read == l.count:
		l.fail(Unknown, fmt.Errorf("%w: it says that it has %d lines, and has more", ErrCollationForm, l.count))
		return CollationRecord{}, false
	}
	record, err := readRecord(l.asked, line)
	if err != nil {
		l.fail(Unknown, fmt.Errorf("%w: %w", ErrCollationForm, err))
		return CollationRecord{}, false
	}
	l.read++
	return record, true
}

// head reads the first line; false: there are no records.
func (l *list) head() bool {
	line, ok := l.line()
	if l.fault != nil {
		return false
	}
	if !ok {
		l.fail(Transient, fmt.Errorf("%w: it is empty", ErrCollationCut))
		return false
	}
	code, rest, _ := strings.Cut(line, "|")
	message, rest, _ := strings.Cut(rest, "|")
	count, rest, whole := strings.Cut(rest, "|")
	n, err := strconv.Atoi(count)
	counted := whole && rest == "" && len(count) <= 9 && strings.Trim(count, "0123456789") == "" && err == nil
	switch {
	case !isPrintable(code, 16) || !strings.Contains(line, "|"):
		l.fail(Unknown, fmt.Errorf("%w: it begins with no result code", ErrCollationForm))
	case code == collationNothing && (counted && n > 0):
		l.fail(Unknown, fmt.Errorf("%w: it says that nothing was found, and has %d lines", ErrCollationForm, n))
	case code == collationNothing:
		l.count = 0
	case code != collationFound:
		class, _ := settlebank.ClassifyCollation(code)
		l.fault = &CollationError{Class: class, Code: code, Message: message}
	case !counted:
		l.fail(Unknown, fmt.Errorf("%w: its first line is not code, message and count", ErrCollationForm))
	default:
		l.count = n
	}
	return l.fault == nil
}

// line reads a line without its end; false: there is none. Only empty ones may follow an empty one.
func (l *list) line() (string, bool) {
	for empty := false; ; empty = true {
		raw, err := l.lines.ReadSlice('\n')
		if len(raw) > 0 {
			l.number++
		}
		text := strings.TrimRight(string(raw), "\r\n")
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
			l.fail(Unknown, fmt.Errorf("%w: a line is longer than %d bytes", ErrCollationForm, l.lines.Size()))
		case l.left.N == 0:
			l.fail(Unknown, fmt.Errorf("%w: it is too long", ErrCollationForm))
		case err != nil && !errors.Is(err, io.EOF):
			l.fail(Transient, fmt.Errorf("%w: %w", ErrCollationCut, err))
		case err != nil && text != "" && !strings.HasSuffix(text, "|"):
			l.fail(Transient, fmt.Errorf("%w: within a line", ErrCollationCut))
		case text != "" && empty:
			l.fail(Unknown, fmt.Errorf("%w: an empty line stands before it", ErrCollationForm))
		case text != "":
			return text, true
		case err == nil:
			continue
		}
		return "", false
	}
}

func (l *list) fail(class Class, err error) {
	l.fault = &CollationError{Class: class, Line: l.number, Err: err}
}

// readRecord reads a line that is to be of the list asked for. Its errors repeat no field, for one
// is a customer's name.
func readRecord(asked CollationRequest, line string) (CollationRecord, error) {
	f, err := splitRecord(line)
	if err != nil {
		return CollationRecord{}, err
	}
	r := CollationRecord{
		MchtID: f[0], Method: f[1], TrdNo: f[2], MchtTrdNo: f[3], Cancellation: f[4] == "1", OrgTrdNo: f[8], OrgTrdDt: f[9],
		Product: f[11], ApprovalNo: f[12], Institution: f[13], Instalments: f[14], InterestFree: f[15],
	}
	var errAmount, errTime error
	if digits, ok := amount(f[7]); ok {
		r.Amount = digits
	} else {
		errAmount = errors.New("the amount is not 1 to 12 digits")
	}
	if r.Time, errTime = time.ParseInLocation(settlebank.DateLayout+" "+settlebank.ClockLayout, f[5]+" "+f[6], settlebank.KST); errTime != nil || len(f[6]) != 6 {
		errTime = errors.New("date and time are not yyyyMMdd and HHmmss")
	}
	wrong := func(is bool, what string) error {
		if is {
			return errors.New(what)
		}
		return nil
	}
	var faults []string
	if r.OrgTrdDt != "" {
		faults = checkDate(faults, "the original's date", r.OrgTrdDt)
	}
	if r.MchtTrdNo != "" {
		faults = checkText(faults, "mchtTrdNo", r.MchtTrdNo, settlebank.MaxMchtTrdNo)
	}
	return r, errors.Join(
		wrong(r.MchtID != asked.MchtID, "it is another merchant's"),
		wrong(settlebank.PaidBy(r.Method) != settlebank.PaidBy(asked.Method), "it is of another method"),
		wrong(f[5] != asked.Date, "it is of another day"),
		wrong(f[4] != "0" && f[4] != "1", "the type is neither 0, an approval, nor 1, a cancellation"),
		wrong(!isPrintable(r.TrdNo, 100), "trdNo is not 1 to 100 printable ASCII characters"),
		wrong((r.Cancellation || r.OrgTrdNo != "") && !isPrintable(r.OrgTrdNo, 100), "the original's trdNo is not 1 to 100 printable ASCII characters"),
		wrong(len(faults) > 0, strings.Join(faults, "; ")),
		errAmount, errTime)
}

func splitRecord(line string) (f [collationFields]string, err error) {
	rest, n, found := line, 0, true
	for rest != "" {
		var field string
		if field, rest, found = strings.Cut(rest, "|"); !found {
			break
		}
		if n < collationFields {
			f[n] = field
		}
		n++
	}
	switch {
	case !found:
		return f, errors.New("it does not end with a bar")
	case n != collationFields:
		return f, fmt.Errorf("it has %d fields, want %d", n, collationFields)
	}
	return f, nil
}
