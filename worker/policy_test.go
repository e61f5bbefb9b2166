package worker

import (
	"encoding/csv"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"settlecancel/gateway"
	"settlecancel/tasks/ledger"
)

func testPolicy() Policy {
	return Policy{RetryMax: 3, RetryInitial: 5 * time.Second, RetryCap: time.Minute, VerifyAfter: 60 * time.Second, HoldFor: 15 * time.Second,
		CanInquire: func(ledger.Record) bool { return true }, Jitter: func() float64 { return 0.5 }}
}

func TestPauseSchedule(t *testing.T) {
	t.Parallel()
	p := testPolicy()
	var got []string
	for n := range 6 {
		got = append(got, p.Pause(n).String())
	}
	if s := strings.Join(got, " "); s != "5s 10s 20s 40s 1m0s 1m0s" {
		t.Errorf("pauses are %s", s)
	}
	for _, random := range []float64{0, 0.25, 0.75, 0.999} {
		p.Jitter = func() float64 { return random }
		for n := range 10 {
			low, high := p.RetryInitial<<n*8/10, p.RetryInitial<<n*12/10
			if got := p.Pause(n); got < min(low, p.RetryCap*8/10) || got > min(high, p.RetryCap) {
				t.Errorf("pause %d with random %v is %v", n, random, got)
			}
		}
	}
	if p.RetryInitial = time.Nanosecond; p.Pause(0) < 0 || p.Pause(40) > p.RetryCap {
		t.Error("a tiny first pause leaves the bounds")
	}
}

func TestPauseGrowsWhateverTheJitter(t *testing.T) {
	t.Parallel()
	p := testPolicy()
	p.RetryCap = 24 * time.Hour
	p.Jitter = nil
	last := time.Duration(0)
	for n := range 10 {
		got := p.Pause(n)
		if got <= last {
			t.Fatalf("pause %d is %v, the one before was %v", n, got, last)
		}
		last = got
	}
}

// codes returns a code of every row of the shipped table with its class; of a range, both ends.
func codes(t *testing.T) map[string]gateway.Class {
	t.Helper()
	f, err := os.Open("../gateway/settlebank/result-codes.csv")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	rows, err := csv.NewReader(f).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]gateway.Class{}
	for _, row := range rows[1:] {
		for _, code := range strings.Split(row[0], "-") {
			all[code] = gateway.Class(row[1])
		}
	}
	return all
}

// TestAfterRequestEveryCode walks the whole table of result codes, for full and partial
// cancellations.
func TestAfterRequestEveryCode(t *testing.T) {
	t.Parallel()
	want := map[gateway.Class]map[bool]ledger.Status{ // by class and full
		gateway.OK:            {true: ledger.Cancelled, false: ledger.Cancelled},
		gateway.Already:       {true: ledger.AlreadyCancelled, false: ledger.Unknown},
		gateway.Duplicate:     {true: ledger.Unknown, false: ledger.Unknown},
		gateway.Transient:     {true: ledger.Queued, false: ledger.Queued},
		gateway.Misconfigured: {true: ledger.Queued, false: ledger.Queued},
		gateway.Rejected:      {true: ledger.Rejected, false: ledger.Rejected},
		gateway.Unknown:       {true: ledger.Unknown, false: ledger.Unknown},
	}
	all := codes(t)
	if len(all) < 200 {
		t.Fatalf("only %d codes read", len(all))
	}
	for code, class := range all {
		got, listed := gateway.Classify(code)
		if got != class || !listed {
			t.Errorf("%s is %s (listed %v), want %s", code, got, listed, class)
		}
		for _, full := range []bool{true, false} {
			r := ledger.Record{Amount: 1000, Full: full, Spent: 1}
			n := testPolicy().AfterRequest(r, gateway.Outcome{Class: class, Code: code, Message: "m", Listed: true, CanTrdNo: "N"})
			if n.Status != want[class][full] {
				t.Errorf("%s, full %v: %s, want %s", code, full, n.Status, want[class][full])
			}
			if spends := class == gateway.Transient; (n.Spend == 1) != spends {
				t.Errorf("%s spends %d of the budget", code, n.Spend)
			}
			if n.Status == ledger.Rejected && (n.Code != code || n.Message != "m") {
				t.Errorf("%s: the dead letter says %q %q", code, n.Code, n.Message)
			}
			if credits := n.Status == ledger.Cancelled || n.Status == ledger.AlreadyCancelled; (n.Credit == 1000) != credits {
				t.Errorf("%s: credit %d", code, n.Credit)
			}
		}
	}
}

func TestAfterRequest(t *testing.T) {
	t.Parallel()
	unknownBefore := []ledger.Attempt{{Kind: ledger.Request, Class: "unknown"}, {Kind: ledger.Request, UnderWay: true}}
	lostBefore := []ledger.Attempt{{Kind: ledger.Request, Class: ledger.Lost}}
	for name, c := range map[string]struct {
		record  ledger.Record
		outcome gateway.Outcome
		blind   bool // no inquiry is possible
		want    ledger.Status
		unspent bool
	}{
		"already, full, after an unknown attempt of ours": {ledger.Record{Full: true, Attempts: unknownBefore}, gateway.Outcome{Class: gateway.Already}, false, ledger.Cancelled, true},
		"already, full, after a lost worker":              {ledger.Record{Full: true, Attempts: lostBefore}, gateway.Outcome{Class: gateway.Already}, false, ledger.Cancelled, true},
		"already, full, first request":                    {ledger.Record{Full: true}, gateway.Outcome{Class: gateway.Already}, false, ledger.AlreadyCancelled, true},
		"unknown, partial, no inquiry":                    {ledger.Record{}, gateway.Outcome{Class: gateway.Unknown}, true, ledger.Review, true},
		"unknown, full, no inquiry":                       {ledger.Record{Full: true}, gateway.Outcome{Class: gateway.Unknown, Listed: true}, true, ledger.Unknown, true},
		"unlisted, full, no inquiry":                      {ledger.Record{Full: true}, gateway.Outcome{Class: gateway.Unknown, Code: "QQ99"}, true, ledger.Review, true},
		"duplicate, full, no inquiry":                     {ledger.Record{Full: true}, gateway.Outcome{Class: gateway.Duplicate}, true, ledger.Review, true},
		"already, partial, no inquiry":                    {ledger.Record{}, gateway.Outcome{Class: gateway.Already}, true, ledger.Review, true},
		"transient, budget left":                          {ledger.Record{Spent: 2}, gateway.Outcome{Class: gateway.Transient}, false, ledger.Queued, false},
		"transient, budget spent":                         {ledger.Record{Spent: 3}, gateway.Outcome{Class: gateway.Transient}, false, ledger.Exhausted, false},
		"misconfigured, budget spent":                     {ledger.Record{Spent: 3}, gateway.Outcome{Class: gateway.Misconfigured}, false, ledger.Queued, true},
	} {
		p := testPolicy()
		p.CanInquire = func(ledger.Record) bool { return !c.blind }
		n := p.AfterRequest(c.record, c.outcome)
		if n.Status != c.want || (n.Spend == 0) != c.unspent {
			t.Errorf("%s: %s, spends %d; want %s", name, n.Status, n.Spend, c.want)
		}
		if (n.Status == ledger.Unknown && n.After != p.VerifyAfter) || (n.Status == ledger.Queued && n.After <= 0) {
			t.Errorf("%s: next step after %v", name, n.After)
		}
	}
}

func TestAfterInquiry(t *testing.T) {
	t.Parallel()
	shown := func(sum int64) gateway.Inquiry {
		return gateway.Inquiry{Outcome: gateway.Outcome{Class: gateway.OK, Code: "0000"}, Cancelled: sum, State: gateway.StateNormal}
	}
	failed := func(c gateway.Class) gateway.Inquiry { return gateway.Inquiry{Outcome: gateway.Outcome{Class: c}} }
	v := func(reason gateway.Class, seen int) ledger.Verification {
		return ledger.Verification{Reason: string(reason), NotApplied: seen}
	}
	for name, c := range map[string]struct {
		v      ledger.Verification
		answer gateway.Inquiry
		want   ledger.Status
		after  time.Duration
	}{
		"applied":                                  {v(gateway.Unknown, 0), shown(500), ledger.Cancelled, 0},
		"applied, seen not applied before":         {v(gateway.Unknown, 1), shown(500), ledger.Cancelled, 0},
		"not applied, first sight":                 {v(gateway.Unknown, 0), shown(0), ledger.Unknown, time.Minute},
		"not applied, second sight":                {v(gateway.Unknown, 1), shown(0), ledger.Queued, 0},
		"not applied, worker lost":                 {ledger.Verification{NotApplied: 1}, shown(0), ledger.Queued, 0},
		"another sum":                              {v(gateway.Unknown, 0), shown(300), ledger.Review, 0},
		"unlisted, not applied":                    {ledger.Verification{Reason: "unknown", NotApplied: 1, Unlisted: true}, shown(0), ledger.Rejected, 0},
		"unlisted, applied":                        {ledger.Verification{Reason: "unknown", NotApplied: 1, Unlisted: true}, shown(500), ledger.Cancelled, 0},
		"already, applied":                         {v(gateway.Already, 0), shown(500), ledger.Cancelled, 0},
		"already, not applied":                     {v(gateway.Already, 1), shown(0), ledger.Rejected, 0},
		"already, another sum":                     {v(gateway.Already, 0), shown(1000), ledger.Rejected, 0},
		"duplicate, applied":                       {v(gateway.Duplicate, 0), shown(500), ledger.Cancelled, 0},
		"duplicate, not applied":                   {v(gateway.Duplicate, 1), shown(0), ledger.Review, 0},
		"inquiry fails":                            {v(gateway.Unknown, 0), failed(gateway.Unknown), ledger.Unknown, 5 * time.Second},
		"inquiry refused":                          {v(gateway.Unknown, 0), failed(gateway.Rejected), ledger.Unknown, 5 * time.Second},
		"inquiry fails again":                      {ledger.Verification{Failed: 2}, failed(gateway.Transient), ledger.Unknown, 20 * time.Second},
		"inquiry fails once too often":             {ledger.Verification{Failed: 3}, failed(gateway.Transient), ledger.Review, 40 * time.Second},
		"inquiry misconfigured, however often":     {ledger.Verification{Failed: 3}, failed(gateway.Misconfigured), ledger.Unknown, 15 * time.Second},
		"sent again once too often, never applied": {ledger.Verification{NotApplied: 1, Resent: 3}, shown(0), ledger.Exhausted, 0},
	} {
		r := ledger.Record{Amount: 500, Verification: c.v, Code: "ST60", Message: "abnormal"}
		n := testPolicy().AfterInquiry(r, c.answer, 0)
		if n.Status != c.want || n.After != c.after || n.Spend != 0 {
			t.Errorf("%s: %s after %v, spends %d; want %s after %v", name, n.Status, n.After, n.Spend, c.want, c.after)
		}
		if n.Status == ledger.Rejected && n.Code != "ST60" {
			t.Errorf("%s: the dead letter says %q, not why it was refused", name, n.Code)
		}
	}
}

// A round that somebody else has taken is no refusal: nothing was applied, so the gateway's sum is
// adopted and the next round tried.
func TestRoundErrors(t *testing.T) {
	t.Parallel()
	p := testPolicy()
	p.Rounds = func(r ledger.Record) bool { return r.MchtID != "flat" }
	wrong := gateway.Outcome{Class: gateway.Rejected, Code: "ST56", Listed: true}
	if n := p.AfterRequest(ledger.Record{MchtID: "flat"}, wrong); n.Status != ledger.Rejected {
		t.Errorf("without rounds: %s", n.Status)
	}
	r := ledger.Record{Amount: 500, Sum: 100}
	n := p.AfterRequest(r, wrong)
	if n.Status != ledger.Unknown || n.Verification.Reason != "ST56" || n.Spend != 0 || n.Credit != 0 {
		t.Errorf("a wrong round: %+v", n)
	}
	r.Verification = n.Verification
	shown := func(sum int64) gateway.Inquiry {
		return gateway.Inquiry{Outcome: gateway.Outcome{Class: gateway.OK}, Cancelled: sum, State: gateway.StateNormal}
	}
	for name, c := range map[string]struct {
		record        func(*ledger.Record)
		shown         int64
		want          ledger.Status
		credit, steps int64
	}{
		"cancelled elsewhere":                   {nil, 400, ledger.Queued, 300, 1},
		"the sum looks like ours":               {nil, 600, ledger.Queued, 500, 1},
		"nothing shown: perhaps an old state":   {nil, 100, ledger.Unknown, 0, 0},
		"nothing shown, again":                  {func(r *ledger.Record) { r.Verification.NotApplied = 1 }, 100, ledger.Queued, 0, 1},
		"less than we know":                     {nil, 50, ledger.Review, 0, 0},
		"the sum is that of an attempt of ours": {func(r *ledger.Record) { r.Attempts = []ledger.Attempt{{Kind: ledger.Request, Class: ledger.Lost}} }, 600, ledger.Review, 0, 0},
		"again and again":                       {func(r *ledger.Record) { r.Verification.Steps = maxSteps }, 400, ledger.Review, 300, maxSteps + 1},
	} {
		r := r
		if c.record != nil {
			c.record(&r)
		}
		n := p.AfterInquiry(r, shown(c.shown), 0)
		if n.Status != c.want || n.Credit != c.credit || int64(n.Verification.Steps) != c.steps || n.Spend != 0 {
			t.Errorf("%s: %+v", name, n)
		}
	}
	p.CanInquire = func(ledger.Record) bool { return false }
	if n := p.AfterRequest(ledger.Record{Amount: 500}, wrong); n.Status != ledger.Queued || n.Rounds != 1 {
		t.Errorf("without an inquiry: %+v", n)
	}
}

func TestWithoutInquiry(t *testing.T) {
	t.Parallel()
	p := testPolicy()
	p.CanInquire = func(ledger.Record) bool { return false }
	for name, c := range map[string]struct {
		r    ledger.Record
		want ledger.Status
	}{
		"full: the gateway refuses a second one": {ledger.Record{Full: true}, ledger.Queued},
		"full, again and again":                  {ledger.Record{Full: true, Verification: ledger.Verification{Resent: 3}}, ledger.Review},
		"full, duplicate":                        {ledger.Record{Full: true, Verification: ledger.Verification{Reason: "duplicate"}}, ledger.Review},
		"partial":                                {ledger.Record{}, ledger.Review},
	} {
		if n := p.WithoutInquiry(c.r); n.Status != c.want {
			t.Errorf("%s: %s, want %s", name, n.Status, c.want)
		}
	}
}

// A dead letter in review tells what the machine could not find out, not what the connection said
// last.
func TestReviewSaysWhy(t *testing.T) {
	t.Parallel()
	p, blind := testPolicy(), testPolicy()
	blind.CanInquire = func(ledger.Record) bool { return false }
	r := ledger.Record{Amount: 500, Sum: 100, Message: "connection reset"}
	with := func(v ledger.Verification) ledger.Record {
		r := r
		r.Verification = v
		return r
	}
	shown := func(sum int64) gateway.Inquiry {
		return gateway.Inquiry{Outcome: gateway.Outcome{Class: gateway.OK}, Cancelled: sum, State: gateway.StateNormal}
	}
	for name, c := range map[string]struct {
		next ledger.Next
		want string
	}{
		"request, no inquiry": {blind.AfterRequest(r, gateway.Outcome{Class: gateway.Unknown, Message: "connection reset"}), "orgTrdAmt or method"},
		"no inquiry":          {blind.WithoutInquiry(r), "orgTrdAmt or method"},
		"inquiries fail": {p.AfterInquiry(with(ledger.Verification{Failed: 3}), gateway.Inquiry{Outcome: gateway.Outcome{
			Class: gateway.Transient, Code: "ST01", Message: "busy"}}, 0), "inquiries keep failing, the last one with: ST01 busy"},
		"another sum":  {p.AfterInquiry(r, shown(300), 0), "shows 300 as cancelled of the payment, 100 was known before, and this one is for 500"},
		"a lower sum":  {p.AfterInquiry(with(ledger.Verification{Reason: roundError}), shown(50), 0), "shows 50 as cancelled"},
		"many rounds":  {p.AfterInquiry(with(ledger.Verification{Reason: roundError, Steps: maxSteps}), shown(150), 0), "one round after the other"},
		"a duplicate":  {p.AfterInquiry(with(ledger.Verification{Reason: "duplicate", NotApplied: 1}), shown(100), 0), "duplicate"},
		"sent in vain": {blind.resend(with(ledger.Verification{Resent: 3}), ledger.Next{}), "orgTrdAmt or method"},
	} {
		if c.next.Status != ledger.Review || !strings.Contains(c.next.Message, c.want) || strings.Contains(c.next.Message, "…") {
			t.Errorf("%s: %s %q, want review and %q", name, c.next.Status, c.next.Message, c.want)
		}
	}
}

func TestRetryDelayIsTotal(t *testing.T) {
	t.Parallel()
	var none *postponed
	for _, err := range []error{nil, fmt.Errorf("x"), none, fmt.Errorf("y: %w", &postponed{after: -1}), &postponed{after: 1500 * time.Millisecond}} {
		if d := retryDelay(0, err, nil); d < 0 || d > 5*time.Second {
			t.Errorf("%v: %v", err, d)
		}
		if noFailure(err) {
			t.Errorf("%v counts as a failure", err)
		}
	}
	if d := retryDelay(0, &postponed{after: 1500 * time.Millisecond}, nil); d < 1500*time.Millisecond {
		t.Errorf("a pause of 1.5 s became %v", d)
	}
}
