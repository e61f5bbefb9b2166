package simulator

import (
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestInquiry(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name    string
		cancel  string // before; "" nothing
		code    string
		cnclAmt string
	}{
		{"OK nothing cancelled", "", "0000", "0"},
		{"OK partly cancelled", "400", "0000", "400"},
		{"OK cancelled", "1000", "0001", "1000"},
	}
	for _, tt := range tests {
		for _, path := range []string{checkPath, statusPath} {
			t.Run(tt.name+path, func(t *testing.T) {
				t.Parallel()
				b := registered(t, Options{}, 1000)
				if tt.cancel != "" {
					b.cancel(tt.cancel)
				}
				q := inquiry("Q1", "1000", nil, nil)
				a := b.inquire(path, q)
				message := a.Params["outRsltMsg"]
				if plain, err := url.QueryUnescape(message); err != nil || plain == "" || (plain != message) != (path == checkPath) {
					t.Errorf("outRsltMsg %q: must be URL-encoded on %s and there alone (%v)", message, checkPath, err)
				}
				want := nested{
					Params: with(q.Params, fields{"trdNo": testTrdNo, "outStatCd": "0021", "outRsltCd": tt.code, "outRsltMsg": message}),
					Data:   fields{"pktHash": q.Data["pktHash"], "method": "CA", "trdAmt": "1000", "cnclAmt": tt.cnclAmt},
				}
				if diff := cmp.Diff(want, a); diff != "" {
					t.Errorf("answer (-want +got):\n%s", diff)
				}
			})
		}
	}
}

func TestInquiryRefusals(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name         string
		params, data fields
		want         string
	}{
		{"OK by order number", nil, fields{"orgTrdNo": "-"}, "0000"},
		{"OK day before", nil, fields{"orgTrdDt": "20231214"}, "0000"},
		{"OK day after", nil, fields{"orgTrdDt": "20231216"}, "0000"},
		{"ErrTwoDaysBefore", nil, fields{"orgTrdDt": "20231213"}, "CA10"},
		{"ErrTwoDaysAfter", nil, fields{"orgTrdDt": "20231217"}, "CA10"},
		{"ErrNoSuchNumber", nil, fields{"orgTrdNo": "other"}, "CA10"},
		{"ErrNoSuchTransfer", nil, fields{"orgTrdNo": "other", "method": "RA"}, "RA35"},
		{"ErrNoSuchVoucher", nil, fields{"orgTrdNo": "other", "method": "HM"}, "GC03"},
		{"ErrNoSuchOrder", nil, fields{"orgTrdNo": "-", "orgMchtTrdNo": "other"}, "CA10"},
		{"ErrOtherOrder", nil, fields{"orgMchtTrdNo": "other"}, "ST07"},
		{"ErrOtherMethod", nil, fields{"method": "RA"}, "ST07"},
		{"ErrOtherAmount", nil, fields{"trdAmt": "999"}, "ST58"},
		{"ErrNoMerchant", fields{"mchtId": "-"}, nil, "1001"},
		{"ErrNoVersion", fields{"ver": "-"}, nil, "6001"},
		{"ErrVersion", fields{"ver": "0A19"}, nil, "6001"},
		{"ErrNoID", fields{"mchtTrdNo": "-"}, nil, "1005"},
		{"ErrNoDate", fields{"trdDt": "-"}, nil, "1003"},
		{"ErrNoTime", fields{"trdTm": "-"}, nil, "1004"},
		{"ErrDate", fields{"trdDt": "20231301"}, nil, "6001"},
		{"ErrTime", fields{"trdTm": "080160"}, nil, "6001"},
		{"ErrLongMerchant", fields{"mchtId": strings.Repeat("9", 13)}, nil, "1101"},
		{"ErrLongID", fields{"mchtTrdNo": strings.Repeat("9", 101)}, nil, "1105"},
		{"ErrUnknownParam", fields{"bizType": "C0"}, nil, "6001"},
		{"ErrNoHash", nil, fields{"pktHash": "-"}, "6001"},
		{"ErrHash", nil, fields{"pktHash": sum("x")}, "1901"},
		{"ErrNoMethod", nil, fields{"method": "-"}, "1002"},
		{"ErrMethod", nil, fields{"method": "XX"}, "6001"},
		{"ErrNoAmount", nil, fields{"trdAmt": "-"}, "1009"},
		{"ErrAmount", nil, fields{"trdAmt": "1e3"}, "6001"},
		{"ErrNoOriginalDate", nil, fields{"orgTrdDt": "-"}, "1003"},
		{"ErrNoOrder", nil, fields{"orgMchtTrdNo": "-"}, "1005"},
		{"ErrLongNumber", nil, fields{"orgTrdNo": strings.Repeat("9", 41)}, "1120"},
		{"ErrUnknownData", nil, fields{"cnclAmt": "1"}, "6001"},
		{"ErrMerchant", fields{"mchtId": "nobody"}, nil, "ST47"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b := registered(t, Options{}, 1000)
			q := inquiry("Q1", "1000", tt.params, tt.data)
			a := b.inquire(checkPath, q)
			stat := "0031"
			if tt.want == "0000" {
				stat = "0021"
			}
			if a.Params["outRsltCd"] != tt.want || a.Params["outStatCd"] != stat {
				t.Errorf("outRsltCd %s, outStatCd %s; want %s and %s", a.Params["outRsltCd"], a.Params["outStatCd"], tt.want, stat)
			}
			if a.Data["pktHash"] != q.Data["pktHash"] {
				t.Errorf("pktHash %q echoed for %q", a.Data["pktHash"], q.Data["pktHash"])
			}
			if _, shown := a.Data["cnclAmt"]; shown != (tt.want == "0000") {
				t.Errorf("data %v with %s", a.Data, tt.want)
			}
		})
	}
}

func TestInquiryShape(t *testing.T) {
	t.Parallel()
	for name, body := range map[string]string{
		"ErrFlat":        encode(t, flatFields("500", nil)),
		"ErrNoData":      `{"params":{}}`,
		"ErrNoParams":    `{"data":{}}`,
		"ErrThirdObject": `{"params":{},"data":{},"more":{}}`,
		"ErrParamsTwice": `{"params":{},"data":{},"params":{}}`,
		"ErrDeeper":      `{"params":{"a":{}},"data":{}}`,
		"ErrNumber":      `{"params":{"mchtId":1},"data":{}}`,
		"ErrFieldTwice":  `{"params":{"ver":"0A1M","ver":"0A1M"},"data":{}}`,
		"ErrNoJSON":      `<html>`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := start(t, Options{})
			r := b.post(checkPath, body)
			if r.status != 200 || !strings.Contains(string(r.body), `"outRsltCd":"5001"`) {
				t.Errorf("status %d, body %s; want result code 5001", r.status, r.body)
			}
		})
	}
}

// TestInquiryVector sends the vendor's inquiry with its own hash.
func TestInquiryVector(t *testing.T) {
	t.Parallel()
	v := vectors(t, "0A1M_inquiry")[0]
	b := start(t, Options{})
	err := b.Register(Original{MchtID: v["mchtId"], OrgTrdNo: "V1", OrgMchtTrdNo: "O1", OrgTrdDt: v["trdDt"], Amount: 500, Method: "VA"})
	if err != nil {
		t.Fatal(err)
	}
	a := b.inquire(checkPath, nested{
		Params: fields{"mchtId": v["mchtId"], "ver": "0A1M", "mchtTrdNo": v["mchtTrdNo"], "trdDt": v["trdDt"], "trdTm": v["trdTm"]},
		Data:   fields{"pktHash": v["pktHash"], "method": "VA", "trdAmt": v["trdAmt"], "orgTrdDt": v["trdDt"], "orgMchtTrdNo": "O1"},
	})
	if a.Params["outRsltCd"] != "0000" || a.Params["trdNo"] != "V1" || a.Data["cnclAmt"] != "0" {
		t.Errorf("answer %v, want 0000, V1 and nothing cancelled", a)
	}
}

func TestInquiryIDIsUsedOnce(t *testing.T) {
	t.Parallel()
	b := registered(t, Options{}, 1000)
	var got []string
	for _, id := range []string{"Q1", "Q1", "Q2"} {
		got = append(got, b.inquire(checkPath, inquiry(id, "1000", nil, nil)).Params["outRsltCd"])
	}
	if diff := cmp.Diff([]string{"0000", "ST50", "0000"}, got); diff != "" {
		t.Errorf("result codes (-want +got):\n%s", diff)
	}
}

func TestRecentIDsForgetTheOldest(t *testing.T) {
	t.Parallel()
	var ids recentIDs
	id := func(i int) name { return name{testMerchant, string(rune(i + 1<<16))} }
	const n = 2 * maxRecentIDs
	for i := range n {
		if !ids.use(id(i)) {
			t.Fatalf("id %d: used before", i)
		}
		if held := len(ids.young) + len(ids.old); held > maxRecentIDs {
			t.Fatalf("%d ids held, want %d at most", held, maxRecentIDs)
		}
	}
	if ids.use(id(n - maxRecentIDs/2)) {
		t.Error("a recent id is forgotten")
	}
	if !ids.use(id(0)) {
		t.Error("the oldest id is still known")
	}
}

func TestInquiryCreatesOriginal(t *testing.T) {
	t.Parallel()
	b := start(t, Options{AutoAmount: 1000})
	number := fields{"orgTrdNo": "R1", "method": "RA"}
	for _, step := range []struct {
		id     string
		amount string
		data   fields
		want   string
	}{
		{"Q1", "1000", fields{"orgTrdNo": "-", "method": "RA"}, "RA35"}, // tells no number to create one by
		{"Q2", "999", number, "ST58"},
		{"Q3", "1000", number, "0000"},
		{"Q4", "1000", fields{"orgTrdNo": "R1"}, "ST07"}, // the method is RA since Q3
	} {
		if got := b.inquire(checkPath, inquiry(step.id, step.amount, nil, step.data)).Params["outRsltCd"]; got != step.want {
			t.Errorf("%s: outRsltCd %s, want %s", step.id, got, step.want)
		}
	}
	for _, want := range []string{"0000", "RA33"} {
		if got := b.cancelFields(flatFields("1000", fields{"orgTrdNo": "R1"})).ResultCode; got != want {
			t.Errorf("cancellation: %s, want %s", got, want)
		}
	}
}
