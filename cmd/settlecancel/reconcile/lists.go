package reconcile

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strconv"
	"time"

	"settlecancel/cmd/settlecancel/evidence"
	"settlecancel/gateway"
	"settlecancel/gateway/settlebank"
)

// list is what a merchant's lists of a method and day have, under whatever names.
type list struct{ method, date string }

// line is what is held of a line: a cancellation that no number of ours explains.
type line struct {
	text             string // trdNo, mchtTrdNo and orgTrdNo in one
	trdLen, mchtLen  uint16
	method           [2]byte
	elsewhen, barred bool // of another day; its number is that of a record that is not this
	own              bool // mchtTrdNo is the request's own
	amount, at       int64
	paid             int32 // yyyyMMdd, the day of the payment; 0 where it is not listed
}

func newLine(r gateway.CollationRecord) line {
	l := line{text: r.TrdNo + r.MchtTrdNo + r.OrgTrdNo, trdLen: uint16(len(r.TrdNo)), mchtLen: uint16(len(r.MchtTrdNo)),
		own: r.OwnID, amount: r.Amount, at: r.Time.UnixMilli()}
	copy(l.method[:], r.Method)
	paid, _ := strconv.ParseInt(r.OrgTrdDt, 10, 32)
	l.paid = int32(paid)
	return l
}

func (l *line) trdNo() string    { return l.text[:l.trdLen] }
func (l *line) orgTrdNo() string { return l.text[l.trdLen+l.mchtLen:] }

func (l *line) evidence() evidence.Line {
	return evidence.Line{TrdNo: l.trdNo(), MchtTrdNo: l.text[l.trdLen : l.trdLen+l.mchtLen], OrgTrdNo: l.orgTrdNo(),
		Amount: l.amount, At: fromMillis(l.at), Own: l.own}
}

// reader takes what a list says. What it took since begin does not count after undo.
type reader struct {
	begin, undo func()
	each        func(gateway.CollationRecord)
}

// read hands over the cancellations of a method and day. The gateway has easy payments in a list of
// each provider: what stands in several of them is handed over once, and where one is refused for
// good, while another is not, the merchant has no such payments.
func (c *comparison) read(ctx context.Context, l list, to reader) error {
	names := settlebank.InquiryMethods(l.method)
	had, told := 0, map[gateway.CollationRecord]bool{}
	var lost, refused []error
	for _, name := range names {
		var mine []gateway.CollationRecord
		list := to
		list.each = func(r gateway.CollationRecord) {
			r.Method = l.method
			if len(names) > 1 {
				if told[r] {
					return
				}
				mine = append(mine, r)
			}
			to.each(r)
		}
		failed, err := c.readNamed(ctx, gateway.CollationRequest{MchtID: c.mchtID, Method: name, Date: l.date}, list)
		var e *gateway.CollationError
		switch {
		case err != nil:
			return err
		case failed == nil:
			had++
			for _, r := range mine {
				told[r] = true
			}
		case len(names) > 1 && errors.As(failed, &e) && e.Class == gateway.Rejected && e.Code != gateway.Local:
			refused = append(refused, failed)
		default:
			lost = append(lost, failed)
		}
	}
	if had == 0 && len(lost) == 0 {
		lost = refused
	}
	c.have[l] = len(lost) == 0
	if l.date == c.query.Date || l.date < c.today() { // that of a day that has just begun may be refused
		for _, failed := range lost {
			c.failList(failed)
		}
	}
	return nil
}

// readNamed hands over the cancellations of one list. failed says that it could not be had; an
// error is the end of ctx.
func (c *comparison) readNamed(ctx context.Context, asked gateway.CollationRequest, to reader) (failed, err error) {
	pause, tries := c.opts.RetryWait, c.opts.Tries
	if c.tired {
		tries = 1
	}
	for try := 1; ; try++ {
		failed = nil
		to.begin()
		for r, err := range c.opts.Gateway.Collation(ctx, asked) {
			if err != nil {
				failed = err
				break
			}
			if r.Cancellation {
				to.each(r)
			}
		}
		if failed == nil {
			c.tired = false
			return nil, nil
		}
		to.undo()
		if ctx.Err() != nil {
			return nil, failed
		}
		var e *gateway.CollationError
		c.tired = try == tries
		if ofList := errors.As(failed, &e); c.tired || !ofList || e.Class != gateway.Transient {
			return failed, nil
		}
		if err := c.opts.Wait(ctx, pause); err != nil {
			return nil, err
		}
		pause *= 2
	}
}

func (r *run) today() string { return r.now.Format(settlebank.DateLayout) }

func (r *run) methods() []string {
	if len(r.query.Methods) > 0 {
		return slices.Compact(slices.Sorted(slices.Values(r.query.Methods)))
	}
	return Methods()
}

// readDay reads the lists of the day: it marks what has the number of a line, and holds the other
// lines.
func (c *comparison) readDay(ctx context.Context) error {
	c.byNumber = make(map[string]int32, len(c.ours))
	for i := range c.ours {
		if n := c.ours[i].number(); n != "" {
			c.byNumber[n] = int32(i)
		}
	}
	for _, method := range c.methods() {
		var found []int32
		var held int
		undo := func() {
			for _, i := range found {
				c.ours[i].found = false
			}
			c.left = c.left[:held]
		}
		begin := func() { found, held = found[:0], len(c.left) }
		err := c.read(ctx, list{method, c.query.Date}, reader{begin, undo, func(r gateway.CollationRecord) {
			i, ours := c.byNumber[r.TrdNo]
			if ours && !c.ours[i].found && c.ours[i].orgTrdNo() == r.OrgTrdNo {
				e := &c.ours[i]
				e.found, e.listed, e.theirs = true, r.Time.UnixMilli(), r.Amount
				copy(e.method[:], r.Method)
				found = append(found, i)
				return
			}
			l := newLine(r)
			l.barred = ours
			c.left = append(c.left, l)
		}})
		if err != nil {
			return err
		}
	}
	return nil
}

// readOthers reads the lists of other days, for what they have of the payments in question.
func (c *comparison) readOthers(ctx context.Context, open []*entry) error {
	payments := make(map[string]bool, len(open)+len(c.left))
	methods := make(map[string]bool)
	for _, e := range open {
		payments[e.orgTrdNo()] = true
		for _, m := range c.methodsOf(e) {
			methods[m] = true
		}
	}
	for i := range c.left {
		payments[c.left[i].orgTrdNo()] = true
		methods[string(c.left[i].method[:])] = true
	}
	if len(payments) == 0 {
		return nil
	}
	for _, date := range c.otherDays(open) {
		for _, method := range c.methods() {
			if !methods[method] {
				continue
			}
			var held int
			begin, undo := func() { held = len(c.left) }, func() { c.left = c.left[:held] }
			err := c.read(ctx, list{method, date}, reader{begin, undo, func(r gateway.CollationRecord) {
				if payments[r.OrgTrdNo] {
					l := newLine(r)
					l.elsewhen = true
					if i, ours := c.byNumber[r.TrdNo]; ours && c.ours[i].found {
						l.barred = true
					}
					c.left = append(c.left, l)
				}
			}})
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// methodsOf returns in whose lists a record may stand.
func (c *comparison) methodsOf(e *entry) []string {
	if m := e.methodName(); m != "" {
		return []string{m}
	}
	return Methods()
}

// maxDays is how many other days are looked at, the nearest ones.
const maxDays = 14

// otherDays returns the days around the day, and those on which requests were sent that are open.
func (c *comparison) otherDays(open []*entry) []string {
	days := map[string]time.Time{}
	for _, e := range open {
		for _, d := range c.daysOf(e) {
			days[d.Format(settlebank.DateLayout)] = d
		}
	}
	for _, d := range c.neighbours() {
		days[d.Format(settlebank.DateLayout)] = d
	}
	delete(days, c.query.Date)
	var dates []string
	for date := range days {
		if date <= c.today() {
			dates = append(dates, date)
		}
	}
	slices.SortFunc(dates, func(a, b string) int {
		return cmp.Or(cmp.Compare(days[a].Sub(c.begin).Abs(), days[b].Sub(c.begin).Abs()), cmp.Compare(a, b))
	})
	return dates[:min(len(dates), maxDays)]
}

func (c *comparison) neighbours() []time.Time {
	return []time.Time{c.begin.AddDate(0, 0, -1), c.end}
}

// daysOf returns the days on which a record's requests were sent, and those after them: on one of
// them SettleBank carried it out.
func (c *comparison) daysOf(e *entry) []time.Time {
	var days []time.Time
	for _, ms := range []int64{e.first, e.last} {
		y, m, d := fromMillis(ms).Date()
		day := time.Date(y, m, d, 0, 0, 0, 0, settlebank.KST)
		days = append(days, day, day.AddDate(0, 0, 1))
	}
	return days
}

// seen reports whether every list was read in which a record that ended on the day may stand.
func (c *comparison) seen(e *entry) bool {
	for _, method := range c.methodsOf(e) {
		for _, day := range append(c.daysOf(e), c.begin, c.neighbours()[0], c.neighbours()[1]) {
			late := fromMillis(e.ended).After(c.end.Add(-evidence.Skew)) || e.doubtful()
			if !day.Before(c.end) && !late {
				continue // what ended before is not listed after
			}
			if !c.have[list{method, day.Format(settlebank.DateLayout)}] {
				return false
			}
		}
	}
	return true
}
