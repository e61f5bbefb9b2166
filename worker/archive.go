package worker

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"

	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"

	"settlecancel/tasks"
	"settlecancel/tasks/ledger"
)

const (
	trimEvery    = 10   // so many sweeps, the archive is trimmed once
	archivePage  = 33   // tasks; three pages of a queue are looked at in one round
	archiveLimit = 9000 // tasks of a queue; at 10,000 asynq begins to drop the oldest itself, whatever they are
)

// archive trims what asynq archives. Left alone, it grows until asynq drops the oldest without a
// word, and many that expire together leave half-removed tasks which block their ids. Nothing of a
// cancellation is lost with its archived task: the ledger has it.
type archive struct {
	redis     redis.UniversalClient
	inspector *asynq.Inspector
	ledger    *ledger.Ledger
	client    *tasks.Client
	parse     func([]byte) (tasks.Task, error)
	refused   func() // tells of a refusal
	log       *slog.Logger

	limit   int64                     // tasks of a queue, beyond which copies of dead letters go too
	cursors map[string]*archiveCursor // by queue
}

// archiveCursor is how far the looking through the archive of a queue has come.
type archiveCursor struct {
	page int  // the next one, from 1, which has the oldest
	over bool // the limit was exceeded
}

func (w *Worker) newArchive() *archive {
	a := &archive{redis: w.opts.Redis, inspector: w.inspector, ledger: w.ledger, client: w.opts.Client,
		parse: w.parse, refused: w.opts.Observer.Refused, log: w.log, limit: archiveLimit, cursors: map[string]*archiveCursor{}}
	for queue := range tasks.Queues() {
		a.cursors[queue] = &archiveCursor{page: 1}
	}
	return a
}

// fate is what becomes of an archived task.
type fate int

const (
	kept    fate = iota // for people, or for the sweeper
	spare               // a copy of a dead letter, which is kept as long as there is room
	ended               // nobody needs it any more
	exposed             // holds an account number in plain text
	silent              // no handler gave it up: it is queued once more
)

// trim does one round: a few tasks of each queue. What cannot be deleted does not keep it from the
// others.
func (a *archive) trim(ctx context.Context) error {
	var failed []error
	for queue, c := range a.cursors {
		if err := a.trimQueue(ctx, queue, c); err != nil {
			failed = append(failed, fmt.Errorf("archive of queue %s: %w", queue, err))
		}
	}
	return errors.Join(failed...)
}

// trimQueue looks at the tasks that came last, since an account number must not stand there for
// long, and at the next page of all.
func (a *archive) trimQueue(ctx context.Context, queue string, c *archiveCursor) error {
	n, err := a.redis.ZCard(ctx, "asynq:{"+queue+"}:archived").Result()
	if err != nil || n == 0 {
		return err
	}
	last, excess := int((n+archivePage-1)/archivePage), n-a.limit
	if c.page > last || excess > 0 && !c.over {
		c.page = 1 // all around; or the oldest have to go
	}
	c.over = excess > 0
	var failed []error
	for _, page := range []int{last, last - 1} { // from behind: what is deleted moves those behind it
		if page > c.page {
			_, err := a.trimPage(ctx, queue, page, 0)
			failed = append(failed, err)
		}
	}
	deleted, err := a.trimPage(ctx, queue, c.page, excess)
	if deleted == 0 {
		c.page++ // else others have moved into it
	}
	return errors.Join(append(failed, err)...)
}

// trimPage deletes what is to be deleted of one page, copies of dead letters at most excess, and
// answers how many that were.
func (a *archive) trimPage(ctx context.Context, queue string, page int, excess int64) (deleted int, err error) {
	archived, err := a.inspector.ListArchivedTasks(queue, asynq.PageSize(archivePage), asynq.Page(page))
	if err != nil {
		return 0, err
	}
	var failed []error
	for _, t := range archived {
		f, err := a.fate(ctx, t)
		if err != nil {
			return deleted, errors.Join(append(failed, err)...) // Redis is away
		}
		if f == kept || f == spare && excess <= 0 {
			continue
		}
		if f == silent {
			if err := a.client.Requeue(ctx, t); err != nil {
				failed = append(failed, err)
				continue
			}
			deleted++
			logRequeued(ctx, a.log, t)
			continue
		}
		if err := a.inspector.DeleteTask(queue, t.ID); err != nil {
			if !errors.Is(err, asynq.ErrTaskNotFound) {
				failed = append(failed, fmt.Errorf("task %s cannot be deleted: %w", oneLine(t.ID), err))
			}
			continue
		}
		deleted++
		switch f {
		case spare:
			excess--
		case exposed:
			if !decided(t.LastErr) {
				a.refused()
			}
			a.log.WarnContext(ctx, "archived task deleted: it held an account number in plain text", "task", oneLine(t.ID), "queue", queue)
		}
	}
	return deleted, errors.Join(failed...)
}

// fate decides about one archived task. Should its cancellation be taken back to work meanwhile,
// and the new task be deleted in the place of the old one, the sweeper queues it again.
func (a *archive) fate(ctx context.Context, t *asynq.TaskInfo) (fate, error) {
	unknown := kept // what becomes of a task that the ledger has nothing of
	if tasks.Foreign(t) && !decided(t.LastErr) {
		unknown = silent
	}
	x, err := a.parse(t.Payload)
	if refused := err != nil || t.Type != tasks.TypeCancel; refused {
		if holdsAccount(string(t.Payload)) {
			return exposed, nil
		}
		return unknown, nil
	}
	r, err := a.ledger.Get(ctx, x.IdempotencyKey)
	switch {
	case errors.Is(err, ledger.ErrNotFound):
		return unknown, nil
	case errors.Is(err, ledger.ErrDamaged):
		return kept, nil
	case err != nil:
		return kept, err
	case !standsFor(x, r):
		return unknown, nil // in conflict: it asks for something else than what the ledger has
	case r.Ended():
		return ended, nil
	case r.Dead():
		return spare, nil
	}
	return kept, nil
}

// standsFor reports whether t is a task of the cancellation r, rather than of another one under the
// same key.
func standsFor(t tasks.Task, r ledger.Record) bool {
	e, err := t.Entry()
	return err == nil && r.AskedFor(e)
}

// accountFields are those of tasks.Cancellation that nobody may read.
var accountFields = []string{"refundAcntNo", "refundDpstrNm", "vAcntNo"}

// holdsAccount reports whether a payload that ParseTask refuses gives an account number or its
// holder, in whatever form a foreign producer may have put it: at any depth, in any case, in JSON
// within JSON. Of what is no JSON, a name is enough.
func holdsAccount(payload string) bool {
	d := json.NewDecoder(strings.NewReader(payload))
	d.UseNumber()
	named := false
	for {
		token, err := d.Token()
		if err != nil {
			return !errors.Is(err, io.EOF) && namesAccount(payload)
		}
		text, isText := token.(string)
		_, isNumber := token.(json.Number)
		isName := isText && slices.ContainsFunc(accountFields, func(f string) bool { return strings.EqualFold(f, text) })
		switch {
		case named && (isNumber || isText && text != "" && !isName):
			return true
		case isText && !isName && strings.ContainsAny(text, "{[") && holdsAccount(text):
			return true
		}
		if token != json.Delim('[') { // a list of them is as bad
			named = isName
		}
	}
}

func namesAccount(text string) bool {
	text = strings.ToLower(text)
	return slices.ContainsFunc(accountFields, func(f string) bool { return strings.Contains(text, strings.ToLower(f)) })
}
