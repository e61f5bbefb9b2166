package notification

import (
	"encoding/json"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"golang.org/x/text/encoding/korean"

	"settlecancel/gateway"
	"settlecancel/gateway/settlebank"
	"settlecancel/tasks/ledger"
)

// genuine returns a form of the recorded notifications.
func genuine(t testing.TB, what string) url.Values {
	t.Helper()
	var file struct{ Notifications []map[string]string }
	if err := json.Unmarshal([]byte(settlebank.Notifications()), &file); err != nil {
		t.Fatal(err)
	}
	for _, n := range file.Notifications {
		if !strings.HasPrefix(n["what"], what) {
			continue
		}
		form := url.Values{}
		for name, value := range n {
			if name != "what" {
				form.Set(name, value)
			}
		}
		return form
	}
	t.Fatalf("no notification of %q was recorded", what)
	return nil
}

// speak makes the merchants of the testbed speak a protocol.
func (b *bench) speak(p gateway.Protocol) {
	b.Helper()
	var merchants []gateway.Merchant
	for _, id := range settlebank.TestbedMerchants() {
		merchants = append(merchants, gateway.Merchant{ID: id, HashKey: settlebank.NewSecret(hashKey), AESKey: settlebank.NewSecret(aesKey), Protocol: p})
	}
	gw, err := gateway.New(gateway.Options{BaseURL: "http://gateway.test", Merchants: merchants})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(gw.Close)
	b.handler.opts.Gateway = gw
}

// TestGenuine: what the testbed really sent is believed, each for what it is.
func TestGenuine(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.speak(settlebank.Protocol0A19)
	b.want("OK", genuine(t, "card, whole payment cancelled"))
	if log := b.log.String(); !strings.Contains(log, "none of the ledger's") {
		t.Errorf("log:\n%s", log)
	}
	for _, what := range []string{"virtual account, number issued", "virtual account, paid in"} {
		b.want("FAIL", genuine(t, what))
		upper := genuine(t, what)
		upper.Set("pktHash", strings.ToUpper(upper.Get("pktHash")))
		b.want("FAIL", upper)
	}
	if log := b.log.String(); strings.Count(log, "level=ERROR") != 4 || strings.Count(log, "belongs to the shop") != 4 {
		t.Errorf("log:\n%s", log)
	}
	forged := genuine(t, "card, whole payment cancelled")
	forged.Set("trdAmt", "160001")
	b.want("FAIL", forged)
}

// TestPaymentsComeAgain: an approval is somebody else's, who must not miss it.
func TestPaymentsComeAgain(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.send(refund("r1", "P1"), ends(ledger.Review))
	for _, kind := range []string{"B0", "A0", "B1", "", "ZZ"} {
		b.want("FAIL", form("bizType", kind))
	}
	if r := b.record("r1"); r.Status != ledger.Review {
		t.Errorf("it is %s", r.Status)
	}
}

// TestIDsOfOthers: with protocol 0A19, what bears an id that is none of ours was done by somebody
// else, whatever its amount and time. What bears the order's own number, or none, proves nothing.
func TestIDsOfOthers(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		id   string
		log  string
		want ledger.Status
	}{
		"admin site":        {"202401021200017777", "none of the ledger's", ledger.Review},
		"ours":              {"CNCL-r1", "settled by a notification", ledger.Cancelled},
		"ours, a later one": {"CNCL3-r1", "settled by a notification", ledger.Cancelled},
		"another of ours":   {"CNCL-r2", "none of the ledger's", ledger.Review},
		"the order's":       {"ORDER-P1", "decides nothing", ledger.Review},
		"none":              {"", "decides nothing", ledger.Review},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			b.speak(settlebank.Protocol0A19)
			b.send(refund("r1", "P1"), ends(ledger.Review))
			b.want("OK", form("mchtTrdNo", tt.id))
			if r := b.record("r1"); r.Status != tt.want {
				t.Errorf("it is %s, want %s", r.Status, tt.want)
			}
			if !strings.Contains(b.log.String(), tt.log) {
				t.Errorf("the log lacks %q:\n%s", tt.log, b.log)
			}
		})
	}
	t.Run("refused before, and five minutes before", func(t *testing.T) {
		t.Parallel()
		for _, p := range []gateway.Protocol{settlebank.Flat, settlebank.Protocol0A19} {
			b := newBench(t)
			b.speak(p)
			b.send(refund("r1", "P1"), ends(ledger.Review))
			b.send(refund("r2", "P2"), ledger.Next{Status: ledger.Rejected, Code: "CA10"})
			b.want("OK", form("trdDtm", noon.Add(-5*time.Minute).Format(settlebank.DateTimeLayout)))
			b.want("OK", form("orgTrdNo", "P2", "trdNo", "C2", "mchtTrdNo", "202401021200017777"))
			if r := b.record("r1"); r.Status != ledger.Review {
				t.Errorf("%s: five minutes before its request, it is %s", p, r.Status)
			}
			if r := b.record("r2"); r.Status != ledger.Rejected {
				t.Errorf("%s: refused, it is %s", p, r.Status)
			}
		}
	})
}

// TestForms: what a notification may look like, besides the usual.
func TestForms(t *testing.T) {
	t.Parallel()
	korean, err := korean.EUCKR.NewEncoder().String("홍길동 환불")
	if err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		kind string
		body string
	}{
		"EUC-KR":              {"application/x-www-form-urlencoded; charset=EUC-KR", form("mchtCustNm", korean).Encode()},
		"EUC-KR, not escaped": {"application/x-www-form-urlencoded", form().Encode() + "&mchtCustNm=" + korean},
		"no content type":     {"", form().Encode()},
		"text":                {"text/plain;charset=euc-kr", form().Encode()},
		"upper case":          {"Application/X-WWW-Form-Urlencoded", form("pktHash", strings.ToUpper(form().Get("pktHash"))).Encode()},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			b.send(refund("r1", "P1"), ends(ledger.Review))
			r := httptest.NewRequest("POST", "/noti", strings.NewReader(tt.body))
			r.RemoteAddr = fromBank
			if tt.kind != "" {
				r.Header.Set("Content-Type", tt.kind)
			}
			if code, answer := b.serve(r); code != 200 || answer != "OK" {
				t.Errorf("answered %d %q", code, answer)
			}
			if r := b.record("r1"); r.Status != ledger.Cancelled {
				t.Errorf("it is %s\n%s", r.Status, b.log)
			}
		})
	}
}
