package simulator

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
)

// TestRealTakesContentTypes: what reached the real gateway is taken in real temper, and only what
// the documents name in strict.
func TestRealTakesContentTypes(t *testing.T) {
	t.Parallel()
	tests := []struct {
		contentType  string
		real, strict bool
	}{
		{"application/json; charset=UTF-8", true, true},
		{"application/json", true, false},
		{"Application/json", true, false},
		{"Application/json;charset=utf-8", true, false},
		{"application/json; charset=EUC-KR", true, false},
		{"application/x-www-form-urlencoded", true, false},
		{"application/x-www-form-urlencoded; charset=UTF-8", true, false},
		{"text/plain", false, false},
		{"", false, false},
	}
	for _, tt := range tests {
		t.Run(tt.contentType, func(t *testing.T) {
			t.Parallel()
			for temper, want := range map[Temper]bool{TemperReal: tt.real, TemperStrict: tt.strict} {
				b := registered(t, Options{Temper: temper}, 1000)
				body := strings.NewReader(encode(t, cancel0A19("C1", "001", "400", nil, nil)))
				r := b.do(context.Background(), http.MethodPost, cancelPath, tt.contentType, body)
				if got := len(b.Effects()) == 1; got != want || (r.status == http.StatusOK) != want {
					t.Errorf("%s: status %d, applied %t; want %t", temper, r.status, got, want)
				}
			}
		})
	}
}

// TestRealTakesBodies: the ways in which merchants are known to write a cancellation.
func TestRealTakesBodies(t *testing.T) {
	t.Parallel()
	plain := func(params, data fields) string { return encode(t, cancel0A19("C1", "001", "400", params, data)) }
	indent := func(body string) string {
		var out bytes.Buffer
		if err := json.Indent(&out, []byte(body), "", "\t"); err != nil {
			t.Fatal(err)
		}
		return out.String()
	}
	blank := fields{"cnclRsn": "", "taxTypeCd": "", "taxAmt": "", "vAcntNo": "", "refundBankCd": "", "refundAcntNo": ""}
	tests := []struct {
		name, body   string
		real, strict bool
	}{
		{"OK as documented", plain(nil, nil), true, true},
		{"OK indented", indent(plain(nil, nil)), true, true},
		{"OK slashes escaped", strings.ReplaceAll(plain(nil, fields{"cnclRsn": "a/b"}), "/", `\/`), true, true},
		{"OK escapes", strings.Replace(plain(nil, fields{"cnclRsn": "REASON"}), "REASON", `\ubcc0\uc2ec`, 1), true, true},
		{"OK blank members of other methods", plain(nil, blank), true, false},
		{"OK unknown members", plain(fields{"custIp": "127.0.0.1"}, fields{"memo": "x"}), true, false},
		{"OK round without zeros", plain(nil, fields{"cnclOrd": "1"}), true, false},
		{"OK round as a number", strings.Replace(plain(nil, nil), `"cnclOrd":"001"`, `"cnclOrd":1`, 1), true, false},
		{"OK round blank", plain(nil, fields{"cnclOrd": ""}), true, false},
		{"OK round absent", plain(nil, fields{"cnclOrd": "-"}), true, false},
		{"OK round above the next", plain(nil, fields{"cnclOrd": "007"}), true, false},
		{"OK older version", plain(fields{"ver": "0A17"}, nil), true, false},
		{"OK time as a number", strings.Replace(plain(fields{"trdTm": "180101"}, nil), `"180101"`, `180101`, 1), true, false},
		{"OK blank device", plain(fields{"mobileYn": "", "osType": "W"}, nil), true, true},
		{"Err version of an inquiry", plain(fields{"ver": "0A1M"}, nil), false, false},
		{"Err round zero", plain(nil, fields{"cnclOrd": "000"}), false, false},
		{"Err null", strings.Replace(plain(nil, fields{"cnclRsn": "x"}), `"x"`, `null`, 1), false, false},
		{"Err no original", plain(nil, fields{"orgTrdNo": ""}), false, false},
		{"Err no currency", plain(nil, fields{"crcCd": ""}), false, false},
		{"Err amount in plain", plain(nil, fields{"cnclAmt": "raw:400"}), false, false},
		{"Err wrong hash", plain(nil, fields{"pktHash": sum("x")}), false, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			for temper, want := range map[Temper]bool{TemperReal: tt.real, TemperStrict: tt.strict} {
				b := registered(t, Options{Temper: temper}, 1000)
				a := readReal(t, b.post(cancelPath, tt.body))
				if applied := len(b.Effects()) == 1; applied != want || (a.code() == "0000") != want {
					t.Errorf("%s: code %s, applied %t; want %t", temper, a.code(), applied, want)
				}
			}
		})
	}
}

// TestRealTakesFlatNumbers: a flat amount may be a number, and unknown members are overlooked.
func TestRealTakesFlatNumbers(t *testing.T) {
	t.Parallel()
	body := strings.Replace(encode(t, with(flatFields("400", nil), fields{"memo": "x"})), `"400"`, `400`, 1)
	for temper, want := range map[Temper]string{TemperReal: "0000", TemperStrict: "5001"} {
		b := registered(t, Options{Temper: temper}, 1000)
		if got := flatAnswerOf(t, b.post(cancelPath, body)).ResultCode; got != want {
			t.Errorf("%s: %s, want %s", temper, got, want)
		}
	}
}

// TestRealRounds: any number above the last will do, a blank one is given the next, whoever made
// the cancellation before.
func TestRealRounds(t *testing.T) {
	t.Parallel()
	b := registered(t, Options{Temper: TemperReal}, 1000)
	for i, step := range []struct{ round, code, next string }{
		{"3", "0000", "004"},
		{"003", "ST56", "004"},
		{"2", "ST56", "004"},
		{"", "0000", "005"},
		{"elsewhere", "", "006"},
		{"5", "ST56", "006"},
		{"010", "0000", "011"},
	} {
		if step.round == "elsewhere" {
			if _, err := b.CancelElsewhere(testMerchant, testTrdNo, 10); err != nil {
				t.Fatal(err)
			}
		} else if got := b.askReal(cancelPath, cancel0A19(fmt.Sprint("C", i), step.round, "10", nil, nil)).code(); got != step.code {
			t.Errorf("step %d, round %q: %s, want %s", i, step.round, got, step.code)
		}
		if state, _ := b.Original(testMerchant, testTrdNo); state.NextRound != step.next {
			t.Errorf("step %d, round %q: next round %s, want %s", i, step.round, state.NextRound, step.next)
		}
	}
}

// TestRealIDs: an id serves the parts of one payment, and again after a refusal; the same part sent
// twice is a duplicate, and another payment's id stays its own.
func TestRealIDs(t *testing.T) {
	t.Parallel()
	b := registered(t, Options{Temper: TemperReal, AutoAmount: 1000}, 1000)
	for i, step := range []struct {
		id, round, amount, code string
		data                    fields
	}{
		{testOrder, "001", "2000", "ST57", nil}, // the original's order number as the id
		{testOrder, "001", "300", "0000", nil},  // used again after a refusal
		{testOrder, "1", "300", "ST25", nil},    // the same one sent again
		{testOrder, "002", "300", "0000", nil},  // one id for all parts
		{testOrder, "", "100", "0000", nil},
		{testOrder, "001", "300", "ST50", fields{"orgTrdNo": "T2"}},
		{"fresh", "009", "300", "0000", nil},
		{"again", "010", "300", "ST25", nil}, // nothing is left: cancelled before
	} {
		if got := b.askReal(cancelPath, cancel0A19(step.id, step.round, step.amount, nil, step.data)).code(); got != step.code {
			t.Errorf("step %d: %s, want %s", i, got, step.code)
		}
	}
	if state, _ := b.Original(testMerchant, testTrdNo); state.CancelledAmount != 1000 || len(state.Effects) != 4 {
		t.Errorf("%d cancelled in %d parts, want 1000 in 4", state.CancelledAmount, len(state.Effects))
	}
}

// TestRealCancelledBefore: in real temper whoever cancels again hears ST25, in strict the method's
// code.
func TestRealCancelledBefore(t *testing.T) {
	t.Parallel()
	for temper, want := range map[Temper]string{TemperReal: "ST25", TemperStrict: "CA12"} {
		b := registered(t, Options{Temper: temper}, 1000)
		if _, err := b.CancelElsewhere(testMerchant, testTrdNo, 1000); err != nil {
			t.Fatal(err)
		}
		if got := b.askReal(cancelPath, cancel0A19("C1", "002", "1000", nil, nil)).code(); got != want {
			t.Errorf("%s: %s, want %s", temper, got, want)
		}
	}
}

// TestRealElsewhereHasItsOwnID: what was cancelled on the vendor's own site goes by a number of its
// own in real temper, not by the order number.
func TestRealElsewhereHasItsOwnID(t *testing.T) {
	t.Parallel()
	b := registered(t, Options{Temper: TemperReal}, 1000)
	e, err := b.CancelElsewhere(testMerchant, testTrdNo, 300)
	if err != nil || e.MchtTrdNo == "" || e.MchtTrdNo == testOrder || !e.Elsewhere {
		t.Errorf("effect %+v, error %v; want an id of its own", e, err)
	}
}
