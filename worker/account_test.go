package worker

import (
	"crypto/aes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hibiken/asynq"

	"settlecancel/gateway"
	"settlecancel/gateway/settlebank"
	"settlecancel/gateway/simulator"
	"settlecancel/tasks"
	"settlecancel/tasks/ledger"
	"settlecancel/tasks/ledger/redistest"
	"settlecancel/tasks/secrettest"
	"settlecancel/tasks/tasktest"
)

// What nobody but the gateway may read.
const (
	secretAccount = "3141592653589"
	secretVirtual = "7901234567890"
	secretHolder  = "홍길동"
)

// vault is a bench for cancellations with account numbers: a Redis that keeps all that was ever
// written, and a log that is read.
type vault struct {
	*bench
	log secrettest.Log
}

func newVault(t *testing.T) *vault {
	t.Helper()
	v := &vault{}
	noon := time.Date(2026, 1, 5, 12, 0, 0, 0, settlebank.KST) // banks are open
	sim, err := simulator.New(simulator.Options{Now: func() time.Time { return noon }})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(sim)
	t.Cleanup(server.Close)
	s := setup{redis: redistest.Start(t, redistest.Options{Args: []string{"--appendonly", "yes", "--appendfsync", "always"}}),
		protocol: gateway.Protocol0A19, gateway: gateway.Options{BaseURL: server.URL},
		options: Options{Logger: slog.New(slog.NewTextHandler(&v.log, &slog.HandlerOptions{Level: slog.LevelDebug}))}}
	v.bench = newBench(t, s)
	v.sim, v.url = sim, server.URL
	v.use(tasktest.Sealer(t, "a"))
	t.Cleanup(func() { v.wantHidden(v.log.String()) })
	return v
}

// use gives producers and the worker another sealer.
func (v *vault) use(s *tasks.Sealer) {
	v.client = tasks.NewClient(v.rdb, tasks.ClientOptions{Sealer: s, Ledger: ledger.Options{Now: v.clock.Now, Inquiry: true}})
	v.worker.opts.Client, v.worker.ledger = v.client, v.client.Ledger()
}

// refund is a refund of a virtual account's payment to a bank account, withdrawal takes back the
// number of another payment.
func (v *vault) refund(of, amount int64) tasks.Cancellation {
	x := v.payVirtual(of)
	x.Operation, x.CanAmt = tasks.OperationRefund, amount
	x.RefundBankCd, x.RefundAcntNo, x.RefundDpstrNm = "004", secretAccount, secretHolder
	return x
}

func (v *vault) withdrawal() tasks.Cancellation {
	x := v.payVirtual(1000)
	x.Operation, x.VAcntNo, x.OrgTrdAmt = tasks.OperationWithdraw, secretVirtual, 0
	return x
}

func (v *vault) payVirtual(of int64) tasks.Cancellation {
	v.t.Helper()
	n := payments.Add(1)
	x := tasks.Cancellation{IdempotencyKey: fmt.Sprintf("account-%d", n), MchtID: v.mchtID, OrgTrdNo: fmt.Sprintf("STFP_VA_%d", n),
		OrgMchtTrdNo: fmt.Sprintf("ORDERVA%d", n), OrgTrdDt: "20260105", OrgTrdAmt: of, Method: "VA"}
	err := v.sim.Register(simulator.Original{MchtID: x.MchtID, OrgTrdNo: x.OrgTrdNo, OrgMchtTrdNo: x.OrgMchtTrdNo,
		OrgTrdDt: x.OrgTrdDt, Amount: of, Method: "VA", VAcntNo: secretVirtual})
	if err != nil {
		v.t.Fatal(err)
	}
	return x
}

// work hands the task that waits in the queue to the worker, again and again until asynq would be
// done with it, and answers how that came about.
func (v *vault) work(x tasks.Cancellation) (held string, last error) {
	v.t.Helper()
	task := asynq.NewTask(tasks.TypeCancel, v.task(x).Payload)
	for range 300 {
		last = v.worker.route(v.t.Context(), task)
		var p *postponed
		if !errors.As(last, &p) {
			return held, last
		}
		if strings.HasPrefix(p.reason, "held: ") {
			return p.reason, last
		}
		v.clock.Advance(max(p.after, time.Millisecond))
	}
	v.t.Fatalf("%s never ends: %v", x.IdempotencyKey, last)
	return held, last
}

// wantHidden checks that nothing of an account stands in Redis, nor ever did, nor in the texts.
func (v *vault) wantHidden(texts ...string) {
	v.t.Helper()
	v.redis.Hidden(v.t, secretAccount, secretVirtual, secretHolder)
	secrettest.Hidden(v.t, "a text", strings.Join(texts, "\n"), secretAccount, secretVirtual, secretHolder)
}

// received returns a field of the only request for x that moves money or numbers, decrypted as
// SettleBank would.
func (v *vault) received(x tasks.Cancellation, field string) (plain string) {
	v.t.Helper()
	for _, r := range v.sim.Received() {
		if r.OrgTrdNo != x.OrgTrdNo || !strings.Contains(string(r.Body), field) {
			continue
		}
		var message struct{ Data map[string]string }
		if err := json.Unmarshal(r.Body, &message); err != nil {
			v.t.Fatal(err)
		}
		text, err := base64.StdEncoding.DecodeString(message.Data[field])
		if err != nil || len(text) != aes.BlockSize {
			v.t.Fatalf("%s is %q", field, message.Data[field])
		}
		block, err := aes.NewCipher([]byte(settlebank.TestbedAESKey))
		if err != nil {
			v.t.Fatal(err)
		}
		block.Decrypt(text, text)
		return string(text[:len(text)-int(text[len(text)-1])])
	}
	v.t.Errorf("no request for %s with %s", x.IdempotencyKey, field)
	return ""
}

func TestAccountRefund(t *testing.T) {
	t.Parallel()
	v := newVault(t)
	refund, withdrawal := v.refund(1000, 400), v.withdrawal()
	v.accept(refund, withdrawal)
	v.wantHidden()
	for x, field := range map[tasks.Cancellation]string{refund: "refundAcntNo", withdrawal: "vAcntNo"} {
		v.worker.gateway = spy{v.worker.gateway, func(gateway.CancelRequest) { v.wantHidden() }} // on the wire
		if _, err := v.work(x); err != nil {
			t.Errorf("%s: %v", x.Operation, err)
		}
		v.worker.gateway = v.worker.gateway.(spy).Gateway
		if r := v.record(x); r.Status != ledger.Cancelled || r.Sealed != "" {
			t.Errorf("%s is %s %s %q, sealed %q", x.Operation, r.Status, r.Code, r.Message, r.Sealed)
		}
		if n, sum := v.effects(x); n != 1 || sum != x.CanAmt {
			t.Errorf("%s: %d effects of %d KRW", x.Operation, n, sum)
		}
		if want, got := x.RefundAcntNo+x.VAcntNo, v.received(x, field); got != want {
			t.Errorf("%s: the gateway was told account %q", x.Operation, got)
		}
	}
	for _, x := range []tasks.Cancellation{refund, withdrawal} { // a repeat after the end
		if again, err := v.client.Enqueue(t.Context(), x, tasks.EnqueueOptions{}); err != nil || !again.Replayed {
			t.Errorf("%+v, %v", again, err)
		}
	}
}

// A dead letter keeps its account, sealed, until a person has decided.
func TestAccountDeadLetter(t *testing.T) {
	t.Parallel()
	v := newVault(t)
	x := v.refund(1000, 400)
	v.script(simulator.PathCancel, x, simulator.Fault{Kind: simulator.KindCode, Code: "ST54"})
	v.accept(x)
	_, err := v.work(x)
	if !errors.Is(err, asynq.SkipRetry) {
		t.Fatal(err)
	}
	dead := v.record(x)
	if !dead.Dead() || dead.Sealed == "" {
		t.Fatalf("%s, sealed %q", dead.Status, dead.Sealed)
	}
	v.wantHidden(err.Error())
	if _, err := v.client.Retry(t.Context(), x.IdempotencyKey, ledger.Decision{Who: "kim"}); err != nil {
		t.Fatal(err)
	}
	if _, err := v.work(x); err != nil {
		t.Fatal(err)
	}
	if n, _ := v.effects(x); n != 1 || v.received(x, "refundAcntNo") != secretAccount || v.record(x).Sealed != "" {
		t.Errorf("after the retry: %d effects, %+v", n, v.record(x))
	}
	y := v.refund(1000, 400)
	v.script(simulator.PathCancel, y, simulator.Fault{Kind: simulator.KindCode, Code: "ST54"})
	v.accept(y)
	if _, err := v.work(y); !errors.Is(err, asynq.SkipRetry) {
		t.Fatal(err)
	}
	r, err := v.client.Ledger().Resolve(t.Context(), y.IdempotencyKey, ledger.Decision{Who: "kim", Note: "paid by hand", As: ledger.Rejected})
	if err != nil || r.Sealed != "" {
		t.Errorf("resolved: %+v, %v", r, err)
	}
}

// What cannot be opened waits: nothing is sent, nothing is lost, and it goes on when the key is
// back.
func TestAccountWithoutKey(t *testing.T) {
	t.Parallel()
	v := newVault(t)
	x := v.refund(1000, 400)
	v.accept(x)
	for attempt, s := range []*tasks.Sealer{tasktest.Sealer(t, "b"), nil} {
		v.use(s)
		held, _ := v.work(x)
		if !strings.Contains(held, "PAYLOAD_KEY") {
			t.Fatalf("held: %q", held)
		}
		r := v.record(x)
		if r.Status != ledger.Queued || r.Spent != 0 || r.Sealed == "" || !r.DueAt.After(v.clock.Now()) {
			t.Errorf("%s, %d spent, due at %v", r.Status, r.Spent, r.DueAt)
		}
		if n := strings.Count(v.log.String(), "account numbers cannot be read"); n != attempt+1 {
			t.Errorf("said %d times in %d attempts", n, attempt+1)
		}
		v.clock.Advance(time.Minute)
	}
	if c := len(v.sim.Received()); c != 0 {
		t.Errorf("%d requests were sent", c)
	}
	v.use(tasktest.Sealer(t, "b", "a"))
	if _, err := v.work(x); err != nil {
		t.Fatal(err)
	}
	v.checkEnded(x)
}

// Many that cannot be opened fill no log: it is said once a minute. Each time is counted.
func TestAccountWithoutKeySaidSeldom(t *testing.T) {
	t.Parallel()
	v := newVault(t)
	seen := &postponements{}
	v.worker.opts.Observer = seen
	xs := []tasks.Cancellation{v.refund(1000, 400), v.refund(1000, 400), v.refund(1000, 400)}
	v.accept(xs...)
	v.use(nil)
	said := func(want int) {
		t.Helper()
		if n := strings.Count(v.log.String(), "account numbers cannot be read"); n != want {
			t.Errorf("said %d times, want %d", n, want)
		}
	}
	for range 2 {
		for _, x := range xs {
			if held, _ := v.work(x); !strings.HasPrefix(held, "held: ") {
				t.Errorf("held: %q", held)
			}
		}
		said(1)
		v.clock.Advance(25 * time.Second) // due again
	}
	v.clock.Advance(10 * time.Second)
	if held, _ := v.work(xs[0]); !strings.HasPrefix(held, "held: ") {
		t.Errorf("held: %q", held)
	}
	said(2)
	if n := seen.held.Load(); n != 7 {
		t.Errorf("%d are counted, want 7", n)
	}
}

// postponements counts what is held.
type postponements struct {
	unobserved
	held atomic.Int64
}

func (p *postponements) Postponed(reason string, _ time.Duration) {
	if strings.HasPrefix(reason, "held: ") {
		p.held.Add(1)
	}
}

func (v *vault) checkEnded(x tasks.Cancellation) {
	v.t.Helper()
	r := v.record(x)
	if n, _ := v.effects(x); r.Status != ledger.Cancelled || n != 1 || r.Sealed != "" {
		v.t.Errorf("%s %s %q, %d effects", r.Status, r.Code, r.Message, n)
	}
}

// A plain asynq client must not put account numbers into the queue, nor pretend that they are in
// the ledger.
func TestAccountForeignTask(t *testing.T) {
	t.Parallel()
	v := newVault(t)
	x := v.refund(1000, 400)
	plain, err := x.Payload()
	if err != nil {
		t.Fatal(err)
	}
	y := v.refund(1000, 400)
	y.RefundAcntNo, y.RefundDpstrNm = "", ""
	orphan, err := tasks.Task{Cancellation: y, Sealed: "AAAAAAAAAAAA"}.Payload()
	if err != nil {
		t.Fatal(err)
	}
	for want, payload := range map[string][]byte{"in plain text": plain, "enqueue it again": orphan} {
		err := v.worker.route(t.Context(), asynq.NewTask(tasks.TypeCancel, payload))
		if !errors.Is(err, asynq.SkipRetry) || !strings.Contains(err.Error(), want) || len(err.Error()) > 300 {
			t.Errorf("%v, want it archived: %s", err, want)
		}
		v.wantHidden(fmt.Sprint(err))
	}
	if n, _, err := v.client.Ledger().Counts(t.Context()); n != 0 || err != nil || len(v.sim.Received()) != 0 {
		t.Errorf("%d open, %v; %d requests", n, err, len(v.sim.Received()))
	}
	v.accept(x)
	forged, err := tasks.Task{Cancellation: func() tasks.Cancellation { z := x; z.RefundAcntNo, z.RefundDpstrNm = "", ""; return z }(), Sealed: "AAAAAAAAAAAA"}.Payload()
	if err != nil {
		t.Fatal(err)
	}
	if err := v.worker.route(t.Context(), asynq.NewTask(tasks.TypeCancel, forged)); !errors.Is(err, ledger.ErrConflict) {
		t.Errorf("a mark that is another's: %v", err)
	}
}

// A cancellation whose task was lost is queued again as it was.
func TestAccountSweep(t *testing.T) {
	t.Parallel()
	v := newVault(t)
	x := v.refund(1000, 1000)
	v.accept(x)
	if err := asynq.NewInspectorFromRedisClient(v.rdb).DeleteTask(tasks.QueueDefault, x.IdempotencyKey); err != nil {
		t.Fatal(err)
	}
	v.clock.Advance(time.Minute)
	if err := v.worker.newSweeper().once(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := v.work(x); err != nil {
		t.Fatal(err)
	}
	v.checkEnded(x)
}
