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

const whole = `{"p":{"o":"1"},"m":500,"w":1,"s":"rejected","q":"bulk","by":"shop","at":1702600000000,"e":250,"no":"C-1","rc":"ST25","rm":"no",
"b":3,"v":{"f":1,"z":2,"r":"already","u":true,"n":4},"cl":1,"t":"token","ax":7,
"a":[["r",0,1500,"unknown","ST01","m",502],["i",90000,20,"ok","0001","",200,500],["l",95000,0],["i",99000]],
"o":[[1702600001000,"kim","retry","n","id"],[1702600002000,"lee","resolve rejected",""]]}`

func TestDecodeRecord(t *testing.T) {
	t.Parallel()
	got, err := decodeRecord(somewhere, whole, 700, 3)
	if err != nil {
		t.Fatal(err)
	}
	shown := int64(500)
	at := func(ms int64) time.Time { return start.Add(time.Duration(ms) * time.Millisecond) }
	want := Record{
		Key: "refund-1", MchtID: "nxca_jt_bi", OrgTrdNo: "a:b c", Amount: 500, Full: true, Params: json.RawMessage(`{"o":"1"}`),
		Queue: "bulk", AcceptedBy: "shop", Status: Rejected, Closed: true, CanTrdNo: "C-1", Code: "ST25", Message: "no",
		AcceptedAt: start, EndedAt: at(250), Spent: 3, Dropped: 7, Sum: 700, Round: 3,
		Verification: Verification{Failed: 1, NotApplied: 2, Reason: "already", Unlisted: true, Resent: 4},
		Attempts: []Attempt{
			{Kind: Request, StartedAt: start, Duration: 1500 * time.Millisecond, Class: "unknown", Code: "ST01", Message: "m", HTTPStatus: 502},
			{Kind: Inquiry, StartedAt: at(90_000), Duration: 20 * time.Millisecond, Class: "ok", Code: "0001", HTTPStatus: 200, Shown: &shown},
			{Kind: Late, StartedAt: at(95_000)},
			{Kind: Inquiry, StartedAt: at(99_000), UnderWay: true},
		},
		Acts: []Act{{At: at(1000), Who: "kim", What: "retry", Note: "n"}, {At: at(2000), Who: "lee", What: "resolve rejected"}},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("record (-want +got):\n%s", d)
	}
}

// damages are what must be an error, never a record that looks right.
var damages = map[string]string{
	"empty":               ``,
	"no JSON":             `{"s":`,
	"null":                `null`,
	"an array":            `[]`,
	"no status":           `{}`,
	"a status unknown":    `{"s":"done"}`,
	"amount a text":       `{"s":"queued","m":"500"}`,
	"amount too large":    `{"s":"queued","m":1e+14}`,
	"amount a fraction":   `{"s":"queued","m":0.5}`,
	"attempts no array":   `{"s":"queued","a":{}}`,
	"an attempt no array": `{"s":"queued","a":[1]}`,
	"an attempt empty":    `{"s":"queued","a":[[]]}`,
	"an attempt cut":      `{"s":"queued","a":[["r"]]}`,
	"a kind unknown":      `{"s":"queued","a":[["x",1]]}`,
	"a kind no text":      `{"s":"queued","a":[[1,1]]}`,
	"a start no number":   `{"s":"queued","a":[["r","x"]]}`,
	"acts no array":       `{"s":"queued","o":1}`,
	"an act's time":       `{"s":"queued","o":[["x"]]}`,
	"a verification":      `{"s":"queued","v":[]}`,
}

func TestDecodeDamaged(t *testing.T) {
	t.Parallel()
	for name, raw := range damages {
		t.Run("ErrDamaged "+name, func(t *testing.T) {
			t.Parallel()
			r, err := decodeRecord(somewhere, raw, 0, 1)
			wantErr(t, err, ErrDamaged)
			if err != nil && !strings.Contains(err.Error(), "refund-1") {
				t.Errorf("error %v does not say of what", err)
			}
			if d := cmp.Diff(Record{}, r); d != "" {
				t.Errorf("a record came with it:\n%s", d)
			}
			doc := `{"s":0,"r":1,"c":{"refund-1":` + raw + `}}`
			if _, ok, err := decodeTransaction(somewhere, []byte(doc)); ok || !errors.Is(err, ErrDamaged) {
				t.Errorf("in its transaction: %v, %v", ok, err)
			}
		})
	}
}

// An answer of another shape, as another version's scripts would give, is an error and no panic.
func TestForeignReply(t *testing.T) {
	t.Parallel()
	for _, r := range []reply{{"done"}, {int64(1)}, {nil}, {"send"}, {"send", int64(1)}, {"send", "{}", "x", "y"}, {"held", "soon"}} {
		var g Grant
		if err := g.read(r); err == nil && g.Step != StepHeld {
			t.Errorf("%v grants %d", r, g.Step)
		}
		if err := (&call{reply: r}).accepted(new(Accepted)); err == nil {
			t.Errorf("%v accepts", r)
		}
		if _, err := (&call{reply: r}).decided(nil); err == nil {
			t.Errorf("%v decides", r)
		}
	}
}

// Whatever is stored: an error, or a record in one of the states, in exactly one of open, dead and
// ended.
func FuzzDecodeRecord(f *testing.F) {
	f.Add(whole)
	for _, raw := range damages {
		f.Add(raw)
	}
	f.Add(`{"s":"cancelled","at":-9223372036854775808,"e":9223372036854775807,"a":[["i",9223372036854775807,9223372036854775807,null,null,null,null,null,null]]}`)
	f.Fuzz(func(t *testing.T, raw string) {
		r, err := decodeRecord(somewhere, raw, 0, 1)
		if err != nil {
			if !errors.Is(err, ErrDamaged) || !cmp.Equal(r, Record{}) {
				t.Errorf("%v with %+v", err, r)
			}
			return
		}
		if !slices.Contains(Statuses(), r.Status) {
			t.Errorf("status %q", r.Status)
		}
		n := 0
		for _, is := range []bool{r.Open(), r.Dead(), r.Ended()} {
			if is {
				n++
			}
		}
		if n != 1 {
			t.Errorf("%s, closed %v: open %v, dead %v, ended %v", r.Status, r.Closed, r.Open(), r.Dead(), r.Ended())
		}
		for _, a := range r.Attempts {
			if a.Kind != Request && a.Kind != Inquiry && a.Kind != Late {
				t.Errorf("an attempt of kind %q", a.Kind)
			}
		}
		if r.Key != "refund-1" || r.MchtID != "nxca_jt_bi" || r.OrgTrdNo != "a:b c" {
			t.Errorf("it is of %s %s %s", r.Key, r.MchtID, r.OrgTrdNo)
		}
	})
}

func TestStates(t *testing.T) {
	t.Parallel()
	got := make(map[Status]string)
	for _, s := range Statuses() {
		for closed, word := range map[bool]string{false: "", true: " closed"} {
			r := Record{Status: s, Closed: closed}
			switch {
			case r.Open():
				got[s] += "open" + word + ";"
			case r.Dead():
				got[s] += "dead" + word + ";"
			}
		}
	}
	want := map[Status]string{Queued: "open;", Sending: "open;", Unknown: "open;", Rejected: "dead;", Exhausted: "dead;", Review: "dead;"}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("states (-want +got):\n%s", d)
	}
}
