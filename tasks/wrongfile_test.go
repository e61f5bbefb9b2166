package tasks

import (
	"bytes"
	"errors"
	"io"
	"iter"
	"strings"
	"testing"
	"unicode/utf16"
)

// utf16Of returns text in UTF-16 with its byte order mark, little-endian where asked for.
func utf16Of(text string, little bool) string {
	var out bytes.Buffer
	for _, unit := range utf16.Encode([]rune("\ufeff" + text)) {
		pair := []byte{byte(unit >> 8), byte(unit)}
		if little {
			pair[0], pair[1] = pair[1], pair[0]
		}
		out.Write(pair)
	}
	return out.String()
}

// A file of another kind is named once, with what to do, and nothing of it is taken.
func TestWrongKind(t *testing.T) {
	t.Parallel()
	type read func(io.Reader, ParseOptions) iter.Seq[Line]
	records := csvRecord("a", "500") + csvRecord("b", "1")
	sheet := csvHeader + records
	korean := csvHeader + csvRecord("a", "500") + csvReason("b", "\xb0\xed\xb0\xb4 \xba\xaf\xbd\xc9") // 고객 변심
	pretty := strings.ReplaceAll(strings.ReplaceAll(strings.TrimSpace(ndjson("a")), ",", ",\n  "), "{", "{\n  ")
	for name, c := range map[string]struct {
		read read
		in   string
		want []string
	}{
		"workbook":         {ReadCSV, "PK\x03\x04\x14\x00", []string{".xlsx", "CSV UTF-8"}},
		"workbook, NDJSON": {ReadNDJSON, "PK\x03\x04\x14\x00", []string{".xlsx", "CSV UTF-8"}},
		"old workbook":     {ReadCSV, "\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1", []string{".xls", "CSV UTF-8"}},
		"compressed":       {ReadNDJSON, "\x1f\x8b\x08\x00", []string{"gzip", "unpack"}},
		"UTF-16":           {ReadCSV, utf16Of(sheet, true), []string{"UTF-16", "CSV UTF-8"}},
		"UTF-16, big":      {ReadCSV, utf16Of(sheet, false), []string{"UTF-16", "CSV UTF-8"}},
		"UTF-16, no mark":  {ReadNDJSON, utf16Of(ndjson("a"), true)[2:], []string{"UTF-16"}},
		"CP949":            {ReadCSV, korean, []string{"CP949", "EUC-KR", "CSV UTF-8"}},
		"CP949, NDJSON":    {ReadNDJSON, `{"reason":"` + "\xb0\xed" + "\"}\n", []string{"CP949"}},
		"CR alone":         {ReadCSV, strings.ReplaceAll(sheet, "\n", "\r"), []string{"CR alone", "CSV UTF-8"}},
		"semicolons":       {ReadCSV, strings.ReplaceAll(sheet, ",", ";"), []string{"semicolons", "CSV UTF-8"}},
		"tabs":             {ReadCSV, strings.ReplaceAll(sheet, ",", "\t"), []string{"tabs", "CSV UTF-8"}},
		"declared":         {ReadCSV, "sep=;\n" + strings.ReplaceAll(sheet, ",", ";"), []string{`";"`, "CSV UTF-8"}},
		"JSON as CSV":      {ReadCSV, ndjson("a"), []string{"JSON, not CSV"}},
		"CSV as NDJSON":    {ReadNDJSON, "\xEF\xBB\xBF" + sheet, []string{"--format csv"}},
		"array":            {ReadNDJSON, "[" + strings.TrimSpace(ndjson("a")) + ",\n" + ndjson("b") + "]", []string{"array", "jq -c '.[]'"}},
		"pretty array":     {ReadNDJSON, "[\n" + pretty + "\n]", []string{"array"}},
		"pretty":           {ReadNDJSON, pretty + "\n" + pretty, []string{"several lines", "jq -c ."}},
		"pretty, one line": {ReadNDJSON, strings.Replace(pretty, "{\n", "{", 1), []string{"several lines"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var lines []Line
			for line := range c.read(strings.NewReader(c.in), parseOptions()) {
				lines = append(lines, line)
			}
			var stopped *ReadError
			if len(lines) != 1 || !errors.As(lines[0].Err, &stopped) || stopped.Line != 1 {
				t.Fatalf("%d lines, the first says %v", len(lines), lines[0].Err)
			}
			for _, part := range c.want {
				if !strings.Contains(stopped.Error(), part) {
					t.Errorf("%q lacks %q", stopped, part)
				}
			}
		})
	}
}

// What is of the right kind is read, however little of it came first.
func TestRightKind(t *testing.T) {
	t.Parallel()
	for name, in := range map[string]string{
		"Korean in UTF-8": csvHeader + csvReason("a", "고객 변심; 색상|크기\t교환"), "nothing": "", "only the mark": "\xEF\xBB\xBF",
		"a broken character": csvHeader + csvReason("a", "고\xec"), "CRLF": strings.ReplaceAll(csvHeader+csvRecord("a", "1"), "\n", "\r\n"),
	} {
		if err := wrongKind(newReader(strings.NewReader(in)), true); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, in := range map[string]string{
		"one line": ndjson("a"), "a faulty line first": "{\"a\":\n" + ndjson("a"), "text": "hello\n", "nothing": " \n",
	} {
		if err := wrongKind(newReader(strings.NewReader(in)), false); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}
