package settlebank

import (
	"encoding/csv"
	"fmt"
	"slices"
	"strings"
	"testing"
)

// TestClassify walks every row of the table, without the parser's help, and codes that stand in
// none.
func TestClassify(t *testing.T) {
	t.Parallel()
	rows := strings.Split(strings.TrimSpace(resultCodes), "\n")[1:]
	if len(rows) < 150 {
		t.Fatalf("the table has %d rows", len(rows))
	}
	for _, row := range rows {
		cell, rest, _ := strings.Cut(row, ",")
		want, _, _ := strings.Cut(rest, ",")
		ends := strings.Split(cell, "-")
		for _, code := range ends {
			if class, listed := Classify(code); class != Class(want) || !listed {
				t.Errorf("%s (row %q): got %s, listed %t", code, row, class, listed)
			}
		}
	}
	for code, want := range map[string]Class{
		"1102": Rejected, "1126": Rejected, "CA21": Rejected, "CA79": Rejected, "STR4": Rejected, "ST93": Unknown,
		"MP95": Transient, "CP16": Rejected, "2002": Rejected,
	} {
		if class, listed := Classify(code); class != want || !listed {
			t.Errorf("%s: got %s, listed %t, want %s", code, class, listed, want)
		}
	}
	for _, code := range []string{"", "0001", "1100", "1128", "STR0", "STR9", "ca12", "CA12 ", " 0000", "000", "00000", "CA20-CA80", "code", "local"} {
		if class, listed := Classify(code); class != Unknown || listed {
			t.Errorf("%q: got %s, listed %t, want unknown and not listed", code, class, listed)
		}
	}
}

// TestMeanings holds what is told of single codes to the table's words.
func TestMeanings(t *testing.T) {
	t.Parallel()
	rows, err := csv.NewReader(strings.NewReader(resultCodes)).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range rows[1:] {
		if want := strings.Contains(row[2], "no such"); NoSuchPayment(row[0]) != want {
			t.Errorf("%s (%s): no such payment: %t", row[0], row[2], !want)
		}
	}
	if all := Codes(); len(all) < 300 || !slices.IsSorted(all) || !slices.Contains(all, "CA21") {
		t.Errorf("codes: %v", all)
	}
	for code, want := range map[string]Class{"ST06": Rejected, "5002": Unknown, "ST10": Unknown, "XXXX": Unknown} {
		if got, _ := ClassifyInquiry(code); got != want {
			t.Errorf("in an inquiry %s is %s, want %s", code, got, want)
		}
	}
	for code, want := range map[string]Class{"ST06": Unknown, "ST09": Rejected, "ST10": Transient, "ST90": Misconfigured, "ST91": Rejected, "ST92": Misconfigured, "XXXX": Unknown} {
		if got, _ := ClassifyCollation(code); got != want {
			t.Errorf("above a list %s is %s, want %s", code, got, want)
		}
	}
	for code, want := range map[string]Class{"ST04": Unknown, "ST06": Unknown, "ST09": Misconfigured, "5002": Unknown,
		"PZ88": Rejected, "PZ89": Rejected, "PZ90": Rejected, "9001": Rejected, "9007": Rejected} {
		if got, listed := Classify(code); got != want || !listed {
			t.Errorf("%s is %s, want %s", code, got, want)
		}
	}
}

func TestParseCodes(t *testing.T) {
	t.Parallel()
	const head = "code,class,meaning\n"
	t.Run("OK", func(t *testing.T) {
		t.Parallel()
		table, err := parseCodes(head + "0000,ok,done\nAB08-AB11,rejected,\"no, never\"\n")
		if err != nil {
			t.Fatal(err)
		}
		if got := fmt.Sprint(table); got != "map[0000:ok AB08:rejected AB09:rejected AB10:rejected AB11:rejected]" {
			t.Errorf("got %s", got)
		}
	})
	for _, tt := range []struct{ name, text, want string }{
		{"ErrEmpty", "", "line 1"},
		{"ErrNoRows", head, "line 1"},
		{"ErrHeader", "code,meaning,class\n0000,done,ok\n", "line 1"},
		{"ErrColumns", head + "0000,ok\n", "line 2"},
		{"ErrQuote", head + "0000,ok,\"open\n", "line"},
		{"ErrClass", head + "0000,ok,done\n0001,fine,done\n", `line 3: unknown class "fine"`},
		{"ErrNoClass", head + "0001,,done\n", `line 2: unknown class ""`},
		{"ErrMeaning", head + "0001,ok, \n", "line 2: the meaning"},
		{"ErrMeaningLines", head + "0001,ok,\"a\nb\"\n", "line 2: the meaning"},
		{"ErrShort", head + "001,ok,done\n", `line 2: bad code "001"`},
		{"ErrLower", head + "ca01,ok,done\n", `line 2: bad code "ca01"`},
		{"ErrBlank", head + " 000,ok,done\n", `line 2: bad code " 000"`},
		{"ErrOpenRange", head + "0001-,ok,done\n", `bad code "0001-"`},
		{"ErrTwoRanges", head + "0001-0002-0003,ok,done\n", "bad code"},
		{"ErrDescending", head + "CA20-CA10,ok,done\n", `line 2: bad range "CA20-CA10": it does not ascend`},
		{"ErrOneCodeRange", head + "CA20-CA20,ok,done\n", "does not ascend"},
		{"ErrPrefix", head + "CA20-CP30,ok,done\n", `line 2: bad range "CA20-CP30"`},
		{"ErrWidth", head + "CA20-CAB0,ok,done\n", `line 2: bad range "CA20-CAB0"`},
		{"ErrLetters", head + "ABCD-ABCE,ok,done\n", "bad range"},
		{"ErrTwice", head + "0000,ok,done\n0000,ok,done\n", "line 3: code 0000 stands in line 2 already"},
		{"ErrOverlap", head + "CA20-CA30,rejected,no\nCA25-CA40,rejected,no\n", "line 3: code CA25 stands in line 2 already"},
		{"ErrInRange", head + "CA20-CA30,rejected,no\nCA25,ok,done\n", "line 3: code CA25 stands in line 2 already"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			table, err := parseCodes(tt.text)
			if err == nil || !strings.Contains(err.Error(), tt.want) || table != nil {
				t.Errorf("got %v and the error %v, want an error with %q", table, err, tt.want)
			}
		})
	}
	t.Run("ErrAllAtOnce", func(t *testing.T) {
		t.Parallel()
		_, err := parseCodes(head + "x,ok,done\n0001,fine,done\n")
		if err == nil || !strings.Contains(err.Error(), "line 2") || !strings.Contains(err.Error(), "line 3") {
			t.Errorf("want both lines named, got %v", err)
		}
	})
}

// FuzzCodes: a table that is taken has well-formed codes and known classes only.
func FuzzCodes(f *testing.F) {
	f.Add(resultCodes)
	for _, s := range []string{"0000,ok,done\n", "CA20-CA80,rejected,no\n", "STR1-STR8,rejected,no\nSTR3,ok,x\n", "A-B,ok,x\n", "\"0000\n\",ok,x\n"} {
		f.Add("code,class,meaning\n" + s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		table, err := parseCodes(text)
		if (err == nil) != (len(table) > 0) {
			t.Fatalf("got %d codes and the error %v", len(table), err)
		}
		for code, class := range table {
			if len(code) != 4 || strings.ToUpper(code) != code {
				t.Errorf("code %q", code)
			}
			if !strings.Contains(text, string(class)) || class == "" {
				t.Errorf("class %q of nowhere", class)
			}
		}
	})
}
