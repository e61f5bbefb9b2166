package gateway

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"
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
	f.Fuzz(func(t *testing.T, body []byte) {
		a, valid := flat{}.parse(request{}, body)
		checkAnswer(t, body, a, valid)
		if a.class != OK {
			if a.canTrdNo != "" {
				t.Errorf("class %s with canTrdNo %q", a.class, a.canTrdNo)
			}
			return
		}
		var fields map[string]any
		if err := json.Unmarshal(body, &fields); err != nil {
			t.Fatalf("OK, but %v", err)
		}
		if fields["resultCode"] != "0000" || fields["canTrdNo"] != a.canTrdNo || a.canTrdNo == "" {
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
	f.Fuzz(func(t *testing.T, body []byte) {
		a, valid := parseInquiry(request{hash: hash}, body, trdAmt)
		checkAnswer(t, body, a, valid)
		if a.class != OK {
			if a.state != "" || a.cancelled != 0 {
				t.Errorf("class %s with a state: %+v", a.class, a)
			}
			return
		}
		var m map[string]any
		if err := json.Unmarshal(body, &m); err != nil {
			t.Fatalf("OK, but %v", err)
		}
		params, _ := m["params"].(map[string]any)
		data, _ := m["data"].(map[string]any)
		want := map[any]string{"0000": StateNormal, "0001": StateCancelled}[params["outRsltCd"]]
		digits, _ := data["cnclAmt"].(string)
		if want == "" || a.state != want || data["pktHash"] != hash || a.cancelled < 0 || a.cancelled > trdAmt ||
			strings.TrimLeft(digits, "0") != strings.TrimLeft(decimal(a.cancelled), "0") {
			t.Errorf("OK with %+v", a)
		}
	})
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
	if !json.Valid(body) {
		t.Error("an answer that is no JSON")
	}
	class, listed := Classify(a.code)
	if a.listed != listed || !isPrintable(a.code, 16) {
		t.Errorf("code %q, listed %t", a.code, a.listed)
	}
	if a.class != class && a.class != Unknown && a.state == "" {
		t.Errorf("class %s for the code %s", a.class, a.code)
	}
	if a.doubt != "" && a.class != Unknown || a.class == Unknown && class != Unknown && a.doubt == "" {
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
		got := clean(unescape(s), "k3y")
		if utf8.RuneCountInString(got) > maxMessage || !utf8.ValidString(got) || strings.ContainsAny(got, "\n\r\t\x00\u202e\u2028") {
			t.Errorf("got %q", got)
		}
		if strings.Contains(got, "k3y") {
			t.Errorf("the secret is in %q", got)
		}
		if again := clean(got, "k3y"); again != got {
			t.Errorf("cleaned again, %q becomes %q", got, again)
		}
	})
}
