package tasks

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
)

// saveAs is what to do with most files that are no text of ours. Workbooks are not read outright:
// in them a long number is a float already, and how it was shown is a matter of formats. What
// stands in a CSV file is what will be read, and a person can look at it before.
const saveAs = `save it as "CSV UTF-8 (comma delimited)", and give that`

// wrongKind returns what is wrong with a file as a whole, by what its first read brought, so that
// it is told once and not for every line; nil where it may be of the kind that is wanted.
func wrongKind(in *bufio.Reader, csv bool) error {
	if _, err := in.Peek(1); err != nil {
		return nil // it is empty, or the reader tells
	}
	head, _ := in.Peek(in.Buffered())
	if what := foreignKind(head); what != "" {
		return errors.New(what)
	}
	head = bytes.TrimPrefix(head, byteOrderMark)
	if csv {
		return notCSV(head)
	}
	return notNDJSON(bytes.TrimLeft(head, whitespace))
}

// foreignKind names what is neither CSV nor JSON in UTF-8.
func foreignKind(head []byte) string {
	for start, what := range map[string]string{
		"PK\x03\x04":       "an Excel workbook (.xlsx); " + saveAs,
		"\xD0\xCF\x11\xE0": "an old Excel workbook (.xls); " + saveAs,
		"\x1F\x8B":         "compressed (gzip); unpack it first",
		"\xFF\xFE":         "in UTF-16; " + saveAs,
		"\xFE\xFF":         "in UTF-16; " + saveAs,
	} {
		if bytes.HasPrefix(head, []byte(start)) {
			return "the file is " + what
		}
	}
	switch {
	case bytes.IndexByte(head, 0) >= 0:
		return "the file is no text, or in UTF-16; " + saveAs
	case isCP949(head):
		return "the file is in CP949 (EUC-KR), not UTF-8; " + saveAs
	}
	if cr := bytes.IndexByte(head, '\r'); cr >= 0 && cr+1 < len(head) && bytes.IndexByte(head, '\n') < 0 {
		return "the lines of the file end in CR alone, as on an old Macintosh; " + saveAs
	}
	return ""
}

// isCP949 reports whether the whole lines of head are no UTF-8, but would be Korean text in the
// encoding that Korean Windows writes: of every character beyond ASCII two bytes that belong
// together.
func isCP949(head []byte) bool {
	if end := bytes.LastIndexByte(head, '\n'); end >= 0 {
		head = head[:end]
	}
	hangul := func(r rune) bool { return r != utf8.RuneError && utf8.RuneLen(r) == 3 }
	if utf8.Valid(head) || bytes.IndexFunc(head, hangul) >= 0 { // the latter is UTF-8, and damaged
		return false
	}
	for i := 0; i < len(head); i++ {
		if head[i] < utf8.RuneSelf {
			continue
		}
		if i++; i == len(head) || head[i-1] < 0x81 || head[i-1] == 0xFF || !cp949Trail(head[i]) {
			return false
		}
	}
	return true
}

func cp949Trail(b byte) bool {
	return 'A' <= b && b <= 'Z' || 'a' <= b && b <= 'z' || 0x81 <= b && b <= 0xFE
}

// notCSV names what a file is whose cells are not separated by commas.
func notCSV(head []byte) error {
	line, _, _ := strings.Cut(string(head), "\n")
	line = strings.TrimSpace(line)
	if separator, found := strings.CutPrefix(line, "sep="); found && separator != "," {
		return fmt.Errorf("the cells of the file are separated by %q; %s", separator, saveAs)
	}
	if strings.HasPrefix(line, "{") || strings.HasPrefix(line, "[") {
		return errors.New("the file is JSON, not CSV; give it as NDJSON, one object a line")
	}
	for separator, name := range map[string]string{";": "semicolons", "\t": "tabs", "|": "bars"} {
		if !strings.Contains(line, ",") && strings.Contains(line, separator) {
			return fmt.Errorf("the cells of the file are separated by %s; %s", name, saveAs)
		}
	}
	return nil
}

// notNDJSON names what a file is that does not hold one JSON object a line.
func notNDJSON(head []byte) error {
	line, rest, _ := strings.Cut(string(head), "\n")
	line = strings.TrimSpace(line)
	goesOn := strings.HasPrefix(strings.TrimSpace(rest), `"`) // a line of its own would begin with a brace
	switch {
	case strings.HasPrefix(line, "["):
		return errors.New("the file is one JSON array; give one object a line (jq -c '.[]' FILE)")
	case goesOn && strings.HasPrefix(line, "{"):
		return errors.New("the objects of the file stand on several lines; give one object a line (jq -c . FILE)")
	case !strings.HasPrefix(line, "{") && strings.Contains(line, fieldOrgTrdNo.String()):
		return errors.New("the file is CSV, not NDJSON; say so with --format csv")
	}
	return nil
}

const ruinedNumber = "was a number whose last digits a spreadsheet has lost; format the column as text, and enter it anew"

// ruined reports whether a cell holds what a spreadsheet makes of a long number, whose last digits
// are gone.
func ruined(cell string) bool {
	mantissa, exponent, found := strings.Cut(strings.ToUpper(cell), "E+")
	whole, fraction, _ := strings.Cut(mantissa, ".")
	return found && whole != "" && exponent != "" && digits.holds(whole+fraction+exponent)
}
