package ledger

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestAccept(t *testing.T) {
	t.Parallel()
	t.Run("OK", func(t *testing.T) {
		t.Parallel()
		e := newEnv(t)
		x := partial("refund-1", "pay-1")
		x.Queue, x.By = "urgent", "shop"
		r := e.accept(x)
		want := Record{Key: "refund-1", MchtID: "nxca_jt_bi", OrgTrdNo: "pay-1", Amount: 500, Queue: "urgent", AcceptedBy: "shop",
			Status: Queued, AcceptedAt: start, DueAt: start, Round: 1}
		var params map[string]any
		e.must(json.Unmarshal(r.Params, &params))
		if d := cmp.Diff(map[string]any{"o": "ORDER20231215143022", "d": "20231215", "t": 1000.0, "x": "CA"}, params); d != "" {
			t.Errorf("parameters (-want +got):\n%s", d)
		}
		r.Params = nil
		if d := cmp.Diff(want, r); d != "" {
			t.Errorf("record (-want +got):\n%s", d)
		}
		if !r.Open() || r.Dead() || r.Ended() {
			t.Error("a new cancellation is not open")
		}
		e.wantStand(x, stand{Status: Queued, In: "open", Round: 1, Unended: 1})
	})
	t.Run("OK known", func(t *testing.T) {
		t.Parallel()
		for _, s := range Statuses() {
			e := newEnv(t)
			x := full("refund-1", "pay-1")
			e.reach(x, s)
			before := e.stand(x)
			x.Queue, x.By = "bulk", "somebody else"
			x.Params = json.RawMessage(` { "x":"CA", "t":1e3, "d":"20231215", "o":"\u004fRDER20231215143022" } `)
			r, known, err := e.Accept(e.ctx, x)
			e.must(err)
			if !known || r.Status != s {
				t.Errorf("%s: known %v as %s", s, known, r.Status)
			}
			if d := cmp.Diff(before, e.stand(x)); d != "" {
				t.Errorf("%s: a repeat changed something (-before +after):\n%s", s, d)
			}
		}
	})
	t.Run("OK siblings", func(t *testing.T) {
		t.Parallel()
		e := newEnv(t)
		a, b := partial("refund-1", "pay-1"), partial("refund-2", "pay-1")
		e.accept(a)
		e.clock.Advance(time.Second)
		e.accept(b)
		e.wantStand(a, stand{Status: Queued, In: "open", Round: 1, Unended: 2})
		e.wantStand(b, stand{Status: Queued, Due: time.Second, In: "open", Round: 1, Unended: 2})
	})
	t.Run("OK no amount", func(t *testing.T) {
		t.Parallel()
		e := newEnv(t)
		x := Entry{Key: "withdraw", MchtID: "m", OrgTrdNo: "o o:o", Params: json.RawMessage("{}")}
		e.accept(x)
		if r, err := e.Get(e.ctx, x.Key); err != nil || r.OrgTrdNo != "o o:o" || string(r.Params) != "{}" {
			t.Errorf("record %+v, %v", r, err)
		}
	})
}

func TestAcceptConflict(t *testing.T) {
	t.Parallel()
	first := partial("refund-1", "pay-1")
	cases := map[string]func(*Entry){
		"ErrConflict amount":              func(x *Entry) { x.Amount = 501 },
		"ErrConflict full":                func(x *Entry) { x.Full = true },
		"ErrConflict transaction":         func(x *Entry) { x.OrgTrdNo = "pay-2" },
		"ErrConflict merchant":            func(x *Entry) { x.MchtID = "nxca_jt_il" },
		"ErrConflict parameter":           func(x *Entry) { x.Params = json.RawMessage(`{"o":"X","d":"20231215","t":1000,"x":"CA"}`) },
		"ErrConflict parameter's type":    func(x *Entry) { x.Params = replace(x.Params, `1000`, `"1000"`) },
		"ErrConflict parameter more":      func(x *Entry) { x.Params = replace(x.Params, `{`, `{"y":"why",`) },
		"ErrConflict parameter less":      func(x *Entry) { x.Params = replace(x.Params, `,"x":"CA"`, ``) },
		"ErrConflict parameter less, too": func(x *Entry) { x.Params = json.RawMessage(`{}`) },
	}
	for name, change := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := newEnv(t)
			e.accept(first)
			keys, before := e.keys(), e.stand(first)
			x := first
			change(&x)
			_, _, err := e.Accept(e.ctx, x)
			wantErr(t, err, ErrConflict)
			if d := cmp.Diff(before, e.stand(first)); d != "" {
				t.Errorf("the first changed (-before +after):\n%s", d)
			}
			if d := cmp.Diff(keys, e.keys()); d != "" {
				t.Errorf("keys (-before +after):\n%s", d)
			}
		})
	}
}

func replace(raw json.RawMessage, old, by string) json.RawMessage {
	return json.RawMessage(strings.Replace(string(raw), old, by, 1))
}

func TestAcceptFaults(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		change func(*Entry)
		want   string
	}{
		"ErrKey":        {func(x *Entry) { x.Key = "" }, "key"},
		"ErrKeySpace":   {func(x *Entry) { x.Key = "a b" }, "key"},
		"ErrMerchant":   {func(x *Entry) { x.MchtID = "a:b" }, "merchant"},
		"ErrNegative":   {func(x *Entry) { x.Amount = -1 }, "amount"},
		"ErrTooMuch":    {func(x *Entry) { x.Amount = 100_000_000_000_000 }, "amount"},
		"ErrNoParams":   {func(x *Entry) { x.Params = nil }, "JSON object"},
		"ErrArray":      {func(x *Entry) { x.Params = json.RawMessage(`[]`) }, "JSON object"},
		"ErrNull":       {func(x *Entry) { x.Params = json.RawMessage(`null`) }, "JSON object"},
		"ErrNested":     {func(x *Entry) { x.Params = json.RawMessage(`{"a":{}}`) }, `"a"`},
		"ErrPrecision":  {func(x *Entry) { x.Params = json.RawMessage(`{"a":123456789012345}`) }, `"a"`},
		"ErrEveryFault": {func(x *Entry) { x.Key, x.MchtID = "", ":" }, "key is empty or holds a space\nthe merchant"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := newEnv(t)
			x := partial("refund-1", "pay-1")
			c.change(&x)
			_, _, err := e.Accept(e.ctx, x)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want one about %s", err, c.want)
			}
			if keys := e.keys(); len(keys) > 0 {
				t.Errorf("something was stored: %v", keys)
			}
		})
	}
	t.Run("OK at the limits", func(t *testing.T) {
		t.Parallel()
		e := newEnv(t)
		x := partial("refund-1", "pay-1")
		x.Amount, x.Params = 99_999_999_999_999, json.RawMessage(`{"a":99999999999999,"b":0.5,"c":true}`)
		e.accept(x)
		r, known, err := e.Accept(e.ctx, x)
		if err != nil || !known || r.Amount != x.Amount {
			t.Errorf("repeat: %d, %v, %v", r.Amount, known, err)
		}
	})
}

func TestAcceptFull(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	entries := make([]Entry, 1000)
	for i := range entries {
		entries[i] = partial(fmt.Sprintf("refund-%d", i), "pay-1")
	}
	answers, err := e.AcceptMany(e.ctx, entries)
	e.must(err)
	for i, a := range answers[:999] {
		if a.Err != nil || a.Known {
			t.Fatalf("%d of 999: known %v, %v", i+1, a.Known, a.Err)
		}
	}
	wantErr(t, answers[999].Err, ErrFull)
	if _, err := e.Get(e.ctx, entries[999].Key); !errors.Is(err, ErrNotFound) {
		t.Errorf("the one too many: %v", err)
	}
	if ttl := e.rdb.PTTL(e.ctx, indexKey(entries[999].Key)).Val(); ttl <= 0 || ttl > claimLife {
		t.Errorf("its claim lives for %v", ttl)
	}
	if _, known, err := e.Accept(e.ctx, entries[0]); !known || err != nil {
		t.Errorf("a known one of a full transaction: %v, %v", known, err)
	}
}

func TestAcceptMany(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	a, b := partial("a", "pay-1"), partial("b", "pay-2")
	other, bad, foreign := a, b, b
	other.Amount, bad.Key, foreign.OrgTrdNo = 1, "b b", "pay-1"
	answers, err := e.AcceptMany(e.ctx, []Entry{a, bad, b, a, other, foreign})
	e.must(err)
	got := make([]string, len(answers))
	for i, x := range answers {
		got[i] = fmt.Sprintf("%s %s known=%v conflict=%v fault=%v", x.Record.Key, x.Record.Status, x.Known,
			errors.Is(x.Err, ErrConflict), x.Err != nil && !errors.Is(x.Err, ErrConflict))
	}
	want := []string{
		"a queued known=false conflict=false fault=false", "  known=false conflict=false fault=true",
		"b queued known=false conflict=false fault=false", "a queued known=true conflict=false fault=false",
		"  known=false conflict=true fault=false", "  known=false conflict=true fault=false",
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("answers (-want +got):\n%s", d)
	}
	if answers, err := e.AcceptMany(e.ctx, nil); err != nil || len(answers) > 0 {
		t.Errorf("none: %v, %v", answers, err)
	}
	if open, dead, err := e.Counts(e.ctx); open != 2 || dead != 0 || err != nil {
		t.Errorf("counts %d, %d, %v", open, dead, err)
	}
}

// A producer that dies between claim and accept leaves a claim that expires, and hinders nobody who
// means the same.
func TestAcceptCrash(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	x := partial("refund-1", "pay-1")
	if _, err := e.claim(e.ctx, []*call{e.acceptCall(e.ctx, x)}); err != nil {
		t.Fatal(err)
	}
	if _, err := e.Get(e.ctx, x.Key); !errors.Is(err, ErrNotFound) {
		t.Errorf("a mere claim: %v", err)
	}
	if ttl := e.rdb.PTTL(e.ctx, indexKey(x.Key)).Val(); ttl <= 0 || ttl > claimLife {
		t.Errorf("the claim lives for %v", ttl)
	}
	foreign := partial("refund-1", "pay-2")
	_, _, err := e.Accept(e.ctx, foreign)
	wantErr(t, err, ErrConflict)
	e.accept(x)
	e.wantStand(x, stand{Status: Queued, In: "open", Round: 1, Unended: 1})
}

func TestAcceptConcurrently(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	type answer struct {
		known bool
		err   error
		entry Entry
	}
	answers := make(chan answer)
	var all sync.WaitGroup
	for i := range 50 {
		all.Go(func() {
			x := partial("refund-1", fmt.Sprintf("pay-%d", i%2))
			_, known, err := e.Accept(e.ctx, x)
			answers <- answer{known, err, x}
		})
	}
	go func() { all.Wait(); close(answers) }()
	var fresh, known, conflicts int
	for a := range answers {
		switch {
		case errors.Is(a.err, ErrConflict):
			conflicts++
		case a.err != nil:
			t.Error(a.err)
		case a.known:
			known++
		default:
			fresh++
		}
	}
	if fresh != 1 || known != 24 || conflicts != 25 {
		t.Errorf("%d new, %d known, %d conflicts of 25 a transaction", fresh, known, conflicts)
	}
	if open, _, err := e.Counts(e.ctx); open != 1 || err != nil {
		t.Errorf("%d open, %v", open, err)
	}
}
