package gateway

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"os"
	"strings"
	"testing"
)

// answersFile is the corpus of answers: every shape, success and refusal, of every operation, each
// with what is concluded from it. Its hashes and encrypted amounts were made without this package,
// with the testbed's keys.
//
//go:embed testdata/answers.jsonl
var answersFile []byte

// recorded is a line of the corpus.
type recorded struct {
	Request string // one of askedFor's
	Name    string
	Status  int
	Body    string

	Class    Class
	Code     string
	CanTrdNo string
	Shown    *int64 // of an inquiry: the sum
	Unshown  bool   // of an inquiry: a state without a sum
	Advice   string // stands in the message
	Note     string // the notes of protocol.md that it is of, which stand in bold there
}

func loadAnswers(t testing.TB) (all []recorded) {
	t.Helper()
	for d := json.NewDecoder(bytes.NewReader(answersFile)); d.More(); {
		var r recorded
		if err := d.Decode(&r); err != nil {
			t.Fatal(err)
		}
		all = append(all, r)
	}
	if len(all) < 120 {
		t.Fatalf("the corpus has %d answers", len(all))
	}
	return all
}

// TestAnswersCite: what the corpus names stands in protocol.md.
func TestAnswersCite(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("settlebank/protocol.md")
	if err != nil {
		t.Fatal(err)
	}
	cited := 0
	for _, r := range loadAnswers(t) {
		for note := range strings.SplitSeq(r.Note, ", ") {
			if note == "" {
				continue
			}
			cited++
			if !bytes.Contains(page, []byte("**"+note+"**")) {
				t.Errorf("%s/%s cites %q, which protocol.md does not have", r.Request, r.Name, note)
			}
		}
	}
	if cited < 120 {
		t.Errorf("%d notes are cited", cited)
	}
}

// askedFor returns the request of a name, sent at testTime, and what reads its answer.
func askedFor(t testing.TB, name string) (request, func(request, []byte) (answer, bool)) {
	t.Helper()
	account := func(r *CancelRequest) {
		r.RefundBankCd, r.RefundAcntNo, r.RefundDpstrNm = "004", "110987654321", "홍길동"
	}
	edits := map[string]func(*CancelRequest){
		"card part":                  func(*CancelRequest) {},
		"card whole":                 func(r *CancelRequest) { r.CanAmt = 1000 },
		"account transfer":           func(r *CancelRequest) { r.Method = "RA" },
		"phone":                      func(r *CancelRequest) { r.Method = "MP" },
		"phone refund":               func(r *CancelRequest) { r.Method, r.Operation = "MP", "refund"; account(r) },
		"voucher":                    func(r *CancelRequest) { r.Method, r.CanAmt, r.Round = "TC", 1000, 1 },
		"points":                     func(r *CancelRequest) { r.Method = "CP" },
		"easy payment":               func(r *CancelRequest) { r.Method = "PZ" },
		"virtual account refund":     func(r *CancelRequest) { r.Method, r.Operation = "VA", "refund"; account(r) },
		"virtual account withdrawal": func(r *CancelRequest) { *r = numberWithdrawal },
	}
	flatMerchant := &merchant{Merchant: testMerchant}
	var q request
	var faults []string
	parse := protocol0A19{}.parse
	switch {
	case edits[name] != nil:
		q, faults = protocol0A19{}.build(&merchant{Merchant: merchant0A19(cancel0A19.MchtID)}, edited(cancel0A19, edits[name]), testTime)
	case name == "inquiry":
		q, faults = buildInquiry(flatMerchant, testInquiry, "/", testTime)
		parse = parseInquiry
	default:
		amount := map[string]int64{"flat part": 500, "flat whole": 1000}[name]
		q, faults = flat{}.build(flatMerchant, edited(testCancel, func(r *CancelRequest) { r.CanAmt = amount }), testTime)
		parse = flat{}.parse
	}
	if faults != nil {
		t.Fatalf("%s: %v", name, faults)
	}
	return q, parse
}

// TestAnswers walks the corpus.
func TestAnswers(t *testing.T) {
	t.Parallel()
	for _, r := range loadAnswers(t) {
		t.Run(r.Request+"/"+r.Name, func(t *testing.T) {
			t.Parallel()
			q, parse := askedFor(t, r.Request)
			a, valid := parse(q, []byte(r.Body))
			out := answered(r.Status, a)
			if !valid {
				out = unanswered(reply{status: r.Status, body: []byte(r.Body), written: true})
			}
			if out.Class != r.Class || out.Code != r.Code || out.CanTrdNo != r.CanTrdNo {
				t.Errorf("concluded %s, code %q, number %q, want %s, %q, %q (%s)\n%s",
					out.Class, out.Code, out.CanTrdNo, r.Class, r.Code, r.CanTrdNo, a.doubt, r.Body)
			}
			if a.shown != (r.Shown != nil) || r.Shown != nil && a.cancelled != *r.Shown || (a.state != "" && !a.shown) != r.Unshown {
				t.Errorf("state %q, sum %d, shown %t, want %v, without sum %t", a.state, a.cancelled, a.shown, r.Shown, r.Unshown)
			}
			if !strings.Contains(a.doubt, r.Advice) {
				t.Errorf("it says %q, want a word of %s", a.doubt, r.Advice)
			}
		})
	}
}
