package model

import (
	"bytes"
	"reflect"
	"slices"
	"testing"
	"time"

	"settlecancel/tasks/ledger"
)

// ignored are the fields that make no difference for what follows: what is kept for people alone,
// what the bounds fix, and what only the store and the real worker use. A new field is none of them
// by itself: say here that it makes no difference, or encode it.
var ignored = map[string][]string{
	"Payment": {"Write", "Format", "MchtID", "OrgTrdNo", "Cancellations"},
	"Basis":   {"At"},
	"Lease":   {"Granted"},
	"Cancellation": {"Amount", "OrgMchtTrdNo", "Method", "Foreign", "Params", "Queue", "By", "Sealed", "GaveAmount",
		"Ended", "Code", "Message", "Dropped", "Events", "Acts"},
	"Grant": {"Record", "Wait", "Deadline", "Expiry", "Latest"},
	"Doubt": {"Amount"},
	"Record": {"Key", "MchtID", "OrgTrdNo", "OrgMchtTrdNo", "Method", "Amount", "GaveAmount", "Foreign", "Params", "Queue",
		"AcceptedBy", "Sealed", "Closed", "CanTrdNo", "Code", "Message", "AcceptedAt", "EndedAt", "DueAt", "Attempts",
		"Dropped", "Acts", "BasisAt"},
	"Finishing": {"Key", "Token", "Attempt", "Epoch"}, // c, the worker's own, and what apply keeps of it
	"Next":      {"Code", "Message"},
}

// TestEveryFieldIsEncoded changes one field after the other. Where the encoding does not see it,
// two worlds from which different things follow would be taken for one, and the walk would not be
// whole.
func TestEveryFieldIsEncoded(t *testing.T) {
	t.Parallel()
	m := New(Bounds{Payment: 1000, Amounts: []int64{300}})
	build := func() *world {
		w := m.first()
		w.epoch, w.epochAt = 1, start+1
		w.payment.Basis.Epoch = 1
		w.payment.Basis.Kind = ledger.BasisAnswer
		w.payment.Lease = &ledger.Lease{Key: "A", Token: "0", Expires: start + 1}
		c := w.find(0)
		c.Status, c.Token, c.Asked, c.SoFar = ledger.Sending, "0", start, new(int64)
		c.Attempts = []ledger.Attempt{{Kind: ledger.Request, UnderWay: true}}
		r := ledger.Record{SoFar: new(int64)}
		w.workers[0] = worker{doing: granted, grant: &ledger.Grant{Doubts: []ledger.Doubt{{}}, Record: r}}
		w.workers[1] = worker{doing: done, finish: &ledger.Finishing{Next: ledger.Next{Sum: new(int64), Claims: []string{""}}}}
		return w
	}
	for kind, field := range map[string]func(*world) any{
		"Payment":      func(w *world) any { return w.payment },
		"Basis":        func(w *world) any { return &w.payment.Basis },
		"Lease":        func(w *world) any { return w.payment.Lease },
		"Cancellation": func(w *world) any { return w.find(0) },
		"Verification": func(w *world) any { return &w.find(0).Verify },
		"Grant":        func(w *world) any { return w.workers[0].grant },
		"Doubt":        func(w *world) any { return &w.workers[0].grant.Doubts[0] },
		"Record":       func(w *world) any { return &w.workers[0].grant.Record },
		"Finishing":    func(w *world) any { return w.workers[1].finish },
		"Next":         func(w *world) any { return &w.workers[1].finish.Next },
	} {
		before := slices.Clone(m.canon(build()))
		shape := reflect.TypeOf(field(build())).Elem()
		for i := range shape.NumField() {
			f := shape.Field(i)
			if !f.IsExported() || slices.Contains(ignored[kind], f.Name) {
				continue
			}
			w := build()
			change(reflect.ValueOf(field(w)).Elem().Field(i))
			if bytes.Equal(before, m.canon(w)) {
				t.Errorf("%s.%s is not encoded", kind, f.Name)
			}
		}
	}
}

// change gives a field another value.
func change(v reflect.Value) {
	switch v.Kind() {
	case reflect.String:
		v.SetString(v.String() + "!")
	case reflect.Bool:
		v.SetBool(!v.Bool())
	case reflect.Int, reflect.Int64:
		v.SetInt(v.Int() + int64(time.Hour))
	case reflect.Pointer:
		if v.IsNil() {
			v.Set(reflect.New(v.Type().Elem()))
		} else {
			v.SetZero()
		}
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), v.Len()+1, v.Len()+1))
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Field(i).CanSet() {
				change(v.Field(i))
				return
			}
		}
	}
}

// A clone has all that is stored.
func TestCloneIsWhole(t *testing.T) {
	t.Parallel()
	p := &ledger.Payment{}
	v := reflect.ValueOf(p).Elem()
	for i := range v.NumField() {
		if v.Type().Field(i).IsExported() && v.Type().Field(i).Name != "Cancellations" {
			change(v.Field(i))
		}
	}
	p.Cancellations = []*ledger.Cancellation{{Key: "A", Attempts: []ledger.Attempt{{}}, Acts: []ledger.Act{{}}}}
	n := clonePayment(p)
	if !reflect.DeepEqual(p, n) {
		t.Errorf("%+v became %+v", p, n)
	}
	if n.Lease == p.Lease || n.Cancellations[0] == p.Cancellations[0] {
		t.Error("the clone shares what changes")
	}
}
