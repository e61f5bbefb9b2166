package ledger

import (
	"cmp"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"
	"pgregory.net/rapid"
)

// check compares Redis with the reference, and both with the promise.
func (m *machine) check(t *rapid.T) {
	records := make(map[string]Record)
	for payment := range m.ref.txns {
		some, err := m.ledger.Transaction(t.Context(), "nxca_jt_bi", payment)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range some {
			records[r.Key] = r
		}
	}
	open, dead := m.members(t)
	if len(records) != len(m.ref.c) {
		t.Fatalf("%d cancellations are stored, %d were accepted", len(records), len(m.ref.c))
	}
	sums := make(map[*refTxn]int64)
	for key, c := range m.ref.c {
		r := records[key]
		got := fmt.Sprint(r.Status, r.Closed, sinceStart(r.DueAt), r.Spent, r.Verification, r.Sum, r.Round, r.CanTrdNo)
		want := fmt.Sprint(c.status, c.closed, sinceStart(c.due), c.spent, c.check, c.txn.sum, c.txn.round, c.no)
		if got != want {
			t.Fatalf("%s stands as\n%s, the reference as\n%s", key, got, want)
		}
		due, isOpen := open[key]
		died, isDead := dead[key]
		if isOpen != c.open() || isDead != c.dead() || isOpen && due != r.DueAt.UnixMilli() || isDead && died != r.EndedAt.UnixMilli() {
			t.Fatalf("%s is %s: in the open set %v at %d, due at %v; a dead letter %v at %d, ended at %v",
				key, r.Status, isOpen, due, r.DueAt, isDead, died, r.EndedAt)
		}
		m.promise(t, c)
		if c.status == Cancelled {
			sums[c.txn] += c.x.Amount
		}
	}
	for name, txn := range m.ref.txns {
		if txn.sum != sums[txn] {
			t.Fatalf("%s: the sum is %d, the cancelled ones make %d", name, txn.sum, sums[txn])
		}
	}
	if len(open)+len(dead) > len(m.ref.c) {
		t.Fatalf("strangers in the sets: %v, %v", open, dead)
	}
	m.checkGrants(t)
}

// promise: never applied twice, and what is said to be applied is, what is said not to be is not.
func (m *machine) promise(t *rapid.T, c *refCancellation) {
	n := m.bank.effects(c.x.Key)
	if n > 1 {
		t.Fatalf("%s was applied %d times", c.x.Key, n)
	}
	if c.status == Cancelled && n != 1 {
		t.Fatalf("%s is cancelled, and was not applied", c.x.Key)
	}
	if (c.status == Queued || c.status == Rejected || c.status == Exhausted) && n != 0 {
		t.Fatalf("%s is %s, and was applied", c.x.Key, c.status)
	}
}

// checkGrants: one unexpired grant a transaction, whatever the ledger believes.
func (m *machine) checkGrants(t *rapid.T) {
	holders := make(map[*refTxn]int)
	for _, h := range m.hands {
		txn := m.ref.c[h.x.Key].txn
		if m.clock.Now().Before(h.since.Add(lease)) && txn.grant == h.id && txn.holder == h.x.Key && !txn.until.IsZero() {
			if holders[txn]++; holders[txn] > 1 {
				t.Fatalf("two workers hold the transaction of %s", h.x.Key)
			}
		}
	}
}

// members returns the scores of both sets, which each member must have come to by its own shard.
func (m *machine) members(t *rapid.T) (open, dead map[string]int64) {
	sets := map[Set]map[string]int64{Open: {}, DeadLetters: {}}
	cmds := make(map[Set][]*redis.ZSliceCmd)
	_, err := m.rdb.Pipelined(t.Context(), func(p redis.Pipeliner) error {
		for s := range sets {
			for shard := range shards {
				cmds[s] = append(cmds[s], p.ZRangeWithScores(t.Context(), s.key(shard), 0, -1))
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for s, all := range sets {
		for shard, cmd := range cmds[s] {
			for _, z := range cmd.Val() {
				p, ok := placeOfMember(z.Member.(string))
				if !ok || p.shard != shard {
					t.Fatalf("shard %d holds %q", shard, z.Member)
				}
				all[p.key] = int64(z.Score)
			}
		}
	}
	return sets[Open], sets[DeadLetters]
}

func sinceStart(t time.Time) time.Duration {
	if t.IsZero() {
		return -1
	}
	return cmp.Or(t.Sub(start), 0)
}
