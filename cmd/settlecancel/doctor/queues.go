package doctor

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"

	"settlecancel/tasks"
	"settlecancel/tasks/events"
)

const (
	// sweeperKey names the worker whose turn it is to sweep, while there is one.
	sweeperKey = "settlecancel:sweeper"
	// settling is how long a worker that just started may take until it sweeps.
	settling = 30 * time.Second
	// waitNoted is how long the oldest task may wait in its queue before it is told of.
	waitNoted = time.Minute

	// asynq keeps so many archived tasks of a queue, and trims the rest a few at a time; many that
	// expire at once are left half removed, and block their ids.
	archiveMost, archiveNoted, archiveDangerous = 10_000, 5_000, 9_000
)

// workers reports whether someone takes tasks, and looks for cancellations that lost theirs.
func (x *examiner) workers(ctx context.Context, s *sheet) {
	servers, err := asynq.NewInspectorFromRedisClient(x.Redis).Servers()
	if err != nil {
		s.danger("run it again; look at Redis", "the workers cannot be listed: %v", err)
		return
	}
	var oldest time.Time
	concurrency, processes, served := 0, map[string]bool{}, map[string]bool{}
	for _, server := range servers {
		if server.Status != "active" {
			continue
		}
		if _, tells := server.Queues[events.QueueWebhooks]; !tells {
			concurrency += server.Concurrency
		}
		processes[fmt.Sprintf("%s:%d", server.Host, server.PID)] = true
		for queue := range server.Queues {
			served[queue] = true
		}
		if oldest.IsZero() || server.Started.Before(oldest) {
			oldest = server.Started
		}
	}
	if len(processes) == 0 {
		x.idle(ctx, s)
		return
	}
	s.ok("%s at work (%s), %d cancellations at a time", plural(len(processes), "worker"),
		strings.Join(slices.Sorted(maps.Keys(processes)), ", "), concurrency)
	for _, queue := range queueNames() {
		if !served[queue] {
			s.danger("let a worker of this version run", "no worker takes tasks from queue %s", queue)
		}
	}
	if x.Settings.Webhook && !served[events.QueueWebhooks] {
		s.danger("set WEBHOOK_URL and WEBHOOK_SECRET for the workers too, and restart them", "no worker delivers webhooks")
	}
	x.sweeper(ctx, s, oldest)
}

// idle reports whether no worker is at work, which matters as soon as anything waits.
func (x *examiner) idle(ctx context.Context, s *sheet) {
	const mend = "start one: settlecancel worker"
	open, _, err := x.Client.Ledger().Counts(ctx)
	switch {
	case err != nil:
		s.danger(mend, "no worker is at work; how many cancellations wait for one cannot be read: %v", err)
	case open > 0:
		s.danger(mend, "no worker is at work, and %s", plural(int(open), "open cancellation")+" waiting")
	default:
		s.note(mend, "no worker is at work; nothing waits for one")
	}
}

// sweeper reports whether a worker looks for open cancellations that asynq forgot.
func (x *examiner) sweeper(ctx context.Context, s *sheet, started time.Time) {
	err := x.Redis.Get(ctx, sweeperKey).Err()
	switch {
	case err == nil:
		s.ok("the sweeper is at work")
	case !errors.Is(err, redis.Nil):
		s.danger("run it again; look at Redis", "whether the sweeper is at work cannot be read: %v", err)
	case x.Now().Sub(started) < settling:
		s.ok("the sweeper has its first turn within %v of a worker's start", settling)
	default:
		s.danger("look for \"sweep failed\" in the workers' logs, and restart them",
			"no worker sweeps: a cancellation whose task is lost from its queue stays where it is")
	}
}

// queues tells of each queue of cancellations whether it is served, how much waits in it, and how
// full its archive is.
func (x *examiner) queues(_ context.Context, s *sheet) {
	inspector := asynq.NewInspectorFromRedisClient(x.Redis)
	exist, err := inspector.Queues()
	if err != nil {
		s.danger("run it again; look at Redis", "the queues cannot be listed: %v", err)
		return
	}
	for _, queue := range queueNames() {
		if !slices.Contains(exist, queue) {
			s.ok("queue %s: nothing was ever put into it", queue)
			continue
		}
		info, err := inspector.GetQueueInfo(queue)
		if err != nil {
			s.danger("a task in it may be damaged; the sweeper queues its cancellation again, but look at asynq's keys of this queue", "queue %s cannot be read: %v", queue, err)
			continue
		}
		queueState(s, info)
	}
	strays(s, inspector, exist)
}

// strayPage is how many tasks of each state of a foreign queue are looked at.
const strayPage = 100

// strays tells of each queue that no worker of ours serves, and that holds cancellations all the
// same. Only the first tasks of each state are looked at: a queue of another program may be long.
func strays(s *sheet, inspector *asynq.Inspector, exist []string) {
	for _, queue := range slices.Sorted(slices.Values(exist)) {
		if _, ours := tasks.Queues()[queue]; ours || queue == events.QueueWebhooks {
			continue
		}
		found, err := strayed(inspector, queue)
		if err != nil {
			s.note("look at asynq's keys of this queue", "queue %s, which is not ours, cannot be read: %v", queue, err)
		}
		if found > 0 {
			s.danger("let the producer name queue "+tasks.QueueUrgent+", "+tasks.QueueDefault+" or "+tasks.QueueBulk+", or enqueue with settlecancel; then enqueue what stands there again, under the same keys",
				"queue %s is not ours, and holds %s at least: no worker of settlecancel takes them", queue, plural(found, tasks.TypeCancel+" task"))
		}
	}
}

// strayed counts cancellations among the first tasks of a queue, of each state.
func strayed(inspector *asynq.Inspector, queue string) (found int, failed error) {
	count := func(listed []*asynq.TaskInfo, err error) {
		failed = errors.Join(failed, err)
		for _, t := range listed {
			if t.Type == tasks.TypeCancel {
				found++
			}
		}
	}
	page := asynq.PageSize(strayPage)
	count(inspector.ListPendingTasks(queue, page))
	count(inspector.ListActiveTasks(queue, page))
	count(inspector.ListScheduledTasks(queue, page))
	count(inspector.ListRetryTasks(queue, page))
	count(inspector.ListArchivedTasks(queue, page))
	groups, err := inspector.Groups(queue)
	failed = errors.Join(failed, err)
	for _, g := range groups[:min(len(groups), strayPage)] {
		count(inspector.ListAggregatingTasks(queue, g.Group, page))
	}
	return found, failed
}

func queueState(s *sheet, q *asynq.QueueInfo) {
	if q.Paused {
		s.danger("resume it in the dashboard (/dashboard/queues/) once there is no more reason for the pause",
			"queue %s is paused: %s in it will not be carried out", q.Queue, plural(q.Pending, "waiting task"))
	}
	if q.Pending > 0 && q.Latency > waitNoted {
		s.note("start more workers, or raise WORKER_CONCURRENCY, where it does not shrink",
			"queue %s: the oldest of %s has waited for %s", q.Queue, plural(q.Pending, "task"), age(q.Latency))
	} else if !q.Paused {
		s.ok("queue %s: %d waiting, %d under way, %d to be repeated", q.Queue, q.Pending, q.Active, q.Retry+q.Scheduled)
	}
	if q.Archived >= archiveNoted {
		tell := s.note
		if q.Archived >= archiveDangerous {
			tell = s.danger
		}
		tell("decide on dead letters (settlecancel deadletter ls): the workers then delete their archived tasks, a few at a time",
			"queue %s: %d archived tasks of %d that asynq keeps; the dead letters themselves are safe in the ledger", q.Queue, q.Archived, archiveMost)
	}
}

// queueNames returns the queues of cancellations, the most served first.
func queueNames() []string {
	weights := tasks.Queues()
	return slices.SortedFunc(maps.Keys(weights), func(a, b string) int { return weights[b] - weights[a] })
}
