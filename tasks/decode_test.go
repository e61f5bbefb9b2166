package tasks

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// faultsOf returns the faults of err as text, and its key.
func faultsOf(t testing.TB, err error) (faults []string, key string) {
	t.Helper()
	var invalid *InvalidError
	if !errors.As(err, &invalid) {
		t.Fatalf("error is %T (%v), want an *InvalidError", err, err)
	}
	for _, f := range invalid.Faults {
		faults = append(faults, f.String())
		if !strings.Contains(err.Error(), f.String()) {
			t.Errorf("error %q does not name the fault %q", err, f)
		}
	}
	if len(faults) == 0 {
		t.Error("an InvalidError without faults")
	}
	return faults, invalid.Key
}

// document returns an example with one field replaced by the JSON value given,
// or left out where it is empty.
func document(name, value string) string {
	fields := []struct{ name, value string }{
		{"idempotencyKey", `"k1"`}, {"mchtId", `"nxca_jt_bi"`}, {"orgTrdNo", `"T1"`},
		{"orgMchtTrdNo", `"O1"`}, {"orgTrdDt", `"20231215"`}, {"canAmt", `500`},
	}
	var out []string
	known := false
	for _, f := range fields {
		if f.name == name {
			f.value, known = value, true
		}
		if f.value != "" {
			out = append(out, fmt.Sprintf("%q:%s", f.name, f.value))
		}
	}
	if !known && name != "" {
		out = append(out, fmt.Sprintf("%q:%s", name, value))
	}
	return "{" + strings.Join(out, ",") + "}"
}

func TestParseAccepts(t *testing.T) {
	t.Parallel()
	plain := Cancellation{IdempotencyKey: "k1", MchtID: "nxca_jt_bi", OrgTrdNo: "T1", OrgMchtTrdNo: "O1", OrgTrdDt: "20231215", CanAmt: 500}
	with := func(change func(*Cancellation)) Cancellation {
		c := plain
		change(&c)
		return c
	}
	tests := []struct {
		name, in string
		want     Cancellation
	}{
		{"OK the example", wellFormedJSON, wellFormed()},
		{"OK the required ones", document("", ""), plain},
		{"OK amount as string", document("canAmt", `"500"`), plain},
		{"OK amount as padded string", document("canAmt", `"000000000500"`), plain},
		{"OK largest amount", document("canAmt", `999999999999`), with(func(c *Cancellation) { c.CanAmt = 999999999999 })},
		{"OK empty text is not given", document("method", `""`), plain},
		{"OK white space", " \r\n\t" + strings.ReplaceAll(document("", ""), ":", " :\n") + "\n ", plain},
		{"OK escapes", document("reason", `"\"\\\/\u002d\t\n\r\uD55c\ud83d\uDE00"`), with(func(c *Cancellation) { c.Reason = "\"\\/-\t\n\r한😀" })},
		{"OK escaped name", strings.Replace(document("", ""), "mchtId", `mcht\u0049d`, 1), plain},
		{"OK braces and quotes in text", document("reason", `"} , \"x\": [{"`), with(func(c *Cancellation) { c.Reason = `} , "x": [{` })},
		{"OK written replacement character", document("reason", `"\ufffd�"`), with(func(c *Cancellation) { c.Reason = "��" })},
		{"OK zero tax amount", document("svcAmt", `0`), with(func(c *Cancellation) { c.SvcAmt = new(int64(0)) })},
		{"OK as large as allowed", document("", "") + strings.Repeat(" ", MaxSize-len(document("", ""))), plain},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := Parse([]byte(tt.in), parseOptions())
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("cancellation (-want +got):\n%s", diff)
			}
		})
	}
}

func TestParseRefuses(t *testing.T) {
	t.Parallel()
	amount := "canAmt " + notAmount
	tests := []struct {
		name, in, key string
		want          []string
	}{
		{"ErrEmpty", "", "", []string{"the document is not one JSON object: its syntax breaks at byte 0 of 0"}},
		{"ErrNull", "null", "", []string{"the document must be a JSON object, not null"}},
		{"ErrArray", " [{}]", "", []string{"the document must be a JSON object, not an array"}},
		{"ErrString", `"x"`, "", []string{"the document must be a JSON object, not a string"}},
		{"ErrNumber", `12`, "", []string{"the document must be a JSON object, not a number"}},
		{"ErrBoolean", `true`, "", []string{"the document must be a JSON object, not a boolean"}},
		{"ErrTwoObjects", `{} {}`, "", []string{"the document is not one JSON object: its syntax breaks at byte 4 of 5"}},
		{"ErrByteOrderMark", "\xEF\xBB\xBF{}", "", []string{"the document is not one JSON object: its syntax breaks at byte 1 of 5"}},
		{"ErrTruncated", `{"idempotencyKey":"k1","canAmt":5`, "k1", []string{"the document is not one JSON object: its syntax breaks at byte 33 of 33"}},
		{"ErrTruncatedKey", `{"canAmt":5,"idempotencyKey":"k1`, "", []string{"the document is not one JSON object: its syntax breaks at byte 32 of 32"}},
		{"ErrTruncatedRepeat", `{"idempotencyKey":"k1","idempotencyKey":"k2",`, "", []string{
			"the document is not one JSON object: its syntax breaks at byte 45 of 45", "idempotencyKey stands more than once"}},
		{"ErrNoColon", `{"idempotencyKey" "k1"}`, "", []string{"the document is not one JSON object: its syntax breaks at byte 19 of 23"}},
		{"ErrBrokenEscape", `{"idempotencyKey":"k\u00`, "", []string{"the document is not one JSON object: its syntax breaks at byte 24 of 24"}},
		{"ErrPaddedTooLong", document("canAmt", `"0000000000500"`), "k1", []string{"canAmt has more than 12 digits"}},
		{"ErrLeadingZero", document("canAmt", "0500"), "k1", []string{"the document is not one JSON object: its syntax breaks at byte 114 of 117"}},
		{"ErrTooLarge", document("", "") + strings.Repeat(" ", MaxSize+1-len(document("", ""))), "", []string{"the document has 65537 bytes, at most 65536 are taken"}},
		{"ErrUnknown", document("colour", `{"a":[1,"]"]}`), "k1", []string{`"colour" is not a known field`}},
		{"ErrCase", document("MchtId", `"x"`), "k1", []string{`"MchtId" is not a known field; did you mean mchtId?`}},
		{"ErrRepeated", strings.Replace(document("", ""), "{", `{"canAmt":500,"canAmt":500,`, 1), "k1", []string{"canAmt stands more than once"}},
		{"ErrRepeatedKey", strings.Replace(document("", ""), "{", `{"idempotencyKey":"k2",`, 1), "", []string{"idempotencyKey stands more than once"}},
		{"ErrRepeatedEscaped", strings.Replace(document("", ""), "{", `{"canAm\u0074":500,`, 1), "k1", []string{"canAmt stands more than once"}},
		{"ErrTextNull", document("method", "null"), "k1", []string{"method must be a string, not null"}},
		{"ErrTextNumber", document("orgTrdDt", "20231215"), "k1", []string{"orgTrdDt must be a string, not a number"}},
		{"ErrTextBoolean", document("reason", "true"), "k1", []string{"reason must be a string, not a boolean"}},
		{"ErrKeyObject", document("idempotencyKey", `{"x":"}"}`), "", []string{"idempotencyKey must be a string, not an object"}},
		{"ErrTextArray", document("mchtId", `["x"]`), "k1", []string{"mchtId must be a string, not an array"}},
		{"ErrAmountNull", document("canAmt", "null"), "k1", []string{"canAmt must be a whole number, not null"}},
		{"ErrAmountBoolean", document("canAmt", "false"), "k1", []string{"canAmt must be a whole number, not a boolean"}},
		{"ErrAmountArray", document("canAmt", "[5]"), "k1", []string{"canAmt must be a whole number, not an array"}},
		{"ErrAmountFraction", document("canAmt", "500.0"), "k1", []string{amount}},
		{"ErrAmountExponent", document("canAmt", "5e2"), "k1", []string{amount}},
		{"ErrAmountNegative", document("canAmt", "-500"), "k1", []string{amount}},
		{"ErrAmountEmpty", document("canAmt", `""`), "k1", []string{amount}},
		{"ErrAmountSignInString", document("canAmt", `"+500"`), "k1", []string{amount}},
		{"ErrAmountSpaceInString", document("canAmt", `" 500"`), "k1", []string{amount}},
		{"ErrAmountCommas", document("canAmt", `"1,000"`), "k1", []string{amount}},
		{"ErrAmountForeignDigits", document("canAmt", `"５００"`), "k1", []string{amount}},
		{"ErrAmountLong", document("canAmt", "1000000000000"), "k1", []string{"canAmt has more than 12 digits"}},
		{"ErrAmountHuge", document("canAmt", "18446744073709551617"), "k1", []string{"canAmt has more than 12 digits"}},
		{"ErrOriginalZero", document("orgTrdAmt", "0"), "k1", []string{"orgTrdAmt must be above 0; leave it out where it is not known"}},
		{"ErrNotUTF8", document("reason", "\"\xb0\xed\""), "k1", []string{"reason holds bytes that are not UTF-8"}},
		{"ErrNotUTF8Escaped", document("reason", "\"\\n\xff\""), "k1", []string{"reason holds bytes that are not UTF-8"}},
		{"ErrNotUTF8Name", "{\"\xff\":1," + document("", "")[1:], "k1", []string{`"�" is not a known field`}},
		{"ErrControlEscapes", document("reason", `"\b\f"`), "k1", []string{"reason must be made of characters other than control characters; character 1 is not"}},
		{"ErrSurrogate", document("reason", `"\ud83d"`), "k1", []string{"reason holds half of a surrogate pair"}},
		{"ErrSurrogateLow", document("reason", `"\ude00\ud83d"`), "k1", []string{"reason holds half of a surrogate pair"}},
		{"ErrSurrogateText", document("reason", `"\ud83dABCDEF"`), "k1", []string{"reason holds half of a surrogate pair"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c, err := Parse([]byte(tt.in), parseOptions())
			faults, key := faultsOf(t, err)
			if diff := cmp.Diff(tt.want, faults); diff != "" {
				t.Errorf("faults (-want +got):\n%s", diff)
			}
			if key != tt.key {
				t.Errorf("key = %q, want %q", key, tt.key)
			}
			if c != (Cancellation{}) {
				t.Errorf("a refused cancellation came out: %v", c)
			}
		})
	}
}

// TestParseAllFaults gives a document where everything is wrong at once: each
// fault is named once, in the order of the fields, and a field that could not
// be read is not also called missing.
func TestParseAllFaults(t *testing.T) {
	t.Parallel()
	in := `{"amount":1,"vAcntNo":"7901-2345","canAmt":-1,"idempotencyKey":"k 1","mchtId":null,"orgTrdNo":" ` +
		strings.Repeat("x", 50) + `","orgTrdDt":"20230229","orgTrdAmt":"12.5","method":"XX","operation":"refund",` +
		`"taxTypeCd":"G","taxAmt":true,"refundAcntNo":"110-234-567890","refundBankCd":4,"currency":"krw","reason":"\u0000"}`
	_, err := Parse([]byte(in), parseOptions())
	faults, key := faultsOf(t, err)
	want := []string{
		"idempotencyKey must be made of A-Z a-z 0-9 . _ : -; character 2 is not",
		"mchtId must be a string, not null",
		"orgTrdNo has 51 characters, at most 50 are taken",
		"orgTrdNo must not start or end with a space",
		"orgMchtTrdNo is required",
		`orgTrdDt "20230229" is no date of the calendar`,
		"canAmt " + notAmount,
		"orgTrdAmt " + notAmount,
		`method is "XX", must be one of CA RA MP TC HM CG SG BG TM CP PZ VA`,
		"reason must be made of characters other than control characters; character 1 is not",
		`currency is "krw", must be one of KRW USD`,
		"taxAmt must be a whole number, not a boolean",
		"vatAmt is required for taxTypeCd G",
		"taxFreeAmt is required for taxTypeCd G",
		"refundBankCd must be a string, not a number",
		"refundAcntNo must be 1 to 16 digits",
		"refundDpstrNm is required for operation refund",
		"vAcntNo must be 1 to 20 digits",
		`"amount" is not a known field`,
	}
	if diff := cmp.Diff(want, faults); diff != "" {
		t.Errorf("faults (-want +got):\n%s", diff)
	}
	if key != "" {
		t.Errorf("key = %q, want none: it is no valid key", key)
	}
}

func TestParseDefaults(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, in, mcht, key string
		want                Cancellation
		faults              []string
	}{
		{name: "OK merchant filled in", in: document("mchtId", ""), mcht: "default", want: Cancellation{MchtID: "default", IdempotencyKey: "k1"}},
		{name: "OK merchant given", in: document("", ""), mcht: "default", want: Cancellation{MchtID: "nxca_jt_bi", IdempotencyKey: "k1"}},
		{name: "OK key filled in", in: document("idempotencyKey", ""), key: "header-1", want: Cancellation{MchtID: "nxca_jt_bi", IdempotencyKey: "header-1"}},
		{name: "OK keys agree", in: document("", ""), key: "k1", want: Cancellation{MchtID: "nxca_jt_bi", IdempotencyKey: "k1"}},
		{name: "ErrKeysDiffer", in: document("", ""), key: "k2", faults: []string{"idempotencyKey differs from the Idempotency-Key given beside it"}},
		{name: "ErrHeaderKey", in: document("idempotencyKey", ""), key: "k 2", faults: []string{"idempotencyKey must be made of A-Z a-z 0-9 . _ : -; character 2 is not"}},
		{name: "ErrKeyUnreadable", in: document("idempotencyKey", "7"), key: "k2", faults: []string{"idempotencyKey must be a string, not a number"}},
		{name: "ErrMerchantUnreadable", in: document("mchtId", "7"), mcht: "default", faults: []string{"mchtId must be a string, not a number"}},
		{name: "ErrNeither", in: document("mchtId", ""), faults: []string{"mchtId is required"}},
		{name: "ErrDefaultMerchant", in: document("mchtId", ""), mcht: "a:b", faults: []string{"mchtId must be made of A-Z a-z 0-9 _ -; character 2 is not"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			o := parseOptions()
			o.DefaultMchtID, o.DefaultKey = tt.mcht, tt.key
			got, err := Parse([]byte(tt.in), o)
			var faults []string
			if err != nil {
				faults, _ = faultsOf(t, err)
			}
			if diff := cmp.Diff(tt.faults, faults); diff != "" {
				t.Errorf("faults (-want +got):\n%s", diff)
			}
			if got.MchtID != tt.want.MchtID || got.IdempotencyKey != tt.want.IdempotencyKey {
				t.Errorf("got %v, want merchant %q and key %q", got, tt.want.MchtID, tt.want.IdempotencyKey)
			}
		})
	}
	t.Run("OK clock of the machine", func(t *testing.T) {
		t.Parallel()
		if _, err := Parse([]byte(document("", "")), ParseOptions{}); err != nil {
			t.Error(err)
		}
		if _, err := Parse([]byte(document("orgTrdDt", `"29991231"`)), ParseOptions{}); err == nil {
			t.Error("a date in the future was accepted")
		}
	})
}

// TestFaultsShowLittle gives values that must not be repeated in an error.
func TestFaultsShowLittle(t *testing.T) {
	t.Parallel()
	const account = "110234567890"
	for name := range map[string]bool{
		"refundAcntNo": true, "vAcntNo": true, "refundDpstrNm": true, "refundBankCd": true, "canAmt": true,
		"method": true, "operation": true, "currency": true, "taxTypeCd": true, "orgTrdDt": true,
		account: true, "x" + account: true, "orgTrdNo": true, "mchtId": true, "idempotencyKey": true,
	} {
		for _, value := range []string{account + "\u0001", account + " ", "110-234-567890-" + strings.Repeat("0", 120), "no. " + account} {
			_, err := Parse([]byte(document(name, fmt.Sprintf("%q", value))), parseOptions())
			if err == nil {
				continue // a valid value of that field
			}
			if text := err.Error(); strings.Contains(text, "110234") || strings.Contains(text, "110-234") || strings.Contains(text, "567890") {
				t.Errorf("%s %q is shown: %s", name, value, text)
			}
		}
	}
	t.Run("OK cut", func(t *testing.T) {
		t.Parallel()
		long := strings.Repeat("한", 200)
		for _, name := range []string{"method", "operation", long} {
			_, err := Parse([]byte(document(name, fmt.Sprintf("%q", long))), parseOptions())
			if n := strings.Count(err.Error(), "한"); n != 40 {
				t.Errorf("an error repeats %d characters, want 40: %v", n, err)
			}
		}
	})
	t.Run("OK many unknown names", func(t *testing.T) {
		t.Parallel()
		var in strings.Builder
		in.WriteString(`{`)
		for i := range 5000 {
			fmt.Fprintf(&in, `"a%d":1,`, i)
		}
		_, err := Parse([]byte(in.String()+document("", "")[1:]), parseOptions())
		faults, _ := faultsOf(t, err)
		if len(faults) != maxUnknown+1 || faults[maxUnknown] != "4980 more unknown names" {
			t.Errorf("got %d faults, the last %q", len(faults), faults[len(faults)-1])
		}
	})
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(wellFormedJSON))
	for _, c := range []Cancellation{wellFormedRefund(), wellFormedWithdrawal()} {
		payload, err := c.Payload()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(payload)
	}
	f.Add([]byte(document("canAmt", `"000000000500"`)))
	f.Add([]byte(document("reason", `"\ud83d\ude00\ufffd\u2028"`)))
	f.Add([]byte(`{"idempotencyKey":"k1","x":{"y":[1,"}"]},"canAmt":5`))
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := Parse(data, parseOptions())
		if err != nil {
			faultsOf(t, err)
			return
		}
		if err := c.Validate(parseNow); err != nil {
			t.Fatalf("accepted, yet invalid: %v", err)
		}
		payload, err := c.Payload()
		if err != nil {
			t.Fatal(err)
		}
		again, err := Parse(payload, parseOptions())
		if err != nil {
			t.Fatalf("Parse(%s): %v", payload, err)
		}
		if diff := cmp.Diff(c, again); diff != "" {
			t.Fatalf("round trip of %s (-want +got):\n%s", payload, diff)
		}
	})
}

func BenchmarkParse(b *testing.B) {
	data, o := []byte(wellFormedJSON), parseOptions()
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Parse(data, o); err != nil {
			b.Fatal(err)
		}
	}
}
