package ledger

import (
	"context"
	"fmt"

	"github.com/redis/go-redis/v9"
)

// fenceKey is written by Safe: WAIT speaks of what its own connection has written.
func fenceKey(shard int) string { return shardKey(shard, "fence") }

// Safe returns nil once as many replicas as the ledger demands hold everything that was written
// before the call, of every shard. Else it returns ErrNotReplicated, or what Redis said. Where no
// replicas are demanded it asks nobody.
func (l *Ledger) Safe(ctx context.Context) error {
	if l.opts.WaitReplicas <= 0 {
		return nil
	}
	nodes, err := l.masters(ctx)
	if err != nil {
		return fmt.Errorf("ledger: replicas: %w", err)
	}
	for node, shard := range nodes {
		if err := l.fence(ctx, node, shard); err != nil {
			return fmt.Errorf("ledger: replicas of shard %d: %w", shard, err)
		}
	}
	return nil
}

// masters returns each Redis that has shards, with one of them.
func (l *Ledger) masters(ctx context.Context) (map[redis.Cmdable]int, error) {
	cluster, ok := l.rdb.(*redis.ClusterClient)
	if !ok {
		return map[redis.Cmdable]int{l.rdb: 0}, nil
	}
	nodes := map[redis.Cmdable]int{}
	for shard := range shards {
		master, err := cluster.MasterForKey(ctx, outboxKey(shard))
		if err != nil {
			return nil, err
		}
		nodes[master] = shard
	}
	return nodes, nil
}

// fence writes to a shard and waits until the replicas of its master have that, and with it all
// that was written before.
func (l *Ledger) fence(ctx context.Context, master redis.Cmdable, shard int) error {
	var wait *redis.Cmd
	_, err := master.Pipelined(ctx, func(p redis.Pipeliner) error {
		p.Incr(ctx, fenceKey(shard))
		wait = p.Do(ctx, "WAIT", l.opts.WaitReplicas, l.opts.WaitTimeout.Milliseconds())
		return nil
	})
	if err != nil {
		return err
	}
	n, err := wait.Int()
	if err == nil && n < l.opts.WaitReplicas {
		err = fmt.Errorf("%w: %d of %d answered within %v", ErrNotReplicated, n, l.opts.WaitReplicas, l.opts.WaitTimeout)
	}
	return err
}
