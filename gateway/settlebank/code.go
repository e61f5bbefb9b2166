package settlebank

import (
	_ "embed"
	"encoding/csv"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// Class says what an answer, or its absence, means for the money.
type Class string

const (
	// OK: done, and proven.
	OK Class = "ok"
	// Already: the original was cancelled before, by this or by another request.
	Already Class = "already"
	// Duplicate: an earlier request with the same id reached the gateway; inquire, never send again
	// blindly.
	Duplicate Class = "duplicate"
	// Transient: not applied; send again later.
	Transient Class = "transient"
	// Misconfigured: not applied, and not this request's fault (keys, merchant, address): hold the
	// merchant's traffic.
	Misconfigured Class = "misconfigured"
	// Rejected: not applied, refused for good.
	Rejected Class = "rejected"
	// Unknown: perhaps applied; inquire after a while.
	Unknown Class = "unknown"
)

// Classes returns every class.
func Classes() []Class {
	return []Class{OK, Already, Duplicate, Transient, Misconfigured, Rejected, Unknown}
}

//go:embed result-codes.csv
var resultCodes string

// codeTable parses the embedded table once. A test holds it free of faults.
var codeTable = sync.OnceValue(func() map[string]Class {
	table, err := parseCodes(resultCodes)
	if err != nil {
		panic("settlebank: " + err.Error())
	}
	return table
})

// Classify returns what a result code means in the answer to a cancellation, and whether the code
// stands in result-codes.csv. One that does not is [Unknown].
func Classify(code string) (class Class, listed bool) {
	if class, listed = codeTable()[code]; !listed {
		return Unknown, false
	}
	return class, true
}

// ClassifyInquiry returns what a result code means in the answer to an inquiry, which moves no
// money, where it is none of those that tell a state. The documents give some codes a meaning of
// their own there.
func ClassifyInquiry(code string) (class Class, listed bool) {
	if code == "ST06" { // no such transaction: it will not be found next time either
		return Rejected, true
	}
	return Classify(code)
}

// ClassifyCollation returns what a result code means above a daily list, which moves no money.
func ClassifyCollation(code string) (class Class, listed bool) {
	switch code {
	case "ST10": // internal system error: it may be asked again
		return Transient, true
	case "ST90", "ST92": // unknown merchant, hash mismatch
		return Misconfigured, true
	case "ST09", "ST91": // invalid or missing field
		return Rejected, true
	}
	return Classify(code)
}

// Codes returns every code of result-codes.csv, sorted.
func Codes() []string { return slices.Sorted(maps.Keys(codeTable())) }

// nothing holds the codes that say that there is no such transaction: rows of result-codes.csv.
var nothing = []string{"1004", "CA10", "GC03", "GC05", "MP03", "PZ10", "PZ82", "RA35", "ST06", "TM02"}

// NoSuchPayment reports whether a result code says that there is no such transaction.
func NoSuchPayment(code string) bool { return slices.Contains(nothing, code) }

// parseCodes reads the table: code,class,meaning, one row a code or a range of codes, both ends
// included. Every fault is named with its line.
func parseCodes(text string) (map[string]Class, error) {
	r := csv.NewReader(strings.NewReader(text))
	r.FieldsPerRecord = 3
	rows, err := r.ReadAll()
	if err != nil {
		return nil, fmt.Errorf("result codes: %w", err)
	}
	if len(rows) < 2 || !slices.Equal(rows[0], []string{"code", "class", "meaning"}) {
		return nil, errors.New("result codes: line 1: want the header code,class,meaning and rows below it")
	}
	table, lines := make(map[string]Class), make(map[string]int)
	var faults []error
	for i, row := range rows[1:] {
		line := i + 2 // no field of the table spans lines: checked with the meaning below
		fault := func(format string, args ...any) {
			faults = append(faults, fmt.Errorf("result codes: line %d: "+format, append([]any{line}, args...)...))
		}
		class := Class(row[1])
		if !slices.Contains(Classes(), class) {
			fault("unknown class %q", row[1])
		}
		if strings.TrimSpace(row[2]) == "" || strings.Contains(row[2], "\n") {
			fault("the meaning must be one line and not empty")
		}
		codes, err := expand(row[0])
		if err != nil {
			fault("%w", err)
		}
		for _, code := range codes {
			if first, twice := lines[code]; twice {
				fault("code %s stands in line %d already", code, first)
				continue
			}
			table[code], lines[code] = class, line
		}
	}
	if len(faults) > 0 {
		return nil, errors.Join(faults...)
	}
	return table, nil
}

// expand returns the codes of a cell: "ST41" itself, or every one of "CA20-CA80", which share
// prefix and width.
func expand(cell string) ([]string, error) {
	first, last, isRange := strings.Cut(cell, "-")
	if !isTableCode(first) || isRange && !isTableCode(last) {
		return nil, fmt.Errorf("bad code %q: want four of 0-9 A-Z, or two such with - between", cell)
	}
	if !isRange {
		return []string{first}, nil
	}
	prefix := strings.TrimRight(first, "0123456789")
	lo, errLo := strconv.Atoi(first[len(prefix):])
	hi, errHi := strconv.Atoi(last[len(prefix):])
	if !strings.HasPrefix(last, prefix) || errLo != nil || errHi != nil {
		return nil, fmt.Errorf("bad range %q: both ends need the same letters, then as many digits", cell)
	}
	if lo >= hi {
		return nil, fmt.Errorf("bad range %q: it does not ascend", cell)
	}
	codes := make([]string, 0, hi-lo+1)
	for n := lo; n <= hi; n++ {
		codes = append(codes, fmt.Sprintf("%s%0*d", prefix, len(first)-len(prefix), n))
	}
	return codes, nil
}

func isTableCode(s string) bool {
	return len(s) == 4 && strings.Trim(s, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ") == ""
}
