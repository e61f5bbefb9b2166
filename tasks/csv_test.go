package tasks

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const csvHeader = "idempotencyKey,mchtId,orgTrdNo,orgMchtTrdNo,orgTrdDt,reason,canAmt\n"

// csvRecord returns a record for csvHeader.
func csvRecord(key, canAmt string) string {
	return key + ",nxca_jt_bi,T1,O1,20231215,," + canAmt + "\n"
}

// csvReason returns a record for csvHeader with a reason, as it stands in the file.
func csvReason(key, reason string) string {
	return key + ",nxca_jt_bi,T1,O1,20231215," + reason + ",500\n"
}

func TestReadCSV(t *testing.T) {
	t.Parallel()
	a, b := csvRecord("a", "500"), csvRecord("b", "500")
	tests := []struct {
		name, in string
		want     []string
	}{
		{"OK empty", "", nil},
		{"OK header alone", csvHeader, nil},
		{"OK records", csvHeader + a + b, []string{"2 a", "3 b"}},
		{"OK no end of line", csvHeader + a + strings.TrimSpace(b), []string{"2 a", "3 b"}},
		{"OK CR at the end", csvHeader + a + strings.TrimSpace(b) + "\r", []string{"2 a", "3 b"}},
		{"OK CRLF", strings.ReplaceAll(csvHeader+a+b, "\n", "\r\n"), []string{"2 a", "3 b"}},
		{"OK byte order mark", "\xEF\xBB\xBF" + csvHeader + a, []string{"2 a"}},
		{"OK byte order mark and quotes", "\xEF\xBB\xBF\"idempotencyKey\"" + strings.TrimPrefix(csvHeader, "idempotencyKey") + a, []string{"2 a"}},
		{"OK blank lines", "\n" + csvHeader + "\r\n\n" + a + "\n" + b + "\n", []string{"5 a", "7 b"}},
		{"OK lines in quotes", csvHeader + csvReason("a", "\"one\ntwo\r\n\r\nthree\"") + b, []string{"2 a", "6 b"}},
		{"OK doubled quotes", csvHeader + csvReason("0", `"`+strings.Repeat(`""`, 999)+`"`) + b, []string{"2 0", "3 b"}},
		{"ErrCells", csvHeader + "a,b\n" + strings.TrimSpace(a) + ",x\n" + b, []string{
			"2! the record has 2 cells, the header 7", "3! the record has 8 cells, the header 7", "4 b"}},
		{"OK rows without content", csvHeader + ",,,,,,\n" + a + " ,,\t,\n,,,,,,,,,,\n" + b, []string{"3 a", "6 b"}},
		{"OK columns without content", strings.TrimSpace(csvHeader) + ",,\n" + strings.TrimSpace(a) + ",, \n" + b, []string{"2 a", "3 b"}},
		{"OK declares the comma", "\xEF\xBB\xBFsep=,\r\n" + csvHeader + a, []string{"3 a"}},
		{"ErrColumnWithoutName", strings.TrimSpace(csvHeader) + ",\n" + strings.TrimSpace(a) + ",x\n" + b, []string{
			"2! the record has 8 cells, the header 7", "3 b"}},
		{"ErrRuined", csvHeader + csvReason("2.02312E+13", "8E+3") + csvReason("a", "1.5E+x") + csvRecord("b", "1.2e+05"), []string{
			"2! idempotencyKey " + ruinedNumber + "; reason " + ruinedNumber, "3 a", "4! canAmt " + ruinedNumber}},
		{"ErrFaults", csvHeader + csvRecord("a", "5.0") + csvRecord("a/b", "+1") + b, []string{"2! canAmt " + notAmount,
			"3! idempotencyKey must be made of A-Z a-z 0-9 . _ : -; character 2 is not; canAmt " + notAmount, "4 b"}},
		{"ErrNotUTF8", csvHeader + csvReason("a", "\xff\xfe") + b, []string{"2! reason holds bytes that are not UTF-8", "3 b"}},
		{"ErrQuoteInside", csvHeader + csvReason("a", `he said "no"`) + b, []string{"2! the record has a quote inside a cell without quotes", "3 b"}},
		{"ErrAfterQuote", csvHeader + csvReason("a", `"no" he said`) + b, []string{"2! the record has text after a closing quote", "3 b"}},
		{"ErrAfterQuote in later line", csvHeader + csvReason("a", "\"one\ntwo\" x") + b, []string{"2! the record from line 2 to line 3 has text after a closing quote", "4 b"}},
		{"ErrUnclosed", csvHeader + a + csvReason("b", `"never closed`) + a + a, []string{
			"2 a", "3! the record has a quoted cell that is never closed: nothing after it was read"}},
		{"ErrTooLong", csvHeader + csvReason("a", strings.Repeat("x", 2*MaxSize)) + b, []string{"2! the record is longer than 65536 bytes", "3 b"}},
		{"ErrTooLongByOne", csvHeader + strings.Repeat("x", MaxSize+1), []string{"2! the record is longer than 65536 bytes"}},
		{"ErrLong", csvHeader + strings.Repeat("x", MaxSize) + "\n" + b, []string{"2! the record has 1 cells, the header 7", "3 b"}},
		{"ErrTooLongInQuotes", csvHeader + csvReason("a", `"`+strings.Repeat("x\n", MaxSize)+`"`) + b, []string{
			"2! the record from line 2 to line 65538 is longer than 65536 bytes", "65539 b"}},
		{"ErrUnknownColumn", strings.Replace(csvHeader, "reason", "Reason", 1) + a, []string{`1! "Reason" (column 6 of the header) is not a known field; did you mean reason?`}},
		{"ErrRepeatedColumn", strings.Replace(csvHeader, "reason", "canAmt", 1) + a, []string{"1! canAmt stands in the header more than once, again in column 7"}},
		{"ErrHeader", "colour,canAmt,canAmt,orgTrdNo \n" + a, []string{"1! idempotencyKey is required, but the header has no such column; " +
			"mchtId is required, but the header has no such column; orgTrdNo is required, but the header has no such column; " +
			"orgMchtTrdNo is required, but the header has no such column; orgTrdDt is required, but the header has no such column; " +
			"canAmt stands in the header more than once, again in column 3; " +
			`"colour" (column 1 of the header) is not a known field; "orgTrdNo " (column 4 of the header) is not a known field`}},
		{"ErrHeaderQuotes", `"idempotencyKey"x` + "\n" + a, []string{"1! the record has text after a closing quote"}},
		{"ErrHeaderTooLong", strings.Repeat("x", MaxSize+1) + "\n" + a, []string{"1! the record is longer than 65536 bytes"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			wantLines(t, ReadCSV, tt.in, tt.want)
		})
	}
}

// TestReadCSVFields writes every field, in the reverse of their order.
func TestReadCSVFields(t *testing.T) {
	t.Parallel()
	want := wellFormedRefund()
	want.Reason, want.VAcntNo = "one,\n\"two\"", "7901"
	values := map[field]string{
		fieldKey: want.IdempotencyKey, fieldMchtID: want.MchtID, fieldOrgTrdNo: want.OrgTrdNo, fieldOrgMchtTrdNo: want.OrgMchtTrdNo,
		fieldOrgTrdDt: want.OrgTrdDt, fieldCanAmt: "500", fieldOrgTrdAmt: "1000", fieldMethod: want.Method, fieldReason: want.Reason,
		fieldOperation: want.Operation, fieldCurrency: want.Currency, fieldTaxTypeCd: want.TaxTypeCd, fieldTaxAmt: "400",
		fieldVatAmt: "40", fieldTaxFreeAmt: "60", fieldSvcAmt: "0", fieldRefundBankCd: want.RefundBankCd,
		fieldRefundAcntNo: want.RefundAcntNo, fieldRefundDpstrNm: want.RefundDpstrNm, fieldVAcntNo: want.VAcntNo,
	}
	var names, cells []string
	for f := range fieldCount {
		names, cells = append([]string{f.String()}, names...), append([]string{values[f]}, cells...)
	}
	var file bytes.Buffer
	w := csv.NewWriter(&file)
	if err := w.WriteAll([][]string{names, cells}); err != nil {
		t.Fatal(err)
	}
	n := 0
	for line := range ReadCSV(&file, parseOptions()) {
		n++
		if diff := cmp.Diff(Line{Number: 2, Cancellation: want}, line); diff != "" {
			t.Errorf("line (-want +got):\n%s", diff)
		}
	}
	if n != 1 {
		t.Errorf("%d lines, want 1", n)
	}
}

func TestReadCSVDefaults(t *testing.T) {
	t.Parallel()
	o := parseOptions()
	in := "idempotencyKey,orgTrdNo,orgMchtTrdNo,orgTrdDt,canAmt\na,T1,O1,20231215,500\n"
	if diff := cmp.Diff([]string{"1! mchtId is required, but the header has no such column"}, outcomes(t, ReadCSV(strings.NewReader(in), o))); diff != "" {
		t.Errorf("without a default merchant (-want +got):\n%s", diff)
	}
	o.DefaultMchtID = "nxca_jt_bi"
	if diff := cmp.Diff([]string{"2 a"}, outcomes(t, ReadCSV(strings.NewReader(in), o))); diff != "" {
		t.Errorf("with a default merchant (-want +got):\n%s", diff)
	}
	in = strings.Replace(in, "idempotencyKey,", "", 1)
	o.DefaultKey = "k"
	if diff := cmp.Diff([]string{"2 k"}, outcomes(t, ReadCSV(strings.NewReader(strings.Replace(in, "\na,", "\n", 1)), o))); diff != "" {
		t.Errorf("with a default key (-want +got):\n%s", diff)
	}
}

// TestReadCSVWithoutHeader gives a file whose first line is data: its account
// number is taken for the name of a column, and must not be shown as one.
func TestReadCSVWithoutHeader(t *testing.T) {
	t.Parallel()
	for line := range ReadCSV(strings.NewReader("k1,refund,110234567890,110-234-567890\n"), parseOptions()) {
		if text := line.Err.Error(); strings.Contains(text, "234") || !strings.Contains(text, "************") {
			t.Errorf("an account number is shown: %s", text)
		}
	}
}

// FuzzReadCSV compares with encoding/csv: a file that it reads without an
// error has the same records on the same lines; any other gives ascending
// line numbers and at least one error.
func FuzzReadCSV(f *testing.F) {
	f.Add([]byte(csvHeader + csvRecord("a", "500") + csvReason("b", "\"x\n\"\"y\r\n,\"") + "\r\n" + csvRecord("c", "1")))
	f.Add([]byte(csvHeader + csvReason("a", `x"y`) + csvReason("b", `"x"y`) + csvReason("c", `"`) + "\n\n"))
	f.Add([]byte("\xEF\xBB\xBF\r\n\"\",\"\"\r\n,\r\r\n\r"))
	f.Fuzz(func(t *testing.T, data []byte) {
		want, valid := referenceRecords(data)
		var got []csvLine
		in := newCSVReader(bytes.NewReader(data))
		last, faulty := 0, false
		for {
			err := in.next()
			if err != nil {
				if !errors.Is(err, io.EOF) {
					t.Fatal(err)
				}
				break
			}
			if in.first <= last || in.line < in.first {
				t.Fatalf("line %d to %d after line %d", in.first, in.line, last)
			}
			last = in.first
			faulty = faulty || in.fault != ""
			got = append(got, csvLine{in.first, in.cells()})
		}
		if valid && !faulty {
			if diff := cmp.Diff(want, got, cmp.AllowUnexported(csvLine{})); diff != "" {
				t.Errorf("records (-encoding/csv +got):\n%s", diff)
			}
		}
		if valid && faulty && len(data) <= MaxSize || !valid && !faulty {
			t.Errorf("encoding/csv says valid=%v, we say faulty=%v", valid, faulty)
		}
		if wrongKind(newCSVReader(bytes.NewReader(data)).in, true) != nil {
			return
		}
		last = 0
		for line := range ReadCSV(bytes.NewReader(data), parseOptions()) {
			if line.Number <= last {
				t.Fatalf("line %d after line %d", line.Number, last)
			}
			last = line.Number
			if line.Err != nil {
				faultsOf(t, line.Err)
			} else if err := line.Cancellation.Validate(parseNow); err != nil {
				t.Fatalf("line %d accepted, yet invalid: %v", line.Number, err)
			}
		}
	})
}

type csvLine struct {
	number int
	cells  []string
}

// referenceRecords reads data with encoding/csv.
func referenceRecords(data []byte) (records []csvLine, valid bool) {
	r := csv.NewReader(bytes.NewReader(bytes.TrimPrefix(data, byteOrderMark)))
	r.FieldsPerRecord = -1
	for {
		cells, err := r.Read()
		if err == io.EOF {
			return records, true
		}
		if err != nil {
			return nil, false
		}
		number, _ := r.FieldPos(0)
		records = append(records, csvLine{number, cells})
	}
}

func BenchmarkReadCSV(b *testing.B) {
	var file strings.Builder
	file.WriteString(csvHeader)
	for i := range 1000 {
		file.WriteString(csvRecord(fmt.Sprintf("refund-%d", i), "500"))
	}
	b.SetBytes(int64(file.Len()))
	b.ReportAllocs()
	for b.Loop() {
		n := 0
		for line := range ReadCSV(strings.NewReader(file.String()), parseOptions()) {
			if n++; line.Err != nil {
				b.Fatal(line.Err)
			}
		}
		if n != 1000 {
			b.Fatalf("%d lines", n)
		}
	}
}
