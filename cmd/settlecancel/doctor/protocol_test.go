package doctor

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"settlecancel/gateway"
	"settlecancel/gateway/settlebank"
	"settlecancel/gateway/simulator"
)

// ailment is one thing that is wrong between an installation and the simulated SettleBank, and what
// the doctor says of it.
type ailment struct {
	spoil func(*Settings, *simulator.Options)
	away  []string // paths that are not there
	check string
	level Level
	says  string
	mends string
	only  bool // it is the only thing wrong
}

func protocolOf(p gateway.Protocol) func(*Settings) {
	return func(s *Settings) { s.Merchants[0].Protocol = p }
}

// Every way in which a merchant may be set wrongly is named, with what mends it; in both tempers of
// the gateway.
func TestAilments(t *testing.T) {
	t.Parallel()
	gatewaySpeaks := func(p simulator.Protocols, set gateway.Protocol) func(*Settings, *simulator.Options) {
		return func(s *Settings, o *simulator.Options) { o.Protocol = p; protocolOf(set)(s) }
	}
	as0A19 := func(more func(*Settings, *simulator.Options)) func(*Settings, *simulator.Options) {
		return func(s *Settings, o *simulator.Options) {
			gatewaySpeaks(simulator.Protocols0A19, gateway.Protocol0A19)(s, o)
			more(s, o)
		}
	}
	const set2025, set2024 = "SETTLEBANK_INQUIRY_PATH=" + settlebank.PathInquiry2025, "SETTLEBANK_INQUIRY_PATH=" + settlebank.PathInquiry
	path := func(p string) func(*Settings, *simulator.Options) {
		return as0A19(func(s *Settings, _ *simulator.Options) { s.InquiryPath = p })
	}
	for name, c := range map[string]ailment{
		"OK0A19":     {spoil: gatewaySpeaks(simulator.Protocols0A19, gateway.Protocol0A19), check: "protocol", level: OK, says: "merchant shop: SettleBank speaks 0A19, as is set"},
		"OKFlat":     {spoil: gatewaySpeaks(simulator.ProtocolsFlat, gateway.Flat), check: "protocol", level: OK, says: "merchant shop: SettleBank speaks flat, as is set"},
		"OKUnset":    {spoil: gatewaySpeaks(simulator.ProtocolsFlat, ""), check: "protocol", level: OK, says: "SettleBank speaks flat, as is set"},
		"OKBoth":     {spoil: gatewaySpeaks(simulator.ProtocolsBoth, gateway.Protocol0A19), check: "protocol", level: OK, says: "SettleBank speaks 0A19"},
		"OKKnown":    {spoil: as0A19(func(*Settings, *simulator.Options) {}), check: "merchants", level: OK, says: "known to SettleBank, and the hash key is right"},
		"OKPath2025": {spoil: path(settlebank.PathInquiry2025), check: "merchants", level: OK, says: settlebank.PathInquiry2025},
		"ErrFlatSet": {spoil: gatewaySpeaks(simulator.Protocols0A19, gateway.Flat), check: "protocol", level: Danger, says: "SETTLEBANK_PROTOCOL is flat, and SettleBank speaks 0A19 with it: nothing can be cancelled", mends: "SETTLEBANK_PROTOCOL=0A19", only: true},
		"Err0A19Set": {spoil: gatewaySpeaks(simulator.ProtocolsFlat, gateway.Protocol0A19), check: "protocol", level: Danger, says: "SETTLEBANK_PROTOCOL is 0A19, and SettleBank speaks flat with it: nothing can be cancelled", mends: "SETTLEBANK_PROTOCOL=flat", only: true},
		"ErrHash": {spoil: as0A19(func(s *Settings, _ *simulator.Options) {
			s.Merchants[0].HashKey = settlebank.NewSecret("HASHKEY-of-another")
		}), check: "merchants", level: Danger, says: "refused: 1901", mends: "the hash key is not the one that SettleBank has", only: true},
		"ErrHashFlat": {spoil: func(s *Settings, _ *simulator.Options) {
			s.Merchants[0].HashKey = settlebank.NewSecret("HASHKEY-of-another")
		}, check: "merchants", level: Danger, says: "refused: 1901", mends: "SETTLEBANK_HASH_KEY", only: true},
		"ErrAES": {spoil: as0A19(func(s *Settings, _ *simulator.Options) {
			s.Merchants[0].AESKey = settlebank.NewSecret("another-key-of-32-bytes-543210ab")
		}), check: "merchants", level: Danger,
			says: "refused: 1902", mends: "correct the AES key"},
		"ErrMerchant":   {spoil: as0A19(func(_ *Settings, o *simulator.Options) { o.Merchants[0].ID = "another" }), check: "merchants", level: Danger, says: "merchant shop: a request to cancel a payment that does not exist is refused: ST47", mends: "does not know the merchant here: correct its id (SETTLEBANK_MCHT_ID", only: true},
		"ErrPath":       {spoil: path("/spay/APINoSuch.do"), check: "merchants", level: Danger, says: "inquiries go to /spay/APINoSuch.do (SETTLEBANK_INQUIRY_PATH), and are not answered there", mends: set2024, only: true},
		"ErrPath2024":   {spoil: path(settlebank.PathInquiry), away: []string{settlebank.PathInquiry}, check: "merchants", level: Danger, says: "they are at " + settlebank.PathInquiry2025, mends: set2025, only: true},
		"ErrPath2025":   {spoil: path(settlebank.PathInquiry2025), away: []string{settlebank.PathInquiry2025}, check: "merchants", level: Danger, says: "they are at " + settlebank.PathInquiry, mends: set2024, only: true},
		"ErrNoPath":     {spoil: path(settlebank.PathInquiry), away: []string{settlebank.PathInquiry, settlebank.PathInquiry2025}, check: "merchants", level: Danger, says: "neither of the documented paths answers", mends: "ask SettleBank for the path of message 0A1M", only: true},
		"ErrCancelPath": {spoil: path(settlebank.PathInquiry), away: []string{settlebank.PathCancel}, check: "merchants", level: Danger, says: "HTTP 404", mends: "SETTLEBANK_BASE_URL", only: true},
		"ErrFlatNoAES": {spoil: func(s *Settings, o *simulator.Options) {
			gatewaySpeaks(simulator.Protocols0A19, gateway.Flat)(s, o)
			s.Merchants[0].AESKey = settlebank.NewSecret("")
		}, check: "protocol", level: Danger, says: "speaks 0A19", mends: "with the AES key"},
		"ErrFlatAndKey": {spoil: func(s *Settings, o *simulator.Options) {
			gatewaySpeaks(simulator.Protocols0A19, gateway.Flat)(s, o)
			s.Merchants[0].AESKey = settlebank.NewSecret("another-key-of-32-bytes-543210ab")
		}, check: "merchants", level: Danger, says: "in 0A19, is refused: 1902", mends: "correct the AES key"},
		"NoteInquiryOff": {spoil: as0A19(func(s *Settings, _ *simulator.Options) { s.Inquiry = false }), check: "protocol", level: OK, says: "speaks 0A19"},
		"NoteGranted":    {spoil: as0A19(func(_ *Settings, o *simulator.Options) { o.AutoAmount = 1000 }), check: "protocol", level: Note, says: "grants a request to cancel a payment that does not exist", mends: "for development alone"},
	} {
		for _, temper := range []simulator.Temper{simulator.TemperReal, simulator.TemperStrict} {
			t.Run(name+"/"+string(temper), func(t *testing.T) {
				t.Parallel()
				c.examine(t, temper)
			})
		}
	}
}

func (c ailment) examine(t *testing.T, temper simulator.Temper) {
	p := &patient{TB: t, o: Options{}}
	p.o.Settings = Settings{Inquiry: true, InquiryPath: settlebank.PathInquiry, Merchants: []gateway.Merchant{{ID: "shop", HashKey: settlebank.NewSecret(hashKey), AESKey: settlebank.NewSecret(aesKey)}}}
	o := simulator.Options{Temper: temper, Merchants: []simulator.Merchant{{ID: "shop", HashKey: hashKey, AESKey: aesKey}}}
	c.spoil(&p.o.Settings, &o)
	sim, err := simulator.New(o)
	p.must(err)
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if slices.Contains(c.away, r.URL.Path) {
			http.NotFound(w, r)
			return
		}
		sim.ServeHTTP(w, r)
	}))
	t.Cleanup(web.Close)
	p.gateway(web.URL)
	p.o.Now = time.Now
	x, s := &examiner{Options: p.o}, &sheet{check: "merchants"}
	x.merchants(t.Context(), s)
	found := findings{t, s.findings}
	found.want(c.check, c.level, c.says, c.mends)
	if c.level == OK && p.o.Settings.Inquiry {
		found.wantNoWorse(OK)
	}
	if n := len(Dangers(found.all)); c.level == Danger && (n != 1 && c.only || len(found.all) != n) {
		t.Errorf("%d dangers among\n%s", n, found)
	}
	if s := sim.Stats(); s.Effects != 0 && o.AutoAmount == 0 {
		t.Errorf("%d effects", s.Effects)
	}
	t.Log("\n" + strings.TrimSpace(found.String()))
}
