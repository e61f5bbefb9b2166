package doctor

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
)

// survey is what every node of Redis tells of itself.
type survey struct {
	nodes []node
	err   error // why not even the nodes are known
}

// node is one Redis server. Only err is set where it does not answer.
type node struct {
	addr string
	err  error

	ping   time.Duration
	info   map[string]string // INFO
	config map[string]string // CONFIG GET, of what INFO does not tell
	denied error             // why CONFIG told nothing

	time       time.Time // its clock, between sent and received by ours
	sent, came time.Time
	cluster    map[string]string // CLUSTER INFO
}

// configured is what only CONFIG tells.
var configured = []string{"appendfsync", "no-appendfsync-on-rewrite", "save", "stop-writes-on-bgsave-error", "min-replicas-to-write"}

// pings is how often a node is asked for its latency: the best counts, since the first includes
// dialling.
const pings = 3

// answers reports whether at least one node does.
func (s survey) answers() bool {
	return slices.ContainsFunc(s.nodes, func(n node) bool { return n.err == nil })
}

// each goes through the nodes that answer.
func (s survey) each(look func(node)) {
	for _, n := range s.nodes {
		if n.err == nil {
			look(n)
		}
	}
}

var errSilent = errors.New("it does not answer in time")

// surveyRedis asks all nodes at once. A node that hangs delays no other.
func surveyRedis(ctx context.Context, o Options) survey {
	s, ok := bounded(ctx, o.Timeout, func(ctx context.Context) survey {
		cluster, ok := o.Redis.(*redis.ClusterClient)
		if !ok {
			return survey{nodes: []node{askInTime(ctx, o, cmp.Or(o.Settings.RedisAddress, "Redis"), o.Redis)}}
		}
		var mu sync.Mutex
		var s survey
		s.err = cluster.ForEachShard(ctx, func(ctx context.Context, c *redis.Client) error {
			n := askInTime(ctx, o, c.Options().Addr, c)
			mu.Lock()
			defer mu.Unlock()
			s.nodes = append(s.nodes, n)
			return nil
		})
		s.err = because(ctx, s.err)
		slices.SortFunc(s.nodes, func(a, b node) int { return cmp.Compare(a.addr, b.addr) })
		return s
	})
	if !ok {
		s.err = errSilent
	}
	return s
}

func askInTime(ctx context.Context, o Options, addr string, c redis.Cmdable) node {
	n, ok := bounded(ctx, o.Timeout*3/4, func(ctx context.Context) node { return ask(ctx, o, addr, c) })
	if !ok {
		return node{addr: addr, err: errSilent}
	}
	return n
}

// ask asks one node everything.
func ask(ctx context.Context, o Options, addr string, c redis.Cmdable) node {
	n := node{addr: addr}
	for range pings {
		start := time.Now()
		// A Redis that cannot write to disk refuses even this, and yet is there.
		if err := because(ctx, c.Ping(ctx).Err()); err != nil && !redis.HasErrorPrefix(err, "MISCONF") {
			return node{addr: addr, err: err}
		}
		if took := time.Since(start); n.ping == 0 || took < n.ping {
			n.ping = took
		}
	}
	n.sent = o.Now()
	if now, err := c.Time(ctx).Result(); err == nil {
		n.time = now
	}
	n.came = o.Now()
	n.info = fields(c.Info(ctx).Val())
	n.config, n.denied = askConfig(ctx, c)
	if n.info["cluster_enabled"] == "1" {
		n.cluster = fields(c.ClusterInfo(ctx).Val())
	}
	return n
}

// askConfig reads the settings one by one, since Redis before 7 takes one name a call.
func askConfig(ctx context.Context, c redis.Cmdable) (map[string]string, error) {
	values := map[string]string{}
	cmds := make([]*redis.MapStringStringCmd, len(configured))
	_, err := c.Pipelined(ctx, func(p redis.Pipeliner) error {
		for i, name := range configured {
			cmds[i] = p.ConfigGet(ctx, name)
		}
		return nil
	})
	for _, cmd := range cmds {
		for name, value := range cmd.Val() {
			values[name] = value
		}
	}
	return values, err
}

// fields reads what INFO and CLUSTER INFO answer: name:value, one a line.
func fields(text string) map[string]string {
	m := map[string]string{}
	for line := range strings.Lines(text) {
		if name, value, ok := strings.Cut(strings.TrimSpace(line), ":"); ok && !strings.HasPrefix(name, "#") {
			m[name] = value
		}
	}
	return m
}

func (n node) replica() bool { return n.info["role"] == "slave" }

// number reads a number of INFO; 0 where there is none.
func (n node) number(name string) int64 {
	v, _ := strconv.ParseInt(n.info[name], 10, 64)
	return v
}

// limit returns how many bytes the node may hold, and whether that is a setting of its own or all
// that its machine has; 0: not known.
func (n node) limit() (bytes int64, own bool) {
	if most := n.number("maxmemory"); most > 0 {
		return most, true
	}
	return n.number("total_system_memory"), false
}

// inStep counts the replicas that are connected and up to date.
func (n node) inStep() int {
	count := 0
	for name, value := range n.info {
		index, ok := strings.CutPrefix(name, "slave")
		if _, err := strconv.Atoi(index); ok && err == nil && strings.Contains(value+",", "state=online,") {
			count++
		}
	}
	return count
}
