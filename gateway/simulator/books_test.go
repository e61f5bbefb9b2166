package simulator

import "testing"

func TestFlatCancelBooks(t *testing.T) {
	t.Parallel()
	type step struct {
		amount string
		want   string
	}
	tests := []struct {
		name     string
		original func(*Original)
		steps    []step
		left     int64
	}{
		{"OK full", nil, []step{{"1000", "0000"}, {"1000", "CA12"}, {"1", "CA12"}}, 0},
		{"OK a repeated partial cancellation is applied again", nil, []step{{"400", "0000"}, {"400", "0000"}, {"400", "1002"}}, 200},
		{"OK partial to the end", nil, []step{{"400", "0000"}, {"600", "0000"}, {"600", "CA12"}}, 0},
		{"OK leading zeros", nil, []step{{"000000000400", "0000"}}, 600},
		{"ErrAbove", nil, []step{{"1001", "1002"}, {"999999999999", "1002"}}, 1000},
		{"ErrFullAfterPartial", nil, []step{{"1", "0000"}, {"1000", "1002"}}, 999},
		{"ErrNoPartial", func(o *Original) { o.NoPartial = true }, []step{{"999", "ST54"}, {"1000", "0000"}}, 0},
		{"ErrVoucher", func(o *Original) { o.Method = "CG" }, []step{{"999", "ST54"}, {"1000", "0000"}, {"1000", "GC41"}}, 0},
		{"ErrTmoney", func(o *Original) { o.Method = "TM" }, []step{{"1", "ST54"}, {"1000", "0000"}, {"1000", "TM01"}}, 0},
		{"ErrTransfer", func(o *Original) { o.Method = "RA" }, []step{{"1000", "0000"}, {"1000", "RA33"}}, 0},
		{"ErrPhone", func(o *Original) { o.Method = "MP" }, []step{{"1000", "0000"}, {"1000", "MP82"}}, 0},
		{"ErrEasy", func(o *Original) { o.Method = "PZ" }, []step{{"1000", "0000"}, {"1000", "PZ87"}}, 0},
		{"ErrPoints", func(o *Original) { o.Method = "CP" }, []step{{"1000", "0000"}, {"1000", "CP30"}}, 0},
		{"ErrOtherOrder", func(o *Original) { o.OrgMchtTrdNo = "other" }, []step{{"1000", "ST07"}}, 1000},
		{"ErrNextDay", func(o *Original) { o.OrgTrdDt = "20231216" }, []step{{"1000", "ST07"}}, 1000},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b := start(t, Options{})
			o := testOriginal(1000)
			if tt.original != nil {
				tt.original(&o)
			}
			if err := b.Register(o); err != nil {
				t.Fatal(err)
			}
			numbers := map[string]bool{}
			for i, step := range tt.steps {
				a := b.cancel(step.amount)
				if a.ResultCode != step.want {
					t.Errorf("step %d: %s won answered %s, want %s", i, step.amount, a.ResultCode, step.want)
				}
				if a.CanTrdNo != nil {
					numbers[*a.CanTrdNo] = true
				}
			}
			state, ok := b.Original(o.MchtID, o.OrgTrdNo)
			if !ok || state.Remaining != tt.left || state.Remaining+state.CancelledAmount != 1000 {
				t.Errorf("original %+v, want %d left of 1000", state, tt.left)
			}
			for _, e := range b.Effects() {
				if !numbers[e.CanTrdNo] || len(e.CanTrdNo) > 40 {
					t.Errorf("effect %+v: its number was never answered, or is longer than 40", e)
				}
				delete(numbers, e.CanTrdNo)
			}
			if len(numbers) != 0 {
				t.Errorf("numbers without an effect: %v", numbers)
			}
		})
	}
}

func TestUnknownTransaction(t *testing.T) {
	t.Parallel()
	b := start(t, Options{})
	if got := b.cancel("500").ResultCode; got != "1004" {
		t.Errorf("result code %s, want 1004", got)
	}
}

func TestAutoAmount(t *testing.T) {
	t.Parallel()
	b := start(t, Options{AutoAmount: 1000})
	if got := b.cancel("1001").ResultCode; got != "1002" {
		t.Errorf("above the amount: %s, want 1002", got)
	}
	if got := b.cancel("1000").ResultCode; got != "0000" {
		t.Errorf("full: %s, want 0000", got)
	}
	phone := fields{"orgTrdNo": "STFP_PGMPnxhp_pl_il1", "orgMchtTrdNo": "phone"}
	for _, want := range []string{"0000", "MP82"} {
		if got := b.cancelFields(flatFields("1000", phone)).ResultCode; got != want {
			t.Errorf("phone payment: %s, want %s", got, want)
		}
	}
	if got := b.cancelFields(flatFields("1000", fields{"orgTrdDt": "20231216"})).ResultCode; got != "ST07" {
		t.Errorf("another date than the first time: %s, want ST07", got)
	}
	if got := b.Stats().Originals; got != 2 {
		t.Errorf("%d originals, want 2", got)
	}
}
