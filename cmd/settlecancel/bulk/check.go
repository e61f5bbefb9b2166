package bulk

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"iter"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"settlecancel/tasks"
	"settlecancel/tasks/ledger"
)

const (
	// recently is how far back a cancellation under another key is taken for the same refund. Who
	// enqueues a file again under other keys does so within days.
	recently = 30 * 24 * time.Hour
	// compared is how many lines are compared with each other: at some 40 bytes each. What stands in
	// lines after those is compared with the ledger alone.
	compared = 1_000_000
	// shownTwins is how many are named; of the others there is a number.
	shownTwins = 20
	// readers is how many payments are read from the ledger at a time.
	readers = 16
)

// A Checker looks at a file before it is enqueued. It changes nothing.
type Checker struct {
	// Payment returns the cancellations of a payment, as [ledger.Ledger.Transaction] does.
	Payment func(ctx context.Context, mchtID, orgTrdNo string) ([]ledger.Record, error)
	// Find returns the cancellation of a key, as [ledger.Ledger.Get] does. Where it is nil, keys that
	// belong to another payment are not noticed.
	Find func(ctx context.Context, key string) (ledger.Record, error)
	// Validate says what is wrong with a cancellation that can be read.
	Validate func(tasks.Cancellation) error
	Now      time.Time
	Settled  func(lines int)           // is told how many lines were looked at
	Refused  func(line int, err error) // is told of each line that would be refused; nil: nobody
}

// Forecast is what would become of a file.
type Forecast struct {
	Lines   int    `json:"lines"`   // the sum of the three below
	New     int    `json:"new"`     // would be accepted
	Known   int    `json:"known"`   // accepted before, for the same payment and amount
	Refused int    `json:"refused"` // faulty, or their key belongs to another cancellation
	Amount  int64  `json:"amount"`  // of the new ones, KRW
	Cents   int64  `json:"amountUSD,omitempty"`
	Twins   []Twin `json:"sameRefund"` // the first of those that may be the same refund under another key
	More    int    `json:"moreSameRefund,omitempty"`
	Stopped string `json:"stopped,omitempty"` // why the file was not looked at to its end
}

// A Twin is a line that agrees in payment and amount with something under another key.
type Twin struct {
	Line      int           `json:"line"`
	Key       string        `json:"idempotencyKey"`
	OrgTrdNo  string        `json:"orgTrdNo"`
	Amount    int64         `json:"canAmt"`
	Currency  string        `json:"currency,omitempty"`
	OtherLine int           `json:"sameAsLine,omitempty"` // 0: it is a cancellation that was accepted
	OtherKey  string        `json:"sameAsKey,omitempty"`
	Status    ledger.Status `json:"itsStatus,omitempty"`
}

// String says what agrees, without the line.
func (t Twin) String() string {
	other := "an earlier line, under another key"
	switch {
	case t.OtherKey != "":
		other = fmt.Sprintf("%s, which is %s", t.OtherKey, t.Status)
	case t.OtherLine > 0:
		other = fmt.Sprintf("line %d, under another key", t.OtherLine)
	}
	return fmt.Sprintf("%s cancels as much of %s as %s", t.Key, t.OrgTrdNo, other)
}

// same is what remembers the lines of a file.
type same struct {
	line uint32
	key  uint64
}

// forecasting is one look at a file.
type forecasting struct {
	Checker
	Forecast
	twins map[int]*Twin // of the lines that are looked at together
	seed  maphash.Seed
	seen  map[uint64]same // by payment and amount
}

// Forecast looks at every line. Its error says that the ledger could not be read.
func (c Checker) Forecast(ctx context.Context, lines iter.Seq[tasks.Line]) (Forecast, error) {
	f := &forecasting{Checker: c, seed: maphash.MakeSeed(), seen: map[uint64]same{}}
	f.Twins = []Twin{}
	some := make([]tasks.Line, 0, batch)
	for line := range lines {
		if err := ctx.Err(); err != nil {
			return f.Forecast, fmt.Errorf("interrupted: %w", err)
		}
		var broken *tasks.ReadError
		if errors.As(line.Err, &broken) {
			f.Stopped = line.Err.Error()
			break
		}
		if line.Err == nil {
			line.Err = c.Validate(line.Cancellation)
		}
		if line.Err != nil {
			f.refuse(line.Number, line.Err)
			continue
		}
		if some = append(some, line); len(some) == batch {
			if err := f.look(ctx, some); err != nil {
				return f.Forecast, err
			}
			some = some[:0]
		}
	}
	return f.Forecast, f.look(ctx, some)
}

func (f *forecasting) refuse(number int, err error) {
	f.Lines++
	f.Forecast.Refused++
	if f.Checker.Refused != nil {
		f.Checker.Refused(number, err)
	}
}

// look compares some lines with the ledger, and with the lines before them.
func (f *forecasting) look(ctx context.Context, lines []tasks.Line) error {
	records := make([][]ledger.Record, len(lines))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(readers)
	for i, line := range lines {
		group.Go(func() (err error) {
			records[i], err = f.Payment(ctx, line.Cancellation.MchtID, line.Cancellation.OrgTrdNo)
			if err == nil && f.Find != nil && ownOf(line, records[i]) == nil {
				var own ledger.Record
				if own, err = f.Find(ctx, line.Cancellation.IdempotencyKey); err == nil {
					records[i] = append(records[i], own)
				}
			}
			if errors.Is(err, ledger.ErrDamaged) || errors.Is(err, ledger.ErrNotFound) {
				err = nil // what is damaged is named once it is enqueued
			}
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return fmt.Errorf("read the payments of the file: %w", err)
	}
	f.twins = map[int]*Twin{}
	for i, line := range lines {
		f.judge(line, records[i])
	}
	f.Settled(f.Lines)
	return nil
}

func (f *forecasting) judge(line tasks.Line, records []ledger.Record) {
	x := line.Cancellation
	other := f.remember(line)
	if own := ownOf(line, records); own != nil {
		if own.Amount != x.CanAmt || own.OrgTrdNo != "" && own.OrgTrdNo != x.OrgTrdNo {
			f.refuse(line.Number, Refusal(x.IdempotencyKey, tasks.ErrConflict))
			return
		}
		f.Known++
		f.Lines++
		return
	}
	f.New++
	f.Lines++
	if x.Currency == tasks.CurrencyUSD {
		f.Cents += x.CanAmt
	} else {
		f.Amount += x.CanAmt
	}
	if twin, is := twinOf(line, records, f.Now); is {
		f.add(twin)
	} else if other > 0 {
		f.add(Twin{Line: line.Number, Key: x.IdempotencyKey, OrgTrdNo: x.OrgTrdNo, Amount: x.CanAmt, Currency: x.Currency, OtherLine: other})
	}
}

func (f *forecasting) add(t Twin) {
	f.twins[t.Line] = &t
	if len(f.Twins) < shownTwins {
		f.Twins = append(f.Twins, t)
	} else {
		f.More++
	}
}

// remember returns the line before that agrees in payment and amount, but not in its key; 0 is
// none.
func (f *forecasting) remember(line tasks.Line) int {
	x := line.Cancellation
	hash := maphash.String(f.seed, fmt.Sprintf("%s %s %d %s", x.MchtID, x.OrgTrdNo, x.CanAmt, x.Operation))
	key := maphash.String(f.seed, x.IdempotencyKey)
	before, was := f.seen[hash]
	if was && before.key != key {
		return int(before.line)
	}
	if !was && len(f.seen) < compared {
		f.seen[hash] = same{uint32(line.Number), key}
	}
	return 0
}

// ownOf returns the record of the line's own key.
func ownOf(line tasks.Line, records []ledger.Record) *ledger.Record {
	i := slices.IndexFunc(records, func(r ledger.Record) bool { return r.Key == line.Cancellation.IdempotencyKey })
	if i < 0 {
		return nil
	}
	return &records[i]
}

// twinOf returns the recent cancellation of the same payment and amount under another key, if there
// is one. What was refused, and so moved no money, is none: a further try needs another key.
func twinOf(line tasks.Line, records []ledger.Record, now time.Time) (Twin, bool) {
	x := line.Cancellation
	for _, r := range records {
		if r.Key != x.IdempotencyKey && r.Amount == x.CanAmt && r.Status != ledger.Rejected && now.Sub(r.AcceptedAt) < recently {
			return Twin{Line: line.Number, Key: x.IdempotencyKey, OrgTrdNo: x.OrgTrdNo, Amount: x.CanAmt, Currency: x.Currency,
				OtherKey: r.Key, Status: r.Status}, true
		}
	}
	return Twin{}, false
}
