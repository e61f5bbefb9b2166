package main

import (
	"context"
	"fmt"
	"io"
	"os/user"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"settlecancel/cmd/settlecancel/deadletter"
	"settlecancel/cmd/settlecancel/terminal"
	"settlecancel/tasks"
	"settlecancel/tasks/ledger"
)

// shownResult is the JSON of what was done.
type shownResult struct {
	Action                              string
	Selected, Done, Moved, Failed, Left int
}

// wantStatuses checks what became of each key.
func (c *cli) wantStatuses(want map[string]ledger.Status) {
	c.Helper()
	for key, status := range want {
		if got := c.record(key).Status; got != status {
			c.Errorf("%s is %s, want %s", key, got, status)
		}
	}
}

func (c *cli) wantCounts(open, dead int64) {
	c.Helper()
	if o, d, err := c.ledger().Counts(context.Background()); err != nil || o != open || d != dead {
		c.Errorf("%d open, %d dead (%v), want %d and %d", o, d, err, open, dead)
	}
}

// The command that a dry run prints does what was shown: whatever dies later stays, however long
// that takes.
func TestRetrySelected(t *testing.T) {
	t.Parallel()
	c := newCLI(t)
	c.fourDead()
	o := c.run("deadletter", "retry", "--mcht-id", "shop", "--newer-than", "3h", "--by", "kim", "--note", "it's on again", "--dry-run", "--json")
	shown := readJSON[shownPreview](t, o.out)
	if shown.Count != 2 || shown.Sums["KRW"] != 5000 || shown.Sums["USD"] != 700 || len(shown.Outlooks) != 2 ||
		shown.Outlooks[1].Status != ledger.Review || shown.Outlooks[1].Then != "unknown" || !slices.Equal(shown.Outlooks[1].Warnings, []ledger.Warning{ledger.WarnMayBeApplied, ledger.WarnNotAskable}) ||
		shown.Command[0] != "settlecancel" {
		t.Fatalf("dry run: %+v", shown)
	}
	c.clock = c.clock.Add(time.Minute)
	c.attempts(cancellation("late"), rejects("1002", "no"))
	for _, w := range shown.Command {
		if strings.HasSuffix(w, "-than") {
			t.Errorf("%s means another time later on", w)
		}
	}
	result := readJSON[shownResult](t, c.run(shown.Command[1:]...).out)
	if diff := cmp.Diff(shownResult{Action: "retry", Selected: 2, Done: 2}, result); diff != "" {
		t.Errorf("result (-want +got):\n%s", diff)
	}
	c.wantStatuses(map[string]ledger.Status{"busy": ledger.Queued, "doubt": ledger.Unknown,
		"old": ledger.Rejected, "other": ledger.Rejected, "late": ledger.Rejected})
	if acts := c.record("busy").Acts; len(acts) != 1 || acts[0].Who != "kim" || acts[0].Note != "it's on again" {
		t.Errorf("acts %+v, want kim's with its note", acts)
	}
	if n, err := c.redis.Client(t).LLen(t.Context(), "asynq:{default}:pending").Result(); err != nil || n != 2 {
		t.Errorf("%d tasks wait in the queue (%v), want 2", n, err)
	}
	c.run(shown.Command[1:]...).want(t, exitFailed, nil, []string{"nothing was changed: 0 dead letters are selected now, --confirm says 2"})
}

// The oldest waited longest.
func TestRetryBeginsWithTheOldest(t *testing.T) {
	t.Parallel()
	c := newCLI(t)
	var want []string
	for i := range deadletter.PageSize + 3 {
		key := fmt.Sprint("refund-", i)
		c.attempts(cancellation(key), rejects("1002", "no"))
		want = append(want, key)
	}
	c.run("deadletter", "retry", "--all", "--confirm", fmt.Sprint(len(want))).
		wantOut(t, fmt.Sprintf("%d dead letters: %[1]d retried, 0 moved on meanwhile, 0 failed\n", len(want)))
	queued, err := c.redis.Client(t).LRange(t.Context(), "asynq:{default}:pending", 0, -1).Result()
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for i := range queued {
		got = append(got, queued[len(queued)-1-i])
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("queue (-want +got):\n%s", diff)
	}
}

func TestResolveSelected(t *testing.T) {
	t.Parallel()
	c := newCLI(t)
	c.fourDead()
	c.run("deadletter", "resolve", "--code", "1002", "--as", "rejected", "--note", "given up", "--confirm", "2").
		wantOut(t, "2 dead letters: 2 resolved, 0 moved on meanwhile, 0 failed\n")
	u, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{"old", "other"} {
		if r := c.record(key); !r.Closed || len(r.Acts) != 1 || r.Acts[0].Who != u.Username || r.Acts[0].Note != "given up" {
			t.Errorf("%s: closed %v by %+v", key, r.Closed, r.Acts)
		}
	}
	c.wantCounts(1, 2)
	c.run("deadletter", "resolve", "busy", "doubt", "--as", "cancelled", "--note", "seen").want(t, exitDone,
		[]string{"busy is cancelled: ended; nothing will be sent; others of the payment that are in doubt will wait", "doubt is cancelled: ended; nothing will be sent"}, nil)
	c.wantCounts(1, 0)
}

// Nothing is changed unless there are as many as were confirmed.
func TestConfirmOfAnotherNumber(t *testing.T) {
	t.Parallel()
	c := newCLI(t)
	c.fourDead()
	for _, args := range [][]string{
		{"retry", "--code", "1002", "--confirm", "1"},
		{"retry", "--code", "1002", "--confirm", "3"},
		{"resolve", "--code", "1002", "--as", "cancelled", "--note", "x", "--confirm", "4"},
	} {
		o := c.run(append([]string{"deadletter"}, args...)...)
		o.want(t, exitFailed, nil, []string{"nothing was changed: 2 dead letters are selected now, --confirm says " + args[len(args)-1],
			"\n  settlecancel deadletter " + args[0] + " ", "--code 1002", "--dry-run\n"})
	}
	// Somebody decides on one while another looks at the dry run.
	command := readJSON[shownPreview](t, c.run("deadletter", "retry", "--code", "1002", "--dry-run", "--json").out).Command
	c.run("deadletter", "retry", "old").want(t, exitDone, []string{"old is queued"}, nil)
	c.run(command[1:]...).want(t, exitFailed, nil, []string{"nothing was changed: 1 dead letter is selected now, --confirm says 2"})
	c.wantStatuses(map[string]ledger.Status{"other": ledger.Rejected, "busy": ledger.Exhausted})
	c.run("deadletter", "retry", "--code", "9999", "--confirm", "0").wantOut(t, "no dead letters match\n")
}

// twice puts a dead letter into the set of another shard too, so that it is selected twice: by the
// second time it has moved on.
func (c *cli) twice(key string) {
	c.Helper()
	rdb, ctx := c.redis.Client(c), context.Background()
	for shard := range 16 {
		name := fmt.Sprintf("settlecancel:{%d}:dead", shard)
		for _, member := range rdb.ZRangeWithScores(ctx, name, 0, -1).Val() {
			if strings.HasPrefix(member.Member.(string), key+" ") {
				if err := rdb.ZAdd(ctx, fmt.Sprintf("settlecancel:{%d}:dead", (shard+1)%16), member).Err(); err != nil {
					c.Fatal(err)
				}
				return
			}
		}
	}
	c.Fatalf("%s is no dead letter", key)
}

// What somebody else decided between the count and our turn is no failure.
func TestDecidedMeanwhile(t *testing.T) {
	t.Parallel()
	for name, args := range map[string][]string{"retry": {"retry"}, "resolve": {"resolve", "--as", "cancelled", "--note", "x"}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newCLI(t)
			c.attempts(cancellation("a"), rejects("1002", "no"))
			c.attempts(cancellation("b"), rejects("1002", "no"))
			c.twice("a")
			o := c.run(append(append([]string{"deadletter"}, args...), "--all", "--confirm", "3", "--json")...)
			o.want(t, exitDone, []string{"{"}, nil)
			if diff := cmp.Diff(shownResult{Action: name, Selected: 3, Done: 2, Moved: 1}, readJSON[shownResult](t, o.out)); diff != "" {
				t.Errorf("result (-want +got):\n%s", diff)
			}
			if acts := c.record("a").Acts; len(acts) != 1 {
				t.Errorf("decided on %d times: %+v", len(acts), acts)
			}
		})
	}
}

// A dead letter that somebody retried meanwhile is open, which resolving by its key would end.
func TestResolveSelectedLeavesWhatIsRetried(t *testing.T) {
	t.Parallel()
	c := newCLI(t)
	c.attempts(cancellation("a"), rejects("1002", "no"))
	var out strings.Builder
	client := tasks.NewClient(c.redis.Client(t), tasks.ClientOptions{})
	ctx := &overtaking{Context: t.Context(), after: func() { c.run("deadletter", "retry", "a").want(t, exitDone, []string{"a is queued"}, nil) }}
	command := deadletter.Command(terminal.Terminal{Out: &out, Err: io.Discard}, func(_ context.Context, f func(*tasks.Client) error) error { return f(client) })
	command.SetArgs([]string{"resolve", "--all", "--as", "cancelled", "--note", "x", "--confirm", "1"})
	if err := command.ExecuteContext(ctx); err != nil || out.String() != "1 dead letter: 0 resolved, 1 moved on meanwhile, 0 failed\n" {
		t.Errorf("%v, %q", err, out.String())
	}
	c.wantStatuses(map[string]ledger.Status{"a": ledger.Queued})
}

// overtaking is a context that does something when it is asked whether it has ended, which is
// before the first decision.
type overtaking struct {
	context.Context
	after func()
}

func (o *overtaking) Err() error {
	if o.after != nil {
		after := o.after
		o.after = nil
		after()
	}
	return o.Context.Err()
}

// readOnly makes Redis refuse whatever changes something.
func (c *cli) readOnly() {
	c.Helper()
	if err := c.redis.Client(c).ConfigSet(context.Background(), "min-replicas-to-write", "1").Err(); err != nil {
		c.Fatal(err)
	}
}

func TestDecideStopsWhereRedisFails(t *testing.T) {
	t.Parallel()
	c := newCLI(t)
	var keys []string
	for i := range 7 {
		keys = append(keys, fmt.Sprint("refund-", i))
		c.attempts(cancellation(keys[i]), rejects("1002", "no"))
	}
	c.readOnly()
	o := c.run("deadletter", "retry", "--all", "--confirm", "7")
	o.want(t, exitFailed, []string{"7 dead letters: 0 retried, 0 moved on meanwhile, 5 failed, 2 not tried\n"},
		[]string{"refund-0 was not retried: ", "NOREPLICAS", "refund-4 was not retried: ",
			"too many failed in a row: 2 were not tried and are as they were\n"})
	if strings.Contains(o.err, "refund-5") {
		t.Errorf("goes on after five failures:\n%s", o.err)
	}
	o = c.run(append([]string{"deadletter", "resolve", "--as", "rejected", "--note", "x", "--json"}, keys...)...)
	o.want(t, exitFailed, []string{"{"}, []string{"too many failed in a row: 2 were not tried"})
	if diff := cmp.Diff(shownResult{Action: "resolve", Selected: 7, Failed: 5, Left: 2}, readJSON[shownResult](t, o.out)); diff != "" {
		t.Errorf("result (-want +got):\n%s", diff)
	}
	c.wantCounts(0, 7)
}

// Interrupted, it ends with the one at hand, and says what is left.
func TestDecideInterrupted(t *testing.T) {
	t.Parallel()
	c := newCLI(t)
	for i := range 4 {
		c.attempts(cancellation(fmt.Sprint("refund-", i)), rejects("1002", "no"))
	}
	c.readOnly()
	ctx, cancel := context.WithCancel(t.Context())
	c.app.Err = writerFunc(func(p []byte) (int, error) { cancel(); return len(p), nil })
	o := c.runIn(ctx, strings.NewReader(""), "deadletter", "retry", "--all", "--confirm", "4")
	o.want(t, exitFailed, []string{"4 dead letters: 0 retried, 0 moved on meanwhile, 1 failed, 3 not tried\n"},
		[]string{"interrupted: 3 were not tried"})
	c.wantCounts(0, 4)
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

// What cannot be read is not decided on, is not passed over in silence, and does not keep the
// others from being decided on.
func TestDecideWithDamage(t *testing.T) {
	t.Parallel()
	c := newCLI(t)
	for _, key := range []string{"good-1", "damaged", "good-2"} {
		c.attempts(cancellation(key), rejects("1002", "no"))
	}
	c.spoil("damaged", "{")
	c.run("deadletter", "retry", "--all", "--dry-run").want(t, exitFailed, []string{"2 cancellations: 1,000 KRW", "--confirm 2\n"}, []string{"damaged"})
	c.run("deadletter", "retry", "--all", "--confirm", "3").want(t, exitFailed, nil,
		[]string{"nothing was changed: 2 dead letters are selected now", "damaged"})
	c.wantCounts(0, 3)
	c.run("deadletter", "retry", "--all", "--confirm", "2").want(t, exitFailed,
		[]string{"2 dead letters: 2 retried, 0 moved on meanwhile, 0 failed\n"}, []string{"damaged"})
	c.wantCounts(2, 1)
}

func TestDecideUsage(t *testing.T) {
	t.Parallel()
	c := newCLI(t)
	c.attempts(cancellation("a"), rejects("1002", "no"))
	resolve := []string{"resolve", "--as", "rejected", "--note", "x"}
	for name, tt := range map[string]struct {
		args []string
		want []string
	}{
		"ErrNothing":    {[]string{"retry"}, []string{"one or more idempotency keys, or filters such as --code C, or --all"}},
		"ErrNoFilter":   {[]string{"retry", "--confirm", "1"}, []string{"or --all"}},
		"ErrOnlyDryRun": {[]string{"retry", "--dry-run"}, []string{"or --all"}},
		"ErrNotLooked": {[]string{"retry", "--code", "1002", "--note", "a b"},
			[]string{"look first", "\n  settlecancel deadletter retry --code 1002 --note 'a b' --dry-run\n"}},
		"ErrAllNotLooked":  {append(resolve, "--all"), []string{"\n  settlecancel deadletter resolve --all --as rejected --note x --dry-run\n"}},
		"ErrBoth":          {[]string{"retry", "--code", "1002", "--confirm", "1", "--dry-run"}, []string{"either --dry-run or --confirm"}},
		"ErrKeyAndFilter":  {[]string{"retry", "a", "--code", "1002", "--confirm", "1"}, []string{"either keys or filters"}},
		"ErrKeyAndAll":     {[]string{"retry", "a", "--all", "--confirm", "1"}, []string{"either keys or filters"}},
		"ErrAllAndFilter":  {[]string{"retry", "--all", "--code", "1002", "--confirm", "1"}, []string{"leave it out, or the filters"}},
		"ErrKeyAndConfirm": {[]string{"retry", "a", "--confirm", "1"}, []string{"--confirm goes with filters"}},
		"ErrConfirm":       {[]string{"retry", "--all", "--confirm", "1,000"}, []string{`--confirm is "1,000"`}},
		"ErrNegative":      {[]string{"retry", "--all", "--confirm", "-1"}, []string{`--confirm is "-1"`}},
		"ErrEmptyConfirm":  {[]string{"retry", "--all", "--confirm", ""}, []string{`--confirm is ""`}},
		"ErrEmptyFilter":   {[]string{"retry", "--code", "", "--confirm", "1"}, []string{"--code is empty"}},
		"ErrBulkResolve":   {[]string{"resolve", "--code", "1002", "--confirm", "1"}, []string{"say with --as", "say with --note"}},
		"ErrEveryFault": {[]string{"resolve", "--status", "x", "--confirm", "y", "--by", strings.Repeat("b", terminal.MaxBy+1)},
			[]string{"--status is", "--confirm is", "--by has 65 characters", "--as", "--note"}},
		"ErrResolveNothing": {resolve, []string{"deadletter resolve takes one or more idempotency keys"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c.run(append([]string{"deadletter"}, tt.args...)...).want(t, exitUsage, nil, tt.want)
		})
	}
	t.Cleanup(func() {
		if r := c.record("a"); !r.Dead() || len(r.Acts) > 0 {
			t.Errorf("the dead letter has changed: %s, %+v", r.Status, r.Acts)
		}
	})
}
