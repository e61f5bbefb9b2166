package config

import (
	"errors"
	"fmt"
	"log/slog"
	"reflect"
	"slices"
	"time"

	"github.com/caarlos0/env/v11"
)

// Load reads the settings from environ, lines of NAME=value as [os.Environ]
// returns them, and from the files it names. Of a name given twice the last that
// is not empty counts. Where anything is wrong it returns an [*Error] with every fault.
func Load(environ []string) (Config, error) {
	f := &faults{}
	vars := variables(environ)
	checkUnknown(vars, f)
	readSecretFiles(vars, f)

	var c Config
	var text composed
	parse(&c, vars, f)
	parse(&text, vars, f)

	c.checkChoices(f)
	c.checkNumbers(f)
	c.checkHosts(f)
	c.checkRedis(f)
	c.loadMerchants(text, vars, f)
	c.loadPayloadKeys(text.PayloadKey, f)
	c.loadWindows(text.Windows, f)
	c.checkAddresses(f)
	c.checkTLS(f)
	c.loadAPITokens(text.APITokens, f)
	c.checkOps(f)
	c.loadWebhook(text.WebhookSecret, f)
	c.checkTraces(f)
	c.checkReconcile(f)
	c.loadNotiAddresses(text.NotiAddresses, f)
	c.loadLogLevel(text.LogLevel, f)
	if err := f.err(); err != nil {
		return Config{}, err
	}
	return c, nil
}

// parse fills target's fields from vars. A value that does not fit its field's
// type is a fault; such fields are no secrets, so the value may be shown.
func parse(target any, vars map[string]string, f *faults) {
	err := env.ParseWithOptions(target, env.Options{Environment: vars})
	if err == nil {
		return
	}
	var all env.AggregateError
	if !errors.As(err, &all) {
		all.Errors = []error{err}
	}
	for _, e := range all.Errors {
		var bad env.ParseError
		if !errors.As(e, &bad) {
			// Not an environment's fault: the struct itself cannot be parsed.
			panic(fmt.Sprintf("config: %v", e))
		}
		name := settingOf(target, bad.Name)
		f.refuse(name, "is %s", quote(vars[name]))
	}
}

// settingOf returns the variable that a field of target is read from.
func settingOf(target any, field string) string {
	sf, ok := reflect.TypeOf(target).Elem().FieldByName(field)
	if !ok {
		panic(fmt.Sprintf("config: %T has no field %s", target, field))
	}
	return sf.Tag.Get("env")
}

func (c *Config) checkChoices(f *faults) {
	choice := func(setting, value string, of ...string) {
		if !slices.Contains(of, value) {
			f.refuse(setting, "is %s", quote(value))
		}
	}
	choice("SETTLEBANK_ENV", c.Env, EnvTest, EnvProduction)
	choice("SETTLEBANK_PROTOCOL", c.Protocol, ProtocolFlat, Protocol0A19)
	choice("SETTLEBANK_INQUIRY", c.Inquiry, Inquiry0A1M, InquiryOff)
	choice("LOG_FORMAT", c.LogFormat, "", LogText, LogJSON)
}

func (c *Config) checkNumbers(f *faults) {
	least := func(setting string, value, least int) {
		if value < least && !f.has(setting) {
			f.refuse(setting, "is %d", value)
		}
	}
	positive := func(setting string, value time.Duration) {
		if value <= 0 && !f.has(setting) {
			f.refuse(setting, "is %s", value)
		}
	}
	least("REDIS_WAIT_REPLICAS", c.RedisWaitReplicas, 0)
	least("SETTLEBANK_RATE", c.Rate, 0)
	least("WORKER_CONCURRENCY", c.Concurrency, 1)
	least("RETRY_MAX", c.RetryMax, 0)
	least("EVENTS_KEEP", c.EventsKeep, 1000)
	positive("SETTLEBANK_TIMEOUT", c.Timeout)
	positive("SETTLEBANK_CONNECT_TIMEOUT", c.ConnectTimeout)
	positive("SETTLEBANK_VERIFY_AFTER", c.VerifyAfter)
	positive("RETRY_INITIAL", c.RetryInitial)
	positive("RETRY_CAP", c.RetryCap)
	positive("LEDGER_RETENTION", c.Retention)

	if c.Timeout <= c.ConnectTimeout && !f.has("SETTLEBANK_TIMEOUT") && !f.has("SETTLEBANK_CONNECT_TIMEOUT") {
		f.refuse("SETTLEBANK_TIMEOUT", "is %s, and SETTLEBANK_CONNECT_TIMEOUT %s", c.Timeout, c.ConnectTimeout)
	}
	if c.RetryCap < c.RetryInitial && !f.has("RETRY_CAP") && !f.has("RETRY_INITIAL") {
		f.refuse("RETRY_CAP", "is %s, and RETRY_INITIAL %s", c.RetryCap, c.RetryInitial)
	}
}

// loadLogLevel takes the four names only, though slog would take "info+3" too.
func (c *Config) loadLogLevel(text string, f *faults) {
	levels := map[string]slog.Level{
		"debug": slog.LevelDebug, "info": slog.LevelInfo, "warn": slog.LevelWarn, "error": slog.LevelError,
	}
	level, ok := levels[text]
	if !ok {
		f.refuse("LOG_LEVEL", "is %s", quote(text))
	}
	c.LogLevel = level
}
