package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"settlecancel/cmd/settlecancel/terminal/terminaltest"
	"settlecancel/gateway/settlebank"
	"settlecancel/gateway/simulator"
	"settlecancel/tasks"
	"settlecancel/tasks/ledger/redistest"
)

const (
	benchConcurrency = 200
	benchTurns       = 3
)

// BenchmarkWorker empties a queue with the program as it is shipped, `settlecancel worker` with its
// defaults, and with bare asynq workers of one and of four servers that make the same POST, by turns.
// Each has a process, a Redis and a queue of its own; the gateway is in this process. It prints the
// medians: how many a second ("/s"), and what each cancellation costs. A ratio is ours to the bare
// one's of one server.
//
// The time is counted from the first request to the last answer. What a cancellation costs Redis is
// counted from an idle queue of full length until nothing is left to do, events included.
func BenchmarkWorker(b *testing.B) {
	for _, fsync := range []string{"everysec", "always"} {
		for _, latency := range []time.Duration{0, 20 * time.Millisecond, 200 * time.Millisecond} {
			b.Run(fmt.Sprintf("fsync=%s/gateway=%v", fsync, latency), func(b *testing.B) { benchmarkWorker(b, fsync, latency) })
		}
	}
}

func benchmarkWorker(b *testing.B, fsync string, latency time.Duration) {
	count := 8000
	if latency > 100*time.Millisecond {
		count = 4000
	}
	runners := []struct {
		name  string
		start func(b *testing.B, p *plant) *exec.Cmd
	}{{"bare1", startBare(1)}, {"bare4", startBare(4)}, {"ours", startOurs}}
	for b.Loop() {
		all := map[string][]drained{}
		for range benchTurns {
			for _, r := range runners {
				all[r.name] = append(all[r.name], drain(b, fsync, latency, count, r.start))
			}
		}
		printMedians(b, all)
	}
}

// drained is what one worker needed for one queue; costs are for each cancellation.
type drained struct {
	rate     float64       // cancellations a second
	cpu      time.Duration // of the worker
	peak     float64       // of its memory, MB; not for each
	commands float64       // of Redis, those within scripts included
	scripts  float64
	inLua    time.Duration
	redis    time.Duration // Redis's processor time
	aof      float64       // bytes
	kept     float64       // bytes of Redis's memory, once all have ended
}

func printMedians(b *testing.B, all map[string][]drained) {
	median := func(name string, of func(drained) float64) float64 {
		var values []float64
		for _, d := range all[name] {
			values = append(values, of(d))
		}
		slices.Sort(values)
		return values[len(values)/2]
	}
	micros := func(d time.Duration) float64 { return float64(d.Nanoseconds()) / 1000 }
	b.ReportMetric(0, "ns/op")
	rate := func(d drained) float64 { return d.rate }
	b.ReportMetric(median("ours", rate)/median("bare1", rate), "ratio")
	b.ReportMetric(median("bare4", rate)/median("bare1", rate), "ratio-bare4")
	cpu := func(d drained) float64 { return micros(d.cpu) }
	b.ReportMetric(median("ours", cpu)/median("bare1", cpu), "ratio-cpu")
	for _, name := range []string{"bare1", "ours"} {
		for _, m := range []struct {
			unit string
			of   func(drained) float64
		}{
			{"/s", rate}, {"-µs-cpu", cpu}, {"-commands", func(d drained) float64 { return d.commands }},
			{"-scripts", func(d drained) float64 { return d.scripts }}, {"-µs-lua", func(d drained) float64 { return micros(d.inLua) }},
			{"-B-aof", func(d drained) float64 { return d.aof }}, {"-B-kept", func(d drained) float64 { return d.kept }},
			{"-MB-peak", func(d drained) float64 { return d.peak }}, {"-µs-redis", func(d drained) float64 { return micros(d.redis) }},
		} {
			b.ReportMetric(median(name, m.of), name+m.unit)
		}
	}
}

func drain(b *testing.B, fsync string, latency time.Duration, count int, start func(*testing.B, *plant) *exec.Cmd) drained {
	server := redistest.Start(b, redistest.Options{Args: []string{"--appendonly", "yes", "--appendfsync", fsync,
		"--auto-aof-rewrite-percentage", "0", "--save", ""}})
	defer server.Kill()
	p := plantOn(b, server.URL(), simulator.Options{AutoAmount: 1000, Latency: latency, Journal: 1}, fmt.Sprintf("WORKER_CONCURRENCY=%d", benchConcurrency))
	rdb := server.Client(b)
	empty := look(b, rdb).memory
	fill(b, p.client, count)
	before := look(b, rdb)
	cmd := start(b, p)
	first := p.effects(b, 1)
	last := p.effects(b, count)
	p.until("nothing is left to do", time.Minute, func() bool { return idle(rdb) })
	after := look(b, rdb)
	_ = cmd.Process.Signal(syscall.SIGTERM)
	if err := cmd.Wait(); err != nil {
		b.Fatalf("%v: %v\n%s", cmd.Args, err, cmd.Stdout)
	}
	n := float64(count)
	state := cmd.ProcessState
	usage, ok := state.SysUsage().(*syscall.Rusage)
	if !ok {
		b.Fatalf("resource usage is a %T", state.SysUsage())
	}
	return drained{
		rate: float64(count-1) / last.Sub(first).Seconds(), cpu: (state.UserTime() + state.SystemTime()) / time.Duration(count),
		peak: float64(usage.Maxrss) / 1024, commands: (after.commands - before.commands) / n, scripts: (after.scripts - before.scripts) / n,
		inLua: time.Duration((after.inLua - before.inLua) / n * 1000), aof: (after.aof - before.aof) / n,
		kept: (after.memory - empty) / n, redis: time.Duration((after.cpu - before.cpu) / n * 1e9),
	}
}

// effects waits until the gateway has carried out so many cancellations, and returns when.
func (p *plant) effects(b *testing.B, n int) time.Time {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	if err := p.sim.Await(ctx, func(s simulator.Stats) bool { return s.Effects >= n }); err != nil {
		b.Fatal(err)
	}
	return time.Now()
}

// idle reports whether asynq and the ledger have nothing to do.
func idle(rdb *redis.Client) bool {
	ctx := context.Background()
	var left int64
	for queue := range tasks.Queues() {
		left += rdb.LLen(ctx, "asynq:{"+queue+"}:pending").Val() + rdb.LLen(ctx, "asynq:{"+queue+"}:active").Val()
	}
	for shard := range 16 {
		left += rdb.XLen(ctx, fmt.Sprintf("settlecancel:{%d}:out", shard)).Val()
	}
	return left == 0
}

// figures are Redis's own.
type figures struct{ commands, scripts, inLua, aof, memory, cpu float64 }

func look(b *testing.B, rdb *redis.Client) figures {
	b.Helper()
	ctx := context.Background()
	info, err := rdb.Info(ctx, "everything").Result()
	if err != nil {
		b.Fatal(err)
	}
	var f figures
	for line := range strings.Lines(info) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), ":")
		number, _ := strconv.ParseFloat(value, 64)
		switch name {
		case "aof_current_size":
			f.aof = number
		case "used_memory_dataset":
			f.memory = number
		case "used_cpu_sys", "used_cpu_user": // seconds
			f.cpu += number
		}
		command, ok := strings.CutPrefix(name, "cmdstat_")
		if !ok || command == "info" {
			continue
		}
		var calls, micros float64
		if _, err := fmt.Sscanf(value, "calls=%f,usec=%f,", &calls, &micros); err != nil {
			b.Fatalf("%s: %v", line, err)
		}
		f.commands += calls
		if command == "evalsha" || command == "eval" {
			f.scripts, f.inLua = f.scripts+calls, f.inLua+micros
		}
	}
	return f
}

func fill(b *testing.B, c *tasks.Client, count int) {
	var all sync.WaitGroup
	for part := range 16 {
		all.Go(func() {
			for i := part; i < count; i += 16 {
				if _, err := c.Enqueue(context.Background(), benchCancellation(i), tasks.EnqueueOptions{}); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	all.Wait()
}

func benchCancellation(i int) tasks.Cancellation {
	return tasks.Cancellation{IdempotencyKey: fmt.Sprintf("refund-20231215-%06d", i), MchtID: settlebank.TestbedCard,
		OrgTrdNo: fmt.Sprintf("STFP_PGCAnxca_jt_il0211129135810M1%06d", i), OrgMchtTrdNo: fmt.Sprintf("ORDER2023121514%06d", i),
		OrgTrdDt: "20231215", CanAmt: 1000, OrgTrdAmt: 1000, Method: "CA"}
}

func startOurs(b *testing.B, p *plant) *exec.Cmd {
	path, err := build()
	if err != nil {
		b.Fatal(err)
	}
	return begin(b, exec.Command(path, "worker"), p.environ...)
}

// startBare starts this test program again, as a bare worker with so many asynq servers.
func startBare(servers int) func(b *testing.B, p *plant) *exec.Cmd {
	return func(b *testing.B, p *plant) *exec.Cmd {
		path, err := os.Executable()
		if err != nil {
			b.Fatal(err)
		}
		return begin(b, exec.Command(path), append(p.environ, bareEnv+"="+p.gateway, fmt.Sprintf("BENCH_SERVERS=%d", servers))...)
	}
}

func begin(b *testing.B, cmd *exec.Cmd, environ ...string) *exec.Cmd {
	log := &terminaltest.Buffer{}
	cmd.Env, cmd.Stdout, cmd.Stderr = environ, log, log
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = cmd.Process.Kill() })
	return cmd
}
