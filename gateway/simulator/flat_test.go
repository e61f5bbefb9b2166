package simulator

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"settlecancel/gateway/settlebank"
)

func TestVectors(t *testing.T) {
	t.Parallel()
	merchant := TestbedMerchants()[0]
	for _, v := range vectors(t, "flat_cancel") {
		if got := merchant.sign(v["orgTrdNo"], v["orgMchtTrdNo"], v["orgTrdDt"], v["canAmt"]); got != v["pktHash"] {
			t.Errorf("flat cancel %s: hash %s, want %s", v["canAmt"], got, v["pktHash"])
		}
	}
	for _, v := range vectors(t, "flat_inquiry") {
		got := merchant.sign(v["trdDt"], v["trdTm"], v["mchtId"], v["mchtTrdNo"], v["method"], v["trdAmt"])
		if got != v["pktHash"] {
			t.Errorf("flat inquiry: hash %s, want %s", got, v["pktHash"])
		}
	}
	for _, v := range vectors(t, "0A1M_inquiry") {
		if got := merchant.sign(v["trdDt"], v["trdTm"], v["mchtId"], v["mchtTrdNo"], v["trdAmt"]); got != v["pktHash"] {
			t.Errorf("0A1M inquiry: hash %s, want %s", got, v["pktHash"])
		}
	}
}

// TestFlatVectorsOverHTTP sends the vectors as they stand: the hashes are theirs, not ours.
func TestFlatVectorsOverHTTP(t *testing.T) {
	t.Parallel()
	b := registered(t, Options{}, 2000)
	for _, v := range vectors(t, "flat_cancel") {
		if a := b.cancelFields(v); a.ResultCode != "0000" {
			t.Errorf("cancellation of %s: %s %s, want 0000", v["canAmt"], a.ResultCode, a.ResultMsg)
		}
	}
	if state, _ := b.Original(testMerchant, testTrdNo); state.CancelledAmount != 1500 || state.Remaining != 500 {
		t.Errorf("cancelled %d, left %d; want 1500 and 500", state.CancelledAmount, state.Remaining)
	}
}

func TestFlatCancelFields(t *testing.T) {
	t.Parallel()
	long := func(n int) string { return strings.Repeat("9", n) }
	tests := []struct {
		name    string
		changes fields
		want    string
	}{
		{"OK", nil, "0000"},
		{"OK longest order number is only unknown", fields{"orgMchtTrdNo": long(100)}, "ST07"},
		{"OK longest transaction number is only unknown", fields{"orgTrdNo": long(50)}, "1004"},
		{"ErrNoMerchant", fields{"mchtId": "-"}, "1001"},
		{"ErrEmptyMerchant", fields{"mchtId": ""}, "1001"},
		{"ErrNoTransactionNumber", fields{"orgTrdNo": "-"}, "6001"},
		{"ErrNoOrderNumber", fields{"orgMchtTrdNo": "-"}, "1005"},
		{"ErrNoDate", fields{"orgTrdDt": "-"}, "1003"},
		{"ErrNoAmount", fields{"canAmt": "-"}, "1009"},
		{"ErrLongMerchant", fields{"mchtId": long(11)}, "1101"},
		{"ErrLongTransactionNumber", fields{"orgTrdNo": long(51)}, "1120"},
		{"ErrLongOrderNumber", fields{"orgMchtTrdNo": long(101)}, "1105"},
		{"ErrLongOrderNumberOfKorean", fields{"orgMchtTrdNo": strings.Repeat("주", 101)}, "1105"},
		{"ErrLongDate", fields{"orgTrdDt": "202312150"}, "1103"},
		{"ErrLongAmount", fields{"canAmt": long(13)}, "1109"},
		{"ErrShortDate", fields{"orgTrdDt": "2023121"}, "6001"},
		{"ErrDayThatDoesNotExist", fields{"orgTrdDt": "20230229"}, "6001"},
		{"ErrDateOfOtherCharacters", fields{"orgTrdDt": "2023-2-1"}, "6001"},
		{"ErrAmountZero", fields{"canAmt": "0"}, "6001"},
		{"ErrAmountNegative", fields{"canAmt": "-500"}, "6001"},
		{"ErrAmountWithPoint", fields{"canAmt": "500.0"}, "6001"},
		{"ErrAmountWithComma", fields{"canAmt": "1,000"}, "6001"},
		{"ErrAmountWithSpace", fields{"canAmt": " 500"}, "6001"},
		{"ErrAmountInOtherDigits", fields{"canAmt": "٥٠٠"}, "6001"},
		{"ErrUnknownMerchant", fields{"mchtId": "nobody"}, "ST47"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b := registered(t, Options{}, 1000)
			f := flatFields("500", tt.changes)
			if got := b.cancelFields(f).ResultCode; got != tt.want {
				t.Errorf("result code %s, want %s", got, tt.want)
			}
			if applied := len(b.Effects()); (applied == 1) != (tt.want == "0000") {
				t.Errorf("%d effects with result code %s", applied, tt.want)
			}
		})
	}
}

func TestFlatCancelHash(t *testing.T) {
	t.Parallel()
	right := flatFields("500", nil)
	tests := []struct {
		name, hash, want string
	}{
		{"ErrMissing", "-", "6001"},
		{"ErrOtherDigit", echo(right["pktHash"], true), "1901"},
		{"ErrUpperCase", strings.ToUpper(right["pktHash"]), "1901"},
		{"ErrShort", right["pktHash"][:63], "1901"},
		{"ErrLong", right["pktHash"] + "0", "1127"},
		{"ErrOfAnotherAmount", flatFields("501", nil)["pktHash"], "1901"},
		{"ErrOfAnotherKey", sum(testTrdNo, testOrder, testDate, "500", "key"), "1901"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b := start(t, Options{AutoAmount: 1000})
			if got := b.cancelFields(with(right, fields{"pktHash": tt.hash})).ResultCode; got != tt.want {
				t.Errorf("result code %s, want %s", got, tt.want)
			}
			if stats := b.Stats(); stats.Effects != 0 || stats.Originals != 0 {
				t.Errorf("%d effects, %d originals; want none of either", stats.Effects, stats.Originals)
			}
		})
	}
}

func TestFlatCancelShape(t *testing.T) {
	t.Parallel()
	good := encode(t, flatFields("500", nil))
	tests := []struct{ name, body, want string }{
		{"ErrEmpty", "", "5001"},
		{"ErrNoJSON", "mchtId=nxca_jt_bi", "5001"},
		{"ErrList", "[" + good + "]", "5001"},
		{"ErrNull", "null", "5001"},
		{"ErrTruncated", good[:len(good)-1], "5001"},
		{"ErrTrailing", good + "{}", "5001"},
		{"ErrNumber", strings.Replace(good, `"500"`, "500", 1), "5001"},
		{"ErrNullValue", strings.Replace(good, `"500"`, "null", 1), "5001"},
		{"ErrTwice", strings.Replace(good, "{", `{"canAmt":"500",`, 1), "5001"},
		{"ErrNotUTF8", strings.Replace(good, testOrder, "\xff", 1), "5001"},
		{"ErrMixedShape", strings.Replace(good, "{", `{"params":{},`, 1), "5001"},
		{"ErrUnknownField", strings.Replace(good, "{", `{"cnclOrd":"001",`, 1), "6001"},
		{"ErrOtherCase", strings.Replace(good, "mchtId", "mchtid", 1), "6001"},
		{"ErrNothing", "{}", "1001"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b := registered(t, Options{}, 1000)
			if got := flatAnswerOf(t, b.post(cancelPath, tt.body)).ResultCode; got != tt.want {
				t.Errorf("result code %s, want %s", got, tt.want)
			}
			if n := len(b.Effects()); n != 0 {
				t.Errorf("%d effects, want none", n)
			}
			if got := b.Received(); len(got) != 1 || string(got[0].Body) != tt.body || got[0].Code != tt.want {
				t.Errorf("journal %+v: want the body as it was sent and code %s", got, tt.want)
			}
		})
	}
}

func TestHTTPLevel(t *testing.T) {
	t.Parallel()
	good := encode(t, flatFields("500", nil))
	tests := []struct {
		name, method, path, contentType, body string
		want                                  int
	}{
		{"OK", "POST", cancelPath, "application/json; charset=UTF-8", good, 200},
		{"OK lower case", "POST", cancelPath, "application/json; charset=utf-8", good, 200},
		{"ErrGet", "GET", cancelPath, "application/json; charset=UTF-8", "", 405},
		{"ErrPut", "PUT", cancelPath, "application/json; charset=UTF-8", good, 405},
		{"ErrNoContentType", "POST", cancelPath, "", good, 415},
		{"ErrNoCharset", "POST", cancelPath, "application/json", good, 415},
		{"ErrOtherCharset", "POST", cancelPath, "application/json; charset=EUC-KR", good, 415},
		{"ErrNoSpace", "POST", cancelPath, "application/json;charset=UTF-8", good, 415},
		{"ErrForm", "POST", cancelPath, "application/x-www-form-urlencoded", good, 415},
		{"ErrLarge", "POST", cancelPath, "application/json; charset=UTF-8", strings.Repeat(" ", maxBody) + good, 413},
		{"ErrOtherPath", "POST", "/spay/APIRefuse.do", "application/json; charset=UTF-8", good, 404},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b := registered(t, Options{}, 1000)
			r := b.do(context.Background(), tt.method, tt.path, tt.contentType, strings.NewReader(tt.body))
			if r.err != nil || r.status != tt.want {
				t.Fatalf("status %d, error %v; want %d", r.status, r.err, tt.want)
			}
			if applied := len(b.Effects()) == 1; applied != (tt.want == 200) {
				t.Errorf("applied %t with status %d", applied, tt.want)
			}
			if tt.want != 200 && !bytes.HasPrefix(r.body, []byte("<html>")) {
				t.Errorf("body %q, want a page", r.body)
			}
			if tt.want == 404 {
				return
			}
			if got := b.Received(); len(got) != 1 || got[0].Status != tt.want || !got[0].Done {
				t.Errorf("journal %+v, want one request with status %d", got, tt.want)
			}
		})
	}
}

func TestFlatInquiry(t *testing.T) {
	t.Parallel()
	v := vectors(t, "flat_inquiry")[0]
	signed := func(changes fields) fields {
		f := with(v, changes)
		f["pktHash"] = sum(f["trdDt"], f["trdTm"], f["mchtId"], f["mchtTrdNo"], f["method"], f["trdAmt"], settlebank.TestbedHashKey)
		return f
	}
	tests := []struct {
		name string
		send fields
		want string
	}{
		{"OK", v, "0000"},
		{"ErrHash", with(v, fields{"pktHash": sum("x")}), "1901"},
		{"ErrNoMethod", signed(fields{"method": "-"}), "1002"},
		{"ErrMethod", signed(fields{"method": "RA"}), "6001"},
		{"ErrTime", signed(fields{"trdTm": "240000"}), "6001"},
		{"ErrNoTime", signed(fields{"trdTm": "-"}), "1004"},
		{"ErrOtherTime", signed(fields{"trdTm": "143023"}), "1004"},
		{"ErrOtherDate", signed(fields{"trdDt": "20231216"}), "1004"},
		{"ErrOtherOrder", signed(fields{"mchtTrdNo": "other"}), "1004"},
		{"ErrOtherMethod", signed(fields{"method": "VB"}), "ST07"},
		{"ErrOtherAmount", signed(fields{"trdAmt": "1001"}), "ST58"},
		{"ErrUnknownField", signed(fields{"orgTrdNo": testTrdNo}), "6001"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b := start(t, Options{})
			o := testOriginal(1000)
			o.OrgTrdTm = "143022"
			if err := b.Register(o); err != nil {
				t.Fatal(err)
			}
			b.cancel("1000")
			r := b.post(statusPath, encode(t, tt.send))
			var got fields
			if err := json.Unmarshal(r.body, &got); err != nil || r.status != http.StatusOK {
				t.Fatalf("status %d, body %q: %v", r.status, r.body, err)
			}
			want := fields{"resultCode": tt.want, "resultMsg": got["resultMsg"]}
			if tt.want == "0000" {
				want = with(want, fields{"trdStat": "0021", "trdNo": testTrdNo, "mchtTrdNo": testOrder, "trdAmt": "1000",
					"payDt": testDate, "payTm": "143022"})
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("answer (-want +got):\n%s", diff)
			}
		})
	}
}
