package reconcile

import (
	"cmp"
	"context"
	"errors"
	"slices"

	"settlecancel/cmd/settlecancel/evidence"
	"settlecancel/gateway/settlebank"
	"settlecancel/tasks/ledger"
)

// comparison is that of one merchant.
type comparison struct {
	*run
	mchtID   string
	ours     []entry          // by key
	byNumber map[string]int32 // places among ours
	left     []line           // that no number of ours explains, and of other days those of the payments in question
	have     map[list]bool    // which lists were read
}

func (c *comparison) compare(ctx context.Context) error {
	if err := c.readDay(ctx); err != nil {
		return err
	}
	if err := c.emitFound(); err != nil {
		return err
	}
	var open []*entry
	for i := range c.ours {
		if !c.ours[i].found {
			open = append(open, &c.ours[i])
		}
	}
	if err := c.readOthers(ctx, open); err != nil {
		return err
	}
	slices.SortStableFunc(open, func(a, b *entry) int { return cmp.Compare(a.orgTrdNo(), b.orgTrdNo()) })
	slices.SortStableFunc(c.left, func(a, b line) int {
		return cmp.Or(cmp.Compare(a.orgTrdNo(), b.orgTrdNo()), cmp.Compare(a.at, b.at))
	})
	lines := c.left
	for len(open) > 0 || len(lines) > 0 {
		p := payment{orgTrdNo: first(open, lines)}
		for len(lines) > 0 && lines[0].orgTrdNo() == p.orgTrdNo {
			p.lines, lines = append(p.lines, &lines[0]), lines[1:]
		}
		for len(open) > 0 && open[0].orgTrdNo() == p.orgTrdNo {
			p.open, open = append(p.open, open[0]), open[1:]
		}
		if err := c.settle(ctx, p); err != nil {
			return err
		}
	}
	return nil
}

// first returns the payment that comes first.
func first(open []*entry, lines []line) string {
	switch {
	case len(open) == 0:
		return lines[0].orgTrdNo()
	case len(lines) == 0:
		return open[0].orgTrdNo()
	}
	return min(open[0].orgTrdNo(), lines[0].orgTrdNo())
}

// emitFound tells of what has the number of a line, in the order of the list.
func (c *comparison) emitFound() error {
	var found []int32
	for i := range c.ours {
		if c.ours[i].found {
			found = append(found, int32(i))
		}
	}
	slices.SortFunc(found, func(a, b int32) int { return cmp.Compare(c.ours[a].listed, c.ours[b].listed) })
	for _, i := range found {
		e := &c.ours[i]
		row := c.rowOf(e)
		row.Category, row.ListedTrdNo, row.ListedAmount, row.ListedAt = Agreed, e.number(), e.theirs, fromMillis(e.listed)
		judgeAmounts(&row)
		if err := c.emit(row); err != nil {
			return err
		}
	}
	return nil
}

// judgeAmounts tells where two that belong together have another amount.
func judgeAmounts(row *Row) {
	switch {
	case row.Amount == row.ListedAmount:
	case row.Currency == settlebank.USD:
		row.Category, row.Note = Undecided, noteUSD
	default:
		row.Category, row.Note = Differs, "the amounts differ: ask SettleBank which was paid back"
	}
}

// payment is what is open of one payment.
type payment struct {
	orgTrdNo string
	lines    []*line
	open     []*entry
	records  []ledger.Record
	damaged  bool // some of its records cannot be read
	known    bool // the ledger has cancellations of it, and all of them in KRW
}

// settle decides on what is open of a payment, with all that the ledger has of it now.
func (c *comparison) settle(ctx context.Context, p payment) error {
	records, err := c.opts.Ledger.Transaction(ctx, c.mchtID, p.orgTrdNo)
	if errors.Is(err, ledger.ErrDamaged) {
		c.fail(err)
		p.damaged = true
	} else if err != nil {
		return err
	}
	p.known = len(records) > 0 && !slices.ContainsFunc(records, func(r ledger.Record) bool { return !evidence.InKRW(r) })
	p.records = slices.DeleteFunc(records, func(r ledger.Record) bool {
		e := c.entryOf(r.Key)
		return e != nil && e.found
	})
	var told []*line
	var lines []evidence.Line
	for _, l := range p.lines {
		switch {
		case !l.barred:
			told, lines = append(told, l), append(lines, l.evidence())
		case !l.elsewhen:
			row := c.listedRow(l, nil)
			row.Category, row.Note = Differs, "the number is listed twice, or is that of another payment of ours: ask SettleBank"
			if err := c.emit(row); err != nil {
				return err
			}
		}
	}
	linked := make(map[string]bool)
	for i, link := range evidence.Match(lines, p.records) {
		var r *ledger.Record
		if link.Record >= 0 {
			r = &p.records[link.Record]
		}
		if told[i].elsewhen && (r == nil || !p.isOpen(r.Key)) {
			continue // the day's own comparison tells
		}
		if r != nil {
			linked[r.Key] = true
		}
		row, err := c.decide(ctx, p, told[i], link.How, r)
		if err != nil {
			return err
		}
		if err := c.emit(row); err != nil {
			return err
		}
	}
	for _, e := range p.open {
		if row, differs := c.unlisted(p, e); !linked[e.key()] && differs {
			if err := c.emit(row); err != nil {
				return err
			}
		}
	}
	return c.seed(ctx, p)
}

func (p payment) isOpen(key string) bool {
	return slices.ContainsFunc(p.open, func(e *entry) bool { return e.key() == key })
}

func (c *comparison) entryOf(key string) *entry {
	i, ok := slices.BinarySearchFunc(c.ours, key, func(e entry, key string) int { return cmp.Compare(e.key(), key) })
	if !ok {
		return nil
	}
	return &c.ours[i]
}
