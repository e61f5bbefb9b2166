package ledger

import (
	"context"
	"crypto/rand"
	_ "embed"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
)

//go:embed store.lua
var storeLua string

var storeScript = redis.NewScript(storeLua)

// maxTries bounds how often a rule is applied anew because the payment had moved.
const maxTries = 50

// writeIDLen is part of the stored format: store.lua cuts the id off a document's end.
const writeIDLen = 16

func newID() string { return rand.Text()[:writeIDLen] }

// store keeps payments in Redis. It knows no rule: it reads a payment, lets one be applied, and
// writes what came of it, if the payment is still the one that was read.
type store struct {
	rdb     redis.UniversalClient
	process func(context.Context, redis.Cmder) error // many callers share a pipeline, where nobody waits for replicas
	opts    Options

	rules Rules

	turns  turns
	memory *memory
	saying sync.WaitGroup // of what is said again

	mu       sync.Mutex
	shards   [shards]shardState
	name     string               // under which its own writes are counted
	expiring map[string]time.Time // when an index was last told to expire
}

// newStore shares pipelines among callers, unless each write has to wait for replicas: WAIT speaks
// of the connection that it is sent on.
func newStore(rdb redis.UniversalClient, o Options, r Rules) *store {
	s := &store{rdb: rdb, opts: o, rules: r, memory: newMemory(o.Remember), expiring: map[string]time.Time{}, process: rdb.Process}
	if auto, err := rdb.AutoPipeline(); err == nil && !o.NoAutoPipeline {
		s.process = func(ctx context.Context, cmd redis.Cmder) error { return processWithin(ctx, auto, cmd) }
	}
	return s
}

// processWithin lets a caller go when its context ends; the pipeline's commands have no deadlines
// of their own. What was sent may still be carried out, as after any time-out. A goroutine for each
// call costs less than the deferred pipeline, which parses a stack trace wherever a client has
// hooks.
func processWithin(ctx context.Context, auto *redis.AutoPipeliner, cmd redis.Cmder) error {
	if ctx.Done() == nil {
		return auto.Process(ctx, cmd)
	}
	done := make(chan error, 1)
	go func() { done <- auto.Process(ctx, cmd) }()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// change is one application of a rule to a payment.
type change struct {
	at       place
	payment  *Payment // what is thought to be stored, nil for nothing; read tells
	read     bool     // payment need not be read first: a wrong guess is told by the write
	durable  bool     // as many replicas as the ledger demands must hold it
	claim    bool     // the idempotency key is to lead to the payment from now on
	others   []string // further keys that are; on a cluster
	restores bool     // it says again what Redis has forgotten
	rule     func(p *Payment, at Moment) error

	moment  Moment    // of the write
	written time.Time // by this process's clock, before the write was sent
}

// apply applies a rule until what came of it is stored. It returns the rule's error, with the
// payment that it judged, without having written anything.
func (s *store) apply(ctx context.Context, c *change) (*Payment, error) {
	for try := range maxTries {
		if try == 2 && !c.restores { // whom it restores for may have the turn; the first try may have been a guess
			end, err := s.turns.wait(ctx, c.at.name())
			if err != nil {
				return nil, err
			}
			defer end()
			c.read = false
		}
		if !c.read {
			p, err := s.load(ctx, c.at)
			if err != nil {
				return nil, err
			}
			c.payment, c.read = p, true
		}
		p := c.payment
		id := ""
		if p == nil {
			p = &Payment{MchtID: c.at.mchtID, OrgTrdNo: c.at.orgTrdNo}
		} else {
			id = p.Write
		}
		moment, err := s.moment(ctx, c.at.shard)
		if err != nil {
			return nil, err
		}
		c.moment, c.read = moment, false
		if err := c.rule(p, moment); err != nil {
			return p, err
		}
		if !p.changed() {
			return p, nil
		}
		done, err := s.write(ctx, c, p, id)
		if err != nil {
			return nil, err
		}
		if done {
			return p, nil
		}
	}
	return nil, fmt.Errorf("payment %s: %d others wrote it meanwhile; repeat the call", c.at.name(), maxTries)
}

// load returns a payment, nil for none.
func (s *store) load(ctx context.Context, at place) (*Payment, error) {
	cmd := redis.NewStringCmd(ctx, "get", at.paymentKey())
	err := s.process(ctx, cmd)
	if errors.Is(err, redis.Nil) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return decodePayment(at, []byte(cmd.Val()))
}

// write stores p if the payment is still the one with this id. Where it is not, c knows the one
// that is stored, or has it read again, and nothing was written.
func (s *store) write(ctx context.Context, c *change, p *Payment, id string) (bool, error) {
	doc, behind, err := p.encode(newID())
	if err != nil {
		return false, err
	}
	all, name := s.heardOf()
	known := all[c.at.shard]
	var keep any = 0
	switch {
	case behind:
		keep = ""
	case !p.unended():
		keep = millis(s.opts.Retention)
	}
	w := writing{keys: []string{c.at.paymentKey(), shardStateKey(c.at.shard)},
		args: []any{id, p.Write, doc, keep, known.count, c.moment.Epoch, "", name, known.own}}
	_, clustered := s.rdb.(*redis.ClusterClient)
	if c.claim && !clustered {
		w.keys, w.args[6] = append(w.keys, indexKey(c.at.key)), c.at.name()
	}
	s.effects(&w, c, p, !clustered)
	c.written = time.Now()
	r, err := s.run(ctx, c, w)
	if err != nil {
		return false, err
	}
	s.heard(ctx, c.at.shard, r)
	if s.opts.Now == nil {
		c.moment.Now = max(c.moment.Now, r.now)
	}
	switch r.word {
	case "ok":
		p.settle(doc, behind)
		s.expired(w)
		s.memory.keep(c.at, p.stored, c.written)
		if clustered {
			return true, s.index(ctx, c, p)
		}
		return true, nil
	case "moved":
		c.payment, c.read = nil, true
		if r.doc != "" {
			c.payment, err = decodePayment(c.at, []byte(r.doc))
		}
		return false, err
	case "epoch":
		if !c.restores {
			s.recall(ctx, c.at)
		}
		return false, nil // read it again: what was decided on may be gone
	case "foreign":
		return false, ErrConflict
	}
	return false, errReply
}

// answer is what store.lua returns.
type answer struct {
	word         string
	now, count   int64
	epoch, since int64
	doc          string
	own          int64
}

var errReply = errors.New("store.lua gave an answer of a foreign shape; is another version at work?")

func readAnswer(cmd *redis.Cmd) (a answer, err error) {
	values, err := cmd.Slice()
	if err != nil {
		return a, err
	}
	if len(values) < 5 {
		return a, errReply
	}
	a.word, _ = values[0].(string)
	for i, into := range []*int64{&a.now, &a.count, &a.epoch, &a.since} {
		*into, _ = values[i+1].(int64)
	}
	if len(values) > 5 {
		a.doc, _ = values[5].(string)
	}
	if len(values) > 6 {
		a.own, _ = values[6].(int64)
	}
	return a, nil
}

// run runs store.lua, a second time with its text where Redis has lost it.
func (s *store) run(ctx context.Context, c *change, w writing) (answer, error) {
	if c.durable && s.opts.WaitReplicas > 0 {
		return s.runReplicated(ctx, c, w)
	}
	cmd := w.command(ctx, "evalsha", storeScript.Hash())
	err := s.process(ctx, cmd)
	if redis.HasErrorPrefix(err, "NOSCRIPT") {
		cmd = w.command(ctx, "eval", storeLua)
		err = s.process(ctx, cmd)
	}
	if err != nil {
		return answer{}, err
	}
	return readAnswer(cmd)
}

// runReplicated puts a WAIT behind the script, on the same connection.
func (s *store) runReplicated(ctx context.Context, c *change, w writing) (answer, error) {
	var node redis.Cmdable = s.rdb
	if cluster, ok := s.rdb.(*redis.ClusterClient); ok {
		master, err := cluster.MasterForKey(ctx, c.at.paymentKey())
		if err != nil {
			return answer{}, err
		}
		node = master
	}
	send := func(name, script string) (*redis.Cmd, *redis.Cmd, error) {
		cmd := w.command(ctx, name, script)
		var wait *redis.Cmd
		_, err := node.Pipelined(ctx, func(p redis.Pipeliner) error {
			_ = p.Process(ctx, cmd)
			wait = p.Do(ctx, "WAIT", s.opts.WaitReplicas, s.opts.WaitTimeout.Milliseconds())
			return nil
		})
		return cmd, wait, err
	}
	cmd, wait, err := send("evalsha", storeScript.Hash())
	if redis.HasErrorPrefix(cmd.Err(), "NOSCRIPT") {
		cmd, wait, err = send("eval", storeLua)
	}
	if err != nil {
		return answer{}, err
	}
	a, err := readAnswer(cmd)
	if err != nil || a.word != "ok" {
		return a, err
	}
	n, err := wait.Int()
	if err == nil && n < s.opts.WaitReplicas {
		err = fmt.Errorf("%w: %d of %d answered within %v", ErrNotReplicated, n, s.opts.WaitReplicas, s.opts.WaitTimeout)
	}
	return a, err
}
