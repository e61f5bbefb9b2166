package gateway

import (
	"errors"
	"io"
	"strings"
	"testing"

	"settlecancel/gateway/settlebank"
)

func TestCollationLine(t *testing.T) {
	t.Parallel()
	for name, line := range map[string]string{
		"merchant": listed("0", "nxca_jt_il"), "method": listed("1", "RA"), "no trdNo": listed("2", ""),
		"trdNo": listed("2", "C 1"), "mchtTrdNo": listed("3", "a\x01"), "type": listed("4", "2"), "no type": listed("4", ""),
		"day": listed("5", "20240103"), "date": listed("5", "20240102x"), "time": listed("6", "235960"), "short time": listed("6", "2359"),
		"fraction": listed("6", "235959.5"), "amount": listed("7", "5.00"), "signed amount": listed("7", "-500"), "no amount": listed("7", ""),
		"amount of 13": listed("7", "1234567890123"), "comma": listed("7", "1,000"), "no original": listed("8", ""),
		"original": listed("8", "T\t1"), "original's date": listed("9", "20231315"),
	} {
		t.Run("Err "+name, func(t *testing.T) {
			t.Parallel()
			records, err := collate(t.Context(), collating(t, saying("0000|정상|2|\n"+lineC1+line)), testDay)
			var e *CollationError
			if len(records) != 1 || !errors.As(err, &e) || !errors.Is(err, ErrCollationForm) || e.Line != 3 || e.Class != Unknown {
				t.Errorf("%d records, %v", len(records), err)
			}
		})
	}
	t.Run("ErrAllAtOnce", func(t *testing.T) {
		t.Parallel()
		_, err := readRecord(testDay, strings.TrimSpace(listed("0", "x", "4", "9", "7", "x")))
		for _, want := range []string{"another merchant's", "the type", "the amount"} {
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("error %v lacks %q", err, want)
			}
		}
	})
	t.Run("OK", func(t *testing.T) {
		t.Parallel()
		for _, line := range []string{
			listed("3", ""), listed("9", ""), listed("7", "0"), listed("7", "000000000500"), listed("11", ""), listed("10", "\xff\xfe"),
		} {
			if _, err := readRecord(testDay, strings.TrimSpace(line)); err != nil {
				t.Errorf("%q: %v", line, err)
			}
		}
	})
}

// endless says the same line for ever.
type endless struct {
	line []byte
	told int64
}

func (e *endless) Read(p []byte) (int, error) {
	n := copy(p, e.line[e.told%int64(len(e.line)):])
	e.told += int64(n)
	return n, nil
}

func TestCollationErrTooLong(t *testing.T) {
	t.Parallel()
	text := &endless{line: []byte(lineC1)}
	l := newList(testDay, io.MultiReader(strings.NewReader("0000|정상|999999999|\n"), text), listLimits{line: 4 << 10, total: 1 << 20})
	for more := true; more; {
		_, more = l.next()
	}
	if l.fault == nil || !errors.Is(l.fault, ErrCollationForm) || !strings.Contains(l.fault.Error(), "too long") {
		t.Errorf("fault %v", l.fault)
	}
	if text.told > 1<<20+8<<10 {
		t.Errorf("%d bytes were read", text.told)
	}
}

// FuzzCollation: a list counts only when every line was whole, of 16 fields, and as many as it
// says.
func FuzzCollation(f *testing.F) {
	for _, s := range []string{
		"0000|정상|1|\n" + lineC1, "0000|정상|2|\n" + lineC1 + approval, "1001|none|0|\n", "ST10|x|0|", "", "0000|정상|1|\n" + lineC1[:30],
		"0000|정상|0|\n\n\n", "0000|정상|1|\r\n" + strings.TrimRight(lineC1, "\n") + "\r\n", "|||\n", "0000|x|1|\n" + strings.Repeat("|", 16) + "\n",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		l := newList(testDay, strings.NewReader(text), listLimits{line: 256, total: 4 << 10})
		var records []CollationRecord
		for r, more := l.next(); more; r, more = l.next() {
			records = append(records, r)
		}
		if len(records)*collationFields > strings.Count(text, "|") {
			t.Errorf("%d records of %q", len(records), text)
		}
		for _, r := range records {
			if r.MchtID != testDay.MchtID || r.Method != testDay.Method || r.Amount < 0 || r.Amount > settlebank.MaxAmount || r.TrdNo == "" ||
				r.Time.Format(settlebank.DateLayout) != testDay.Date || r.Cancellation && r.OrgTrdNo == "" {
				t.Errorf("record %+v", r)
			}
		}
		if l.fault != nil {
			if l.fault.Class == "" || l.fault.Class == OK {
				t.Errorf("fault of class %q", l.fault.Class)
			}
			return
		}
		lines := 0
		for line := range strings.Lines(text) {
			if strings.TrimRight(line, "\r\n") != "" {
				lines++
			}
		}
		if lines != len(records)+1 || !strings.HasPrefix(text, "0000|") && !strings.HasPrefix(text, "1001|") {
			t.Errorf("%d records without a fault in %q", len(records), text)
		}
	})
}
