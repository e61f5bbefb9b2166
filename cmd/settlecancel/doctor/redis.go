package doctor

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
)

const (
	// slowPing is above what a Redis in the same data centre takes.
	slowPing = 10 * time.Millisecond
	// probeKey is written to prove that Redis takes writes.
	probeKey = "settlecancel:doctor"
)

// reach tells of each node whether it answers, what it is, and how fast.
func (x *examiner) reach(_ context.Context, s *sheet) {
	const mend = "start it, or correct REDIS_URL; until it answers nothing is accepted and nothing is sent, and what lies in it was not looked at"
	if x.survey.err != nil {
		s.danger(mend, "no Redis at %s: %v", x.Settings.RedisAddress, x.survey.err)
	}
	for _, n := range x.survey.nodes {
		if n.err != nil {
			s.danger(mend, "no Redis at %s: %v", n.addr, n.err)
			continue
		}
		s.ok("%s: Redis %s, %s, answers within %v", n.addr, known(n.info["redis_version"]), role(n), round(n.ping))
		x.kind(s, n)
		if n.ping > slowPing {
			s.note("bring the workers and Redis closer to each other: each step of a cancellation costs a round trip",
				"%s: a round trip takes %v", n.addr, round(n.ping))
		}
		if n.denied != nil {
			s.note("look up at whoever runs this Redis: appendfsync must be always, no-appendfsync-on-rewrite no",
				"%s: CONFIG is not permitted (%v); INFO was read instead, which does not tell %s", n.addr, n.denied, strings.Join(configured, ", "))
		}
	}
}

// kind reports whether a node is one that a worker can work with.
func (x *examiner) kind(s *sheet, n node) {
	_, cluster := x.Redis.(*redis.ClusterClient)
	switch old, told := tooOld(n.info["redis_version"]); {
	case !told:
		s.note("make sure that it is Redis 6.2 or later", "%s does not tell its version", n.addr)
	case old:
		s.danger("run Redis 6.2 or later: the queues need commands of it", "%s is Redis %s", n.addr, n.info["redis_version"])
	}
	if !cluster && n.replica() {
		s.danger("let REDIS_URL name the master, or use redis-sentinel://, which finds it", "%s is a replica: it refuses writes", n.addr)
	}
	if !cluster && n.info["cluster_enabled"] == "1" {
		s.danger("use redis-cluster:// in REDIS_URL", "%s is a node of a cluster: it refuses the keys of the other nodes", n.addr)
	}
}

// tooOld reads a version; told is false where it is none.
func tooOld(version string) (old, told bool) {
	major, rest, _ := strings.Cut(version, ".")
	minor, _, _ := strings.Cut(rest, ".")
	first, err1 := strconv.Atoi(major)
	second, err2 := strconv.Atoi(minor)
	return first < 6 || (first == 6 && second < 2), err1 == nil && err2 == nil
}

func role(n node) string {
	switch n.info["role"] {
	case "master":
		return "master"
	case "slave":
		return "replica"
	}
	return "of unknown role"
}

func known(value string) string {
	if value == "" {
		return "of unknown version"
	}
	return value
}

// writeProbe runs a script that writes, as everything of ours does. One second later nothing is
// left of it.
var writeProbe = redis.NewScript(`return redis.call("SET", KEYS[1], ARGV[1], "PX", 1000)`)

// writes proves that scripts run and that Redis takes writes: a full memory, a failed snapshot,
// missing replicas or missing permissions would refuse them.
func (x *examiner) writes(ctx context.Context, s *sheet) {
	err := because(ctx, writeProbe.Eval(ctx, x.Redis, []string{probeKey}, "a probe of settlecancel doctor").Err())
	if err == nil {
		s.ok("Redis runs scripts and takes writes")
		return
	}
	mend := "let its user run scripts and write keys that begin with settlecancel:, asynq: and rate:settlecancel: (config/manual/operating.md has the line of the ACL)"
	for prefix, text := range map[string]string{
		"OOM":         "give Redis more memory (maxmemory), or lower LEDGER_RETENTION",
		"MISCONF":     "free disk space for Redis, or mend what its log says of the failed write",
		"READONLY":    "let REDIS_URL name the master",
		"NOREPLICAS":  "bring the replicas back: min-replicas-to-write demands them",
		"CLUSTERDOWN": "bring the missing nodes of the cluster back",
	} {
		if strings.Contains(err.Error(), prefix+" ") {
			mend = text
		}
	}
	s.danger(mend, "Redis refuses a write: %v; so it would an acceptance", err)
}

// cluster reports whether every hash slot is served.
func (x *examiner) cluster(_ context.Context, s *sheet) {
	const slots = "16384"
	masters := ""
	x.survey.each(func(n node) {
		if n.cluster == nil {
			return
		}
		masters = n.cluster["cluster_size"]
		state, assigned, failing := n.cluster["cluster_state"], n.cluster["cluster_slots_assigned"], n.cluster["cluster_slots_fail"]
		if state != "ok" || assigned != slots || failing != "0" {
			s.danger("bring back the nodes that are away, or give their slots to others (redis-cli --cluster fix)",
				"the cluster's state is %s as %s sees it: %s of %s hash slots assigned, %s failing; the cancellations of the others can be neither accepted nor worked at",
				state, n.addr, assigned, slots, failing)
		}
	})
	if masters != "" && len(s.findings) == 0 {
		s.ok("the cluster serves all %s hash slots; masters: %s", slots, masters)
	}
}

// round cuts a duration to what people read.
func round(d time.Duration) time.Duration {
	switch d = d.Abs(); {
	case d < time.Millisecond:
		return d.Round(10 * time.Microsecond)
	case d < time.Second:
		return d.Round(time.Millisecond)
	case d < time.Minute:
		return d.Round(100 * time.Millisecond)
	}
	return d.Round(time.Second)
}

// age cuts a duration to its largest units: "3 days", "5h0m", "40s".
func age(d time.Duration) string {
	switch {
	case d >= 48*time.Hour:
		return fmt.Sprintf("%d days", int(d.Hours()/24))
	case d >= time.Minute:
		return strings.TrimSuffix(d.Round(time.Minute).String(), "0s")
	}
	return d.Round(time.Second).String()
}
