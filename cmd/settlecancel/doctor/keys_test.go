package doctor

import (
	"context"
	"strings"
	"testing"

	"settlecancel/gateway"
	"settlecancel/gateway/settlebank"
)

func TestKeys(t *testing.T) {
	t.Parallel()
	examine := func(o Settings) findings {
		x, s := &examiner{Options: Options{Settings: o}}, &sheet{check: "keys"}
		x.keys(context.Background(), s)
		return findings{t, s.findings}
	}
	bed := gateway.Merchant{ID: "nxca_jt_bi", HashKey: settlebank.NewSecret(settlebank.TestbedHashKey), AESKey: settlebank.NewSecret(settlebank.TestbedAESKey)}
	found := examine(Settings{Merchants: []gateway.Merchant{bed, {ID: "shop", HashKey: settlebank.NewSecret(hashKey), AESKey: settlebank.NewSecret(aesKey)}}})
	found.want("keys", OK, "merchant nxca_jt_bi: the testbed's keys; messages are signed", "")
	found.want("keys", OK, "merchant shop: keys of their own", "")
	examine(Settings{Production: true, Merchants: []gateway.Merchant{bed}}).want("keys", Danger, "public keys", "for production")
	examine(Settings{Merchants: []gateway.Merchant{{ID: "a", HashKey: settlebank.NewSecret(hashKey + "\n"), AESKey: settlebank.NewSecret(aesKey)}}}).want("keys", Danger, "white space", "end of a file")
	examine(Settings{Merchants: []gateway.Merchant{{ID: "a", HashKey: settlebank.NewSecret(hashKey), AESKey: settlebank.NewSecret("short")}}}).want("keys", Danger, "5 bytes, not 32", "SettleBank gave")
	examine(Settings{Merchants: []gateway.Merchant{{ID: "a", HashKey: settlebank.NewSecret(hashKey), Protocol: gateway.Protocol0A19}}}).want("keys", Danger, "0 bytes, not 32", "SettleBank gave")
}

// The vectors are the vendor's, and a client that signs otherwise would be found.
func TestVectors(t *testing.T) {
	t.Parallel()
	raw := settlebank.Vectors()
	for _, v := range vectors() {
		if !strings.Contains(raw, `"`+v.hash+`"`) || !strings.Contains(raw, v.amount) {
			t.Errorf("%s is none of the golden vectors", v.name)
		}
	}
	bodies := make(chan []byte, 1)
	url := answering(t, 200, "")
	for _, v := range vectors() {
		bodies <- []byte(`{"pktHash":"` + strings.Repeat("0", 64) + `"}`)
		if err := v.prove(context.Background(), url, bodies); err == nil || !strings.Contains(err.Error(), v.name) {
			t.Errorf("%s: another hash passes: %v", v.name, err)
		}
		if err := v.prove(context.Background(), url, bodies); err == nil || !strings.Contains(err.Error(), "nothing was sent") {
			t.Errorf("%s: silence passes: %v", v.name, err)
		}
	}
}

// A process that ends while it is examined has proven nothing, least of all that it signs wrongly.
func TestInterrupted(t *testing.T) {
	t.Parallel()
	p := newPatient(t)
	ctx, stop := context.WithCancel(context.Background())
	stop()
	if found := Run(ctx, p.o); len(found) > 0 {
		t.Errorf("found %+v", found)
	}
}
