package doctor

import (
	"context"
	"fmt"
	"strconv"
	"time"
)

const (
	mendDisk = "appendonly yes and appendfsync always, as in config/redis.conf"
	// mendUnlogged says more: Redis that finds no append-only file at its start, where it is to
	// have one, reads no snapshot either.
	mendUnlogged = "while it runs, CONFIG SET appendonly yes and CONFIG SET appendfsync always, and then the same in its file, as in config/redis.conf; " +
		"do not restart it to switch them on: it would begin empty"
	mendLastDisk = "free disk space for Redis, and mend what its log says"
)

// persistence tells of each node what a power cut would take along. A replica's own disk matters
// once it is promoted.
func (x *examiner) persistence(_ context.Context, s *sheet) {
	x.survey.each(func(n node) {
		bad := s.danger
		if n.replica() {
			bad = func(mend, format string, args ...any) { s.note(mend, format+" (it is a replica)", args...) }
		}
		switch n.info["aof_enabled"] {
		case "1":
			x.synced(s, n, bad)
		case "0":
			x.unlogged(n, bad)
		default:
			s.note("make sure that it has "+mendDisk, "%s does not tell whether it writes anything to disk", n.addr)
		}
		if n.info["aof_enabled"] == "1" && n.info["aof_last_write_status"] == "err" {
			s.danger(mendLastDisk, "%s: its last write to the append-only file failed, so it refuses writes", n.addr)
		}
		if n.info["aof_last_bgrewrite_status"] == "err" {
			s.danger(mendLastDisk, "%s: its last rewrite of the append-only file failed; the file grows until the disk is full", n.addr)
		}
		if n.info["rdb_last_bgsave_status"] == "err" {
			s.danger(mendLastDisk, "%s: its last snapshot failed%s", n.addr, stopsWrites(n))
		}
	})
}

// stopsWrites says what a failed snapshot leads to.
func stopsWrites(n node) string {
	switch n.config["stop-writes-on-bgsave-error"] {
	case "yes":
		return ", so it refuses writes where snapshots are on (stop-writes-on-bgsave-error yes)"
	case "no":
		return ", and it goes on nevertheless (stop-writes-on-bgsave-error no): what follows is kept in memory alone"
	}
	return ""
}

type tell func(mend, format string, args ...any)

// synced tells of a node with an append-only file when it is synced.
func (x *examiner) synced(s *sheet, n node, bad tell) {
	const lost = "a power cut takes %s of acceptances and intents along, so that a cancellation is lost or sent twice"
	second := fmt.Sprintf(lost, "up to a second")
	switch sync := n.config["appendfsync"]; {
	case sync == "always" && n.config["no-appendfsync-on-rewrite"] == "yes":
		bad("no-appendfsync-on-rewrite no", "%s: every write is on disk before it is answered, except while the append-only file is rewritten: then "+lost, n.addr, "up to half a minute")
	case sync == "always":
		s.ok("%s: every write is on disk before it is answered (appendonly yes, appendfsync always)", n.addr)
	case sync == "everysec" && x.Settings.WaitReplicas > 0:
		s.note("appendfsync always closes the gap that is left: a master that comes back after a power cut before a replica has taken over brings its own, older state",
			"%s: synced to disk every second; %s has a copy of each acceptance and intent (REDIS_WAIT_REPLICAS)", n.addr, plural(x.Settings.WaitReplicas, "replica"))
	case sync == "everysec":
		bad("appendfsync always; or at least replicas that are waited for, REDIS_WAIT_REPLICAS=1", "%s: synced to disk every second (appendfsync everysec): %s", n.addr, second)
	case sync == "no":
		bad("appendfsync always", "%s: synced to disk whenever its system likes (appendfsync no): "+lost, n.addr, "up to half a minute")
	default:
		s.note("make sure of appendfsync always at whoever runs this Redis; with everysec, "+second,
			"%s: writes an append-only file; when it is synced cannot be seen", n.addr)
	}
}

// unlogged tells of a node without append-only file what is left of it after a restart.
func (x *examiner) unlogged(n node, bad tell) {
	save, told := n.config["save"]
	switch {
	case told && save == "":
		bad(mendUnlogged, "%s: writes nothing to disk: a restart forgets every cancellation, and what was sent is sent again", n.addr)
	case told:
		last := "there is none yet"
		if at := n.number("rdb_last_save_time"); at > 0 {
			last = fmt.Sprintf("the last is %s old, with %d changes since", age(x.Now().Sub(time.Unix(at, 0))), n.number("rdb_changes_since_last_save"))
		}
		bad(mendUnlogged, "%s: writes snapshots alone, no append-only file: a restart forgets what happened since the last one (%s)", n.addr, last)
	default:
		bad(mendDisk+"; or the like of whoever runs this Redis", "%s: writes no append-only file: a restart forgets what happened since the last snapshot, if there is one", n.addr)
	}
}

// replicas tells of each master whether as many replicas hold its writes as the ledger demands.
func (x *examiner) replicas(_ context.Context, s *sheet) {
	want := x.Settings.WaitReplicas
	x.survey.each(func(n node) {
		if n.replica() {
			return
		}
		have, failover := n.inStep(), x.Settings.Failover || n.cluster != nil
		least, err := strconv.Atoi(n.config["min-replicas-to-write"])
		told := err == nil
		switch {
		case told && have < least:
			s.danger("bring the replicas back; or lower min-replicas-to-write",
				"%s: %s in step, min-replicas-to-write demands %d: it refuses writes", n.addr, plural(have, "replica"), least)
		case have < want:
			s.danger("bring the replicas back; REDIS_WAIT_REPLICAS can be lowered, and then a fail-over may lose what was accepted",
				"%s: %s in step, REDIS_WAIT_REPLICAS demands %d: nothing is confirmed and nothing is sent", n.addr, plural(have, "replica"), want)
		case want == 0 && have > 0 && failover:
			s.danger("REDIS_WAIT_REPLICAS=1", "%s: %s may be promoted, but none is waited for: a fail-over loses the latest acceptances and intents, and what was sent is sent again", n.addr, plural(have, "replica"))
		case want == 0 && have > 0:
			s.note("REDIS_WAIT_REPLICAS=1 before one of them is ever promoted", "%s: %s, and none is waited for: a promoted one lacks the latest acceptances and intents", n.addr, plural(have, "replica"))
		case want == 0:
			s.ok("%s: no replica, and none is demanded: there is no second copy of the cancellations", n.addr)
		case told && least == 0:
			s.note("min-replicas-to-write 1, as in config/redis.conf: a master that is cut off then takes no writes that its successor will not have",
				"%s: %s in step, %d demanded; it takes writes without any (min-replicas-to-write 0)", n.addr, plural(have, "replica"), want)
		default:
			s.ok("%s: %s in step, %d demanded", n.addr, plural(have, "replica"), want)
		}
	})
}

func plural(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}
