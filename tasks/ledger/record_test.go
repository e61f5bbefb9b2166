package ledger

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestStates(t *testing.T) {
	t.Parallel()
	got := make(map[Status]string)
	for _, s := range Statuses() {
		for _, closed := range []bool{false, true} {
			r, c := Record{Status: s, Closed: closed}, &Cancellation{Status: s, Closed: closed}
			word := map[bool]string{true: "closed "}[closed]
			switch {
			case r.Open():
				got[s] += word + "open;"
			case r.Dead():
				got[s] += word + "dead;"
			case r.Ended():
				got[s] += word + "ended;"
			}
			if r.Open() != c.open() || r.Dead() != c.dead() || r.Ended() != c.ended() {
				t.Errorf("%s, closed %v: a record and its cancellation disagree", s, closed)
			}
		}
	}
	want := map[Status]string{
		Queued: "open;closed ended;", Sending: "open;closed ended;", Unknown: "open;closed ended;",
		Rejected: "dead;closed ended;", Exhausted: "dead;closed ended;", Review: "dead;closed ended;",
		Cancelled: "ended;closed ended;", AlreadyCancelled: "ended;closed ended;", RefundedElsewhere: "ended;closed ended;",
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("states (-want +got):\n%s", d)
	}
}

// The evidence of an attempt is cut behind the last value known; what is read back is the same.
func TestAttemptJSON(t *testing.T) {
	t.Parallel()
	zero, sum := int64(0), int64(1<<62)
	cases := map[string]struct {
		a    Attempt
		size int
	}{
		"under way":      {Attempt{UnderWay: true}, 2},
		"class":          {Attempt{Class: "unknown"}, 4},
		"code":           {Attempt{Class: "ok", Code: "0000", HTTPStatus: 200}, 5},
		"message":        {Attempt{Class: "rejected", Code: "ST25", Message: "거절 \"\\/\x00\x7f\n"}, 6},
		"message alone":  {Attempt{Class: "unknown", Message: "reset"}, 6},
		"status":         {Attempt{Class: "unknown", HTTPStatus: 502}, 7},
		"nothing shown":  {Attempt{Class: "ok", Code: "0001", HTTPStatus: 200, Shown: &zero}, 8},
		"all":            {Attempt{Class: "ok", Code: "0001", Message: "m", HTTPStatus: 500, Shown: &sum}, 8},
		"raw answer":     {Attempt{Class: "ok", Code: "0001", HTTPStatus: 200, Raw: `{"a":"•••"}`}, 9},
		"all with raw":   {Attempt{Class: "ok", Message: "m", HTTPStatus: 500, Shown: &sum, Raw: "<p>"}, 9},
		"with no answer": {Attempt{}, 4},
	}
	for name, c := range cases {
		for _, kind := range []string{Request, Inquiry, Late} {
			t.Run(name+" "+kind, func(t *testing.T) {
				t.Parallel()
				want := c.a
				want.Kind, want.StartedAt = kind, start
				if !want.UnderWay {
					want.Duration = 1234 * time.Millisecond
				}
				raw, err := json.Marshal(want)
				if err != nil {
					t.Fatal(err)
				}
				if c.a.Shown == nil && c.a.Raw == "" && c.a.HTTPStatus == 200 {
					want.HTTPStatus = 0 // it says nothing, and is not kept
				}
				var got Attempt
				var values []any
				if err := json.Unmarshal(raw, &got); err != nil {
					t.Fatal(err)
				}
				if d := cmp.Diff(want, got); d != "" {
					t.Errorf("attempt (-want +got):\n%s", d)
				}
				if err := json.Unmarshal(raw, &values); err != nil || len(values) != c.size {
					t.Errorf("%d values are kept, want %d: %v", len(values), c.size, err)
				}
			})
		}
	}
}

// damagedAttempts must be an error, never an attempt that looks right.
var damagedAttempts = map[string]string{
	"no array": `1`, "an object": `{}`, "empty": `[]`, "cut": `["r"]`, "a kind unknown": `["x",1]`, "a kind no text": `[1,1]`, "no kind": `[null,1]`,
	"a start no number": `["r","x"]`, "a start a fraction": `["r",0.5]`, "a length a text": `["r",1,"x"]`, "a class a number": `["r",1,1,2]`,
	"a status a text": `["r",1,1,"","","","200"]`, "a sum a text": `["r",1,1,"","","",200,"1"]`,
	"a raw answer a number": `["r",1,1,"","","",200,null,1]`,
}

func TestAttemptDamaged(t *testing.T) {
	t.Parallel()
	for name, raw := range damagedAttempts {
		var a Attempt
		if err := json.Unmarshal([]byte(raw), &a); err == nil {
			t.Errorf("%s: read as %+v", name, a)
		}
	}
}

// Whatever is stored: an error, or an attempt of a known kind that is read back the same once
// written.
func FuzzAttempt(f *testing.F) {
	for _, raw := range damagedAttempts {
		f.Add(raw)
	}
	for _, raw := range []string{`["r",0]`, `["i",90000,20,"ok","0001","",200,500]`, `["l",9223372036854775807,9223372036854775807,null,null,null,null,null,null]`,
		`["r",-9223372036854775808,-1,"","","",-1,-1]`, `null`} {
		f.Add(raw)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		var a Attempt
		if a.UnmarshalJSON([]byte(raw)) != nil {
			return
		}
		if kinds[a.Kind] == "" {
			t.Errorf("%s is of kind %q", raw, a.Kind)
		}
		again, err := json.Marshal(a)
		if err != nil {
			t.Fatalf("%s cannot be written: %v", raw, err)
		}
		var b Attempt
		if err := json.Unmarshal(again, &b); err != nil {
			t.Fatalf("%s, written as %s, cannot be read: %v", raw, again, err)
		}
		if a.HTTPStatus == 200 {
			a.HTTPStatus, b.HTTPStatus = 0, 0 // kept only where something follows it
		}
		if d := cmp.Diff(a, b); d != "" {
			t.Errorf("%s, written as %s (-read +read again):\n%s", raw, again, d)
		}
	})
}
