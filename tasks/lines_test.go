package tasks

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"iter"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
)

// outcomes renders lines as "number key" or "number! fault; fault".
func outcomes(t testing.TB, lines iter.Seq[Line]) []string {
	t.Helper()
	var out []string
	for line := range lines {
		var broken *ReadError
		switch {
		case line.Err == nil:
			out = append(out, fmt.Sprintf("%d %s", line.Number, line.Cancellation.IdempotencyKey))
			continue
		case errors.As(line.Err, &broken):
			out = append(out, fmt.Sprintf("%d? %v", broken.Line, broken.Err))
		default:
			faults, _ := faultsOf(t, line.Err)
			out = append(out, fmt.Sprintf("%d! %s", line.Number, strings.Join(faults, "; ")))
		}
		if line.Cancellation != (Cancellation{}) {
			t.Errorf("line %d has an error and a cancellation", line.Number)
		}
	}
	return out
}

// wantLines reads in, however its bytes arrive.
func wantLines(t *testing.T, read func(io.Reader, ParseOptions) iter.Seq[Line], in string, want []string) {
	t.Helper()
	for how, r := range map[string]io.Reader{
		"at once":          strings.NewReader(in),
		"byte by byte":     iotest.OneByteReader(strings.NewReader(in)),
		"end with content": iotest.DataErrReader(strings.NewReader(in)),
	} {
		if diff := cmp.Diff(want, outcomes(t, read(r, parseOptions()))); diff != "" {
			t.Errorf("%s: lines (-want +got):\n%s", how, diff)
		}
	}
}

// ndjson returns a line with the key given.
func ndjson(key string) string {
	return document("idempotencyKey", fmt.Sprintf("%q", key)) + "\n"
}

func TestReadNDJSON(t *testing.T) {
	t.Parallel()
	const tooLong = "the line is longer than 65536 bytes"
	tests := []struct {
		name, in string
		want     []string
	}{
		{"OK empty", "", nil},
		{"OK byte order mark alone", "\xEF\xBB\xBF", nil},
		{"OK lines", ndjson("a") + ndjson("b"), []string{"1 a", "2 b"}},
		{"OK no end of line", ndjson("a") + strings.TrimSpace(ndjson("b")), []string{"1 a", "2 b"}},
		{"OK CRLF", strings.ReplaceAll(ndjson("a")+"\n"+ndjson("b"), "\n", "\r\n"), []string{"1 a", "3 b"}},
		{"OK blank lines", "\n \t\n" + ndjson("a") + "\r\n\n" + ndjson("b") + "\n\n", []string{"3 a", "6 b"}},
		{"OK byte order mark", "\xEF\xBB\xBF" + ndjson("a"), []string{"1 a"}},
		{"OK longest line", strings.Repeat(" ", MaxSize-len(ndjson("a"))) + ndjson("a") + ndjson("b"), []string{"1 a", "2 b"}},
		{"ErrByteOrderMark", ndjson("a") + "\xEF\xBB\xBF" + ndjson("b"), []string{"1 a", "2! the document is not one JSON object: its syntax breaks at byte 1 of 118"}},
		{"ErrLine", ndjson("a") + "{}{}\n[]\n" + ndjson("b"), []string{
			"1 a", "2! the document is not one JSON object: its syntax breaks at byte 3 of 4", "3! the document must be a JSON object, not an array", "4 b"}},
		{"ErrSplitObject", "{\n}\n" + ndjson("b"), []string{"1! the document is not one JSON object: its syntax breaks at byte 1 of 1",
			"2! the document is not one JSON object: its syntax breaks at byte 1 of 1", "3 b"}},
		{"ErrTooLong", ndjson("a") + strings.Repeat("x", 3*MaxSize) + "\n" + ndjson("b"), []string{"1 a", "2! " + tooLong, "3 b"}},
		{"ErrTooLongByOne", strings.Repeat("x", MaxSize+1) + "\n" + ndjson("b"), []string{"1! the document has 65537 bytes, at most 65536 are taken", "2 b"}},
		{"ErrTooLongAtEnd", ndjson("a") + strings.Repeat("x", 3*MaxSize), []string{"1 a", "2! " + tooLong}},
		{"ErrTooLongBlank", strings.Repeat(" ", 3*MaxSize) + "\n" + ndjson("b"), []string{"1! " + tooLong, "2 b"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			wantLines(t, ReadNDJSON, tt.in, tt.want)
		})
	}
}

// TestReadBroken lets the reader fail in the middle of a line that would be
// valid if it ended there: it must not be taken for one.
func TestReadBroken(t *testing.T) {
	t.Parallel()
	broken := errors.New("disk on fire")
	head := csvHeader + csvRecord("a", "100")
	cut := strings.TrimSuffix(csvRecord("b", "5000"), "00\n")
	tests := []struct {
		name string
		read func(io.Reader, ParseOptions) iter.Seq[Line]
		in   string
		want []string
	}{
		{"ErrNDJSON", ReadNDJSON, ndjson("a") + "\n" + strings.TrimSpace(ndjson("b")), []string{"1 a", "3? disk on fire"}},
		{"ErrNDJSON between lines", ReadNDJSON, ndjson("a"), []string{"1 a", "2? disk on fire"}},
		{"ErrNDJSON in a long line", ReadNDJSON, ndjson("a") + strings.Repeat("x", 2*MaxSize), []string{"1 a", "2? disk on fire"}},
		{"ErrNDJSON at the start", ReadNDJSON, "", []string{"1? disk on fire"}},
		{"ErrCSV", ReadCSV, head + cut, []string{"2 a", "3? disk on fire"}},
		{"ErrCSV after CR", ReadCSV, head + cut + "\r", []string{"2 a", "3? disk on fire"}},
		{"ErrCSV in quotes", ReadCSV, head + `"b` + "\n", []string{"2 a", "3? disk on fire"}},
		{"ErrCSV in the header", ReadCSV, strings.TrimSpace(csvHeader), []string{"1? disk on fire"}},
		{"ErrCSV at the start", ReadCSV, "", []string{"1? disk on fire"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			// After the error the reader would go on as if nothing had been.
			r := io.MultiReader(strings.NewReader(tt.in), iotest.ErrReader(broken))
			once := &failOnce{r: strings.NewReader(tt.in), after: strings.NewReader("\n" + ndjson("c") + csvRecord("c", "1")), err: broken}
			for how, r := range map[string]io.Reader{"for good": r, "once": once} {
				var last Line
				lines := func(yield func(Line) bool) {
					for line := range tt.read(r, parseOptions()) {
						last = line
						if !yield(line) {
							return
						}
					}
				}
				if diff := cmp.Diff(tt.want, outcomes(t, lines)); diff != "" {
					t.Errorf("%s: lines (-want +got):\n%s", how, diff)
				}
				var readErr *ReadError
				if !errors.As(last.Err, &readErr) || !errors.Is(last.Err, broken) || readErr.Line != last.Number {
					t.Errorf("%s: last line %d has %v, want a ReadError", how, last.Number, last.Err)
				}
				if !strings.Contains(last.Err.Error(), fmt.Sprintf("line %d", last.Number)) {
					t.Errorf("%s: error %q does not name the line", how, last.Err)
				}
			}
		})
	}
}

// failOnce reads r, fails once, and then reads after.
type failOnce struct {
	r, after io.Reader
	err      error
}

func (f *failOnce) Read(p []byte) (int, error) {
	n, err := f.r.Read(p)
	if err == io.EOF && f.err != nil {
		err, f.err = f.err, nil
		f.r = f.after
	}
	return n, err
}

// TestReadStops leaves the loop early: nothing may be yielded after that.
func TestReadStops(t *testing.T) {
	t.Parallel()
	for name, lines := range map[string]iter.Seq[Line]{
		"OK NDJSON":        ReadNDJSON(strings.NewReader(ndjson("a")+ndjson("b")), parseOptions()),
		"OK CSV":           ReadCSV(strings.NewReader(csvHeader+csvRecord("a", "1")+csvRecord("b", "1")), parseOptions()),
		"OK NDJSON faulty": ReadNDJSON(strings.NewReader("{a\n{\n"), parseOptions()),
		"OK CSV faulty":    ReadCSV(strings.NewReader(csvHeader+"x\nx\n"), parseOptions()),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n := 0
			for range lines {
				n++
				break
			}
			if n != 1 {
				t.Errorf("%d lines, want 1", n)
			}
		})
	}
}

// repeat reads text over and over, up to total bytes.
type repeat struct {
	text string
	at   int
	left int64
}

func (r *repeat) Read(p []byte) (int, error) {
	if r.left <= 0 {
		return 0, io.EOF
	}
	n := copy(p, r.text[r.at:])
	r.at = (r.at + n) % len(r.text)
	r.left -= int64(n)
	return n, nil
}

// TestReadConstantMemory reads far more than a line may have and watches what stays live.
// It runs alone, as others would be measured with it.
func TestReadConstantMemory(t *testing.T) {
	const size, bound = 4 << 20, 2 << 20
	for name, lines := range map[string]iter.Seq[Line]{
		"OK NDJSON one endless line": ReadNDJSON(&repeat{text: "x", left: size}, parseOptions()),
		"OK NDJSON faulty lines":     ReadNDJSON(&repeat{text: strings.Repeat("x", 1000) + "\n", left: size}, parseOptions()),
		"OK CSV endless quotes":      ReadCSV(io.MultiReader(strings.NewReader(csvHeader+`"`), &repeat{text: "x,\n", left: size}), parseOptions()),
		"OK CSV endless cells":       ReadCSV(io.MultiReader(strings.NewReader(csvHeader), &repeat{text: ",", left: size}), parseOptions()),
		"OK CSV endless header":      ReadCSV(&repeat{text: "x", left: size}, parseOptions()),
	} {
		t.Run(name, func(t *testing.T) {
			var before, after runtime.MemStats
			runtime.GC()
			runtime.ReadMemStats(&before)
			var most uint64
			n := 0
			for line := range lines {
				if n++; line.Err == nil {
					t.Fatal("a line was accepted")
				}
				if n%2000 == 1 {
					runtime.GC()
					runtime.ReadMemStats(&after)
					most = max(most, after.HeapAlloc)
				}
			}
			if n == 0 || most > before.HeapAlloc+bound {
				t.Errorf("%d lines, %d bytes live, %d before", n, most, before.HeapAlloc)
			}
		})
	}
}

func FuzzReadNDJSON(f *testing.F) {
	f.Add([]byte(ndjson("a") + "\r\n{}\n" + ndjson("b")))
	f.Add([]byte("\xEF\xBB\xBF\n \n{\n}"))
	f.Fuzz(func(t *testing.T, data []byte) {
		if wrongKind(newReader(bytes.NewReader(data)), false) != nil {
			return
		}
		// Every line that is not blank must come out, under its number.
		var want []int
		for i, line := range bytes.Split(bytes.TrimPrefix(data, byteOrderMark), []byte("\n")) {
			if len(bytes.Trim(line, whitespace)) > 0 || len(line) > bufferSize {
				want = append(want, i+1)
			}
		}
		var got []int
		for line := range ReadNDJSON(bytes.NewReader(data), parseOptions()) {
			got = append(got, line.Number)
			if line.Err != nil {
				faultsOf(t, line.Err)
			} else if err := line.Cancellation.Validate(parseNow); err != nil {
				t.Fatalf("line %d accepted, yet invalid: %v", line.Number, err)
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("line numbers (-want +got):\n%s", diff)
		}
	})
}
