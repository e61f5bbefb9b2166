package config

import (
	"errors"
	"fmt"
	"log/slog"
	"reflect"
	"slices"

	"github.com/caarlos0/env/v11"

	"settlecancel/gateway/settlebank"
)

// Load reads the settings from environ, lines of NAME=value as [os.Environ]
// returns them, and from the files it names. Of a name given twice the last that
// is not empty counts. Where anything is wrong it returns an [*Error] with every fault.
func Load(environ []string) (Config, error) {
	f := &faults{}
	vars := variables(environ)
	checkUnknown(vars, f)
	checkEnds(vars, f)
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
	c.loadOpsUsers(text.OpsUsers, f)
	c.loadOpsProxy(text.OpsProxy, f)
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
	if c.Protocol == "" && c.Env == EnvTest {
		c.Protocol = settlebank.Flat
	}
	choice("SETTLEBANK_PROTOCOL", string(c.Protocol), "", string(settlebank.Flat), string(settlebank.Protocol0A19))
	choice("SETTLEBANK_INQUIRY", c.Inquiry, Inquiry0A1M, InquiryOff)
	choice("LOG_FORMAT", c.LogFormat, "", LogText, LogJSON)
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
