package policy

import (
	"strings"
	"testing"
	"time"

	"settlecancel/gateway"
	"settlecancel/tasks/ledger"
)

func testPolicy() Policy {
	return Policy{RetryMax: 3, RetryInitial: 5 * time.Second, RetryCap: time.Minute, VerifyAfter: 60 * time.Second,
		HoldFor: 15 * time.Second, Jitter: func() float64 { return 0.5 }}
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

// part and whole are records of an open cancellation that can be inquired after.
func part() ledger.Record {
	return ledger.Record{Status: ledger.Sending, Amount: 500, PaymentAmount: 1000, Inquirable: true}
}

func whole() ledger.Record {
	r := part()
	r.Amount, r.Full = 1000, true
	return r
}

// What an answer tells of the payment's sum, beside the status.
func TestWhatASuccessTells(t *testing.T) {
	t.Parallel()
	left := func(v int64) gateway.Outcome {
		return gateway.Outcome{Class: gateway.OK, CanTrdNo: "N", Detail: gateway.Detail{BalanceAmt: &v}}
	}
	ok := gateway.Outcome{Class: gateway.OK, CanTrdNo: "N"}
	known := part()
	known.ConfirmedCancelled = 200
	foreign := part()
	foreign.Foreign = true
	unknownAmount := part()
	unknownAmount.PaymentAmount = 0
	for name, c := range map[string]struct {
		g      ledger.Grant
		o      gateway.Outcome
		credit int64
		sum    int64 // -1: none
		basis  ledger.BasisKind
	}{
		"a whole one":                         {ledger.Grant{Record: whole()}, ok, 0, 1000, ledger.BasisAnswer},
		"a part":                              {ledger.Grant{Record: part()}, ok, 500, -1, ""},
		"a part with blcAmt":                  {ledger.Grant{Record: known}, left(300), 0, 700, ledger.BasisBalance},
		"a part with blcAmt, others took 100": {ledger.Grant{Record: known}, left(200), 0, 800, ledger.BasisBalance},
		"blcAmt is too much":                  {ledger.Grant{Record: known}, left(400), 500, -1, ""},
		"blcAmt is negative":                  {ledger.Grant{Record: known}, left(-1), 500, -1, ""},
		"blcAmt with others in doubt":         {ledger.Grant{Record: known, Doubts: others(100)}, left(300), 500, -1, ""},
		"blcAmt in another unit":              {ledger.Grant{Record: foreign}, left(300), 500, -1, ""},
		"blcAmt of an unknown amount":         {ledger.Grant{Record: unknownAmount}, left(300), 500, -1, ""},
	} {
		n := testPolicy().AfterRequest(c.g, c.o)
		sum := int64(-1)
		if n.Sum != nil {
			sum = *n.Sum
		}
		if n.Status != ledger.Cancelled || n.Rounds != 1 || n.CanTrdNo != "N" || n.Credit != c.credit || sum != c.sum || n.Basis != c.basis {
			t.Errorf("%s: %+v, sum %d", name, n, sum)
		}
	}
}

// A new id is taken after a definite refusal by the gateway, and never by what was ever in doubt.
func TestNewID(t *testing.T) {
	t.Parallel()
	doubted := part()
	doubted.Doubted = true
	for name, c := range map[string]struct {
		r    ledger.Record
		o    gateway.Outcome
		want bool
	}{
		"busy":                  {part(), gateway.Outcome{Class: gateway.Transient, Code: "ST41"}, true},
		"refused":               {part(), gateway.Outcome{Class: gateway.Rejected, Code: "ST45"}, true},
		"wrong keys":            {part(), gateway.Outcome{Class: gateway.Misconfigured, Code: "1901"}, true},
		"never sent":            {part(), gateway.Outcome{Class: gateway.Transient}, false},
		"refused here":          {part(), gateway.Outcome{Class: gateway.Rejected, Code: gateway.Local}, false},
		"unknown":               {part(), gateway.Outcome{Class: gateway.Unknown, Code: "9999", Listed: true}, false},
		"duplicate":             {part(), gateway.Outcome{Class: gateway.Duplicate, Code: "ST50"}, false},
		"busy, once in doubt":   {doubted, gateway.Outcome{Class: gateway.Transient, Code: "ST41"}, false},
		"hold, once in doubt":   {doubted, gateway.Outcome{Class: gateway.Misconfigured, Code: "1901"}, false},
		"refuse, once in doubt": {doubted, gateway.Outcome{Class: gateway.Rejected, Code: "ST45"}, false},
	} {
		if n := testPolicy().AfterRequest(ledger.Grant{Record: c.r}, c.o); n.NewID != c.want {
			t.Errorf("%s: %v", name, n.NewID)
		}
	}
}

// A round that somebody else has taken is no refusal: the next one is tried, a part after a look,
// though not for ever.
func TestTakenRounds(t *testing.T) {
	t.Parallel()
	p := testPolicy()
	p.Rounds = func(ledger.Record) bool { return true }
	taken := gateway.Outcome{Class: gateway.Rejected, Code: codeWrongRound, Listed: true, Message: "round"}
	r := part()
	n := p.AfterRequest(ledger.Grant{Record: r}, taken)
	if n.Status != ledger.Queued || n.Rounds != 1 || !n.Unbased || n.Spend != 0 || n.Verification.Steps != 1 {
		t.Errorf("the next round: %+v", n)
	}
	r.Verification.Steps = maxSteps
	n = p.AfterRequest(ledger.Grant{Record: r}, taken)
	if n.Status != ledger.Rejected || n.Reason != ledger.ReasonRounds || !strings.HasSuffix(n.Message, "round") {
		t.Errorf("one round after the other: %+v", n)
	}
	r = part()
	r.Doubted = true
	n = p.AfterRequest(ledger.Grant{Record: r}, taken)
	if n.Status != ledger.Unknown || n.Rounds != 1 || n.Verification.Then != ledger.ThenSend || n.Doubt {
		t.Errorf("once in doubt: %+v", n)
	}
}

func TestAlreadyWithoutAnInquiry(t *testing.T) {
	t.Parallel()
	r := whole()
	r.Inquirable = false
	n := testPolicy().AfterRequest(ledger.Grant{Record: r}, gateway.Outcome{Class: gateway.Already})
	if n.Status != ledger.AlreadyCancelled || *n.Sum != 1000 || n.Basis != ledger.BasisAnswer {
		t.Errorf("never in doubt: %+v", n)
	}
	r.Doubted = true
	if n := testPolicy().AfterRequest(ledger.Grant{Record: r}, gateway.Outcome{Class: gateway.Already}); n.Status != ledger.Cancelled {
		t.Errorf("an attempt of ours was in doubt: %+v", n)
	}
}

// What is said to be cancelled before may be, by the very request that says so: it is in doubt, and looks
// from before it prove nothing of it.
func TestAlreadyIsLookedAtAnew(t *testing.T) {
	t.Parallel()
	r := part()
	r.Doubted, r.Verification = true, ledger.Verification{Seen: sightings, Resent: 1}
	for code, want := range map[string]int{"ST25": 0, "ST45": sightings} {
		class := gateway.Already
		if code == "ST45" {
			class = gateway.Rejected
		}
		n := testPolicy().AfterRequest(ledger.Grant{Record: r}, gateway.Outcome{Class: class, Code: code, Listed: true})
		if n.Status != ledger.Unknown || n.Verification.Then != ledger.ThenReject || n.Verification.Seen != want || n.Doubt != (want == 0) {
			t.Errorf("%s: %+v", code, n)
		}
	}
}
