package simulator

import (
	"strings"
	"testing"
	"time"
)

func TestInquiryFaults(t *testing.T) {
	t.Parallel()
	t.Run("OK code", func(t *testing.T) {
		t.Parallel()
		b := registered(t, Options{}, 1000)
		b.script(Rule{Path: PathInquiry, Fault: Fault{Kind: KindCode, Code: "ST41"}})
		q := inquiry("Q1", "1000", nil, nil)
		a := b.inquire(checkPath, q)
		if a.Params["outStatCd"] != "0031" || a.Params["outRsltCd"] != "ST41" || a.Data["pktHash"] != q.Data["pktHash"] {
			t.Errorf("answer %v; want 0031, ST41 and the hash", a)
		}
	})
	t.Run("OK wrongEcho", func(t *testing.T) {
		t.Parallel()
		b := registered(t, Options{}, 1000)
		b.script(Rule{Path: PathInquiry, Times: 1, Fault: Fault{Kind: KindWrongEcho}})
		q := inquiry("Q1", "1000", nil, nil)
		a := b.inquire(checkPath, q)
		if got := a.Data["pktHash"]; len(got) != 64 || got == q.Data["pktHash"] {
			t.Errorf("pktHash %q echoed for %q; want another of the same form", got, q.Data["pktHash"])
		}
	})
	t.Run("OK drop", func(t *testing.T) {
		t.Parallel()
		b := registered(t, Options{}, 1000)
		b.script(Rule{Path: PathInquiry, Fault: Fault{Kind: KindDrop}})
		if r := b.post(checkPath, encode(t, inquiry("Q1", "1000", nil, nil))); r.err == nil {
			t.Errorf("status %d, want a reset", r.status)
		}
		if got := b.cancel("400").ResultCode; got != "0000" {
			t.Errorf("cancellation: %s, want 0000: the rule is for inquiries", got)
		}
	})
}

func TestFaultCheck(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		fault Fault
		want  []string // parts of the error; none: good
	}{
		{"OK", Fault{Kind: KindDrop}, nil},
		{"OK late", Fault{Kind: KindHang, Apply: ApplyLate, Delay: time.Second, Bound: time.Second}, nil},
		{"ErrKind", Fault{Kind: "explode"}, []string{`kind "explode"`, "drop"}},
		{"ErrNone", Fault{}, []string{`kind ""`}},
		{"ErrSuccess", Fault{Kind: KindCode, Code: "0000"}, []string{"claims success"}},
		{"ErrSuccessApplied", Fault{Kind: KindCode, Code: "0000", Apply: ApplyYes}, []string{"claims success"}},
		{"ErrCancelled", Fault{Kind: KindCode, Code: "0001"}, []string{"claims success"}},
		{"ErrNoCode", Fault{Kind: KindCode}, []string{"four characters"}},
		{"ErrTruthLeftOut", Fault{Kind: KindTruncated, Apply: ApplyNo}, []string{"always applies"}},
		{"ErrTruthLate", Fault{Kind: KindDelayAfter, Delay: 1, Apply: ApplyLate}, []string{"always applies"}},
		{"ErrNoDelay", Fault{Kind: KindStale}, []string{"delay 0s"}},
		{"ErrApply", Fault{Kind: KindDrop, Apply: "often"}, []string{`apply "often"`}},
		{"ErrStatus", Fault{Kind: KindStatus, Status: 101}, []string{"status 101"}},
		{"ErrRedirect", Fault{Kind: KindRedirect, Status: 200}, []string{"status 200"}},
		{"ErrBytes", Fault{Kind: KindFlood, Bytes: -1}, []string{"bytes -1"}},
		{"ErrBound", Fault{Kind: KindHang, Bound: -1}, []string{"bound -1ns"}},
		{"ErrEverything", Fault{Kind: KindDrop, Code: "9999", Status: 502, Bytes: 1, Bound: 1, Delay: 1},
			[]string{"only for kind code", "only for kinds status", "only for kind flood", "only for kind hang", "delay: this kind has none"}},
		{"ErrNegativeDelay", Fault{Kind: KindDrop, Apply: ApplyLate, Delay: -1}, []string{"delay -1ns"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			err := tt.fault.withDefaults().check()
			if (err == nil) != (tt.want == nil) {
				t.Fatalf("error %v, want parts %q", err, tt.want)
			}
			for _, part := range tt.want {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("error %q does not name %q", err, part)
				}
			}
		})
	}
	for _, f := range DefaultFaults() {
		if err := f.withDefaults().check(); err != nil {
			t.Errorf("default fault %+v: %v", f, err)
		}
	}
}
