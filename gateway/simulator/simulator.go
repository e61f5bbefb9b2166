package simulator

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"settlecancel/gateway/settlebank"
)

// Options is how a Simulator behaves. The zero value is a gateway of the testbed's merchants
// without a fault and without an original.
type Options struct {
	// Temper and Protocol are how requests are taken and answered from the start on, as in Conduct.
	// The zero value is strict, and speaks both protocols: a test that says nothing wants to hear of
	// every slip. SetConduct changes them.
	Temper   Temper
	Protocol Protocols
	// Merchants are those it knows; nil: TestbedMerchants.
	Merchants []Merchant
	// AutoAmount, where above zero, creates an original of this amount (in the smallest unit of the
	// request's currency) when the first request with a valid hash names it; zero: only registered
	// originals exist.
	AutoAmount int64
	// Latency is added to every answer of a gateway path.
	Latency time.Duration

	// FaultRate, Seed, Kinds and InquiryFaults are the random faults from the start on, as in Chaos.
	// Seed also decides how answers of real temper are written.
	// Rules come before them, as with Script.
	FaultRate     float64
	Seed          uint64
	Kinds         []Fault
	InquiryFaults bool
	Rules         []Rule

	// NotiURL is where every effect is told to as a cancellation notification; empty: nowhere.
	// SetNoti changes it.
	NotiURL string
	// NotiAttempts is how often a notification is tried until it is answered OK; 0: 5.
	NotiAttempts int
	// NotiRetry is the wait between two of these attempts; 0: 1 s.
	NotiRetry time.Duration

	// Journal is how many received requests are kept; 0: 10,000. Effects are all kept.
	Journal int
	// Now is the clock for dates and for what inquiries show; nil: time.Now. Waits are real.
	Now func() time.Time
	// Logger is told, at debug level, how each request ended; nil: nobody.
	Logger *slog.Logger
}

const defaultJournal = 10_000

// Simulator is a SettleBank gateway, an http.Handler. Its methods may be called from many
// goroutines at once. One that was ever told to send notifications needs a Close.
type Simulator struct {
	merchants map[string]Merchant
	options   Options
	chaos     chaos // that Reset goes back to
	control   http.Handler
	notifier  *notifier
	cancelled atomic.Uint64 // numbers cancellations, for good: a reset begins no number anew
	state     atomic.Pointer[state]
}

// New returns a Simulator. The error names everything that is wrong with the options.
func New(o Options) (*Simulator, error) {
	if o.Merchants == nil {
		o.Merchants = TestbedMerchants()
	}
	merchants, errMerchants := merchantsByID(o.Merchants)
	conduct, errConduct := Conduct{o.Temper, o.Protocol}.ready()
	o.Temper, o.Protocol = conduct.Temper, conduct.Protocol
	chaos, errChaos := Chaos{Rate: o.FaultRate, Seed: o.Seed, Kinds: o.Kinds, Inquiries: o.InquiryFaults}.ready()
	errRules := eachFault(o.Rules, func(r Rule) error { _, err := r.ready(); return err })
	if err := errors.Join(errMerchants, errConduct, errChaos, errRules, o.check()); err != nil {
		return nil, fmt.Errorf("simulator options: %w", err)
	}
	s := &Simulator{merchants: merchants, options: o.withDefaults(), chaos: chaos, notifier: newNotifier()}
	s.state.Store(newState(&s.options, chaos))
	s.control = s.controlHandler()
	if err := s.SetNoti(o.NotiURL); err != nil {
		return nil, fmt.Errorf("simulator options: %w", err)
	}
	return s, nil
}

// check names what is wrong with the plain options.
func (o Options) check() error {
	wrong := []error{checkNotiURL(o.NotiURL)}
	if o.AutoAmount < 0 || o.AutoAmount > settlebank.MaxAmount {
		wrong = append(wrong, fmt.Errorf("AutoAmount %d: must be 0 to %d", o.AutoAmount, settlebank.MaxAmount))
	}
	for _, option := range []struct {
		name  string
		value any
		below bool
	}{
		{"Latency", o.Latency, o.Latency < 0},
		{"Journal", o.Journal, o.Journal < 0},
		{"NotiAttempts", o.NotiAttempts, o.NotiAttempts < 0},
		{"NotiRetry", o.NotiRetry, o.NotiRetry < 0},
	} {
		if option.below {
			wrong = append(wrong, fmt.Errorf("%s %v: must not be below zero", option.name, option.value))
		}
	}
	return errors.Join(wrong...)
}

// withDefaults fills in what is left open.
func (o Options) withDefaults() Options {
	o.Journal = cmp.Or(o.Journal, defaultJournal)
	o.NotiAttempts = cmp.Or(o.NotiAttempts, defaultAttempts)
	o.NotiRetry = cmp.Or(o.NotiRetry, defaultRetry)
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return o
}

// Close ends the sending of notifications for good and waits until nobody is at it. The gateway
// itself goes on.
func (s *Simulator) Close() {
	s.notifier.close()
	_ = s.SetNoti("") // no URL is no wrong one
}

// ServeHTTP serves the gateway's paths, and the control interface below /_sim/.
func (s *Simulator) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch path := r.URL.Path; {
	case path == settlebank.PathCancel:
		s.serveMessage(w, r, PathCancel, s.readCancel)
	case path == settlebank.PathRefund || path == settlebank.PathWithdraw:
		s.serveMessage(w, r, PathCancel, s.readOperation(path))
	case path == settlebank.PathInquiry:
		s.serveMessage(w, r, PathInquiry, s.readTrdcheck)
	case path == settlebank.PathInquiry2025:
		s.serveMessage(w, r, PathInquiry, s.readTrdStatInq)
	case strings.HasPrefix(path, "/_sim/"):
		s.control.ServeHTTP(w, r)
	default:
		if mchtID, ok := collationMerchantOf(path); ok {
			s.serveCollation(w, r, mchtID)
			return
		}
		writePage(w, http.StatusNotFound)
	}
}

// Register adds an original. The error names everything that is wrong with it; ErrRegistered says
// that it, or its orgMchtTrdNo, is there already.
func (s *Simulator) Register(o Original) error {
	st := s.state.Load()
	st.mu.Lock()
	defer st.mu.Unlock()
	if err := st.bank.register(o, s.merchants); err != nil {
		return fmt.Errorf("original %q: %w", o.OrgTrdNo, err)
	}
	return nil
}

// Original returns an original with what was cancelled of it, and whether there is one.
func (s *Simulator) Original(mchtID, orgTrdNo string) (OriginalState, bool) {
	return s.state.Load().original(mchtID, orgTrdNo)
}

// Script adds a rule behind those there are and returns its id. The error names everything that is
// wrong with it.
func (s *Simulator) Script(r Rule) (int, error) {
	r, err := r.ready()
	if err != nil {
		return 0, fmt.Errorf("rule: %w", err)
	}
	st := s.state.Load()
	st.mu.Lock()
	defer st.mu.Unlock()
	return st.faults.script(r), nil
}

// SetChaos begins other random faults than before; the zero Chaos ends them. The error names
// everything that is wrong.
func (s *Simulator) SetChaos(c Chaos) error {
	ready, err := c.ready()
	if err != nil {
		return fmt.Errorf("chaos: %w", err)
	}
	st := s.state.Load()
	st.mu.Lock()
	defer st.mu.Unlock()
	st.faults.chaos = ready
	return nil
}

// Received returns the requests the journal keeps, oldest first.
func (s *Simulator) Received() []Request {
	st := s.state.Load()
	st.mu.Lock()
	defer st.mu.Unlock()
	return st.journal.list()
}

// Effects returns every cancellation that was applied, in that order.
func (s *Simulator) Effects() []Effect {
	effects := s.state.Load().effectsSoFar()
	return append(make([]Effect, 0, len(effects)), effects...)
}

// Stats returns the counts so far.
func (s *Simulator) Stats() Stats {
	st := s.state.Load()
	st.mu.Lock()
	defer st.mu.Unlock()
	return st.stats()
}

// Await waits until the counts fulfil a condition, which is tried again whenever they change: until
// a request has arrived, say, or, with Stats.Idle, until nothing is in progress. The error is the
// context's.
func (s *Simulator) Await(ctx context.Context, until func(Stats) bool) error {
	for {
		st := s.state.Load()
		stats, changed := st.watch()
		if until(stats) {
			return nil
		}
		select {
		case <-changed:
		case <-st.closed:
		case <-ctx.Done():
			return fmt.Errorf("waiting for the simulator (%d requests, %d in progress, %d effects): %w",
				stats.Requests, stats.InProgress, stats.Effects, context.Cause(ctx))
		}
	}
}

// Reset makes everything as New left it: no originals, no effects, an empty journal, the conduct,
// rules, random faults and NotiURL of the options. Requests in progress end, and what they would
// have applied late never is.
func (s *Simulator) Reset() {
	fresh := newState(&s.options, s.chaos)
	if s.notifier.ctx.Err() != nil {
		fresh.notis.turn("")
	}
	old := s.state.Swap(fresh)
	close(old.closed)
}

// nextCanTrdNo returns a number no cancellation had before, of 40 characters at most: in 0A19
// a transaction's number may not be longer.
func (s *Simulator) nextCanTrdNo(mchtID string, now time.Time) string {
	b := append(make([]byte, 0, 40), "SIM"...)
	b = append(b, mchtID...)
	b = now.In(settlebank.KST).AppendFormat(b, "060102150405")
	number := strconv.FormatUint(s.cancelled.Add(1), 10)
	for range max(0, 12-len(number)) {
		b = append(b, '0')
	}
	return string(append(b, number...))
}
