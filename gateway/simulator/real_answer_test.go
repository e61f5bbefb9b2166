package simulator

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"settlecancel/gateway/settlebank"
)

// realAnswer is an answer of real temper, read as liberally as it may be written.
type realAnswer struct {
	Params, Data map[string]any
	bare         bool
}

func (a realAnswer) param(name string) string { return strings.TrimSpace(fmt.Sprint(a.Params[name])) }

func (a realAnswer) code() string { return a.param("outRsltCd") }

// amount reads an amount that may be encrypted, plain, or a number.
func (a realAnswer) amount(t *testing.T, name string) string {
	t.Helper()
	switch v := a.Data[name].(type) {
	case json.Number:
		return v.String()
	case string:
		if plain, ok := testbed.decrypt(v); ok {
			return plain
		}
		return v
	default:
		return ""
	}
}

// readReal reads the body of an answer of real temper.
func readReal(t *testing.T, r reply) realAnswer {
	t.Helper()
	if r.err != nil || r.status != http.StatusOK {
		t.Fatalf("status %d, error %v; want 200", r.status, r.err)
	}
	dec := json.NewDecoder(bytes.NewReader(bytes.TrimPrefix(r.body, []byte(byteOrderMark))))
	dec.UseNumber()
	var all map[string]any
	if err := dec.Decode(&all); err != nil {
		t.Fatalf("answer %q: %v", r.body, err)
	}
	params, nested := all["params"].(map[string]any)
	if !nested {
		return realAnswer{Params: all, bare: true}
	}
	data, _ := all["data"].(map[string]any)
	return realAnswer{Params: params, Data: data}
}

// askReal sends a message in the nested form to a gateway of real temper.
func (b *fixture) askReal(path string, n nested) realAnswer {
	b.t.Helper()
	return readReal(b.t, b.post(path, encode(b.t, n)))
}

// realVariety is what was seen among answers of real temper.
type realVariety map[string]bool

func (v realVariety) wants(t *testing.T, names ...string) {
	t.Helper()
	for _, name := range names {
		if !v[name] {
			t.Errorf("never seen: %s (seen: %v)", name, slices.Sorted(maps.Keys(v)))
		}
	}
}

// noon is a moment that no request of these tests names.
var noon = at(2023, 12, 16, 12, 34)

// realHash tells what the hash of an answer is: the request's, the answer's own, or something else.
func realHash(sent nested, a realAnswer, amount string) string {
	got, _ := a.Data["pktHash"].(string)
	own := sum(a.param("outStatCd"), a.param("trdDt"), a.param("trdTm"), a.param("mchtId"), a.param("mchtTrdNo"), amount, settlebank.TestbedHashKey)
	switch {
	case a.bare || len(a.Data) == 0:
		return "no data"
	case got == "":
		return "no hash"
	case got == sent.Data["pktHash"]:
		return "hash returned"
	case got == own:
		return "own hash"
	case strings.ToLower(got) == own || strings.ToLower(got) == sent.Data["pktHash"]:
		return "hash in capitals"
	default:
		return "wrong hash"
	}
}

// TestRealAnswers cancels many payments, half of them too much, and reads every answer: what it
// says is the truth, and it is written in each of the known ways.
func TestRealAnswers(t *testing.T) {
	t.Parallel()
	b := start(t, Options{Temper: TemperReal, AutoAmount: 1000, Now: noon})
	seen := realVariety{}
	for i := range 200 {
		amount, left := "400", "600"
		if i%2 == 0 {
			amount = "4000"
		}
		sent := cancel0A19(fmt.Sprint("C", i), "001", amount, nil, fields{"orgTrdNo": fmt.Sprint("T", i)})
		r := b.post(cancelPath, encode(t, sent))
		a := readReal(t, r)
		seen["byte order mark"] = seen["byte order mark"] || bytes.HasPrefix(r.body, []byte(byteOrderMark))
		seen["padded code"] = seen["padded code"] || bytes.Contains(r.body, []byte(`"outRsltCd":"`+a.code()+` "`))
		seen[realHash(sent, a, amount)+" of "+a.code()] = true
		seen["bare"] = seen["bare"] || a.bare
		if !a.bare && (a.param("trdDt")+a.param("trdTm") != "20231216123400" || a.param("mchtTrdNo") != sent.Params["mchtTrdNo"]) {
			t.Fatalf("answer %s: want the gateway's own time and the request's id", r.body)
		}
		if i%2 == 0 {
			if a.code() != "ST57" || a.param("outStatCd") != "0031" {
				t.Fatalf("answer %s, want ST57", r.body)
			}
			continue
		}
		if a.code() != "0000" || a.param("outStatCd") != "0021" || a.amount(t, "cnclAmt") != amount || a.amount(t, "blcAmt") != left {
			t.Fatalf("answer %s, want 400 cancelled and 600 left", r.body)
		}
		_, number := a.Data["cnclAmt"].(json.Number)
		seen["amounts as numbers"] = seen["amounts as numbers"] || number
		seen["amounts in plain"] = seen["amounts in plain"] || a.Data["cnclAmt"] == "400"
		seen["other version"] = seen["other version"] || a.param("ver") != sent.Params["ver"]
	}
	seen.wants(t, "byte order mark", "padded code", "bare", "amounts as numbers", "amounts in plain", "other version",
		"hash returned of 0000", "own hash of 0000", "hash in capitals of 0000",
		"hash returned of ST57", "own hash of ST57", "no hash of ST57", "no data of ST57")
	if seen["wrong hash of 0000"] || seen["wrong hash of ST57"] || seen["no hash of 0000"] || seen["no data of 0000"] {
		t.Errorf("seen: %v; want every success with a right hash", seen)
	}
}

// TestRealInquiries inquires after payments of which nothing, a part, or the whole is cancelled.
func TestRealInquiries(t *testing.T) {
	t.Parallel()
	b := start(t, Options{Temper: TemperReal, AutoAmount: 1000, Now: noon})
	seen := realVariety{}
	for i := range 120 {
		number := fmt.Sprint("T", i)
		done := []string{"0", "300", "1000"}[i%3]
		of := fields{"orgTrdNo": number, "orgMchtTrdNo": "O" + number}
		if done != "0" {
			b.askReal(cancelPath, cancel0A19(fmt.Sprint("C", i), "", done, nil, fields{"orgTrdNo": number}))
		}
		sent := inquiry(fmt.Sprint("Q", i), "1000", nil, of)
		a := b.askReal(checkPath, sent)
		shown := a.amount(t, "cnclAmt")
		want := map[string]string{"0": "0000", "300": "0000", "1000": "0001"}[done]
		if a.code() != want || (shown != done && !(shown == "" && done == "0")) {
			t.Fatalf("%s cancelled: answer %+v", done, a)
		}
		seen[realHash(sent, a, "1000")] = true
		seen["no sum"] = seen["no sum"] || shown == ""
		seen["sum zero"] = seen["sum zero"] || shown == "0"
		seen[a.code()+" with "+a.param("outStatCd")] = true
		gone := b.askReal(checkPath, inquiry(fmt.Sprint("N", i), "1000", nil, fields{"orgTrdNo": "", "orgMchtTrdNo": number}))
		seen["not found: "+gone.code()] = true
	}
	seen.wants(t, "hash returned", "own hash", "no sum", "sum zero", "0000 with 0021", "0001 with 0021", "0001 with 0031",
		"not found: CA10", "not found: ST06")
	if seen["wrong hash"] || seen["0000 with 0031"] {
		t.Errorf("seen: %v", seen)
	}
}

// TestRealAnswersFollowTheSeed: the same seed writes the same answers, another writes others.
func TestRealAnswersFollowTheSeed(t *testing.T) {
	t.Parallel()
	answers := func(seed uint64) string {
		b := start(t, Options{Temper: TemperReal, AutoAmount: 1000, Seed: seed, Now: noon})
		var all strings.Builder
		for i := range 40 {
			number := fmt.Sprint("T", i)
			all.Write(b.post(cancelPath, encode(t, cancel0A19(fmt.Sprint("C", i), "001", "4000", nil, fields{"orgTrdNo": number}))).body)
			all.Write(b.post(checkPath, encode(t, inquiry(fmt.Sprint("Q", i), "1000", nil, fields{"orgTrdNo": number, "orgMchtTrdNo": "O" + number}))).body)
		}
		return all.String()
	}
	first := answers(7)
	if answers(7) != first {
		t.Error("the same seed answers otherwise")
	}
	if answers(8) == first {
		t.Error("another seed answers alike")
	}
}

// TestRealEasyPayments: an easy payment is known to inquiries and collations by its
// provider alone.
func TestRealEasyPayments(t *testing.T) {
	t.Parallel()
	for _, provider := range providers() {
		t.Run(provider, func(t *testing.T) {
			t.Parallel()
			b := paidBy(t, Options{Temper: TemperReal, Now: at(2023, 12, 15, 12, 0)}, "PZ", func(o *Original) { o.Provider = provider })
			if got := b.askReal(cancelPath, cancel0A19("C1", "001", "400", fields{"method": "PZ"}, nil)).code(); got != "0000" {
				t.Fatalf("cancellation under PZ: %s, want 0000", got)
			}
			for i, asked := range append([]string{"PZ"}, providers()...) {
				a := b.askReal(checkPath, inquiry(fmt.Sprint("Q", i), "1000", nil, fields{"method": asked}))
				found := a.code() == "0000" && a.amount(t, "cnclAmt") == "400" && a.Data["method"] == asked
				missing := a.code() == "PZ10" || a.code() == "ST06"
				if found != (asked == provider) || missing == (asked == provider) {
					t.Errorf("inquiry under %s: %+v", asked, a)
				}
				head, records := b.collate(fields{"method": asked, "trdDtSt": testDate})
				if listed := head[0] == "0000" && len(records) == 2; listed != (asked == provider) {
					t.Errorf("collation under %s: %v %v", asked, head, records)
				}
			}
			if got := b.askReal(checkPath, inquiry("Q9", "1000", nil, fields{"method": "CA"})).code(); got != "ST07" {
				t.Errorf("inquiry under CA: %s, want ST07", got)
			}
		})
	}
	t.Run("strict knows PZ alone", func(t *testing.T) {
		t.Parallel()
		b := paidBy(t, Options{}, "PZ", nil)
		for asked, want := range map[string]string{"PZ": "0000", "KP": "6001"} {
			if got := b.inquire(checkPath, inquiry("Q"+asked, "1000", nil, fields{"method": asked})).Params["outRsltCd"]; got != want {
				t.Errorf("%s: %s, want %s", asked, got, want)
			}
		}
	})
	t.Run("a provider is chosen where none is told", func(t *testing.T) {
		t.Parallel()
		b := start(t, Options{Temper: TemperReal, AutoAmount: 1000})
		chosen := map[string]bool{}
		for i := range 30 {
			number := fmt.Sprint("STFP_PGPZnxca", i)
			b.askReal(cancelPath, cancel0A19(fmt.Sprint("C", i), "001", "400", fields{"method": "PZ"}, fields{"orgTrdNo": number}))
			state, _ := b.Original(testMerchant, number)
			chosen[state.Provider] = true
		}
		if len(chosen) != 3 || chosen["WL"] || chosen[""] {
			t.Errorf("chosen: %v, want KP, NP and PC", chosen)
		}
	})
}

func TestRealTimeIsItsClocks(t *testing.T) {
	t.Parallel()
	b := registered(t, Options{Temper: TemperReal, Now: func() time.Time { return time.Date(2023, 12, 31, 20, 0, 0, 0, time.UTC) }}, 1000)
	if a := b.askReal(cancelPath, cancel0A19("C1", "001", "400", nil, nil)); a.param("trdDt") != "20240101" || a.param("trdTm") != "050000" {
		t.Errorf("answer %+v: want the gateway's time, Korean", a)
	}
}
