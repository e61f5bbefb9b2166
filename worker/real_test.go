package worker

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"settlecancel/gateway"
	"settlecancel/gateway/settlebank"
	"settlecancel/gateway/simulator"
	"settlecancel/tasks"
	"settlecancel/tasks/ledger"
)

// The gateway as merchants know it takes one request for each cancellation, and an inquiry for the
// first part of each payment: whatever hash, time and spelling it answers with, nothing is doubted.
func TestRealTemper(t *testing.T) {
	t.Parallel()
	b := newBench(t, setup{protocol: gateway.Protocol0A19})
	b.unseeded = true
	if err := b.sim.SetConduct(simulator.Conduct{Temper: simulator.TemperReal, Protocol: simulator.Protocols0A19}); err != nil {
		t.Fatal(err)
	}
	for n := range 60 {
		for _, part := range []int64{1000, 300} {
			x := b.pay(1000, part)
			x.Method = settlebank.MethodsOf(settlebank.OpCancel)[n%len(settlebank.MethodsOf(settlebank.OpCancel))]
			if part != 1000 && !partly(x.Method) {
				continue
			}
			x.OrgTrdNo, x.OrgMchtTrdNo, x.IdempotencyKey = x.OrgTrdNo+"r", x.OrgMchtTrdNo+"r", x.IdempotencyKey+"r"
			x.OrgTrdDt = time.Now().In(settlebank.KST).Format("20060102") // phone payments are cancelled in their month
			provider := ""
			if x.Method == settlebank.EasyPay {
				provider = settlebank.InquiryMethods(settlebank.EasyPay)[1+n%3]
			}
			if err := b.sim.Register(simulator.Original{MchtID: x.MchtID, OrgTrdNo: x.OrgTrdNo, OrgMchtTrdNo: x.OrgMchtTrdNo,
				OrgTrdDt: x.OrgTrdDt, Amount: 1000, Method: x.Method, Provider: provider}); err != nil {
				t.Fatal(err)
			}
			b.accept(x)
			if r := b.drive(x); r.Status != ledger.Cancelled {
				t.Errorf("%s, %d of 1000: %s %s %s", x.Method, part, r.Status, r.Code, r.Message)
			}
			cancels, inquiries := b.requests(x)
			most := 0
			if part != 1000 {
				most = len(settlebank.InquiryMethods(x.Method)) // an easy payment's provider is found out
			}
			if cancels != 1 || inquiries > most {
				t.Errorf("%s, %d of 1000: %d requests and %d inquiries", x.Method, part, cancels, inquiries)
			}
			if n, sum := b.effects(x); n != 1 || sum != part {
				t.Errorf("%s, %d of 1000: applied %d times, %d", x.Method, part, n, sum)
			}
		}
	}
}

// partly reports whether a payment of a method can be cancelled in part.
func partly(method string) bool {
	switch method {
	case "TC", "HM", "CG", "SG", "BG", "TM":
		return false
	}
	return true
}

// A merchant whose gateway speaks the other protocol is held, and nothing is spent; once the
// setting is right, all is cancelled.
func TestWrongProtocolIsHeld(t *testing.T) {
	t.Parallel()
	for _, temper := range []simulator.Temper{simulator.TemperStrict, simulator.TemperReal} {
		b := newBench(t, setup{options: Options{HoldFor: time.Hour}})
		if err := b.sim.SetConduct(simulator.Conduct{Temper: temper, Protocol: simulator.Protocols0A19}); err != nil {
			t.Fatal(err)
		}
		var xs []tasks.Cancellation
		for range 20 {
			xs = append(xs, b.pay(1000, 1000))
		}
		b.accept(xs...)
		sent := 0
		for _, x := range xs {
			var p *postponed
			if err := b.run(b.worker, x); !errors.As(err, &p) {
				t.Fatalf("%s: %v", x.IdempotencyKey, err)
			}
			if r := b.record(x); r.Status != ledger.Queued || r.Spent != 0 {
				t.Errorf("%s is %s and has spent %d", x.IdempotencyKey, r.Status, r.Spent)
			}
			cancels, _ := b.requests(x)
			sent += cancels
		}
		if sent != tripAfter {
			t.Errorf("%d requests were sent before the merchant was held, want %d", sent, tripAfter)
		}
		b.worker = b.newWorker(setup{protocol: gateway.Protocol0A19}) // restarted with the right setting
		b.clock.Advance(2 * time.Hour)
		for _, x := range xs {
			if r := b.drive(x); r.Status != ledger.Cancelled {
				t.Errorf("%s: %s is %s %s", temper, x.IdempotencyKey, r.Status, r.Message)
			}
		}
	}
}

// Inquiries that nobody answers hold up no request, and those who wait for them are with people
// within minutes.
func TestDeadInquiryHoldsUpNobody(t *testing.T) {
	t.Parallel()
	b := newBench(t, setup{})
	dead := simulator.Fault{Kind: simulator.KindStatus, Status: 404}
	if _, err := b.sim.Script(simulator.Rule{Path: simulator.PathInquiry, Fault: dead}); err != nil {
		t.Fatal(err)
	}
	var unknown, healthy []tasks.Cancellation
	for range 20 {
		x := b.pay(1000, 500)
		b.script(simulator.PathCancel, x, lostAnswer)
		unknown = append(unknown, x)
	}
	for range 40 {
		healthy = append(healthy, b.pay(1000, 1000))
	}
	b.accept(append(unknown, healthy...)...)
	begin := b.clock.Now()
	for i, x := range unknown {
		var p *postponed
		if err := b.run(b.worker, x); !errors.As(err, &p) {
			t.Fatal(err)
		}
		if i%5 == 4 { // so many lost answers in a row would hold the merchant, and rightly
			b.drive(healthy[i])
		}
	}
	b.clock.Advance(b.worker.policy.VerifyAfter + time.Second)
	for range tripAfter + 1 {
		for _, x := range unknown {
			_ = b.run(b.worker, x)
		}
		b.clock.Advance(time.Second)
	}
	for _, x := range healthy {
		b.drive(x)
		b.check(x, ledger.Cancelled, 1, 0, 1)
	}
	last := time.Duration(0)
	for round := 0; round < 60; round++ {
		open := 0
		for _, x := range unknown {
			_ = b.run(b.worker, x)
			if b.record(x).Open() {
				open++
			}
		}
		if last = b.clock.Now().Sub(begin); open == 0 {
			break
		}
		b.clock.Advance(15 * time.Second)
	}
	for _, x := range unknown {
		if r := b.record(x); r.Status != ledger.Review || r.Reason != ledger.ReasonInquiry {
			t.Errorf("%s is %s (%s) after %v: %s", x.IdempotencyKey, r.Status, r.Reason, last, fmt.Sprint(r.Message))
		}
	}
	t.Logf("all 20 unknown ones are in review %v after they were sent", last)
}
