package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"settlecancel/tasks"
	"settlecancel/tasks/ledger"
)

// front is a worker's own way to the simulated SettleBank, so that it is known what came from this
// worker.
type front struct {
	sim http.Handler

	mu             sync.Mutex
	held, answered int
	shut           chan struct{} // nil: what arrives goes through
}

func (f *front) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	shut := f.shut
	if shut != nil {
		f.held++
	}
	f.mu.Unlock()
	if shut != nil {
		<-shut
	}
	f.sim.ServeHTTP(w, r)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.answered++
}

// hold keeps what arrives from now on until release: SettleBank neither sees nor answers it.
func (f *front) hold() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.shut = make(chan struct{})
}

func (f *front) release() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.shut != nil {
		close(f.shut)
		f.shut = nil
	}
}

// counts returns how many requests were ever held, and how many have been answered.
func (f *front) counts() (held, answered int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.held, f.answered
}

// hand is a worker of several.
type hand struct {
	*process
	*front
	plant *plant
}

// hire starts a worker with a front of its own.
func (p *plant) hire() *hand {
	p.Helper()
	f := &front{sim: p.sim}
	web := httptest.NewServer(f)
	p.Cleanup(web.Close)
	p.Cleanup(f.release)
	own := *p
	own.environ = append(slices.Clone(p.environ), "SETTLEBANK_BASE_URL="+web.URL)
	return &hand{own.start("worker"), f, p}
}

// works waits until n more of its requests have been answered.
func (h *hand) works(n int) {
	h.Helper()
	_, before := h.counts()
	h.plant.until(fmt.Sprintf("a worker has %d more requests answered", n), 2*time.Minute, func() bool {
		_, now := h.counts()
		return now >= before+n
	})
}

// hasHeld waits until n of its requests have been held.
func (h *hand) hasHeld(n int) {
	h.Helper()
	h.plant.until(fmt.Sprintf("%d requests of a worker are on the wire", n), 2*time.Minute, func() bool {
		held, _ := h.counts()
		return held >= n
	})
}

// logs waits until it has logged a text.
func (h *hand) logs(text string) {
	h.Helper()
	h.plant.until("a worker logs "+text, 2*time.Minute, func() bool { return strings.Contains(h.log.String(), text) })
}

// dismiss tells it to stop. What is on the wire must end before it does.
func (h *hand) dismiss() {
	h.Helper()
	h.signal(syscall.SIGTERM)
	h.logs("shutting down")
}

// leaves waits for its end.
func (h *hand) leaves() {
	h.Helper()
	if code := h.wait(); code != exitDone {
		h.Errorf("a worker ends with exit code %d:\n%s", code, h.log)
	}
}

// running reports whether the process has not ended.
func (r *process) running() bool {
	select {
	case err := <-r.done:
		r.done <- err
		return false
	default:
		return true
	}
}

var (
	opsAddress = regexp.MustCompile(`ops=(http://\S+)`)
	pausedOnes = regexp.MustCompile(`settlecancel_postponed_total\{reason="paused"\} (\d+)`)
)

// putOff returns how many tasks it has put off for a pause.
func (h *hand) putOff() int {
	h.Helper()
	h.logs("ops=")
	resp, err := http.Get(opsAddress.FindStringSubmatch(h.log.String())[1] + "/metrics")
	if err != nil {
		h.Fatal(err)
	}
	defer resp.Body.Close()
	page, err := io.ReadAll(resp.Body)
	if err != nil {
		h.Fatal(err)
	}
	found := pausedOnes.FindSubmatch(page)
	if found == nil {
		return 0
	}
	n, err := strconv.Atoi(string(found[1]))
	if err != nil {
		h.Fatal(err)
	}
	return n
}

// flow is producers that always are a few cancellations ahead of the gateway: however fast the
// machine is, there is work.
type flow struct {
	orders
	mchtID    string
	ahead     int // how far each producer is ahead
	producers sync.WaitGroup
	end       context.CancelFunc
	mu        sync.Mutex // of cancellations, which may be read once the flow has ended
}

const (
	producers = 3      // of a flow
	wasPaid   = 10_000 // KRW, of each payment
)

func (p *plant) flow(mchtID string, ahead int) *flow {
	ctx, end := context.WithCancel(context.Background())
	f := &flow{orders: orders{plant: p}, mchtID: mchtID, ahead: ahead, end: end}
	for i := range producers {
		f.producers.Go(func() { f.produce(ctx, fmt.Sprintf("STFP_PGCA%s_%d_", mchtID, i)) })
	}
	p.Cleanup(f.stop)
	return f
}

// stop ends the flow; what it has enqueued is still to be carried out.
func (f *flow) stop() {
	f.end()
	f.producers.Wait()
}

func (f *flow) produce(ctx context.Context, prefix string) {
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	made := 0
	for n := 0; ; n++ {
		for f.applied(prefix)+f.ahead <= made {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
		}
		if ctx.Err() != nil {
			return
		}
		for _, x := range payment(f.mchtID, fmt.Sprint(prefix, n), n%4 == 3) {
			if _, err := f.client.Enqueue(context.Background(), x, tasks.EnqueueOptions{}); err != nil {
				f.Error(err)
				return
			}
			f.mu.Lock()
			f.cancellations = append(f.cancellations, x)
			f.mu.Unlock()
			made++
		}
	}
}

// applied counts what was carried out of the payments whose numbers begin so.
func (p *plant) applied(prefix string) int {
	n := 0
	for _, e := range p.sim.Effects() {
		if strings.HasPrefix(e.OrgTrdNo, prefix) {
			n++
		}
	}
	return n
}

// payment returns what to cancel of a payment: all of it, or two parts.
func payment(mchtID, orgTrdNo string, parts bool) []tasks.Cancellation {
	x := tasks.Cancellation{IdempotencyKey: orgTrdNo, MchtID: mchtID, OrgTrdNo: orgTrdNo, OrgMchtTrdNo: "O" + orgTrdNo, OrgTrdDt: "20260105",
		CanAmt: wasPaid, OrgTrdAmt: wasPaid, Method: "CA"}
	if !parts {
		return []tasks.Cancellation{x}
	}
	y := x
	x.CanAmt, y.CanAmt, y.IdempotencyKey = 100, 200, orgTrdNo+"-2"
	return []tasks.Cancellation{x, y}
}

// settles waits until nothing is open any more.
func (p *plant) settles() {
	p.Helper()
	p.until("nothing is open", 3*time.Minute, func() bool {
		open, _, err := p.client.Ledger().Counts(context.Background())
		return err == nil && open == 0
	})
}

// undisturbed compares the orders with what the gateway did, and wants each carried out by the one
// request that was sent for it.
func (o *orders) undisturbed() {
	o.Helper()
	said := o.audit()
	for _, x := range o.cancellations {
		r := o.record(x.IdempotencyKey)
		sent := slices.DeleteFunc(slices.Clone(r.Attempts), func(a ledger.Attempt) bool { return a.Class == ledger.Unsent || a.Kind == ledger.Inquiry })
		if r.Status != ledger.Cancelled || len(sent) != 1 || r.Doubted {
			o.Errorf("%s: %s after %+v", r.Key, r.Status, r.Attempts)
		}
	}
	s := o.sim.Stats()
	if s.Inquiries > s.Cancels || s.MaxConcurrent > 1 || s.Cancels != int64(s.Effects) {
		o.Errorf("the gateway saw %d inquiries, %d requests with %d effects, %d of one payment at once", s.Inquiries, s.Cancels, s.Effects, s.MaxConcurrent)
	}
	o.Log(said)
}
