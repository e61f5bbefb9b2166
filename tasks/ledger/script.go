package ledger

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
)

var (
	//go:embed txn.lua
	txnLua string
	//go:embed accept.lua
	acceptLua string
	//go:embed begin.lua
	beginLua string
	//go:embed finish.lua
	finishLua string
	//go:embed retry.lua
	retryLua string
	//go:embed resolve.lua
	resolveLua string
	//go:embed crossout.lua
	crossOutLua string
	//go:embed setaside.lua
	setAsideLua string
)

var (
	acceptScript  = redis.NewScript(txnLua + acceptLua)
	beginScript   = redis.NewScript(txnLua + beginLua)
	finishScript  = redis.NewScript(txnLua + finishLua)
	retryScript   = redis.NewScript(txnLua + retryLua)
	resolveScript = redis.NewScript(txnLua + resolveLua)

	crossOutScript = redis.NewScript(crossOutLua)
	setAsideScript = redis.NewScript(setAsideLua)
)

// call is one run of a script on one transaction.
type call struct {
	script *redis.Script
	place  place
	args   []any // after now, key and member, which every script takes first
	index  tail  // what follows for the index, nil for nothing
	reply  reply
}

func (c *call) keys() []string {
	return []string{c.place.txnKey(), c.place.openKey(), c.place.deadKey(), outboxKey(c.place.shard)}
}

func (c *call) argv(now int64) []any {
	return append([]any{now, c.place.key, c.place.member}, c.args...)
}

// tail adds commands to a pipeline of scripts that need not be atomic with them.
type tail func(p redis.Pipeliner, key string)

// run runs the calls in one round trip, and a second one where Redis had forgotten the scripts.
// With durable set it answers ErrNotReplicated unless as many replicas hold the result as the
// ledger demands.
func (l *Ledger) run(ctx context.Context, durable bool, calls ...*call) error {
	if durable && l.opts.WaitReplicas > 0 {
		return l.runReplicated(ctx, calls)
	}
	return l.pipeline(ctx, l.rdb, calls, func(p redis.Pipeliner) { tails(p, calls) })
}

func tails(p redis.Pipeliner, calls []*call) {
	for _, c := range calls {
		if c.index != nil {
			c.index(p, indexKey(c.place.key))
		}
	}
}

// runReplicated puts a WAIT behind the scripts. WAIT speaks of the connection that it is sent on,
// so that on a cluster each transaction, and each entry of the index, is taken to its own node.
func (l *Ledger) runReplicated(ctx context.Context, calls []*call) error {
	cluster, ok := l.rdb.(*redis.ClusterClient)
	if !ok {
		return l.waited(ctx, l.rdb, calls, func(p redis.Pipeliner) { tails(p, calls) })
	}
	for _, c := range calls {
		node, err := cluster.MasterForKey(ctx, c.place.txnKey())
		if err != nil {
			return err
		}
		if err := l.waited(ctx, node, []*call{c}, func(redis.Pipeliner) {}); err != nil {
			return err
		}
		if c.index == nil {
			continue
		}
		if node, err = cluster.MasterForKey(ctx, indexKey(c.place.key)); err != nil {
			return err
		}
		if err := l.waited(ctx, node, nil, func(p redis.Pipeliner) { tails(p, []*call{c}) }); err != nil {
			return err
		}
	}
	return nil
}

func (l *Ledger) waited(ctx context.Context, node redis.Cmdable, calls []*call, then func(redis.Pipeliner)) error {
	var wait *redis.Cmd
	err := l.pipeline(ctx, node, calls, func(p redis.Pipeliner) {
		then(p)
		wait = p.Do(ctx, "WAIT", l.opts.WaitReplicas, l.opts.WaitTimeout.Milliseconds())
	})
	if err != nil {
		return err
	}
	if n, err := wait.Int(); err != nil {
		return err
	} else if n < l.opts.WaitReplicas {
		return fmt.Errorf("%w: %d of %d answered within %v", ErrNotReplicated, n, l.opts.WaitReplicas, l.opts.WaitTimeout)
	}
	return nil
}

func (l *Ledger) pipeline(ctx context.Context, node redis.Cmdable, calls []*call, then func(redis.Pipeliner)) error {
	now := l.now()
	send := func(calls []*call, sha bool) ([]*redis.Cmd, error) {
		cmds := make([]*redis.Cmd, len(calls))
		_, err := node.Pipelined(ctx, func(p redis.Pipeliner) error {
			for i, c := range calls {
				if sha {
					cmds[i] = c.script.EvalSha(ctx, p, c.keys(), c.argv(now)...)
				} else {
					cmds[i] = c.script.Eval(ctx, p, c.keys(), c.argv(now)...)
				}
			}
			then(p)
			return nil
		})
		return cmds, err
	}
	cmds, err := send(calls, true)
	if err == nil {
		return collect(cmds, calls)
	}
	// After a restart or a failover Redis has to be told the scripts again.
	var again []*call
	for i, cmd := range cmds {
		if cmd.Err() == nil {
			c, e := calls[i], error(nil)
			if c.reply, e = newReply(cmd); e != nil {
				return e
			}
		} else if redis.HasErrorPrefix(cmd.Err(), "NOSCRIPT") {
			again = append(again, calls[i])
		} else {
			return cmd.Err()
		}
	}
	if len(again) == 0 {
		return err
	}
	if cmds, err = send(again, false); err != nil {
		return err
	}
	return collect(cmds, again)
}

func collect(cmds []*redis.Cmd, calls []*call) (err error) {
	for i, cmd := range cmds {
		if calls[i].reply, err = newReply(cmd); err != nil {
			return err
		}
	}
	return nil
}

// reply is what a script answers: a word, then numbers and texts.
type reply []any

var errReply = errors.New("ledger: a script gave an answer of a foreign shape; is another version at work?")

func newReply(cmd *redis.Cmd) (reply, error) {
	r, err := cmd.Slice()
	if err != nil {
		return nil, err
	}
	if len(r) == 0 {
		return nil, errReply
	}
	return r, nil
}

func (r reply) word() string { s, _ := r[0].(string); return s }

func (r reply) millis() time.Duration { return time.Duration(r.number(1)) * time.Millisecond }

func (r reply) number(i int) int64 {
	if i >= len(r) {
		return 0
	}
	n, _ := r[i].(int64)
	return n
}

func (r reply) text(i int) string {
	if i >= len(r) {
		return ""
	}
	s, _ := r[i].(string)
	return strings.TrimSpace(s)
}

// record reads {word, cancellation, sum, round}.
func (r reply) record(p place) (Record, error) {
	return decodeRecord(p, r.text(1), r.number(2), int(r.number(3)))
}
