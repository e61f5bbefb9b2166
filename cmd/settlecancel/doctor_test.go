package main

import (
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"settlecancel/cmd/settlecancel/doctor"
	"settlecancel/gateway/simulator"
)

// examined is the doctor's word on a plant.
func (p *plant) examined(args ...string) outcome {
	p.Helper()
	c := &cli{TB: p.TB, app: app{environ: p.environ}}
	return c.run(append([]string{"doctor"}, args...)...)
}

// An installation as it should be, with a worker at work.
func TestDoctorOK(t *testing.T) {
	t.Parallel()
	p := newPlant(t, simulator.Options{})
	p.start("worker")
	p.until("a worker at work", time.Minute, func() bool { return strings.Contains(p.examined().out, "1 worker at work") })
	p.examined().want(t, exitDone, []string{
		"ok    redis-persistence", "the testbed's keys; messages are signed and encrypted as SettleBank's own examples are",
		"nx_mid_il, nxhp_pl_il, nxpt_kt_il: known to SettleBank", "nx_mid_il, nxhp_pl_il, nxpt_kt_il: SettleBank speaks flat, as is set", "note  redis-memory", "→ set maxmemory", "\n0 dangers, ",
	}, nil)

	found := readJSON[[]doctor.Finding](t, p.examined("--json").out)
	if len(found) < 15 || found[0].Check != "redis" || found[0].Level != doctor.OK || found[0].Text == "" {
		t.Errorf("%+v", found)
	}
}

// Dangers stand last, each with its mend, and the exit code tells of them.
func TestDoctorDanger(t *testing.T) {
	t.Parallel()
	p := newPlant(t, simulator.Options{})
	if err := p.redis.Client(t).ConfigSet(t.Context(), "maxmemory-policy", "allkeys-lru").Err(); err != nil {
		t.Fatal(err)
	}
	p.enqueue(p.pageExample("waits", 500))
	o := p.examined()
	o.want(t, exitFailed, []string{"DANGER  redis-memory ", "allkeys-lru", "→ maxmemory-policy noeviction", "DANGER  workers ", "→ start one: settlecancel worker", "\n2 dangers, "}, nil)
	if first := strings.Index(o.out, "DANGER"); first < strings.LastIndex(o.out, "\nok ") || first < strings.LastIndex(o.out, "\nnote ") {
		t.Errorf("dangers do not stand last:\n%s", o.out)
	}
	found := p.examined("--json")
	found.want(t, exitFailed, []string{`"level": "danger"`}, nil)
	if dangers := doctor.Dangers(readJSON[[]doctor.Finding](t, found.out)); len(dangers) != 2 {
		t.Errorf("%+v", dangers)
	}
}

// Neither a Redis nor a SettleBank that is away keeps it from examining the rest, and no secret is
// shown.
func TestDoctorAway(t *testing.T) {
	t.Parallel()
	gone := httptest.NewServer(nil)
	gone.Close()
	c := newCLI(t)
	c.app.environ = append(c.app.environ, "SETTLEBANK_BASE_URL="+gone.URL)
	c.redis.Kill()
	c.run("doctor").want(t, exitFailed, []string{
		"no Redis at redis://default:[redacted]@" + c.redis.Addr(), "→ start it, or correct REDIS_URL",
		"no connection to SettleBank at " + gone.URL, "merchant shop: a request to cancel a payment that does not exist is not answered", "keys of their own", "3 dangers",
	}, nil)
}

// With the wrong password Redis is as good as away.
func TestDoctorWrongPassword(t *testing.T) {
	t.Parallel()
	c := newCLI(t)
	if err := c.redis.Client(t).ConfigSet(t.Context(), "requirepass", "another password").Err(); err != nil {
		t.Fatal(err)
	}
	c.run("doctor").want(t, exitFailed, []string{"WRONGPASS", "REDIS_URL"}, nil)
}

func TestDoctorUsage(t *testing.T) {
	t.Parallel()
	c := &cli{TB: t, app: app{environ: []string{"RETRY_MAX=many", "WORKER_CONCURRENCY=0"}}}
	c.run("doctor").want(t, exitUsage, nil, []string{"RETRY_MAX", "WORKER_CONCURRENCY"})
	c.app.environ = nil
	c.run("doctor", "now").want(t, exitUsage, nil, []string{`takes no "now"`})
}

// What SettleBank or Redis says may hold anything, and reaches no terminal as it is.
