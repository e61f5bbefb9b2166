package gateway

import (
	_ "embed"
	"encoding/csv"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
)

//go:embed result-codes.csv
var resultCodes string

// codeTable parses the embedded table once. A fault in it surfaces in [New].
var codeTable = sync.OnceValues(func() (map[string]Class, error) { return parseCodes(resultCodes) })

// Classify returns the class of a result code, and whether the code stands in result-codes.csv. One
// that does not is Unknown.
func Classify(code string) (class Class, listed bool) {
	table, err := codeTable()
	if err != nil {
		return Unknown, false
	}
	if class, listed = table[code]; !listed {
		return Unknown, false
	}
	return class, true
}

var classes = []Class{OK, Already, Duplicate, Transient, Misconfigured, Rejected, Unknown}

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
		if !slices.Contains(classes, class) {
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
