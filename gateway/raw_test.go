package gateway

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"settlecancel/gateway/settlebank"
	"settlecancel/tasks/secrettest"
)

// What no raw answer may show.
const (
	rawAccount = "110987654321"
	rawHolder  = "홍길동"
)

var rawMasker = masker{[]settlebank.Secret{settlebank.NewSecret(testHashKey), settlebank.NewSecret(testAESKey),
	settlebank.NewSecret(rawAccount), settlebank.NewSecret(rawHolder)}}

func TestRaw(t *testing.T) {
	t.Parallel()
	hash := strings.Repeat("ab12", 16)
	for _, tt := range []struct{ name, body, want string }{
		{"OK flat", success, success},
		{"OK refusal", `{"params":{"outStatCd":"0031","outRsltCd":"ST41","outRsltMsg":"%EC%A0%95%EC%83%81"},"data":{}}`,
			`{"params":{"outStatCd":"0031","outRsltCd":"ST41","outRsltMsg":"정상"},"data":{}}`},
		{"OK numbers and blanks", "\ufeff {\"resultCode\":31,\"canTrdNo\":null,\"resultMsg\":\"\"} ", `{"resultCode":31,"canTrdNo":null,"resultMsg":""}`},
		{"OK twice", `{"resultCode":"0000","resultCode":"1002"}`, `{"resultCode":"0000","resultCode":"1002"}`},
		{"OK padded", `{"resultCode":"0000 "}`, `{"resultCode":"0000 "}`},
		{"OK plain amounts", `{"data":{"trdAmt":"1000","cnclAmt":0}}`, `{"data":{"trdAmt":"1000","cnclAmt":0}}`},
		{"hash", `{"params":{},"data":{"pktHash":"` + hash + `"}}`, `{"params":{},"data":{"pktHash":"•••"}}`},
		{"hash as a number of a transaction", `{"canTrdNo":"` + hash + `"}`, `{"canTrdNo":"•••"}`},
		{"account as a number of a transaction", `{"canTrdNo":"110-987-654321","orgTrdNo":"T` + rawAccount + `"}`, `{"canTrdNo":"•••","orgTrdNo":"•••"}`},
		{"encrypted", `{"data":{"cnclAmt":"AntV/eDpxIaKF0hJiePDKA==","blcAmt":"vqIWIiimsJ5efjSJpfnnTw=="}}`, `{"data":{"cnclAmt":"•••","blcAmt":"•••"}}`},
		{"account", `{"data":{"refundAcntNo":"1","refundDpstrNm":"a","vAcntNo":7}}`, `{"data":{"refundAcntNo":"•••","refundDpstrNm":"•••","vAcntNo":"•••"}}`},
		{"undocumented", `{"token":"t","custNm":{"trdNo":"T1"},"list":["a"],"yes":true,"` + rawHolder + `":"","a1b2c3d4e5f6":""}`,
			`{"token":"•••","custNm":"•••","list":"•••","yes":"•••","•••":"","•••":""}`},
		{"no code", `{"resultCode":"` + rawAccount + `","outRsltCd":"123456"}`, `{"resultCode":"•••","outRsltCd":"•••"}`},
		{"no time", `{"trdDt":"20231315","trdTm":"996060","payDt":"20231215"}`, `{"trdDt":"•••","trdTm":"•••","payDt":"20231215"}`},
		{"message", `{"resultMsg":"계좌 110-987-654321 예금주 ` + rawHolder + ` 오류 (1902)"}`, `{"resultMsg":"계좌 ••• 예금주 ••• 오류 (1902)"}`},
		{"message with a key", `{"resultMsg":"key ` + testHashKey + `, hash ` + hash + `"}`, `{"resultMsg":"key •••, hash •••"}`},
		{"message escaped", `{"resultMsg":"no \u0031\u0031\u0030\u0039\u0038\u0037"}`, `{"resultMsg":"no •••"}`},
		{"page", "<html><head><title>502 Bad Gateway</title></head>\r\n<body class=\"x\">\x00nginx/1.25</body></html>",
			`<html><head><title>502 Bad Gateway</title></head>  <body class="•••"> nginx/1.25</body></html>`},
		{"page of a guard", "Request blocked. Your id is 18099210455120223311, from 192.0.2.17", "Request blocked. Your id is •••, from •••"},
		{"broken off", `{"params":{"outStatCd":"0021","mchtTrdNo":"CNCL-1"},"data":{"refundDpstrNm":"김철`,
			`{"params":{"outStatCd":"0021","mchtTrdNo":"CNCL-1"},"data":{"refundDpstrNm":"•••"`},
		{"broken list", `{"a":["김철수","1"`, `{"•••":["•••","•••"`},
		{"form", "outStatCd=0021&refundDpstrNm=%EA%B9%80+%EC%B2%A0&trdNo=T1&x=y", "outStatCd=0021&refundDpstrNm=•••&trdNo=T1&•••=•••"},
		{"spelt otherwise", "a%22refundDpstrNm%22:%22김%22 &#49;&#49;&#48;&#57;&#56;&#55; %2548 x", `a"refundDpstrNm":"•••" ••• ••• x`},
		{"not UTF-8", "\xc1\xa4\xbb\xf3", "?"},
		{"nothing", "", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if d := cmp.Diff(tt.want, rawMasker.raw([]byte(tt.body))); d != "" {
				t.Error(d)
			}
		})
	}
}

// TestRawIsBounded: of a long body little is kept, and no character in half.
func TestRawIsBounded(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("가 ", maxAnswer/4)
	for _, body := range []string{long, `{"resultMsg":"` + long[:9000] + `"}`, `{` + strings.Repeat(`"x":"y",`, 1000) + `"z":0}`, strings.Repeat("9", 1<<20)} {
		if s := rawMasker.raw([]byte(body)); utf8.RuneCountInString(s) > maxRaw || !utf8.ValidString(s) {
			t.Errorf("%d characters: %s", utf8.RuneCountInString(s), s)
		}
	}
}

// TestRawOfTheVectors: whatever the vendor's own examples hash and encrypt stays hidden in answers
// that repeat it, in the members that it belongs to, and in others.
func TestRawOfTheVectors(t *testing.T) {
	t.Parallel()
	var all any
	if err := json.Unmarshal(vectorFile, &all); err != nil {
		t.Fatal(err)
	}
	var secrets []string
	var gather func(name string, v any)
	gather = func(name string, v any) {
		switch v := v.(type) {
		case map[string]any:
			for name, v := range v {
				gather(name, v)
			}
		case []any:
			for _, v := range v {
				gather(name, v)
			}
		case string:
			if name == "pktHash" || name == "base64" || name == "cnclAmt" || name == "hash" || name == "aes" {
				secrets = append(secrets, v)
			}
		}
	}
	gather("", all)
	if len(secrets) < 12 {
		t.Fatalf("only %d secrets in the vectors", len(secrets))
	}
	for _, secret := range secrets {
		for _, body := range []string{
			`{"params":{"outRsltCd":"0000","outRsltMsg":"see %[1]s"},"data":{"pktHash":"%[1]s","cnclAmt":"%[1]s","refundAcntNo":"%[1]s"}}`,
			`{"resultCode":"%[1]s","resultMsg":"%[1]s","canTrdNo":"%[1]s","%[1]s":"x","trdDt":"%[1]s","mchtId":"%[1]s"}`,
			`<p>%[1]s</p>`, `{"pktHash":"%[1]s`, `pktHash=%[1]s&trdNo=%[1]s`, `{"canTrdNo":"%[1]s`,
		} {
			secrettest.Hidden(t, body, rawMasker.raw(fmt.Appendf(nil, body, secret)), secret)
		}
	}
}

// TestOutcomeRaw: an outcome has what was sent, also where it broke off.
func TestOutcomeRaw(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, answer, want string }{
		{"answer", httpAnswer(200, success), success},
		{"page", httpAnswer(502, "Bad Gateway"), "Bad Gateway"},
		{"broken off", strings.TrimSuffix(httpAnswer(200, success), `"canTrdNo":"C1"}`), strings.TrimSuffix(success, `"canTrdNo":"C1"}`)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c := testClient(t, Options{BaseURL: listen(t, func(p *peer) { p.request(); p.send(tt.answer) })})
			if out := c.Cancel(context.Background(), testCancel); out.Raw != tt.want {
				t.Errorf("got %q, want %q (%s)", out.Raw, tt.want, out.Message)
			}
		})
	}
}

// FuzzRaw puts what nobody may see anywhere into a body, in several spellings.
func FuzzRaw(f *testing.F) {
	for _, r := range loadAnswers(f) {
		f.Add([]byte(r.Body), uint(len(r.Body)/2), uint(len(r.Body)))
	}
	f.Add([]byte(`<p title="">x=1&y="2</p>`), uint(9), uint(1))
	f.Fuzz(func(t *testing.T, body []byte, at, spelling uint) {
		secrets := []string{rawAccount, rawHolder, testHashKey, testAESKey, strings.Repeat("ab12", 16), "AntV/eDpxIaKF0hJiePDKA=="}
		for _, secret := range secrets {
			i := int(at % uint(len(body)+1))
			planted := append(append(append([]byte{}, body[:i]...), spell(secret, spelling)...), body[i:]...)
			got := rawMasker.raw(planted)
			if spellings := secrettest.Find(got, secret); spellings != nil {
				t.Errorf("%q shows %q (%q):\n%s", planted, secret, spellings, got)
			}
			if utf8.RuneCountInString(got) > maxRaw || strings.ContainsFunc(got, func(r rune) bool { return !unicode.IsPrint(r) }) {
				t.Errorf("%q gives %q", planted, got)
			}
		}
	})
}

// spell writes a secret in one of the ways that bodies have.
func spell(secret string, way uint) string {
	switch way % 4 {
	case 1:
		return url.QueryEscape(secret)
	case 2:
		var b strings.Builder
		for _, r := range secret {
			fmt.Fprintf(&b, `\u%04x`, r)
		}
		return b.String()
	case 3:
		var b strings.Builder
		for _, r := range secret {
			fmt.Fprintf(&b, "&#%d;", r)
		}
		return b.String()
	}
	return secret
}
