package simulator

import (
	"strings"
	"testing"
)

// TestOneProtocol sends messages of both protocols to gateways that know one of them: what is not
// known is refused in the form of the one that is, and moves nothing.
func TestOneProtocol(t *testing.T) {
	t.Parallel()
	flat := encode(t, flatFields("400", nil))
	nested := encode(t, cancel0A19("C1", "001", "400", nil, nil))
	flatQuestion := encode(t, flatInquiryOf("1000", nil))
	tests := []struct {
		name, path, body string
		protocol         Protocols
		code             string
		flat             bool // the answer is
		applied          bool
	}{
		{"OK both, flat", cancelPath, flat, ProtocolsBoth, "0000", true, true},
		{"OK both, 0A19", cancelPath, nested, ProtocolsBoth, "0000", false, true},
		{"OK flat, flat", cancelPath, flat, ProtocolsFlat, "0000", true, true},
		{"Err flat, 0A19", cancelPath, nested, ProtocolsFlat, "5001", true, false},
		{"Err flat, refund", refundPath, nested, ProtocolsFlat, "5001", true, false},
		{"Err flat, no message", cancelPath, "x", ProtocolsFlat, "5001", true, false},
		{"Err flat, no message to the refund", refundPath, "x", ProtocolsFlat, "5001", true, false},
		{"OK 0A19, 0A19", cancelPath, nested, Protocols0A19, "0000", false, true},
		{"Err 0A19, flat", cancelPath, flat, Protocols0A19, "5001", false, false},
		{"Err 0A19, no message", cancelPath, "x", Protocols0A19, "5001", false, false},
		{"Err 0A19, flat inquiry", statusPath, flatQuestion, Protocols0A19, "5001", false, false},
		{"OK flat, inquiry 0A1M", checkPath, encode(t, inquiry("Q1", "1000", nil, nil)), ProtocolsFlat, "0000", false, false},
		{"OK 0A19, inquiry 0A1M", statusPath, encode(t, inquiry("Q1", "1000", nil, nil)), Protocols0A19, "0000", false, false},
	}
	for _, tt := range tests {
		for _, temper := range []Temper{TemperStrict, TemperReal} {
			t.Run(tt.name+" "+string(temper), func(t *testing.T) {
				t.Parallel()
				b := registered(t, Options{Temper: temper, Protocol: tt.protocol}, 1000)
				a := readReal(t, b.post(tt.path, tt.body))
				code := a.code()
				if tt.flat {
					code = a.param("resultCode")
				}
				if code != tt.code || len(b.Effects()) == 1 != tt.applied {
					t.Errorf("answer %+v, %d effects; want %s, applied %t", a, len(b.Effects()), tt.code, tt.applied)
				}
				if !tt.flat && tt.code != "0000" && a.param("outStatCd") != "0031" {
					t.Errorf("answer %+v, want outStatCd 0031", a)
				}
				if got := b.Received()[0]; tt.body != "x" && got.MchtID != testMerchant {
					t.Errorf("journal %+v, want the merchant", got)
				}
			})
		}
	}
}

// TestRefusedProtocolIsBareOrNested: a real gateway refuses a flat request in either form.
func TestRefusedProtocolIsBareOrNested(t *testing.T) {
	t.Parallel()
	b := start(t, Options{Temper: TemperReal, Protocol: Protocols0A19, AutoAmount: 1000})
	seen := map[bool]bool{}
	for range 40 {
		seen[readReal(t, b.post(cancelPath, encode(t, flatFields("400", nil)))).bare] = true
	}
	if len(seen) != 2 {
		t.Errorf("bare: %v, want both forms", seen)
	}
}

// TestConduct changes temper and protocol while it runs; what is not named stays as it was.
func TestConduct(t *testing.T) {
	t.Parallel()
	b := start(t, Options{AutoAmount: 1000, Protocol: Protocols0A19})
	for _, step := range []struct {
		body string
		want Conduct
	}{
		{`{}`, Conduct{TemperStrict, Protocols0A19}},
		{`{"temper":"real"}`, Conduct{TemperReal, Protocols0A19}},
		{`{"protocol":"flat"}`, Conduct{TemperReal, ProtocolsFlat}},
		{`{"temper":"strict","protocol":"both"}`, Conduct{TemperStrict, ProtocolsBoth}},
	} {
		var set, got Conduct
		b.call("POST", "/_sim/conduct", step.body, 200, &set)
		b.call("GET", "/_sim/conduct", "", 200, &got)
		if set != step.want || got != step.want || b.Conduct() != step.want {
			t.Errorf("%s: set %+v, got %+v; want %+v", step.body, set, got, step.want)
		}
	}
	if got := b.cancel("400").ResultCode; got != "0000" {
		t.Errorf("flat, once it is known: %s, want 0000", got)
	}
	b.Reset()
	if got := b.Conduct(); got != (Conduct{TemperStrict, Protocols0A19}) {
		t.Errorf("after the reset: %+v, want that of the options", got)
	}
}

func TestConductErrors(t *testing.T) {
	t.Parallel()
	b := start(t, Options{})
	var wrong struct{ Errors []string }
	b.call("POST", "/_sim/conduct", `{"temper":"mild","protocol":"0A20"}`, 400, &wrong)
	said := strings.Join(wrong.Errors, "\n")
	if !strings.Contains(said, `temper "mild"`) || !strings.Contains(said, `protocol "0A20"`) {
		t.Errorf("errors %q, want both named", said)
	}
	if b.Conduct() != (Conduct{TemperStrict, ProtocolsBoth}) {
		t.Errorf("conduct %+v after an error", b.Conduct())
	}
	if _, err := New(Options{Temper: "mild", Protocol: "0A20"}); err == nil || !strings.Contains(err.Error(), "0A20") {
		t.Errorf("options: %v, want both named", err)
	}
	if sim, err := New(Options{}); err != nil || sim.Conduct() != (Conduct{TemperStrict, ProtocolsBoth}) {
		t.Errorf("zero options: %v, want strict and both", err)
	}
}
