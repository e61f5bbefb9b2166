// Package events is what people do at a terminal with the events that tell how cancellations ended.
package events

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/spf13/cobra"

	"settlecancel/cmd/settlecancel/records"
	"settlecancel/cmd/settlecancel/terminal"
	"settlecancel/tasks/events"
	"settlecancel/tasks/ledger"
)

// commands are what Options make.
type commands struct{ Options }

// Options of the command.
type Options struct {
	terminal.Terminal
	// WithRedis runs a function with the configured Redis.
	WithRedis func(context.Context, func(redis.UniversalClient) error) error
	// Webhook returns why there is no webhook to tell events to, nil where there is one.
	Webhook func() error
}

// Command returns the command events.
func Command(o Options) *cobra.Command {
	a := commands{o}
	c := &cobra.Command{
		Use:   "events",
		Short: "Watch how cancellations end, or tell it again to who missed it",
		Args:  terminal.NoArgs,
		RunE:  func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(a.tail(), a.replayCommand())
	return c
}

func (a commands) tail() *cobra.Command {
	var fromStart, asJSON bool
	c := &cobra.Command{
		Use:   "tail",
		Short: "Show each final status and dead letter as it comes, until Ctrl-C",
		Args:  terminal.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return a.WithRedis(c.Context(), func(rdb redis.UniversalClient) error {
				show := a.showEvent()
				if asJSON {
					show = a.jsonLine
				}
				return eachEvent(events.Follow(c.Context(), rdb, fromStart), func(e events.Event) error { return show(e) })
			})
		},
	}
	c.Flags().BoolVar(&fromStart, "from-start", false, "begin with all events that are still kept")
	c.Flags().BoolVar(&asJSON, "json", false, "print each event as one line of JSON")
	return c
}

// Where replay tells events.
const (
	toStdout  = "stdout"
	toWebhook = "webhook"
)

func (a commands) replayCommand() *cobra.Command {
	var since, until, to string
	asJSON := false
	c := &cobra.Command{
		Use:   "replay --since TIME|DURATION",
		Short: "Tell events again, to the webhook or to standard output",
		Long: "Tell events again that the stream still keeps (EVENTS_KEEP), by the time they tell of.\n" +
			"A webhook gets them in order and with the webhook-id they had, so that a receiver that keeps ids takes only what it missed.",
		Example: "  settlecancel events replay --since 2h\n  settlecancel events replay --since 2023-12-15T14:00:00+09:00 --until 2023-12-15T15:30:00+09:00 --to webhook",
		Args:    terminal.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			span, err := parseSpan(since, until, time.Now())
			if (to != toStdout && to != toWebhook) || (to == toWebhook && asJSON) {
				err = errors.Join(err, terminal.Usagef("say where to with --to %s or --to %s; --json is for %s alone", toStdout, toWebhook, toStdout))
			}
			if err != nil {
				return err
			}
			return a.replay(c.Context(), span, to, asJSON)
		},
	}
	c.Flags().StringVar(&since, "since", "", "the first time (2023-12-15T14:00:00+09:00), or how long ago (90m, 48h)")
	c.Flags().StringVar(&until, "until", "", "the time before which to end, in the same form (default: now)")
	c.Flags().StringVar(&to, "to", toStdout, toStdout+" or "+toWebhook)
	terminal.Choices(c, "to", toStdout, toWebhook)
	c.Flags().BoolVar(&asJSON, "json", false, "print one JSON array instead of a line of JSON each")
	return c
}

// span is the time from since, inclusive, to until, exclusive.
type span struct{ since, until time.Time }

// parseSpan names everything that is wrong.
func parseSpan(since, until string, now time.Time) (s span, err error) {
	s.since, err = parseMoment("--since", since, now)
	if until == "" {
		return s, err
	}
	var wrong error
	if s.until, wrong = parseMoment("--until", until, now); err == nil && wrong == nil && !s.since.Before(s.until) {
		wrong = terminal.Usagef("--until must be after --since")
	}
	return s, errors.Join(err, wrong)
}

// parseMoment reads a time, or how long ago it was.
func parseMoment(flag, text string, now time.Time) (time.Time, error) {
	if t, err := time.Parse(time.RFC3339, text); err == nil {
		return t, nil
	}
	if d, err := time.ParseDuration(text); err == nil && d >= 0 {
		return now.Add(-d), nil
	}
	return time.Time{}, terminal.Usagef("%s needs a time such as 2023-12-15T14:00:00+09:00, or how long ago such as 90m or 48h; it is %q", flag, text)
}

func (a commands) replay(ctx context.Context, s span, to string, asJSON bool) error {
	if to == toWebhook {
		if err := a.Webhook(); err != nil {
			return err
		}
	}
	return a.WithRedis(ctx, func(rdb redis.UniversalClient) error {
		told := events.Read(ctx, rdb, s.since, s.until)
		switch {
		case to == toWebhook:
			return a.replayToWebhook(ctx, rdb, told)
		case asJSON:
			return terminal.PrintArray(a.Out, func(show func(events.Event) error) error { return eachEvent(told, show) })
		}
		return eachEvent(told, a.jsonLine)
	})
}

// replayPage is how many events are queued in one step.
const replayPage = 200

func (a commands) replayToWebhook(ctx context.Context, rdb redis.UniversalClient, told iter.Seq2[events.Event, error]) error {
	name := "replay-" + strconv.FormatInt(time.Now().Unix(), 10)
	var page []events.Event
	queued := 0
	flush := func() error {
		n, err := events.EnqueueWebhooks(ctx, rdb, page, name)
		queued, page = queued+n, page[:0]
		return err
	}
	err := eachEvent(told, func(e events.Event) error {
		if page = append(page, e); len(page) < replayPage {
			return nil
		}
		return flush()
	})
	if err == nil || errors.Is(err, ledger.ErrDamaged) {
		err = errors.Join(err, flush())
	}
	fmt.Fprintf(a.Out, "%s queued again for the webhook\n", terminal.Plural(queued, "event"))
	return err
}

// eachEvent calls show for each event. Damaged ones do not keep the others from being shown; its
// error names them.
func eachEvent(told iter.Seq2[events.Event, error], show func(events.Event) error) error {
	var damaged []error
	for e, err := range told {
		if errors.Is(err, ledger.ErrDamaged) {
			damaged = append(damaged, err)
			continue
		}
		if err != nil {
			return err
		}
		if err := show(e); err != nil {
			return err
		}
	}
	return errors.Join(damaged...)
}

func (a commands) jsonLine(e events.Event) error { return terminal.PrintJSON(a.Out, e, false) }

// showEvent returns a function that prints an event as one line for people.
func (a commands) showEvent() func(events.Event) error {
	t := a.Table(5)
	t.Right, t.Paint = map[int]bool{3: true}, records.InColumn(a.Terminal, 1)
	return func(e events.Event) error {
		d := e.Data
		status := string(d.Status)
		if d.Closed {
			status += " (by hand)"
		}
		t.Row(terminal.Korean(e.Timestamp), status, d.IdempotencyKey, terminal.Money(d.CanAmt, d.Currency), d.OrgMchtTrdNo,
			strings.TrimSpace(strings.Join([]string{d.CanTrdNo, d.Code, terminal.Cut(d.Message, 60)}, " ")))
		return t.Flush()
	}
}
