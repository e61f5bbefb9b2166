package ledger

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var somewhere = locate("refund-1", "nxca_jt_bi", "a:b c")

const wholeDocument = `{"f":1,"m":1000,"s":700,"b":{"k":"inquiry","t":1702600000000,"e":2},"r":3,
"l":{"k":"refund-1","t":"token","g":1702600099000,"x":1702600114000},
"c":[{"k":"refund-1","m":500,"o":"ORDER-1","x":"CA","fx":true,"p":{"d":"1"},"q":"bulk","by":"shop","z":"sealed","at":1702600000000,"g":true,"sf":200,
"st":"unknown","re":"no_answer","d":1702600100000,"no":"C-1","rc":"ST01","rm":"no","t":"token","sa":1702600000001,"b":3,"n":2,"y":1,"nb":true,"sb":true,
"ia":1702600050000,"v":{"f":1,"z":2,"t":"r","n":4,"s":5,"b":true},
"a":[["r",1702600000000,1500,"unknown","ST01","m",502],["i",1702600090000,20,"ok","0001","",200,500],["l",1702600095000,0,""],["i",1702600099000]],"ax":7,"ev":2,
"oa":[{"w":"kim","d":"retry","n":"n","i":"id","t":1702600001000},{"w":"lee","d":"proof","i":"","t":1702600002000}]},
{"k":"refund-2","m":1000,"at":1702600000000,"st":"rejected","cl":true,"e":250}],"w":"ABCDEFGHIJKLMNOP"}`

func TestDecodePayment(t *testing.T) {
	t.Parallel()
	p, err := decodePayment(somewhere, []byte(wholeDocument))
	if err != nil {
		t.Fatal(err)
	}
	shown, soFar := int64(500), int64(200)
	at := func(ms int64) time.Time { return start.Add(time.Duration(ms) * time.Millisecond) }
	want := []Record{{
		Key: "refund-1", MchtID: "nxca_jt_bi", OrgTrdNo: "a:b c", OrgMchtTrdNo: "ORDER-1", Method: "CA", Amount: 500, GaveAmount: true, Foreign: true,
		Params: json.RawMessage(`{"d":"1"}`), Queue: "bulk", AcceptedBy: "shop", Sealed: "sealed", Status: Unknown, Reason: ReasonNoAnswer,
		CanTrdNo: "C-1", Code: "ST01", Message: "no", AcceptedAt: start, DueAt: at(100_000), Spent: 3, RequestID: 2,
		Doubted: true, Doubtful: true, Blind: true, SoFar: &soFar, Dropped: 7,
		Verification: Verification{Failed: 1, Seen: 2, Then: ThenReject, Resent: 4, Steps: 5, Based: true},
		Attempts: []Attempt{
			{Kind: Request, StartedAt: start, Duration: 1500 * time.Millisecond, Class: "unknown", Code: "ST01", Message: "m", HTTPStatus: 502},
			{Kind: Inquiry, StartedAt: at(90_000), Duration: 20 * time.Millisecond, Class: "ok", Code: "0001", HTTPStatus: 200, Shown: &shown},
			{Kind: Late, StartedAt: at(95_000)},
			{Kind: Inquiry, StartedAt: at(99_000), UnderWay: true},
		},
		Acts: []Act{
			{At: at(1000), Ms: at(1000).UnixMilli(), Who: "kim", What: "retry", Note: "n", ID: "id"},
			{At: at(2000), Ms: at(2000).UnixMilli(), Who: "lee", What: "proof"}},
		PaymentAmount: 1000, ConfirmedCancelled: 700, Basis: BasisInquiry, BasisAt: start, Round: 4,
	}, {
		Key: "refund-2", MchtID: "nxca_jt_bi", OrgTrdNo: "a:b c", Amount: 1000, Full: true, Status: Rejected, Closed: true,
		AcceptedAt: start, EndedAt: at(250), Ahead: 500,
		PaymentAmount: 1000, ConfirmedCancelled: 700, Basis: BasisInquiry, BasisAt: start, Round: 4,
	}}
	var got []Record
	for _, c := range p.Cancellations {
		got = append(got, p.record(c, Moment{Epoch: 2}, Rules{Inquiry: true}))
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("records (-want +got):\n%s", d)
	}
	if l := (Lease{Key: "refund-1", Token: "token", Granted: at(99_000).UnixMilli(), Expires: at(114_000).UnixMilli()}); p.Lease == nil || *p.Lease != l {
		t.Errorf("lease %+v, want %+v", p.Lease, l)
	}
	if p.changed() || p.Cancellations[0].was != isOpen || p.Cancellations[1].was != isEnded {
		t.Error("what was read has to be written")
	}
	// Another epoch began: nothing is known from the gateway.
	if r := p.record(p.Cancellations[0], Moment{Epoch: 3}, Rules{}); r.Basis != "" || !r.BasisAt.IsZero() {
		t.Errorf("after an epoch it is based on %q", r.Basis)
	}
	again, err := json.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(compact(t, wholeDocument), compact(t, string(again))); d != "" {
		t.Errorf("written again (-before +after):\n%s", d)
	}
}

func compact(t *testing.T, raw string) (v any) {
	t.Helper()
	if err := json.Unmarshal([]byte(raw), &v); err != nil {
		t.Fatal(err)
	}
	return v
}

// damages are what must be an error, never a payment that looks right.
var damages = map[string]string{
	"empty":                    ``,
	"no JSON":                  `{"w":`,
	"null":                     `null`,
	"an array":                 `[]`,
	"nothing in it":            `{}`,
	"no id of the write":       `{"f":1,"c":[{"k":"refund-1","st":"queued"}]}`,
	"an id cut short":          `{"f":1,"c":[],"w":"ABC"}`,
	"no format":                `{"c":[],"w":"ABCDEFGHIJKLMNOP"}`,
	"a cancellation null":      document(`null`),
	"no status":                document(`{"k":"refund-1"}`),
	"a status unknown":         document(`{"k":"refund-1","st":"done"}`),
	"no key":                   document(`{"st":"queued"}`),
	"amount a text":            document(`{"k":"refund-1","st":"queued","m":"500"}`),
	"amount a fraction":        document(`{"k":"refund-1","st":"queued","m":0.5}`),
	"amount too large":         document(`{"k":"refund-1","st":"queued","m":1e30}`),
	"amount negative":          document(`{"k":"refund-1","st":"queued","m":-1}`),
	"attempts no array":        document(`{"k":"refund-1","st":"queued","a":{}}`),
	"an attempt damaged":       document(`{"k":"refund-1","st":"queued","a":[["r"]]}`),
	"acts no array":            document(`{"k":"refund-1","st":"queued","oa":1}`),
	"an act's time":            document(`{"k":"refund-1","st":"queued","oa":[{"t":"x"}]}`),
	"a verification":           document(`{"k":"refund-1","st":"queued","v":[]}`),
	"a sum a text":             `{"f":1,"s":"1","w":"ABCDEFGHIJKLMNOP"}`,
	"a lease a text":           `{"f":1,"l":"x","w":"ABCDEFGHIJKLMNOP"}`,
	"the id not at the end":    `{"w":"ABCDEFGHIJKLMNOP","f":1}`,
	"something else behind it": document(`{"k":"refund-1","st":"queued"}`) + `x`,
	"another document behind":  document(`{"k":"refund-1","st":"queued"}`) + document(`{"k":"refund-1","st":"queued"}`),
	"an intent of nobody":      document(`{"k":"refund-1","st":"queued"}`) + `{"k":"refund-2","t":"T","g":1,"x":1,"w":"ABCDEFGHIJKLMNOP"}`,
	"an intent without token":  document(`{"k":"refund-1","st":"queued"}`) + `{"k":"refund-1","g":1,"x":1,"w":"ABCDEFGHIJKLMNOP"}`,
	"an intent without id":     document(`{"k":"refund-1","st":"queued"}`) + `{"k":"refund-1","t":"T","g":1,"x":1}`,
	"an intent cut short":      document(`{"k":"refund-1","st":"queued"}`) + `{"k":"refund-1","t":"T","g":1`,
	"two intents":              document(`{"k":"refund-1","st":"queued"}`) + strings.Repeat(`{"k":"refund-1","t":"T","g":1,"x":1,"w":"ABCDEFGHIJKLMNOP"}`, 2),
}

func document(cancellation string) string {
	return `{"f":1,"c":[` + cancellation + `],"w":"ABCDEFGHIJKLMNOP"}`
}

func TestDecodeDamaged(t *testing.T) {
	t.Parallel()
	for name, raw := range damages {
		t.Run("ErrDamaged "+name, func(t *testing.T) {
			t.Parallel()
			p, err := decodePayment(somewhere, []byte(raw))
			wantErr(t, err, ErrDamaged)
			if err != nil && !strings.Contains(err.Error(), "nxca_jt_bi:a:b c") {
				t.Errorf("error %v does not say of what", err)
			}
			if p != nil {
				t.Errorf("a payment came with it: %+v", p)
			}
		})
	}
}

// What a newer program stored, this one refuses, and says so, whatever shape it has.
func TestDecodeNewer(t *testing.T) {
	t.Parallel()
	for _, raw := range []string{`{"f":2,"w":"ABCDEFGHIJKLMNOP"}`, `{"f":2,"c":{"refund-1":{}},"w":"ABCDEFGHIJKLMNOP"}`, `{"f":99,"c":[{"k":"refund-1","st":"frozen"}],"w":"A"}`,
		`{"f":2,"w":"ABCDEFGHIJKLMNOP"}{"k":"refund-1"}`} {
		p, err := decodePayment(somewhere, []byte(raw))
		if p != nil || !errors.Is(err, ErrDamaged) || !errors.Is(err, errNewer) || !strings.Contains(err.Error(), "newer version") {
			t.Errorf("%s: %+v, %v", raw, p, err)
		}
	}
}

// An intent behind a document says the same as the document that holds it.
func TestIntent(t *testing.T) {
	t.Parallel()
	for _, inquiry := range []bool{false, true} {
		f := newFixture(t)
		f.accept(partial("refund-1", "pay-1"), partial("refund-2", "pay-1"))
		if inquiry {
			f.base(Basis{})
		}
		before := slices.Clone(f.p.stored)
		g := f.p.Begin(f.at, f.rules, Beginning{Entry: partial("refund-2", "pay-1"), Token: "token"})
		if want := map[bool]Step{false: StepSend, true: StepInquire}[inquiry]; g.Step != want {
			t.Fatalf("step %v, want %v", g.Step, want)
		}
		doc, behind, err := f.p.encode("WWWWWWWWWWWWWWWW")
		if err != nil || !behind || len(doc) > 160 {
			t.Fatalf("%s, behind what is stored: %v, %v", doc, behind, err)
		}
		p, err := decodePayment(f.place(""), slices.Concat(before, doc))
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(marshal(t, f.p), marshal(t, p)); d != "" {
			t.Errorf("the payment (-in memory +read):\n%s", d)
		}
		// Whatever else has changed is written with all of it, and what is stored is not stored again.
		for name, change := range map[string]func(p *Payment){
			"another cancellation": func(p *Payment) { p.touch(p.Cancellations[0]) },
			"the payment":          func(p *Payment) { p.dirty = true },
			"nothing since":        func(p *Payment) { p.settle(doc, true) },
		} {
			p := *f.p
			change(&p)
			if doc, behind, err := p.encode("WWWWWWWWWWWWWWWW"); behind || err != nil {
				t.Errorf("%s: only the intent is written: %s, %v", name, doc, err)
			}
		}
	}
}

func marshal(t testing.TB, p *Payment) string {
	t.Helper()
	raw, err := json.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

// Whatever is stored: an error, or a payment that is read back the same once written, of which each
// cancellation is in exactly one of open, dead and ended.
func FuzzDecodePayment(f *testing.F) {
	f.Add(wholeDocument)
	for _, raw := range damages {
		f.Add(raw)
	}
	f.Add(document(`{"k":"refund-1","st":"cancelled","at":-9223372036854775808,"e":9223372036854775807,"a":[["i",9223372036854775807,9223372036854775807,null,null,null,null,null,null]]}`))
	f.Add(document(`{"k":"refund-1","st":"queued"}`) + `{"k":"refund-1","t":"T","g":1,"x":15000,"i":true,"w":"ABCDEFGHIJKLMNOP"}`)
	f.Add(document(`{"k":"refund-1","st":"refunded_elsewhere"},{"k":"refund-1","st":"queued","d":-1}`))
	f.Fuzz(func(t *testing.T, raw string) {
		p, err := decodePayment(somewhere, []byte(raw))
		if err != nil {
			if !errors.Is(err, ErrDamaged) || p != nil {
				t.Errorf("%v with %+v", err, p)
			}
			return
		}
		for _, c := range p.Cancellations {
			r := p.record(c, Moment{}, Rules{})
			n := 0
			for _, is := range []bool{r.Open(), r.Dead(), r.Ended()} {
				if is {
					n++
				}
			}
			if n != 1 || !slices.Contains(Statuses(), r.Status) {
				t.Errorf("%s, closed %v: open %v, dead %v, ended %v", r.Status, r.Closed, r.Open(), r.Dead(), r.Ended())
			}
			if r.MchtID != "nxca_jt_bi" || r.OrgTrdNo != "a:b c" {
				t.Errorf("it is of %s %s", r.MchtID, r.OrgTrdNo)
			}
		}
		again, err := json.Marshal(p)
		if err != nil {
			t.Fatalf("%s cannot be written: %v", raw, err)
		}
		if strings.ContainsAny(p.Write, "<>&\u2028\u2029") { // JSON can spell them in two ways; ids hold none
			return
		}
		if _, err := decodePayment(somewhere, again); err != nil {
			t.Errorf("%s, written as %s: %v", raw, again, err)
		}
	})
}

func TestWholeAndInquirable(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		payment, amount   int64
		method            string
		foreign, inquiry  bool
		whole, inquirable bool
	}{
		{payment: 1000, amount: 1000, method: "CA", inquiry: true, whole: true, inquirable: true},
		{payment: 1000, amount: 999, method: "CA", inquiry: true, inquirable: true},
		{payment: 1000, amount: 999, method: "CA"},
		{payment: 1000, amount: 999, inquiry: true},
		{payment: 0, amount: 999, method: "CA", inquiry: true},
		{payment: 1000, amount: 1000, method: "CA", foreign: true, inquiry: true, whole: true, inquirable: true},
		{payment: 1000, amount: 999, method: "CA", foreign: true, inquiry: true},
		{payment: 0, amount: 0, method: "CA", inquiry: true},
	} {
		p := &Payment{Amount: c.payment}
		x := &Cancellation{Amount: c.amount, Method: c.method, Foreign: c.foreign}
		if whole, inquirable := p.Whole(x), p.Inquirable(x, Rules{Inquiry: c.inquiry}); whole != c.whole || inquirable != c.inquirable {
			t.Errorf("%+v: whole %v, inquirable %v", c, whole, inquirable)
		}
	}
}
