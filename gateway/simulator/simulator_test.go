package simulator

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"settlecancel/gateway/settlebank"
	"settlecancel/tasks/secrettest"
)

func TestNewErrors(t *testing.T) {
	t.Parallel()
	_, err := New(Options{
		Merchants: []Merchant{
			{ID: "", HashKey: "secret-key"}, {ID: "twice", HashKey: "secret-key"}, {ID: "twice", HashKey: "secret-key"},
			{ID: "nokey"}, {ID: "aes", HashKey: "secret-key", AESKey: "secret-short"}, {ID: "much-too-long", HashKey: "secret-key"},
		},
		AutoAmount: -1, Latency: -1, Journal: -1, FaultRate: 2, Kinds: []Fault{{Kind: "explode"}},
	})
	if err == nil {
		t.Fatal("no error")
	}
	for _, part := range []string{
		"merchant 0: id", "id comes twice", "hash key is missing", "must be 32", "much-too-long",
		"AutoAmount", "Latency", "Journal", "rate 2", "explode",
	} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("error does not name %q:\n%v", part, err)
		}
	}
	if strings.Contains(err.Error(), "secret") {
		t.Errorf("error tells a key:\n%v", err)
	}
}

func TestMerchantTellsNoKey(t *testing.T) {
	t.Parallel()
	m := Merchant{ID: "nx_mid_il", HashKey: "secret-hash", AESKey: "secret-aes"}
	var log bytes.Buffer
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "mcht_id", m)
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "mcht_id", m)
	said := log.String() + encode(t, m) + secrettest.Print(m, &m, Options{Merchants: []Merchant{m}})
	secrettest.Hidden(t, "what is printed", said, "secret")
}

func TestRegisterErrors(t *testing.T) {
	t.Parallel()
	b := registered(t, Options{}, 1000)
	if err := b.Register(testOriginal(1000)); !errors.Is(err, ErrRegistered) {
		t.Errorf("twice: %v, want %v", err, ErrRegistered)
	}
	again := testOriginal(1000)
	again.OrgTrdNo = "other"
	if err := b.Register(again); !errors.Is(err, ErrRegistered) {
		t.Errorf("order number twice: %v, want %v", err, ErrRegistered)
	}
	err := b.Register(Original{MchtID: "nobody", OrgTrdDt: "20230229", OrgTrdTm: "25", Method: "XX"})
	if err == nil {
		t.Fatal("no error")
	}
	for _, part := range []string{"mchtId", "orgTrdNo", "orgMchtTrdNo", "orgTrdDt", "orgTrdTm", "amount", "method"} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("error does not name %s: %v", part, err)
		}
	}
}

func TestJournalIsBounded(t *testing.T) {
	t.Parallel()
	b := registered(t, Options{Journal: 3}, 1000)
	for range 8 {
		b.cancel("1")
	}
	var seqs []int64
	for _, r := range b.Received() {
		seqs = append(seqs, r.Seq)
	}
	if !slices.Equal(seqs, []int64{6, 7, 8}) {
		t.Errorf("journal holds %v, want the last three, oldest first", seqs)
	}
	if got := len(b.Effects()); got != 8 {
		t.Errorf("%d effects, want all 8", got)
	}
	if got := b.Stats(); got.Requests != 8 || got.CancelledAmount != 8 || got.Codes["0000"] != 8 {
		t.Errorf("stats %+v, want 8 of each", got)
	}
}

// TestOverlapIsSeen holds several cancellations of one transaction at once, and one of another.
func TestOverlapIsSeen(t *testing.T) {
	t.Parallel()
	b := start(t, Options{AutoAmount: 1000})
	b.script(Rule{Path: PathCancel, Fault: Fault{Kind: KindHang}})
	ctx, giveUp := context.WithCancel(context.Background())
	var all sync.WaitGroup
	for i := range 5 {
		number := "T" + strconv.Itoa(min(i, 1)) // one of T0, four of T1
		body := encode(t, flatFields("1", fields{"orgTrdNo": number, "orgMchtTrdNo": "O" + number}))
		all.Go(func() { b.do(ctx, "POST", cancelPath, contentJSON, strings.NewReader(body)) })
	}
	b.await(func(s Stats) bool { return s.InProgress == 5 })
	b.inquire(checkPath, inquiry("Q1", "1000", nil, fields{"orgTrdNo": "T1", "orgMchtTrdNo": "OT1"}))
	giveUp()
	all.Wait()
	b.idle()
	stats := b.Stats()
	want := []Overlap{{testMerchant, "T1", 4}}
	if stats.MaxConcurrent != 4 || stats.MaxConcurrentRequests != 5 || !slices.Equal(stats.Overlaps, want) {
		t.Errorf("at most %d cancellations, %d requests at once, overlaps %v; want 4, 5, %v",
			stats.MaxConcurrent, stats.MaxConcurrentRequests, stats.Overlaps, want)
	}
	for number, most := range map[string]int{"T0": 1, "T1": 4} {
		if state, _ := b.Original(testMerchant, number); state.MaxConcurrent != most || state.InProgress != 0 {
			t.Errorf("%s: at most %d at once, %d now; want %d and 0", number, state.MaxConcurrent, state.InProgress, most)
		}
	}
}

// TestOneAfterTheOtherIsNoOverlap sends each cancellation as soon as the one before is answered,
// and never finds two.
func TestOneAfterTheOtherIsNoOverlap(t *testing.T) {
	t.Parallel()
	b := registered(t, Options{}, 1000)
	for i := range 40 {
		if i%4 == 0 {
			b.script(Rule{Times: 1, Fault: Fault{Kind: KindDrip, Delay: time.Microsecond}})
		}
		b.cancel("1")
		b.inquire(checkPath, inquiry("Q"+strconv.Itoa(i), "1000", nil, nil))
	}
	if stats := b.Stats(); stats.MaxConcurrent != 1 || stats.MaxConcurrentRequests != 1 || len(stats.Overlaps) != 0 {
		t.Errorf("stats %+v, want one request at once", stats)
	}
}

// TestLatencyHoldsNoLock has many requests wait at once, while the books can be read.
func TestLatencyHoldsNoLock(t *testing.T) {
	t.Parallel()
	const n = 40
	b := start(t, Options{AutoAmount: 1000, Latency: time.Hour})
	var all sync.WaitGroup
	for i := range n {
		number := strconv.Itoa(i)
		body := encode(t, flatFields("1", fields{"orgTrdNo": "T" + number, "orgMchtTrdNo": "O" + number}))
		all.Go(func() { b.post(cancelPath, body) })
	}
	b.await(func(s Stats) bool { return s.InProgress == n })
	if got := b.Stats(); got.Effects != 0 || got.MaxConcurrent != 1 {
		t.Errorf("stats %+v, want nothing applied yet and one request a transaction", got)
	}
	b.Reset() // ends the waits
	all.Wait()
}

func TestLatency(t *testing.T) {
	t.Parallel()
	const latency = 30 * time.Millisecond
	b := start(t, Options{AutoAmount: 1000, Latency: latency})
	began := time.Now()
	if got := b.cancel("1").ResultCode; got != "0000" {
		t.Errorf("result code %s, want 0000", got)
	}
	if took := time.Since(began); took < latency {
		t.Errorf("answered after %s, want %s at least", took, latency)
	}
}

func TestReset(t *testing.T) {
	t.Parallel()
	b := registered(t, Options{}, 1000)
	first := *b.cancel("400").CanTrdNo
	b.script(Rule{Fault: Fault{Kind: KindHang, Apply: ApplyLate}})
	done := make(chan reply, 1)
	go func() { done <- b.post(cancelPath, encode(t, flatFields("400", nil))) }()
	b.await(func(s Stats) bool { return s.InProgress == 1 })
	b.Reset()
	if r := <-done; r.err == nil {
		t.Errorf("hanging request ended with status %d, want a reset", r.status)
	}
	if stats := b.Stats(); stats.Requests+stats.Cancels != 0 || stats.Effects+stats.Originals != 0 {
		t.Errorf("stats %+v, want nothing", stats)
	}
	if len(b.Received()) != 0 || len(b.Effects()) != 0 {
		t.Errorf("journal %v, effects %v; want none", b.Received(), b.Effects())
	}
	if got := b.cancel("400").ResultCode; got != "1004" {
		t.Errorf("original is still there: %s", got)
	}
	if err := b.Register(testOriginal(1000)); err != nil {
		t.Fatal(err)
	}
	if second := b.cancel("400").CanTrdNo; second == nil || *second == first {
		t.Errorf("canTrdNo %v after %s: want a new one and no rule", second, first)
	}
}

func TestResetGoesBackToTheOptionsChaos(t *testing.T) {
	t.Parallel()
	b := start(t, Options{AutoAmount: 1000, FaultRate: 1, Kinds: []Fault{codeFault("9999")}})
	if err := b.SetChaos(Chaos{}); err != nil {
		t.Fatal(err)
	}
	if got := b.cancel("1").ResultCode; got != "0000" {
		t.Errorf("without chaos: %s, want 0000", got)
	}
	b.Reset()
	if got := b.cancel("1").ResultCode; got != "9999" {
		t.Errorf("after the reset: %s, want 9999 of the options", got)
	}
}

func TestAwaitEndsWithItsContext(t *testing.T) {
	t.Parallel()
	b := start(t, Options{})
	ctx, cancel := context.WithCancelCause(context.Background())
	why := errors.New("enough")
	cancel(why)
	if err := b.Await(ctx, func(Stats) bool { return false }); !errors.Is(err, why) {
		t.Errorf("error %v, want %v", err, why)
	}
}

func TestAwaitOutlivesAReset(t *testing.T) {
	t.Parallel()
	b := registered(t, Options{}, 1000)
	b.cancel("1")
	done := make(chan struct{})
	tried := make(chan struct{}, 16)
	go func() {
		defer close(done)
		b.await(func(s Stats) bool { tried <- struct{}{}; return s.Requests == 0 })
	}()
	<-tried
	b.Reset()
	<-done
}

func TestLogTellsNoBody(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	b := start(t, Options{AutoAmount: 1000, Logger: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))})
	f := flatFields("400", nil)
	b.cancelFields(f)
	b.idle()
	line := log.String()
	if !strings.Contains(line, "code=0000") || !strings.Contains(line, "org_trd_no="+testTrdNo) || strings.Count(line, "\n") != 1 {
		t.Errorf("log %q, want one line with code and transaction", line)
	}
	if strings.Contains(line, f["pktHash"]) || strings.Contains(line, settlebank.TestbedHashKey) {
		t.Errorf("log %q tells a hash or a key", line)
	}
}
