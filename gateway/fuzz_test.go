package gateway

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"settlecancel/gateway/settlebank"
)

// FuzzFlatAnswer: only one complete JSON object, with the code of a success and a number, is OK.
func FuzzFlatAnswer(f *testing.F) {
	for _, s := range []string{
		success, refusal, success + "x", success[:20], `{"resultCode":"0000"}`, `{"resultCode":"0000","canTrdNo":null}`,
		`{"resultCode":"1002","resultCode":"0000","canTrdNo":"C1"}`, `{"RESULTCODE":"0000","canTrdNo":"C1"}`, `[]`, ``,
		`{"resultCode":"XX99","resultMsg":"%EC%A0%95%0A"}`,
	} {
		f.Add([]byte(s))
	}
	for _, r := range loadAnswers(f) {
		f.Add([]byte(r.Body))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		a, valid := flat{}.parse(flatAsked, body)
		checkAnswer(t, body, a, valid)
		if a.class != OK {
			if a.canTrdNo != "" {
				t.Errorf("class %s with canTrdNo %q", a.class, a.canTrdNo)
			}
			return
		}
		fields := decoded(t, body)
		if word(fields["resultCode"], 4) != "0000" || word(fields["canTrdNo"], 0) != a.canTrdNo || a.canTrdNo == "" {
			t.Errorf("OK with %+v", a)
		}
	})
}

// FuzzInquiryAnswer: only an answer with the request's hash and an amount that can be tells a
// state.
func FuzzInquiryAnswer(f *testing.F) {
	const hash, trdAmt = "h1", 1000
	for _, s := range []string{
		state("0000", "0021", hash, `"0"`), state("0001", "0021", hash, `"1000"`), state("0001", "0021", hash, `"1001"`),
		state("0000", "0031", hash, `"0"`), state("0000", "0021", "h2", `"0"`), state("0009", "0031", hash, `""`),
		`{"params":{"outRsltCd":"CA10"},"data":{}}`, `{"params":{"outRsltCd":"0000"}}`, success, ``, `{"params":{}}`,
	} {
		f.Add([]byte(s))
	}
	for _, r := range loadAnswers(f) {
		f.Add([]byte(r.Body))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		a, valid := parseInquiry(testAsked(hash), body)
		checkAnswer(t, body, a, valid)
		if a.class != OK {
			if a.state != "" || a.cancelled != 0 {
				t.Errorf("class %s with a state: %+v", a.class, a)
			}
			return
		}
		m := decoded(t, body)
		params, _ := m["params"].(map[string]any)
		data, _ := m["data"].(map[string]any)
		code := word(params["outRsltCd"], 4)
		want := map[string]string{"0000": StateNormal, "0001": StateCancelled}[code]
		digits, told := word(data["cnclAmt"], 0), word(data["pktHash"], 0)
		own := plainHash(word(params["outStatCd"], 4), word(params["trdDt"], 0), word(params["trdTm"], 0), "nxca_jt_bi", "inquiry-1")
		if want == "" || a.state != want || a.cancelled < 0 || a.cancelled > trdAmt ||
			!strings.EqualFold(told, hash) && !strings.EqualFold(told, own("1000")) && !strings.EqualFold(told, own(digits)) ||
			strings.TrimLeft(digits, "0") != strings.TrimLeft(decimal(a.cancelled), "0") || a.shown != (digits != "" || code == "0000") {
			t.Errorf("OK with %+v", a)
		}
	})
}

// withoutMark cuts a byte order mark.
func withoutMark(body []byte) []byte { return bytes.TrimPrefix(body, []byte("\ufeff")) }

// decoded reads an object by encoding/json alone.
func decoded(t *testing.T, body []byte) (m map[string]any) {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(withoutMark(body)))
	d.UseNumber()
	if err := d.Decode(&m); err != nil {
		t.Fatalf("an answer, but %v", err)
	}
	return m
}

// word is a text without space around it, or a number as its digits, with zeros in front to width.
func word(value any, width int) string {
	switch v := value.(type) {
	case string:
		return strings.TrimSpace(v)
	case json.Number:
		return fmt.Sprintf("%0*s", width, v)
	}
	return ""
}

// plainHash returns the recipe of an answer's own hash, for each amount.
func plainHash(parts ...string) func(amount string) string {
	return func(amount string) string {
		sum := sha256.Sum256([]byte(strings.Join(parts, "") + amount + testHashKey))
		return hex.EncodeToString(sum[:])
	}
}

// checkAnswer asserts what holds for the answers of every protocol.
func checkAnswer(t *testing.T, body []byte, a answer, valid bool) {
	t.Helper()
	if !valid {
		if a != (answer{}) {
			t.Errorf("no answer, but %+v", a)
		}
		return
	}
	if !json.Valid(withoutMark(body)) {
		t.Error("an answer that is no JSON")
	}
	class, listed := Classify(a.code)
	if inquired, _ := settlebank.ClassifyInquiry(a.code); a.class == inquired {
		class = inquired
	}
	if a.listed != listed || !isPrintable(a.code, 16) {
		t.Errorf("code %q, listed %t", a.code, a.listed)
	}
	mismatch := a.class == Misconfigured && strings.HasPrefix(a.doubt, "nothing was applied, ")
	if a.class != class && a.class != Unknown && a.state == "" && !mismatch {
		t.Errorf("class %s for the code %s", a.class, a.code)
	}
	if a.doubt != "" && a.class != Unknown && !mismatch || a.class == Unknown && class != Unknown && a.doubt == "" {
		t.Errorf("a doubt without effect, or the other way round: %+v", a)
	}
	out := answered(500, a)
	if out.Class != Unknown || out.CanTrdNo != "" {
		t.Errorf("under status 500: %+v", out)
	}
}

// FuzzObject: what is read is what encoding/json reads; what is not is no object, or says something
// twice.
func FuzzObject(f *testing.F) {
	for _, s := range []string{
		success, ` { "a" : 1 , "b":[1,{"c":"}"}],"d":"\\"," :{"} `, `{"a":1,"a":2}`, `{"a":1,"\u0061":2}`, `{}`, `{"a":-1.5e3}`, `[{}]`, `{"a":"\""}`,
		`{"":null,"x":true,"y":{},"z":[]}`, "{\"\xff\":1}",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		got, ok := parseBody(body)
		var want map[string]json.RawMessage
		isObject := json.Unmarshal(body, &want) == nil && want != nil
		if !ok {
			if isObject && len(want) == countMembers(t, body) && len(want) <= maxMembers {
				t.Errorf("not read: %q", body)
			}
			return
		}
		if !isObject || len(got) != len(want) {
			t.Fatalf("read %d members of %q", len(got), body)
		}
		for _, m := range got {
			if string(want[m.name]) != string(m.value) {
				t.Errorf("%q is %q, want %q", m.name, m.value, want[m.name])
			}
			var s string
			isString := m.value[0] == '"' && json.Unmarshal(m.value, &s) == nil
			if gotText, ok := text(m.value); ok != isString || gotText != s {
				t.Errorf("text of %q: got %q, %t", m.value, gotText, ok)
			}
		}
	})
}

// countMembers counts the members of a valid JSON object, the repeated ones too.
func countMembers(t *testing.T, body []byte) (n int) {
	d := json.NewDecoder(bytes.NewReader(body))
	if _, err := d.Token(); err != nil {
		t.Fatal(err)
	}
	for ; d.More(); n++ {
		if _, err := d.Token(); err != nil {
			t.Fatal(err)
		}
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			t.Fatal(err)
		}
	}
	return n
}

// FuzzClean: a message is one bounded line without the secret, and stays as it is when cleaned
// again.
func FuzzClean(f *testing.F) {
	for _, s := range []string{"정상", "a\nb", "%EC%A0%95%0A", "k3y", "%6b3y", "a\u202eb\xff", strings.Repeat("가 ", 300)} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got := clean(unescape(s), settlebank.NewSecret("k3y"))
		if utf8.RuneCountInString(got) > maxMessage || !utf8.ValidString(got) || strings.ContainsAny(got, "\n\r\t\x00\u202e\u2028") {
			t.Errorf("got %q", got)
		}
		if strings.Contains(got, "k3y") {
			t.Errorf("the secret is in %q", got)
		}
		if again := clean(got, settlebank.NewSecret("k3y")); again != got {
			t.Errorf("cleaned again, %q becomes %q", got, again)
		}
	})
}
