package config

import "time"

// No setting may be so large that it can only be a slip of the hand. What is
// merely unwise, such as looking again too soon, the doctor says.
const (
	// maxTimeout lets an attempt, a lease of 15 s, the time-out and some, end
	// long before asynq's own time-out of a task, 30 minutes.
	maxTimeout = 5 * time.Minute
	maxVerify  = 24 * time.Hour
	maxRetry   = 8760 * time.Hour
	maxKept    = 1_000_000 * time.Hour

	maxReplicas    = 100
	maxRate        = 10_000
	maxConcurrency = 10_000
	maxRetries     = 10_000

	minEventsKept, maxEventsKept = 1000, 10_000_000

	// replicasTimeout is how long the ledger lets Redis wait for replicas.
	// Redis must be given longer to answer.
	replicasTimeout = 2 * time.Second
)

func (c *Config) checkNumbers(f *faults) {
	number := func(setting string, value, least, most int) {
		if (value < least || value > most) && !f.has(setting) {
			f.refuse(setting, "is %d", value)
		}
	}
	number("REDIS_WAIT_REPLICAS", c.RedisWaitReplicas, 0, maxReplicas)
	number("SETTLEBANK_RATE", c.Rate, 0, maxRate)
	number("WORKER_CONCURRENCY", c.Concurrency, 1, maxConcurrency)
	number("RETRY_MAX", c.RetryMax, 0, maxRetries)
	number("EVENTS_KEEP", c.EventsKeep, minEventsKept, maxEventsKept)

	span := func(setting string, value, most time.Duration) {
		if (value <= 0 || value > most) && !f.has(setting) {
			f.refuse(setting, "is %s", value)
		}
	}
	span("SETTLEBANK_TIMEOUT", c.Timeout, maxTimeout)
	span("SETTLEBANK_CONNECT_TIMEOUT", c.ConnectTimeout, maxTimeout)
	span("SETTLEBANK_VERIFY_AFTER", c.VerifyAfter, maxVerify)
	span("RETRY_INITIAL", c.RetryInitial, maxRetry)
	span("RETRY_CAP", c.RetryCap, maxRetry)
	span("LEDGER_RETENTION", c.Retention, maxKept)

	if c.Timeout <= c.ConnectTimeout && !f.has("SETTLEBANK_TIMEOUT") && !f.has("SETTLEBANK_CONNECT_TIMEOUT") {
		f.refuse("SETTLEBANK_TIMEOUT", "is %s, and SETTLEBANK_CONNECT_TIMEOUT %s", c.Timeout, c.ConnectTimeout)
	}
	if c.RetryCap < c.RetryInitial && !f.has("RETRY_CAP") && !f.has("RETRY_INITIAL") {
		f.refuse("RETRY_CAP", "is %s, and RETRY_INITIAL %s", c.RetryCap, c.RetryInitial)
	}
}
