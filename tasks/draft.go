package tasks

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
)

// A draft is a cancellation being read, with what is wrong with it so far.
type draft struct {
	c        Cancellation
	seen     fieldSet // named by the document
	repeated fieldSet // named by it more than once
	spoiled  fieldSet // could not be read, so there is no value to judge
	unknown  int      // names that are no field's
	broken   bool     // the document as a whole could not be read
	stored   bool     // it is a Task, not what a producer gives
	mark     string   // Task.Sealed
	faults   []Fault
}

// maxUnknown bounds how many unknown fields are named one by one.
const maxUnknown = 20

// fault notes that the value of f breaks a rule. A value that could not be
// read has its fault already.
func (d *draft) fault(f field, format string, args ...any) {
	if !d.spoiled.has(f) {
		d.faults = append(d.faults, Fault{f.String(), fmt.Sprintf(format, args...)})
	}
}

// spoil notes that f could not be read.
func (d *draft) spoil(f field, message string) {
	d.faults = append(d.faults, Fault{f.String(), message})
	d.spoiled.add(f)
}

// reject notes that the document as a whole could not be read.
func (d *draft) reject(format string, args ...any) {
	d.faults = append(d.faults, Fault{Message: fmt.Sprintf(format, args...)})
	d.broken = true
}

// unknownField notes a name that is no field's.
func (d *draft) unknownField(name, message string) {
	if d.unknown++; d.unknown <= maxUnknown {
		d.faults = append(d.faults, Fault{strconv.Quote(echo(name)), message})
	}
}

// err returns the faults found as an *InvalidError, nil if there are none.
func (d *draft) err() error {
	if len(d.faults) == 0 {
		return nil
	}
	slices.SortStableFunc(d.faults, func(a, b Fault) int { return cmp.Compare(rank(a), rank(b)) })
	if more := d.unknown - maxUnknown; more > 0 {
		d.faults = append(d.faults, Fault{Message: fmt.Sprintf("%d more unknown names", more)})
	}
	e := &InvalidError{Faults: d.faults}
	if key := d.c.IdempotencyKey; !d.spoiled.has(fieldKey) && len(key) <= maxKey && keyAlphabet.holds(key) {
		e.Key = key
	}
	return e
}

// finish fills in the defaults and judges the draft.
func (d *draft) finish(o ParseOptions) (Cancellation, error) {
	if !d.broken {
		d.fill(o)
		d.judge(o.now())
	}
	if err := d.err(); err != nil {
		return Cancellation{}, err
	}
	return d.c, nil
}

// fill takes what the document left out from the options.
func (d *draft) fill(o ParseOptions) {
	if d.c.MchtID == "" && !d.spoiled.has(fieldMchtID) {
		d.c.MchtID = o.DefaultMchtID
	}
	switch {
	case d.spoiled.has(fieldKey) || o.DefaultKey == "":
	case d.c.IdempotencyKey == "":
		d.c.IdempotencyKey = o.DefaultKey
	case d.c.IdempotencyKey != o.DefaultKey:
		d.spoil(fieldKey, "differs from the Idempotency-Key given beside it")
	}
}
