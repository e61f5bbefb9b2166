package reconcile

import (
	"context"
	"strconv"
	"time"

	"settlecancel/gateway/settlebank"
)

// seed tells the ledger what is cancelled of a payment, where every list was read in which a
// cancellation of it can stand. It then needs no inquiry before its next part, and what Redis has
// forgotten of it keeps nobody waiting.
func (c *comparison) seed(ctx context.Context, p payment) error {
	if c.query.DryRun || p.damaged || !p.known || len(p.lines) == 0 || !c.whole(p.lines) {
		return nil
	}
	sum, numbers := int64(0), map[string]bool{}
	add := func(number string, amount int64) {
		if !numbers[number] {
			numbers[number] = true
			sum += amount
		}
	}
	for _, l := range p.lines {
		add(l.trdNo(), l.amount)
	}
	for i := range c.ours {
		if e := &c.ours[i]; e.found && e.orgTrdNo() == p.orgTrdNo {
			add(e.number(), e.theirs)
		}
	}
	_, err := c.opts.Ledger.Seed(ctx, c.mchtID, p.orgTrdNo, sum, len(numbers))
	return err
}

// whole reports whether the lists of all days were read from that on which the payment was made
// until today. Nothing was cancelled of it before.
func (c *comparison) whole(lines []*line) bool {
	paid, err := time.ParseInLocation(settlebank.DateLayout, strconv.Itoa(int(lines[0].paid)), settlebank.KST)
	if err != nil {
		return false
	}
	for day := paid; !day.After(c.now); day = day.AddDate(0, 0, 1) {
		if !c.have[list{string(lines[0].method[:]), day.Format(settlebank.DateLayout)}] {
			return false
		}
	}
	return true
}
