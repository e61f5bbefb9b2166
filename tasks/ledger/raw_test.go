package ledger

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// raws returns the raw answers that a cancellation of the fixture has, those without as "".
func (f *fixture) raws(key string) (all []string) {
	for _, a := range f.p.Find(key).Attempts {
		all = append(all, a.Raw)
	}
	return all
}

// failing brings x through attempts that a gateway refuses for the moment.
func (f *fixture) failing(x Entry, attempts int) {
	f.Helper()
	f.accept(x)
	for i := range attempts {
		f.pass(time.Minute)
		a := Attempt{Class: "transient", Raw: fmt.Sprint("answer ", i)}
		if err := f.tryFinish(f.begin(x, StepSend), a, queuedAgain); err != nil {
			f.Fatal(err)
		}
	}
}

// TestRawOfTheLastAttempts: an older attempt loses its raw answer as soon as a new one begins.
func TestRawOfTheLastAttempts(t *testing.T) {
	t.Parallel()
	x := partial("refund-1", "pay-1")
	f := newFixture(t)
	f.failing(x, keptRaw+2)
	f.store()
	want := slices.Concat([]string{"", ""}, []string{"answer 2", "answer 3", "answer 4", "answer 5", "answer 6"})
	if d := cmp.Diff(want, f.raws(x.Key)); d != "" {
		t.Error(d)
	}
	f.pass(time.Minute)
	f.begin(x, StepSend)
	if d := cmp.Diff(append(slices.Replace(want, 2, 3, ""), ""), f.raws(x.Key)); d != "" {
		t.Errorf("with another under way: %s", d)
	}
}

// TestRawEnds: once the gateway's word has ended a cancellation no raw answer is kept, nor is one
// that comes late. What a person ended keeps them: they may be why.
func TestRawEnds(t *testing.T) {
	t.Parallel()
	x := partial("refund-1", "pay-1")
	told := Attempt{Class: "ok", Raw: "told"}
	for _, tt := range []struct {
		name string
		end  func(*fixture)
		kept int
	}{
		{"answered", func(f *fixture) { wantErr(f, f.tryFinish(f.begin(x, StepSend), told, cancelled(x)), nil) }, 0},
		{"proven", func(f *fixture) { wantErr(f, f.p.Prove(f.at, f.rules, x.Key, Evidence{}), nil) }, 0},
		{"late", func(f *fixture) {
			g := f.begin(x, StepSend)
			f.pass(lease)
			f.begin(x, StepWait)
			wantErr(f, f.p.Prove(f.at, f.rules, x.Key, Evidence{CanTrdNo: "C1"}), nil)
			wantErr(f, f.tryFinish(g, Attempt{Class: "unknown", Raw: "late"}, Next{Status: Unknown}), ErrStale)
		}, 0},
		{"by a person", func(f *fixture) { f.resolve(x.Key, RefundedElsewhere) }, 2},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			f.failing(x, 2)
			f.pass(time.Minute)
			tt.end(f)
			f.store()
			if s := strings.Join(f.raws(x.Key), ""); strings.Count(s, "answer") != tt.kept || strings.Contains(s, "l") {
				t.Errorf("kept are %q", f.raws(x.Key))
			}
		})
	}
}
