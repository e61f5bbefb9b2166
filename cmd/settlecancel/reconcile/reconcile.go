package reconcile

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"settlecancel/gateway"
	"settlecancel/gateway/settlebank"
	"settlecancel/tasks/ledger"
)

// Methods lists the payment methods that have lists.
func Methods() []string { return settlebank.Methods() }

// Ledger is the part of ledger.Ledger that a comparison needs.
type Ledger interface {
	Day(ctx context.Context, day string) iter.Seq2[ledger.Record, error]
	All(ctx context.Context, set ledger.Set, o ledger.Listing) iter.Seq2[ledger.Record, error]
	Transaction(ctx context.Context, mchtID, orgTrdNo string) ([]ledger.Record, error)
	Prove(ctx context.Context, key string, e ledger.Evidence) (ledger.Record, error)
	Seed(ctx context.Context, mchtID, orgTrdNo string, sum int64, rounds int) (bool, error)
}

// Gateway is the part of gateway.Client that a comparison needs.
type Gateway interface {
	Collation(ctx context.Context, r gateway.CollationRequest) iter.Seq2[gateway.CollationRecord, error]
}

// Options of a Reconciler. Ledger, Gateway and MchtIDs are required; the zero value of every other
// field means its default.
type Options struct {
	Ledger  Ledger
	Gateway Gateway
	MchtIDs []string // the merchants there are

	Tries     int           // how often a list is asked for, where asking again may help; default 4
	RetryWait time.Duration // before the first repetition; it doubles with each; default 2s

	Redis   redis.UniversalClient // of RunDaily, which it is required for
	DailyAt time.Duration         // of RunDaily: since midnight in Korea
	Logger  *slog.Logger          // default slog.Default

	Now  func() time.Time                                 // default time.Now
	Wait func(ctx context.Context, d time.Duration) error // for tests: waits for d or the end of ctx
}

// Reconciler compares the ledger with SettleBank's lists.
type Reconciler struct {
	opts Options
	log  *slog.Logger
}

// New returns a Reconciler.
func New(o Options) (*Reconciler, error) {
	if o.Ledger == nil || o.Gateway == nil || len(o.MchtIDs) == 0 {
		return nil, errors.New("reconcile: Ledger, Gateway and MchtIDs are required")
	}
	o.Tries = cmp.Or(max(o.Tries, 0), 4)
	o.RetryWait = cmp.Or(max(o.RetryWait, 0), 2*time.Second)
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Wait == nil {
		o.Wait = wait
	}
	return &Reconciler{opts: o, log: o.Logger}, nil
}

func wait(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// Yesterday is the last day that is over in Korea, yyyyMMdd.
func Yesterday(now time.Time) string {
	return now.In(settlebank.KST).AddDate(0, 0, -1).Format(settlebank.DateLayout)
}

// Query says what to compare.
type Query struct {
	Date    string   // yyyyMMdd, Korean time; not after today
	MchtIDs []string // nil: all there are
	Methods []string // nil: all of them
	DryRun  bool     // settle nothing
}

// Check names everything that is wrong with a query, where these merchants are configured.
func (q Query) Check(mchtIDs []string, now time.Time) error {
	var faults []error
	fault := func(format string, args ...any) { faults = append(faults, fmt.Errorf("reconcile: "+format, args...)) }
	day, err := time.ParseInLocation(settlebank.DateLayout, q.Date, settlebank.KST)
	switch {
	case err != nil:
		fault("date %q is no day yyyyMMdd", q.Date)
	case day.After(now):
		fault("date %s lies in the future, Korean time", q.Date)
	}
	for _, id := range q.MchtIDs {
		if !slices.Contains(mchtIDs, id) {
			fault("merchant %q is not configured", id)
		}
	}
	for _, m := range q.Methods {
		if !slices.Contains(Methods(), m) {
			fault("method %q is none of %s", m, strings.Join(Methods(), " "))
		}
	}
	return errors.Join(faults...)
}

// Run compares a day and settles what its lists decide. It hands over every row, and answers what
// they come to. A list that cannot be had stands in the summary, and ends nothing; an error, of the
// query, of Redis, of ctx or of sink, ends it all.
func (r *Reconciler) Run(ctx context.Context, q Query, sink func(Row) error) (Summary, error) {
	if err := q.Check(r.opts.MchtIDs, r.opts.Now()); err != nil {
		return Summary{}, err
	}
	if q.MchtIDs == nil {
		q.MchtIDs = r.opts.MchtIDs
	}
	q.MchtIDs = slices.Compact(slices.Sorted(slices.Values(q.MchtIDs)))
	run := &run{Reconciler: r, query: q, sink: sink, now: r.opts.Now().In(settlebank.KST), lost: make(map[lostLists]*failure),
		summary: Summary{Date: q.Date, DryRun: q.DryRun, Totals: make(map[Category]Total)}}
	run.begin, _ = time.ParseInLocation(settlebank.DateLayout, q.Date, settlebank.KST) // Check has
	run.end = run.begin.AddDate(0, 0, 1)
	ours, err := run.gather(ctx)
	if err != nil {
		return run.summary, err
	}
	for _, mchtID := range q.MchtIDs {
		c := &comparison{run: run, mchtID: mchtID, ours: ours[mchtID], have: make(map[list]bool)}
		delete(ours, mchtID)
		if err := c.compare(ctx); err != nil {
			return run.summary, fmt.Errorf("reconcile: %s of %s: %w", mchtID, q.Date, err)
		}
	}
	return run.summary, nil
}

// run is one Run under way.
type run struct {
	*Reconciler
	query      Query
	begin, end time.Time // of the day
	now        time.Time
	sink       func(Row) error
	summary    Summary
	tired      bool // of asking again: the list before could not be had whatever was tried
	lost       map[lostLists]*failure
}

func (r *run) over() bool { return !r.now.Before(r.end) }

func (r *run) emit(row Row) error {
	row.Currency = cmp.Or(row.Currency, "KRW")
	r.summary.add(row)
	return r.sink(row)
}

// maxFailures is how many failures are told; they rarely come alone.
const maxFailures = 100

func (r *run) fail(err error) {
	switch n := len(r.summary.Failures); {
	case n < maxFailures:
		r.summary.Failures = append(r.summary.Failures, oneLine(err.Error()))
	case n == maxFailures:
		r.summary.Failures = append(r.summary.Failures, "and more")
	}
}

// oneLine returns the beginning of a text, as one line.
func oneLine(text string) string {
	runes := []rune(strings.Join(strings.Fields(text), " "))
	return string(runes[:min(len(runes), 400)])
}

// lostLists are lists of one merchant and day that could not be had for one cause.
type lostLists struct{ mchtID, date, cause string }

// failure is where the summary tells of lost lists, and of which methods.
type failure struct {
	at      int
	methods string
}

// localPort is what differs from one failed connection to the next.
var localPort = regexp.MustCompile(`[^ ]+->`)

// failList tells of a list that could not be had: the lists of one merchant that are lost for one
// cause are one failure.
func (r *run) failList(err error) {
	var e *gateway.CollationError
	if !errors.As(err, &e) {
		r.fail(err)
		return
	}
	asked := e.Request
	cause := localPort.ReplaceAllString(strings.TrimPrefix(err.Error(), "gateway: "+asked.String()+": "), "")
	which := lostLists{asked.MchtID, asked.Date, cause}
	f := r.lost[which]
	if f == nil {
		r.lost[which] = &failure{len(r.summary.Failures), asked.Method}
		r.fail(err)
		return
	}
	if f.methods += "," + asked.Method; f.at < maxFailures {
		asked.Method = f.methods
		r.summary.Failures[f.at] = oneLine("gateway: " + asked.String() + ": " + cause)
	}
}
