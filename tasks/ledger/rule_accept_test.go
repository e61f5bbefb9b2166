package ledger

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestAcceptRule(t *testing.T) {
	t.Parallel()
	t.Run("OK", func(t *testing.T) {
		t.Parallel()
		f := unbasedFixture(t)
		x := partial("refund-1", "pay-1")
		x.Queue, x.By = "urgent", "shop"
		f.accept(x)
		r := f.record(x.Key)
		want := Record{Key: "refund-1", MchtID: "nxca_jt_bi", OrgTrdNo: "pay-1", OrgMchtTrdNo: "ORDER20231215143022", Method: "CA",
			Amount: 500, PaymentAmount: 1000, GaveAmount: true, Params: x.Params, Queue: "urgent", AcceptedBy: "shop",
			Status: Queued, AcceptedAt: start, DueAt: start, Inquirable: true, Round: 1}
		if d := cmp.Diff(want, r); d != "" {
			t.Errorf("record (-want +got):\n%s", d)
		}
		if !r.Open() || r.Dead() || r.Ended() {
			t.Error("a new cancellation is not open")
		}
	})
	t.Run("OK known", func(t *testing.T) {
		t.Parallel()
		for _, s := range Statuses() {
			f := newFixture(t)
			x := full("refund-1", "pay-1")
			f.reach(x, s)
			before := f.record(x.Key)
			x.Queue, x.By, x.Sealed, x.CancelledSoFar = "bulk", "somebody else", "sealed", new(int64)
			x.Params = json.RawMessage(` { "y":"too sm\u0061ll", "d":"20231215" } `)
			known, err := f.p.Accept(f.at, x)
			if !known || err != nil {
				t.Errorf("%s: known %v, %v", s, known, err)
			}
			if f.p.changed() {
				t.Errorf("%s: a repeat has to be written", s)
			}
			if d := cmp.Diff(before, f.record(x.Key)); d != "" {
				t.Errorf("%s: a repeat changed something (-before +after):\n%s", s, d)
			}
		}
	})
	t.Run("OK siblings", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t)
		a, b := partial("refund-1", "pay-1"), partial("refund-2", "pay-1")
		f.accept(a)
		f.pass(time.Second)
		f.accept(b)
		f.wantStand(a.Key, stand{Status: Queued})
		f.wantStand(b.Key, stand{Status: Queued, Due: time.Second})
		if got := f.record(b.Key).Ahead; got != 500 {
			t.Errorf("ahead of the second lie %d, want 500", got)
		}
	})
	t.Run("OK no amount", func(t *testing.T) {
		t.Parallel()
		f := unbasedFixture(t)
		x := Entry{Key: "withdraw", Params: json.RawMessage("{}")}
		f.accept(x)
		if r := f.record(x.Key); r.Full || r.Inquirable || r.Doubtful || string(r.Params) != "{}" {
			t.Errorf("record %+v", r)
		}
		if known, err := f.p.Accept(f.at, x); !known || err != nil {
			t.Errorf("again: known %v, %v", known, err)
		}
	})
}

// The same key with anything else that counts is refused, and nothing changes.
func TestAcceptConflict(t *testing.T) {
	t.Parallel()
	first := partial("refund-1", "pay-1")
	for name, change := range otherParameters {
		t.Run("ErrConflict "+name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			f.accept(first)
			x := first
			change(&x)
			known, err := f.p.Accept(f.at, x)
			wantErr(t, err, ErrConflict)
			if known || f.p.changed() {
				t.Errorf("known %v, to be written %v", known, f.p.changed())
			}
		})
	}
}

// otherParameters make another cancellation of an entry, whatever its key is.
var otherParameters = map[string]func(*Entry){
	"amount":                      func(x *Entry) { x.Amount = 501 },
	"amount of the whole":         func(x *Entry) { x.Amount = 1000 },
	"the payment's amount":        func(x *Entry) { x.PaymentAmount = 1001 },
	"no amount of the payment":    func(x *Entry) { x.PaymentAmount = 0 },
	"order":                       func(x *Entry) { x.OrgMchtTrdNo = "X" },
	"method":                      func(x *Entry) { x.Method = "VA" },
	"currency":                    func(x *Entry) { x.Foreign = true },
	"a parameter":                 func(x *Entry) { x.Params = replace(x.Params, "20231215", "20231216") },
	"a parameter's type":          func(x *Entry) { x.Params = replace(x.Params, `"20231215"`, `20231215`) },
	"a parameter that is null":    func(x *Entry) { x.Params = replace(x.Params, `"too small"`, `null`) },
	"one parameter more":          func(x *Entry) { x.Params = replace(x.Params, `{`, `{"z":"why",`) },
	"one parameter less":          func(x *Entry) { x.Params = replace(x.Params, `,"y":"too small"`, ``) },
	"no parameters in braces":     func(x *Entry) { x.Params = json.RawMessage(`{}`) },
	"no parameters":               func(x *Entry) { x.Params = nil },
	"parameters that are no JSON": func(x *Entry) { x.Params = json.RawMessage(`{"d":`) },
}

func TestEqualObjects(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		a, b string
		same bool
	}{
		{``, ``, true}, {``, `{}`, true}, {`{}`, ` { } `, true}, {`{"a":1,"b":"x"}`, `{"b":"\u0078","a":1}`, true},
		{`{"a":9007199254740993}`, `{"a":9007199254740993}`, true},
		{`{"a":9007199254740993}`, `{"a":9007199254740992}`, false}, // floats do not tell them apart
		{`{"a":1}`, `{"a":"1"}`, false}, {`{"a":null}`, `{"a":"<nil>"}`, false}, {`{"a":null}`, `{}`, false},
		{`{"a":true}`, `{"a":"true"}`, false}, {`{"a":{"b":1}}`, `{"a":{"b":"1"}}`, false}, {`{"a":[1]}`, `{"a":"[1]"}`, false},
		{`{"a":1}`, `{"a":1`, false}, {`[]`, `[]`, false},
	} {
		for _, pair := range [][2]string{{c.a, c.b}, {c.b, c.a}} {
			if got := equalObjects(json.RawMessage(pair[0]), json.RawMessage(pair[1])); got != c.same {
				t.Errorf("%s and %s: the same %v, want %v", pair[0], pair[1], got, c.same)
			}
		}
	}
}

func TestEntryFault(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		change func(*Entry)
		want   string
	}{
		"ErrKey":             {func(x *Entry) { x.Key = "" }, "key"},
		"ErrKeySpace":        {func(x *Entry) { x.Key = "a b" }, "key"},
		"ErrMerchant":        {func(x *Entry) { x.MchtID = "a:b" }, "merchant"},
		"ErrNegative":        {func(x *Entry) { x.Amount = -1 }, "amount"},
		"ErrNegativePayment": {func(x *Entry) { x.PaymentAmount = -1 }, "amount"},
		"ErrArray":           {func(x *Entry) { x.Params = json.RawMessage(`[]`) }, "JSON object"},
		"ErrNull":            {func(x *Entry) { x.Params = json.RawMessage(`null`) }, "JSON object"},
		"ErrCut":             {func(x *Entry) { x.Params = json.RawMessage(`{"a":`) }, "JSON object"},
		"ErrEveryFault":      {func(x *Entry) { x.Key, x.MchtID = "", ":" }, "key is empty or holds a space\nthe merchant"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			x := partial("refund-1", "pay-1")
			c.change(&x)
			if err := x.fault(); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want one about %s", err, c.want)
			}
		})
	}
	for name, params := range map[string]string{"OK none": "", "OK empty": "{}", "OK nested": `{"a":{"b":[1.5,true,null]}}`} {
		x := partial("refund-1", "pay-1")
		if x.Params = json.RawMessage(params); x.fault() != nil {
			t.Errorf("%s: %v", name, x.fault())
		}
	}
}

// A payment has one amount: what is whole hangs on it, and a whole one is sent again blindly.
func TestAcceptAmount(t *testing.T) {
	t.Parallel()
	entry := func(key string, amount, payment int64) Entry {
		x := partial(key, "pay-1")
		x.Amount, x.PaymentAmount = amount, payment
		return x
	}
	cases := map[string]struct {
		given []Entry
		then  Entry
		err   error
		full  map[string]bool
	}{
		"OK the same":             {[]Entry{entry("a", 300, 1000)}, entry("b", 200, 1000), nil, map[string]bool{"a": false, "b": false}},
		"OK not given again":      {[]Entry{entry("a", 300, 1000)}, entry("b", 200, 0), nil, map[string]bool{"a": false, "b": false}},
		"OK the whole, not given": {[]Entry{entry("a", 300, 1000)}, entry("b", 1000, 0), nil, map[string]bool{"b": true}},
		"OK given at last":        {[]Entry{entry("a", 300, 0)}, entry("b", 200, 300), nil, map[string]bool{"a": true, "b": false}},
		"OK never given":          {[]Entry{entry("a", 300, 0)}, entry("b", 500, 0), nil, map[string]bool{"a": false, "b": false}},
		"ErrAmount another":       {[]Entry{entry("a", 300, 1000)}, entry("b", 200, 200), ErrAmount, nil},
		"ErrAmount a larger one":  {[]Entry{entry("a", 300, 1000)}, entry("b", 200, 1001), ErrAmount, nil},
		"ErrAmount more than all": {[]Entry{entry("a", 300, 1000)}, entry("b", 1001, 0), ErrAmount, nil},
		"ErrAmount below its own": {nil, entry("b", 200, 199), ErrAmount, nil},
		"ErrAmount below another": {[]Entry{entry("a", 300, 0)}, entry("b", 200, 299), ErrAmount, nil},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := unbasedFixture(t)
			f.accept(c.given...)
			amount := f.p.Amount
			_, err := f.p.Accept(f.at, c.then)
			wantErr(t, err, c.err)
			if c.err != nil && (f.p.changed() || f.p.Amount != amount || f.p.Find(c.then.Key) != nil) {
				t.Errorf("it changed something: %+v", f.p)
			}
			for key, want := range c.full {
				if got := f.record(key).Full; got != want {
					t.Errorf("%s is whole: %v, want %v", key, got, want)
				}
			}
		})
	}
}

// What the producer takes for cancelled must be so; while others may have cancelled more, it is
// only held against what is known, and again once the gateway has told the sum.
func TestAcceptSoFar(t *testing.T) {
	t.Parallel()
	soFar := func(n int64) Entry {
		x := partial("next", "pay-1")
		x.Amount, x.CancelledSoFar = 100, &n
		return x
	}
	first := partial("first", "pay-1") // of 500
	cases := map[string]struct {
		based bool
		first Status
		soFar int64
		err   error
		kept  bool // to be held against the basis
	}{
		"OK accepted before":          {based: true, first: Queued, soFar: 500},
		"OK cancelled before":         {based: true, first: Cancelled, soFar: 500},
		"OK refused before":           {based: true, first: Rejected, soFar: 0},
		"OK in doubt before":          {based: true, first: Unknown, soFar: 500},
		"OK unbased":                  {first: Queued, soFar: 500, kept: true},
		"OK unbased, more elsewhere":  {first: Queued, soFar: 700, kept: true},
		"ErrPrecondition less":        {based: true, first: Queued, soFar: 0, err: ErrPrecondition},
		"ErrPrecondition more":        {based: true, first: Queued, soFar: 501, err: ErrPrecondition},
		"ErrPrecondition refused":     {based: true, first: Rejected, soFar: 500, err: ErrPrecondition},
		"ErrPrecondition unbased":     {first: Queued, soFar: 499, err: ErrPrecondition},
		"ErrPrecondition in its life": {based: true, first: Sending, soFar: 0, err: ErrPrecondition},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := unbasedFixture(t)
			if c.based {
				f = newFixture(t)
			}
			f.reach(first, c.first)
			_, err := f.p.Accept(f.at, soFar(c.soFar))
			wantErr(t, err, c.err)
			if c.err != nil {
				if f.p.changed() {
					t.Error("it changed something")
				}
				return
			}
			if got := f.record("next").SoFar; (got != nil) != c.kept || got != nil && *got != c.soFar {
				t.Errorf("kept %v, want %v", got, c.kept)
			}
		})
	}
}

// A payment has no more cancellations than the gateway has rounds.
func TestAcceptFull(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	entry := func(i int) Entry { return partial(fmt.Sprintf("refund-%d", i), "pay-1") }
	for i := range 999 {
		if known, err := f.p.Accept(f.at, entry(i)); known || err != nil {
			t.Fatalf("%d of 999: known %v, %v", i+1, known, err)
		}
	}
	f.store()
	_, err := f.p.Accept(f.at, entry(999))
	wantErr(t, err, ErrFull)
	if f.p.changed() || f.p.Find("refund-999") != nil {
		t.Error("the one too many is there")
	}
	if known, err := f.p.Accept(f.at, entry(0)); !known || err != nil {
		t.Errorf("a known one of a full payment: %v, %v", known, err)
	}
	if errors.Is(err, ErrConflict) {
		t.Error("one too many is no conflict")
	}
}
