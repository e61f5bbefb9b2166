package worker

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/hibiken/asynq"

	"settlecancel/tasks"
)

const (
	unseenPage   = 100 // tasks of one listing
	unseenGroups = 100 // groups of a queue that one round looks into
)

// unseen finds the tasks that asynq hands to no worker because of what a producer chose: those with
// a group wait for an aggregator, which nobody has; those whose deadline has passed fail before any
// handler is called, and come back every few seconds. Each is queued once more without that. Then
// it is carried out or refused as any other.
type unseen struct {
	inspector *asynq.Inspector
	client    *tasks.Client
	log       *slog.Logger
	now       func() time.Time

	pages map[string]int // by queue: the next page of those to be repeated, beside the first
}

func (w *Worker) newUnseen() *unseen {
	return &unseen{inspector: w.inspector, client: w.opts.Client, log: w.log, now: w.opts.Now, pages: map[string]int{}}
}

// look does one round: a bounded number of tasks of each queue.
func (u *unseen) look(ctx context.Context) error {
	var failed []error
	for queue := range tasks.Queues() {
		err := errors.Join(u.grouped(ctx, queue), u.repeated(ctx, queue))
		if err != nil && !errors.Is(err, asynq.ErrQueueNotFound) {
			failed = append(failed, fmt.Errorf("unseen tasks of queue %s: %w", queue, err))
		}
	}
	return errors.Join(failed...)
}

// grouped looks into the groups of a queue. What is queued once more leaves its group, and an empty
// group goes, so that the others are reached.
func (u *unseen) grouped(ctx context.Context, queue string) error {
	groups, err := u.inspector.Groups(queue)
	if err != nil {
		return err
	}
	var failed []error
	for _, g := range groups[:min(len(groups), unseenGroups)] {
		gathered, err := u.inspector.ListAggregatingTasks(queue, g.Group, asynq.PageSize(unseenPage))
		failed = append(failed, err, u.requeue(ctx, gathered))
	}
	return errors.Join(failed...)
}

// repeated looks at the tasks that are due next, where one that comes back every few seconds
// stands, and at the next page of all.
func (u *unseen) repeated(ctx context.Context, queue string) error {
	first, err := u.inspector.ListRetryTasks(queue, asynq.PageSize(unseenPage))
	if err != nil || len(first) == 0 {
		return err
	}
	page := max(u.pages[queue], 2)
	next, err := u.inspector.ListRetryTasks(queue, asynq.PageSize(unseenPage), asynq.Page(page))
	u.pages[queue] = page + 1
	if len(next) < unseenPage {
		u.pages[queue] = 2 // all around
	}
	return errors.Join(err, u.requeue(ctx, append(first, next...)))
}

func (u *unseen) requeue(ctx context.Context, found []*asynq.TaskInfo) error {
	var failed []error
	for _, t := range found {
		if !tasks.Unseen(t, u.now()) {
			continue
		}
		if err := u.client.Requeue(ctx, t); err != nil {
			failed = append(failed, err)
			continue
		}
		logRequeued(ctx, u.log, t)
	}
	return errors.Join(failed...)
}

func logRequeued(ctx context.Context, log *slog.Logger, t *asynq.TaskInfo) {
	log.InfoContext(ctx, "task of a plain asynq client queued once more: no worker would have seen it",
		"task", oneLine(t.ID), "queue", t.Queue, "state", t.State.String())
}
