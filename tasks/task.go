package tasks

import (
	"bytes"
	"encoding/json"
	"math"
	"strings"
	"time"

	"github.com/hibiken/asynq"

	"settlecancel/tasks/ledger"
)

// TypeCancel is the type of the asynq task that carries one cancellation; its payload is
// Task.Payload. Of a cancellation without account numbers that is Cancellation.Payload.
const TypeCancel = "settlebank:cancel"

// Task is a cancellation as it stands in the queue, which is no place for account numbers: they
// wait in the ledger, sealed.
type Task struct {
	Cancellation        // without account numbers and their holder
	Sealed       string `json:"sealed,omitempty"` // mark of those in the ledger (Sealer.Mark), "" where there are none
}

// sealedName is the name of Task.Sealed, which no producer may give.
const sealedName = "sealed"

// ParseTask reads the payload of a task as Parse reads a cancellation. Where the operation needs an
// account number it must hold the mark of one that a Client has sealed, and it must not hold one in
// plain text.
func ParseTask(data []byte, o ParseOptions) (Task, error) {
	d := draft{stored: true}
	if !d.recognize(data) {
		d.decode(data)
	}
	c, err := d.finish(o)
	if err != nil {
		return Task{}, err
	}
	return Task{Cancellation: c, Sealed: d.mark}, nil
}

// recognize takes a payload that is to the byte what Task.Payload writes, as nearly all are: it
// need not be searched for repeated or unknown names.
func (d *draft) recognize(data []byte) bool {
	var t Task
	if len(data) > MaxSize || json.Unmarshal(data, &t) != nil || t.Sealed != "" && !isMark(t.Sealed) ||
		!bytes.Equal(encode(t), data) {
		return false
	}
	d.c, d.mark = t.Cancellation, t.Sealed
	return true
}

// Payload returns t as compact JSON, which ParseTask reads back.
func (t Task) Payload() ([]byte, error) {
	if err := t.checkUTF8(); err != nil {
		return nil, err
	}
	return encode(t), nil
}

// Entry returns t as the ledger compares it, with the mark in the place of the account.
func (t Task) Entry() (ledger.Entry, error) { return t.entry(t.Sealed) }

// String returns t as JSON without anything of an account.
func (t Task) String() string {
	t.Cancellation = t.masked()
	if t.Sealed != "" {
		t.Sealed = masked
	}
	return string(encode(t))
}

// GoString is String.
func (t Task) GoString() string { return "tasks.Task" + t.String() }

// takeMark reads the mark of a task.
func (d *draft) takeMark(value string) {
	text := strings.Trim(value, `"`)
	if d.mark != "" || len(text) != len(value)-2 || !isMark(text) {
		d.faults = append(d.faults, Fault{sealedName, "must be the mark that the client gave the task, once"})
		return
	}
	d.mark = text
}

// checkSealed checks that the account of a task is a sealed one.
func (d *draft) checkSealed() {
	switch {
	case d.c.account() != account{}:
		d.faults = append(d.faults, Fault{Message: "the task holds an account number in plain text; cancellations with one are taken " +
			"by the HTTP API, settlecancel enqueue and tasks.Client alone, which seal it"})
	case d.mark == "" && (d.c.Operation == OperationRefund || d.c.Operation == OperationWithdraw):
		d.faults = append(d.faults, Fault{sealedName, "is required for operation " + d.c.Operation})
	}
}

// The queues, from the one that is served most to the one that is served least.
const (
	QueueUrgent  = "urgent"
	QueueDefault = "default"
	QueueBulk    = "bulk"
)

// Queues returns the weight of each queue: of ten tasks that wait in all three, six are urgent.
func Queues() map[string]int {
	return map[string]int{QueueUrgent: 6, QueueDefault: 3, QueueBulk: 1}
}

const (
	// maxRetry keeps asynq from giving a task up: the ledger counts the attempts.
	maxRetry = math.MaxInt32
	// taskTimeout lies far above any gateway time-out, because asynq runs a second copy of a task
	// that exceeds it.
	taskTimeout = 30 * time.Minute
)

// taskOptions are set at every enqueueing. MaxRetry and Timeout are part of the message, so they
// hold wherever the task is carried out. A task that is done leaves nothing behind: the ledger
// knows what has ended.
func taskOptions(id, queue string) []asynq.Option {
	return []asynq.Option{asynq.TaskID(id), asynq.Queue(queue), asynq.MaxRetry(maxRetry),
		asynq.Timeout(taskTimeout)}
}
