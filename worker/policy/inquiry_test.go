package policy

import (
	"strings"
	"testing"
	"time"

	"settlecancel/gateway"
	"settlecancel/tasks/ledger"
)

func showing(sum int64) gateway.Inquiry {
	return gateway.Inquiry{Outcome: gateway.Outcome{Class: gateway.OK, Code: "0000"}, Cancelled: sum, CancelledKnown: true, State: gateway.StateNormal}
}

func cancelled(sum int64) gateway.Inquiry {
	return gateway.Inquiry{Outcome: gateway.Outcome{Class: gateway.OK, Code: "0001"}, Cancelled: sum, CancelledKnown: sum > 0, State: gateway.StateCancelled}
}

func failing(c gateway.Class) gateway.Inquiry {
	return gateway.Inquiry{Outcome: gateway.Outcome{Class: c}}
}

// verifying is a grant to verify; change changes its record.
func verifying(r ledger.Record, change func(*ledger.Record)) ledger.Grant {
	r.Status, r.Doubted, r.Code, r.Message = ledger.Unknown, true, "ST60", "abnormal"
	if change != nil {
		change(&r)
	}
	return ledger.Grant{Step: ledger.StepInquire, Purpose: ledger.ToVerify, Record: r}
}

func with(v ledger.Verification) func(*ledger.Record) {
	return func(r *ledger.Record) { r.Verification = v }
}

// refusedOnly is a verification of a refusal that no doubt came before.
func refusedOnly(v ledger.Verification) func(*ledger.Record) {
	return func(r *ledger.Record) { r.Verification, r.Doubted = v, false }
}

func TestVerifying(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		g      ledger.Grant
		answer gateway.Inquiry
		want   ledger.Status
		after  time.Duration
		reason ledger.Reason
	}{
		"applied":                              {verifying(part(), nil), showing(500), ledger.Cancelled, 0, ""},
		"applied, seen not applied before":     {verifying(part(), with(ledger.Verification{Seen: 1})), showing(500), ledger.Cancelled, 0, ""},
		"not applied, first sight":             {verifying(part(), nil), showing(0), ledger.Unknown, time.Minute, ""},
		"not applied, second sight":            {verifying(part(), with(ledger.Verification{Seen: 1})), showing(0), ledger.Queued, 0, ""},
		"another sum":                          {verifying(part(), nil), showing(300), ledger.Review, 0, ledger.ReasonOtherSum},
		"cancelled, by a part of another size": {verifying(part(), nil), cancelled(300), ledger.Review, 0, ledger.ReasonOtherSum},
		"whole, applied":                       {verifying(whole(), nil), cancelled(1000), ledger.Cancelled, 0, ""},
		"whole, cancelled without a sum":       {verifying(whole(), nil), cancelled(0), ledger.Cancelled, 0, ""},
		"whole, only a part is cancelled":      {verifying(whole(), nil), cancelled(300), ledger.Unknown, time.Minute, ""},
		"whole, only a part, seen twice":       {verifying(whole(), with(ledger.Verification{Seen: 1})), cancelled(300), ledger.Queued, 0, ""},
		"whole, in another unit":               {verifying(whole(), func(r *ledger.Record) { r.Foreign = true }), cancelled(10), ledger.Review, 0, ledger.ReasonOtherSum},
		"part, cancelled without a sum":        {verifying(part(), nil), cancelled(0), ledger.Review, 0, ledger.ReasonOtherSum},
		"sent again once too often": {verifying(part(), with(ledger.Verification{Seen: 1, Resent: 3})), showing(0),
			ledger.Exhausted, 0, ledger.ReasonBudget},

		"unlisted, not applied":           {verifying(part(), with(ledger.Verification{Seen: 1, Then: ledger.ThenReject})), showing(0), ledger.Rejected, 0, ledger.ReasonRefused},
		"unlisted, applied":               {verifying(part(), with(ledger.Verification{Seen: 1, Then: ledger.ThenReject})), showing(500), ledger.Cancelled, 0, ""},
		"duplicate, applied":              {verifying(part(), with(ledger.Verification{Then: ledger.ThenReview})), showing(500), ledger.Cancelled, 0, ""},
		"duplicate, not applied":          {verifying(part(), with(ledger.Verification{Seen: 1, Then: ledger.ThenReview})), showing(0), ledger.Review, 0, ledger.ReasonDuplicate},
		"the budget is spent":             {verifying(part(), with(ledger.Verification{Seen: 1, Then: ledger.ThenExhaust})), showing(0), ledger.Exhausted, 0, ledger.ReasonBudget},
		"already, a part, applied":        {verifying(part(), refusedOnly(ledger.Verification{Then: ledger.ThenReject})), showing(500), ledger.Cancelled, 0, ""},
		"already, a part, another sum":    {verifying(part(), refusedOnly(ledger.Verification{Then: ledger.ThenReject})), showing(1000), ledger.Review, 0, ledger.ReasonOtherSum},
		"already, whole, all":             {verifying(whole(), refusedOnly(ledger.Verification{Then: ledger.ThenAlready})), cancelled(1000), ledger.AlreadyCancelled, 0, ""},
		"already, whole, in doubt, all":   {verifying(whole(), with(ledger.Verification{Then: ledger.ThenAlready})), cancelled(1000), ledger.Cancelled, 0, ""},
		"already, whole, a part":          {verifying(whole(), refusedOnly(ledger.Verification{Seen: 1, Then: ledger.ThenAlready})), cancelled(300), ledger.Rejected, 0, ledger.ReasonPartElsewhere},
		"already, whole, a part, doubted": {verifying(whole(), with(ledger.Verification{Seen: 1, Then: ledger.ThenAlready})), cancelled(300), ledger.Review, 0, ledger.ReasonContradiction},
		"already, whole, nothing yet":     {verifying(whole(), refusedOnly(ledger.Verification{Then: ledger.ThenAlready})), showing(0), ledger.Unknown, time.Minute, ""},
		"already, whole, nothing at all":  {verifying(whole(), refusedOnly(ledger.Verification{Seen: 1, Then: ledger.ThenAlready})), showing(0), ledger.Review, 0, ledger.ReasonContradiction},

		"it fails":                  {verifying(part(), nil), failing(gateway.Unknown), ledger.Unknown, 5 * time.Second, ""},
		"it fails again":            {verifying(part(), with(ledger.Verification{Failed: 2})), failing(gateway.Transient), ledger.Unknown, 20 * time.Second, ""},
		"it fails once too often":   {verifying(part(), with(ledger.Verification{Failed: 3})), failing(gateway.Transient), ledger.Review, 0, ledger.ReasonInquiryFails},
		"it is refused":             {verifying(part(), nil), failing(gateway.Rejected), ledger.Unknown, 15 * time.Second, ""},
		"it is refused too often":   {verifying(part(), with(ledger.Verification{Failed: 7})), failing(gateway.Rejected), ledger.Review, 0, ledger.ReasonInquiry},
		"the keys are wrong":        {verifying(part(), nil), failing(gateway.Misconfigured), ledger.Unknown, 15 * time.Second, ""},
		"the keys stay wrong":       {verifying(part(), with(ledger.Verification{Failed: 7})), failing(gateway.Misconfigured), ledger.Review, 0, ledger.ReasonInquiry},
		"an old state":              {verifying(part(), func(r *ledger.Record) { r.ConfirmedCancelled = 300 }), showing(0), ledger.Unknown, time.Minute, ""},
		"an old state, and again":   {verifying(part(), func(r *ledger.Record) { r.ConfirmedCancelled, r.Verification.Failed = 300, 1 }), showing(0), ledger.Unknown, time.Minute, ""},
		"an old state, all the way": {verifying(part(), func(r *ledger.Record) { r.ConfirmedCancelled, r.Verification.Failed = 300, 2 }), showing(0), ledger.Review, 0, ledger.ReasonOtherSum},
		"unbased":                   {verifying(part(), func(r *ledger.Record) { r.Blind = true }), showing(500), ledger.Review, 0, ledger.ReasonUnbased},
		"unbased, and nothing":      {verifying(part(), func(r *ledger.Record) { r.Blind = true }), showing(0), ledger.Unknown, time.Minute, ""},
	} {
		n := testPolicy().AfterInquiry(c.g, c.answer)
		if n.Status != c.want || n.After != c.after || n.Spend != 0 || c.want != ledger.Unknown && n.Reason != c.reason {
			t.Errorf("%s: %s (%s) after %v, spends %d; want %s (%s) after %v", name, n.Status, n.Reason, n.After, n.Spend, c.want, c.reason, c.after)
		}
		if n.Status == ledger.Cancelled && n.Code+n.Message != "" {
			t.Errorf("%s: the outcome says %s %q, which is how a request failed", name, n.Code, n.Message)
		}
		if n.Status == ledger.Rejected && n.Code != "ST60" {
			t.Errorf("%s: the dead letter says %q, not why it was refused", name, n.Code)
		}
	}
}

// What is told of the payment's sum: what is shown, unless others may be in it.
func TestWhatAnInquiryTells(t *testing.T) {
	t.Parallel()
	doubts := func(g ledger.Grant, amounts ...int64) ledger.Grant {
		g.Doubts = others(amounts...)
		return g
	}
	foreign := verifying(whole(), func(r *ledger.Record) { r.Foreign = true })
	for name, c := range map[string]struct {
		g      ledger.Grant
		shown  int64
		credit int64
		sum    int64 // -1: none
	}{
		"applied":                       {verifying(part(), nil), 500, 0, 500},
		"applied, others in doubt":      {doubts(verifying(part(), nil), 100), 600, 500, -1},
		"whole, others in doubt":        {doubts(verifying(whole(), nil), 100), 1000, 0, 1000},
		"not applied":                   {verifying(part(), nil), 0, 0, 0},
		"not applied, others may be in": {doubts(verifying(part(), nil), 100), 100, 0, -1},
		"not applied, in another unit":  {foreign, 0, 0, -1},
	} {
		n := testPolicy().AfterInquiry(c.g, showing(c.shown))
		sum := int64(-1)
		if n.Sum != nil {
			sum = *n.Sum
		}
		if n.Credit != c.credit || sum != c.sum {
			t.Errorf("%s: credit %d, sum %d: %+v", name, n.Credit, sum, n)
		}
	}
}

// Right before the next request nothing is said of it but whether an earlier one was applied.
func TestAskingBeforeTheNextRequest(t *testing.T) {
	t.Parallel()
	r := part()
	r.Status, r.Doubted, r.Verification = ledger.Queued, true, ledger.Verification{Seen: sightings, Resent: 1}
	g := ledger.Grant{Step: ledger.StepInquire, Purpose: ledger.ToResend, Record: r}
	n := testPolicy().AfterInquiry(g, showing(0))
	if n.Status != ledger.Queued || !n.Asked || n.After != 0 || n.Verification.Resent != 1 {
		t.Errorf("nothing applied: %+v", n)
	}
	if n := testPolicy().AfterInquiry(g, showing(500)); n.Status != ledger.Cancelled {
		t.Errorf("applied after all: %+v", n)
	}
	if n := testPolicy().AfterInquiry(g, failing(gateway.Unknown)); n.Status != ledger.Queued || n.Asked || n.After == 0 {
		t.Errorf("it fails: %+v", n)
	}
}

func TestBase(t *testing.T) {
	t.Parallel()
	grant := func(change func(*ledger.Grant)) ledger.Grant {
		r := part()
		r.Status = ledger.Queued
		g := ledger.Grant{Step: ledger.StepInquire, Purpose: ledger.ToBase, Record: r}
		if change != nil {
			change(&g)
		}
		return g
	}
	wholeOne := func(g *ledger.Grant) { g.Record.Full, g.Record.Amount = true, g.Record.PaymentAmount }
	soFar := func(v, ahead int64) func(*ledger.Grant) {
		return func(g *ledger.Grant) { g.Record.SoFar, g.Record.Ahead = &v, ahead }
	}
	failed := func(n int) func(*ledger.Grant) {
		return func(g *ledger.Grant) { g.Record.Verification.Failed = n }
	}
	claimed := func(g *ledger.Grant) {
		g.Doubts = others(300, 200)
		g.Doubts[0].Claimed = true
	}
	distrusted := func(change func(*ledger.Grant)) func(*ledger.Grant) {
		return func(g *ledger.Grant) {
			g.Cautious = true
			if change != nil {
				change(g)
			}
		}
	}
	for name, c := range map[string]struct {
		g      ledger.Grant
		answer gateway.Inquiry
		want   ledger.Status
		based  bool // the sum is told
		blind  bool // the part goes out without
		reason ledger.Reason
	}{
		"nothing is cancelled":        {grant(nil), showing(0), ledger.Queued, true, false, ""},
		"others have cancelled":       {grant(nil), showing(70), ledger.Queued, true, false, ""},
		"it fails":                    {grant(nil), failing(gateway.Unknown), ledger.Queued, false, false, ""},
		"it fails all the time":       {grant(failed(baseTries - 1)), failing(gateway.Unknown), ledger.Queued, false, true, ""},
		"as people said":              {grant(claimed), showing(300), ledger.Queued, true, false, ""},
		"others in doubt may be in":   {grant(claimed), showing(200), ledger.Queued, false, true, ""},
		"as the producer said":        {grant(soFar(70, 0)), showing(70), ledger.Queued, true, false, ""},
		"not as the producer said":    {grant(soFar(0, 0)), showing(70), ledger.Rejected, true, false, ledger.ReasonPrecondition},
		"with others that are ahead":  {grant(soFar(170, 100)), showing(70), ledger.Queued, true, false, ""},
		"distrusted, nothing":         {grant(distrusted(nil)), showing(0), ledger.Queued, true, false, ""},
		"distrusted, unexplained":     {grant(distrusted(nil)), showing(70), ledger.Review, false, false, ledger.ReasonForgotten},
		"distrusted, people's word":   {grant(distrusted(claimed)), showing(300), ledger.Queued, true, false, ""},
		"distrusted, doubts":          {grant(distrusted(claimed)), showing(200), ledger.Review, false, false, ledger.ReasonForgotten},
		"distrusted, a whole one":     {grant(distrusted(wholeOne)), showing(70), ledger.Review, false, false, ledger.ReasonForgotten},
		"distrusted, it fails":        {grant(distrusted(failed(baseTries - 2))), failing(gateway.Unknown), ledger.Queued, false, false, ""},
		"distrusted, it always fails": {grant(distrusted(failed(3))), failing(gateway.Unknown), ledger.Review, false, false, ledger.ReasonInquiryFails},
		"distrusted, it is refused":   {grant(distrusted(failed(refusals - 1))), failing(gateway.Rejected), ledger.Review, false, false, ledger.ReasonInquiry},
	} {
		n := testPolicy().AfterInquiry(c.g, c.answer)
		if n.Status != c.want || (n.Sum != nil) != c.based || n.Verification.Based != c.blind || c.reason != "" && n.Reason != c.reason || n.Spend != 0 {
			t.Errorf("%s: %+v", name, n)
		}
		if n.Sum != nil && (*n.Sum != c.answer.Cancelled || n.Basis != ledger.BasisInquiry) {
			t.Errorf("%s: sum %d by %s", name, *n.Sum, n.Basis)
		}
	}
}

// After Redis forgot, a whole one that is cancelled already has its goal, whoever asked for it. And
// a person who retries a part that was never sent does not make an equal sum its own.
func TestForgottenSums(t *testing.T) {
	t.Parallel()
	whole, unsent := part(), part()
	whole.Status, whole.Full, whole.Amount = ledger.Queued, true, whole.PaymentAmount
	n := testPolicy().AfterInquiry(ledger.Grant{Step: ledger.StepInquire, Purpose: ledger.ToBase, Cautious: true, Record: whole}, showing(whole.PaymentAmount))
	if n.Status != ledger.AlreadyCancelled || n.Sum == nil || *n.Sum != whole.PaymentAmount {
		t.Errorf("a whole one: %+v", n)
	}
	for _, based := range []ledger.BasisKind{"", ledger.BasisInquiry} {
		unsent.Status, unsent.Doubted, unsent.Basis = ledger.Unknown, false, based
		want := ledger.Review
		if based != "" {
			want = ledger.Cancelled
		}
		g := ledger.Grant{Step: ledger.StepInquire, Purpose: ledger.ToVerify, Cautious: true, Record: unsent}
		if n := testPolicy().AfterInquiry(g, showing(unsent.Amount)); n.Status != want || want == ledger.Review && n.Reason != ledger.ReasonForgotten {
			t.Errorf("retried by a person, based %q: %+v", based, n)
		}
	}
}

func TestWithoutInquiry(t *testing.T) {
	t.Parallel()
	p := testPolicy()
	r := func(full bool, v ledger.Verification) ledger.Record {
		return ledger.Record{Status: ledger.Unknown, Full: full, Verification: v}
	}
	for name, c := range map[string]struct {
		g      ledger.Grant
		want   ledger.Status
		reason ledger.Reason
	}{
		"whole: a second one is refused": {ledger.Grant{Record: r(true, ledger.Verification{})}, ledger.Queued, ""},
		"whole, again and again":         {ledger.Grant{Record: r(true, ledger.Verification{Resent: 3})}, ledger.Review, ledger.ReasonNotInquirable},
		"whole, a duplicate":             {ledger.Grant{Record: r(true, ledger.Verification{Then: ledger.ThenReview})}, ledger.Review, ledger.ReasonNotInquirable},
		"part":                           {ledger.Grant{Record: r(false, ledger.Verification{})}, ledger.Review, ledger.ReasonNotInquirable},
		"what Redis may have forgotten":  {ledger.Grant{Purpose: ledger.ToBase, Record: r(true, ledger.Verification{})}, ledger.Review, ledger.ReasonForgotten},
	} {
		if n := p.WithoutInquiry(c.g); n.Status != c.want || n.Reason != c.reason {
			t.Errorf("%s: %s (%s), want %s (%s)", name, n.Status, n.Reason, c.want, c.reason)
		}
	}
}

// A dead letter in review tells what the machine could not find out, not what the connection said
// last.
func TestReviewSaysWhy(t *testing.T) {
	t.Parallel()
	p := testPolicy()
	r := part()
	r.ConfirmedCancelled, r.Message = 100, "connection reset"
	v := func(v ledger.Verification) ledger.Grant { return verifying(r, with(v)) }
	blind := r
	blind.Inquirable = false
	busy := gateway.Inquiry{Outcome: gateway.Outcome{Class: gateway.Transient, Code: "ST01", Message: "busy"}}
	for name, c := range map[string]struct {
		next ledger.Next
		want string
	}{
		"request, no inquiry": {p.AfterRequest(ledger.Grant{Record: blind}, gateway.Outcome{Class: gateway.Unknown, Message: "connection reset"}), "orgTrdAmt or method"},
		"no inquiry":          {p.WithoutInquiry(ledger.Grant{Record: blind}), "orgTrdAmt or method"},
		"inquiries fail":      {p.AfterInquiry(v(ledger.Verification{Failed: 3}), busy), "inquiries keep failing: ST01 busy"},
		"another sum":         {p.AfterInquiry(v(ledger.Verification{}), showing(300)), "shows 300 as cancelled of the payment, 100 was known before, and this one is for 500"},
		"a duplicate":         {p.AfterInquiry(v(ledger.Verification{Then: ledger.ThenReview, Seen: 1}), showing(100)), "duplicate"},
	} {
		if c.next.Status != ledger.Review || !strings.Contains(c.next.Message, c.want) || strings.Contains(c.next.Message, "…") {
			t.Errorf("%s: %s %q, want review and %q", name, c.next.Status, c.next.Message, c.want)
		}
	}
	for _, why := range ledger.Reasons() {
		if n := review(ledger.Next{}, why); n.Message == "" && reviewed(why) {
			t.Errorf("%s has no words", why)
		}
	}
}

// reviewed reports whether a cancellation can be in review for a reason.
func reviewed(why ledger.Reason) bool {
	switch why {
	case ledger.ReasonLost, ledger.ReasonNoAnswer, ledger.ReasonRefused, ledger.ReasonBudget:
		return false
	}
	return true
}
