package policy

import (
	"encoding/csv"
	"os"
	"strings"
	"testing"

	"settlecancel/gateway"
	"settlecancel/gateway/settlebank"
	"settlecancel/tasks/ledger"
)

// rows is the table told a second time, by what follows in each of its eight situations: whole or
// part; inquirable or not; doubted or not.
var rows = []struct {
	name    string
	outcome gateway.Outcome
	spent   int
	rounds  bool
	numbers []string
	twin    bool
	want    [8]action
	// whole: inquirable, doubted; inquirable; doubted; neither. Then the same for a part.
}{
	{"ok", gateway.Outcome{Class: gateway.OK, CanTrdNo: "N"}, 0, false, nil, false, all(actDone)},
	{"misconfigured", gateway.Outcome{Class: gateway.Misconfigured, Code: "1901"}, 0, false, nil, false, all(actHold)},
	{"transient", gateway.Outcome{Class: gateway.Transient, Code: "ST41"}, 2, false, nil, false, all(actRetry)},
	{"transient, the budget spent", gateway.Outcome{Class: gateway.Transient, Code: "ST41"}, 3, false, nil, false,
		[8]action{actAskExhaust, actExhaust, actReview, actExhaust, actAskExhaust, actExhaust, actReview, actExhaust}},
	{"rejected", gateway.Outcome{Class: gateway.Rejected, Code: "ST45"}, 0, false, nil, false,
		[8]action{actAskReject, actReject, actReview, actReject, actAskReject, actReject, actReview, actReject}},
	{"wrong round", gateway.Outcome{Class: gateway.Rejected, Code: "ST56"}, 0, true, nil, false,
		[8]action{actAskSend, actNextRound, actReview, actNextRound, actAskSend, actNextRound, actReview, actNextRound}},
	{"wrong round, and no rounds", gateway.Outcome{Class: gateway.Rejected, Code: "ST56"}, 0, false, nil, false,
		[8]action{actAskReject, actReject, actReview, actReject, actAskReject, actReject, actReview, actReject}},
	{"already", gateway.Outcome{Class: gateway.Already, Code: "CA12"}, 0, false, nil, false,
		[8]action{actAskGoal, actAskGoal, actGoal, actGoal, actAskReject, actAskReject, actReview, actReview}},
	{"duplicate", gateway.Outcome{Class: gateway.Duplicate, Code: "ST50"}, 0, false, nil, false,
		[8]action{actVerifyReview, actVerifyReview, actReview, actReview, actVerifyReview, actVerifyReview, actReview, actReview}},
	{"unknown", gateway.Outcome{Class: gateway.Unknown}, 0, false, nil, false,
		[8]action{actVerify, actVerify, actResendLater, actResendLater, actVerify, actVerify, actReview, actReview}},
	{"a listed unknown", gateway.Outcome{Class: gateway.Unknown, Code: "9999", Listed: true}, 0, false, nil, false,
		[8]action{actVerify, actVerify, actResendLater, actResendLater, actVerify, actVerify, actReview, actReview}},
	{"a code of no row", gateway.Outcome{Class: gateway.Unknown, Code: "QQ99"}, 0, false, nil, false,
		[8]action{actVerifyReject, actVerifyReject, actReview, actReview, actVerifyReject, actVerifyReject, actReview, actReview}},
	{"a success with another one's number", gateway.Outcome{Class: gateway.OK, CanTrdNo: "N"}, 0, true, []string{"M", "N"}, false,
		[8]action{actVerify, actVerify, actReview, actReview, actVerify, actVerify, actReview, actReview}},
	{"a success that may be a twin's", gateway.Outcome{Class: gateway.OK, CanTrdNo: "N"}, 0, false, nil, true,
		[8]action{actVerify, actVerify, actReview, actReview, actVerify, actVerify, actReview, actReview}},
	{"a success that has an id of its own", gateway.Outcome{Class: gateway.OK, CanTrdNo: "N"}, 0, true, nil, true, all(actDone)},
	{"a class that nobody knows", gateway.Outcome{Class: "new"}, 0, false, nil, false, all(actReview)},
}

func all(a action) (row [8]action) {
	for i := range row {
		row[i] = a
	}
	return row
}

func TestTable(t *testing.T) {
	t.Parallel()
	for _, row := range rows {
		p := testPolicy()
		p.Rounds = func(ledger.Record) bool { return row.rounds }
		for i, want := range row.want {
			r := ledger.Record{Amount: 1000, Full: i < 4, Inquirable: i&2 == 0, Doubted: i&1 == 0, Spent: row.spent}
			g := ledger.Grant{Record: r, Numbers: row.numbers, Twin: row.twin}
			if got := actionAfter(p.answer(g, row.outcome), situationOf(r)); got != want {
				t.Errorf("%s; whole %v, inquirable %v, doubted %v: %s, want %s", row.name, r.Full, r.Inquirable, r.Doubted, got, want)
			}
		}
	}
}

// Withdrawing an account number moves no money: the gateway refuses a second one, as of a whole.
func TestWithdrawingIsAsAWhole(t *testing.T) {
	t.Parallel()
	if s := situationOf(ledger.Record{}); !s.whole {
		t.Error("it counts as a part")
	}
}

// No row is hidden behind those before it.
func TestEveryRowIsReached(t *testing.T) {
	t.Parallel()
	reached := make([]bool, len(table))
	for _, row := range table {
		for i := range 8 {
			s := situation{whole: i < 4, inquirable: i&2 == 0, doubted: i&1 == 0}
			for j, other := range table {
				if other.answer == row.answer && other.whole.matches(s.whole) && other.inquirable.matches(s.inquirable) && other.doubted.matches(s.doubted) {
					reached[j] = true
					break
				}
			}
		}
	}
	for j, ok := range reached {
		if !ok {
			t.Errorf("row %d, %+v, is never reached", j, table[j])
		}
	}
}

// Nothing that was ever in doubt is given up by an answer alone, where the gateway can be asked.
func TestOnceDoubtedAlwaysAsked(t *testing.T) {
	t.Parallel()
	for _, row := range rows {
		if row.outcome.Class == gateway.OK {
			continue
		}
		for _, full := range []bool{true, false} {
			p := testPolicy()
			p.Rounds = func(ledger.Record) bool { return row.rounds }
			r := ledger.Record{Amount: 1000, PaymentAmount: 1000, Full: full, Inquirable: true, Doubted: true, Spent: row.spent}
			n := p.AfterRequest(ledger.Grant{Record: r, Numbers: row.numbers}, row.outcome)
			if n.Status == ledger.Rejected || n.Status == ledger.Exhausted || n.NewID {
				t.Errorf("%s, whole %v: %s, new id %v", row.name, full, n.Status, n.NewID)
			}
			if n.Status == ledger.Unknown && n.After == 0 && n.Doubt {
				t.Errorf("%s, whole %v: the inquiry comes at once, though this request may be on its way", row.name, full)
			}
		}
	}
}

// codes returns a code of every row of the shipped table with its class; of a range, both ends.
func codes(t *testing.T) map[string]gateway.Class {
	t.Helper()
	f, err := os.Open("../../gateway/settlebank/result-codes.csv")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	lines, err := csv.NewReader(f).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]gateway.Class{}
	for _, line := range lines[1:] {
		for _, code := range strings.Split(line[0], "-") {
			found[code] = gateway.Class(line[1])
		}
	}
	return found
}

// Each code that SettleBank documents leads where its class leads, for a first attempt.
func TestEveryCode(t *testing.T) {
	t.Parallel()
	want := map[gateway.Class][2]ledger.Status{ // whole, part
		gateway.OK:            {ledger.Cancelled, ledger.Cancelled},
		gateway.Already:       {ledger.Unknown, ledger.Unknown},
		gateway.Duplicate:     {ledger.Unknown, ledger.Unknown},
		gateway.Transient:     {ledger.Queued, ledger.Queued},
		gateway.Misconfigured: {ledger.Queued, ledger.Queued},
		gateway.Rejected:      {ledger.Rejected, ledger.Rejected},
		gateway.Unknown:       {ledger.Unknown, ledger.Unknown},
	}
	found := codes(t)
	if len(found) < 200 {
		t.Fatalf("only %d codes read", len(found))
	}
	for code, class := range found {
		for i, full := range []bool{true, false} {
			r := ledger.Record{Amount: 1000, PaymentAmount: 2000, Full: full, Inquirable: true, Spent: 1}
			if full {
				r.PaymentAmount = 1000
			}
			n := testPolicy().AfterRequest(ledger.Grant{Record: r},
				gateway.Outcome{Class: class, Code: code, Message: "m", Listed: true, CanTrdNo: "N"})
			if n.Status != want[class][i] {
				t.Errorf("%s, whole %v: %s, want %s", code, full, n.Status, want[class][i])
			}
			if spends := class == gateway.Transient; (n.Spend == 1) != spends {
				t.Errorf("%s spends %d of the budget", code, n.Spend)
			}
			if n.Status == ledger.Rejected && (n.Code != code || n.Message != "m") {
				t.Errorf("%s: the dead letter says %q %q", code, n.Code, n.Message)
			}
			if doubt := class == gateway.Unknown || class == gateway.Duplicate || class == gateway.Already && !full; n.Doubt != doubt {
				t.Errorf("%s: doubt %v", code, n.Doubt)
			}
		}
	}
}

// "Transaction time exceeded" does not say whether it was applied before.
func TestTransactionTimeExceededProvesNothing(t *testing.T) {
	t.Parallel()
	class, listed := settlebank.Classify("5002")
	n := testPolicy().AfterRequest(ledger.Grant{Record: ledger.Record{Amount: 500, PaymentAmount: 1000, Inquirable: true}},
		gateway.Outcome{Class: gateway.Class(class), Code: "5002", Listed: listed})
	if n.Status != ledger.Unknown || !n.Doubt || n.Verification.Then != ledger.ThenSend {
		t.Errorf("%+v", n)
	}
}
