package config

import (
	"errors"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// production is an environment that loads, for tests that change one thing.
func production(more ...string) []string {
	return append([]string{
		"SETTLEBANK_ENV=production",
		"SETTLEBANK_PROTOCOL=0A19",
		"SETTLEBANK_MCHT_ID=shop01",
		"SETTLEBANK_HASH_KEY=STproductionhashkey",
		"SETTLEBANK_AES_KEY=0123456789abcdef0123456789abcdef",
	}, more...)
}

// load fails the test where the environment is refused.
func load(t *testing.T, environ ...string) Config {
	t.Helper()
	c, err := Load(environ)
	if err != nil {
		t.Fatalf("Load: %v", err)
	}
	return c
}

// faultsOf returns the messages by setting, in order, and fails the test where
// nothing is refused.
func faultsOf(t *testing.T, environ ...string) []Fault {
	t.Helper()
	c, err := Load(environ)
	var e *Error
	if !errors.As(err, &e) || len(e.Faults) == 0 {
		t.Fatalf("Load(%q) = %v, %v; want an *Error", environ, c, err)
	}
	if !reflect.ValueOf(c).IsZero() {
		t.Error("Load returned settings beside an error")
	}
	return e.Faults
}

func write(t *testing.T, name, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestLoadDefaults(t *testing.T) {
	t.Parallel()
	c := load(t)
	got := map[string]any{
		"replicas": c.RedisWaitReplicas, "env": c.Env, "base": c.BaseURL, "collation": c.CollationURL,
		"protocol": string(c.Protocol), "timeout": c.Timeout, "connect": c.ConnectTimeout, "inquiry": c.Inquiry,
		"path": c.InquiryPath, "verify": c.VerifyAfter, "rate": c.Rate, "concurrency": c.Concurrency,
		"max": c.RetryMax, "initial": c.RetryInitial, "cap": c.RetryCap, "retention": c.Retention,
		"http": c.HTTPAddr, "ops": c.OpsAddr, "tokens": len(c.APITokens), "user": c.OpsUser.IsSet(),
		"windows": len(c.MaintenanceWindows), "cert": c.HTTPTLSCert, "key": c.HTTPTLSKey, "readonly": c.DashboardReadOnly, "events": c.EventsKeep,
		"webhook": c.WebhookURL.IsSet(), "level": c.LogLevel, "format": c.LogFormat, "redis": c.RedisAddress(),
	}
	want := map[string]any{
		"replicas": 0, "env": "test", "base": "https://tbgw.settlebank.co.kr", "collation": "https://tb-nspay.settlebank.co.kr",
		"protocol": "flat", "timeout": 30 * time.Second, "connect": 5 * time.Second, "inquiry": "0A1M",
		"path": "/spay/APITrdcheck.do", "verify": time.Minute, "rate": 0, "concurrency": 64,
		"max": 30, "initial": 5 * time.Second, "cap": time.Hour, "retention": 180 * 24 * time.Hour,
		"http": "127.0.0.1:8080", "ops": "127.0.0.1:9090", "tokens": 0, "user": false,
		"windows": 0, "cert": "", "key": "", "readonly": false, "events": 10000,
		"webhook": false, "level": slog.LevelInfo, "format": "", "redis": "redis://127.0.0.1:6379/0",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("defaults (-want +got):\n%s", diff)
	}
	empty := load(t, "RETRY_MAX=", "SETTLEBANK_ENV=", "API_TOKENS=", "SETTLEBANK_TIMEOUT=")
	if diff := cmp.Diff(printed(c), printed(empty)); diff != "" {
		t.Errorf("empty variables changed something:\n%s", diff)
	}
	if twice := load(t, "RETRY_MAX=1", "RETRY_MAX=2", "RETRY_MAX="); twice.RetryMax != 2 {
		t.Errorf("RETRY_MAX given three times is %d", twice.RetryMax)
	}
}

func TestLoadValues(t *testing.T) {
	t.Parallel()
	c := load(t, production(
		"REDIS_WAIT_REPLICAS=1", "SETTLEBANK_BASE_URL=https://Proxy.example:8443/", "SETTLEBANK_COLLATION_URL=http://[::1]:81",
		"SETTLEBANK_PROTOCOL=0A19", "SETTLEBANK_TIMEOUT=12s", "SETTLEBANK_CONNECT_TIMEOUT=500ms", "SETTLEBANK_INQUIRY=off",
		"SETTLEBANK_INQUIRY_PATH=/spay/APITrdStatInq.do", "SETTLEBANK_VERIFY_AFTER=1ms", "SETTLEBANK_RATE=5",
		"WORKER_CONCURRENCY=1", "RETRY_MAX=0", "RETRY_INITIAL=1ms", "RETRY_CAP=1ms", "LEDGER_RETENTION=1h",
		"MAINTENANCE_WINDOWS=VA 23:50-00:10;Sun 02:00-04:00", "EVENTS_KEEP=1000", "DASHBOARD_READ_ONLY=true",
		"HTTP_ADDR=:80", "OPS_ADDR=[::]:0", "RECONCILE_DAILY=06:30", "NOTI_ADDRESSES=14.34.14.23", "LOG_LEVEL=warn", "LOG_FORMAT=json",
		"OPS_USERS=kim:decide:pass:word, lee:look:password", "OPS_PROXY_HEADER=X-Forwarded-Email", "OPS_PROXY_ADDRESSES=10.0.0.5,10.1.0.7/24",
		"OTEL_EXPORTER_OTLP_ENDPOINT=http://collector:4318",
	)...)
	got := strings.Split(printed(c), "\n")
	want := []string{
		"REDIS_URL=redis://127.0.0.1:6379/0", "REDIS_WAIT_REPLICAS=1", "SETTLEBANK_ENV=production",
		"SETTLEBANK_BASE_URL=https://proxy.example:8443", "SETTLEBANK_COLLATION_URL=http://[::1]:81",
		"SETTLEBANK_PROTOCOL=0A19", "merchants=shop01=0A19", "default_merchant=shop01",
		"SETTLEBANK_TIMEOUT=12s", "SETTLEBANK_CONNECT_TIMEOUT=500ms", "SETTLEBANK_INQUIRY=off",
		"SETTLEBANK_INQUIRY_PATH=/spay/APITrdStatInq.do", "SETTLEBANK_VERIFY_AFTER=1ms", "SETTLEBANK_RATE=5",
		"WORKER_CONCURRENCY=1", "RETRY_MAX=0", "RETRY_INITIAL=1ms", "RETRY_CAP=1ms",
		"MAINTENANCE_WINDOWS=VA 23:50-00:10; Sun 02:00-04:00", "LEDGER_RETENTION=1h0m0s",
		"HTTP_ADDR=:80", "HTTP_TLS_CERT=", "HTTP_TLS_KEY=", "OPS_ADDR=[::]:0", "API_TOKENS=", "OPS_USER=", "OPS_PASSWORD=", "OPS_USERS=kim=decide,lee=look", "OPS_PROXY_HEADER=X-Forwarded-Email", "OPS_PROXY_ADDRESSES=10.0.0.5/32,10.1.0.0/24",
		"DASHBOARD_READ_ONLY=true", "PAYLOAD_KEY=", "EVENTS_KEEP=1000", "WEBHOOK_URL=", "WEBHOOK_SECRET=", "RECONCILE_DAILY=06:30", "NOTI_ADDRESSES=14.34.14.23/32", "LOG_LEVEL=warn", "LOG_FORMAT=json",
		"OTEL_EXPORTER_OTLP_ENDPOINT=http://collector:4318/v1/traces",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("settings (-want +got):\n%s", diff)
	}
	if c.LogLevel != slog.LevelWarn {
		t.Errorf("LogLevel = %v", c.LogLevel)
	}
}

func TestLoadErrSingle(t *testing.T) {
	t.Parallel()
	tests := []struct {
		setting, value string
		message        string // what the message must say of the value
	}{
		{"REDIS_WAIT_REPLICAS", "-1", "is -1"},
		{"SETTLEBANK_ENV", "prod", `is "prod"; allowed: test or production`},
		{"SETTLEBANK_PROTOCOL", "FLAT", `is "FLAT"`},
		{"SETTLEBANK_INQUIRY", "on", `is "on"`},
		{"SETTLEBANK_INQUIRY_PATH", "spay", `is "spay"`},
		{"SETTLEBANK_INQUIRY_PATH", "/a?b", `is "/a?b"`},
		{"SETTLEBANK_TIMEOUT", "30", `is "30"; allowed: a positive duration`},
		{"SETTLEBANK_TIMEOUT", "0s", "is 0s"},
		{"SETTLEBANK_TIMEOUT", "5s", "is 5s, and SETTLEBANK_CONNECT_TIMEOUT 5s"},
		{"SETTLEBANK_CONNECT_TIMEOUT", "-1s", "is -1s"},
		{"SETTLEBANK_VERIFY_AFTER", "0s", "is 0s"},
		{"SETTLEBANK_RATE", "1.5", `is "1.5"; allowed: a whole number from 0`},
		{"SETTLEBANK_RATE", "-3", "is -3"},
		{"WORKER_CONCURRENCY", "0", "is 0"},
		{"RETRY_MAX", "-1", "is -1"},
		{"RETRY_MAX", "99999999999", `is "99999999999"`},
		{"RETRY_INITIAL", "2h", ""}, // reported at RETRY_CAP, below
		{"RETRY_CAP", "4s", "is 4s, and RETRY_INITIAL 5s"},
		{"LEDGER_RETENTION", "0h", "is 0s"},
		{"HTTP_ADDR", "8080", `is "8080"`},
		{"HTTP_ADDR", "localhost:", `is "localhost:"`},
		{"HTTP_ADDR", "localhost:http", `is "localhost:http"`},
		{"OPS_ADDR", "localhost:70000", `is "localhost:70000"`},
		{"EVENTS_KEEP", "999", "is 999; allowed: a whole number from 1000"},
		{"EVENTS_KEEP", "10k", `is "10k"`},
		{"DASHBOARD_READ_ONLY", "yes", `is "yes"; allowed: true or false`},
		{"LOG_LEVEL", "info+2", `is "info+2"`},
		{"LOG_FORMAT", "xml", `is "xml"; allowed: text or json`},
	}
	for _, tt := range tests {
		t.Run(tt.setting+"="+tt.value, func(t *testing.T) {
			t.Parallel()
			found := faultsOf(t, tt.setting+"="+tt.value)
			want := tt.setting
			if want == "RETRY_INITIAL" {
				want, tt.message = "RETRY_CAP", "is 1h0m0s, and RETRY_INITIAL 2h0m0s"
			}
			if len(found) != 1 || found[0].Setting != want {
				t.Fatalf("faults %v, want one of %s", found, want)
			}
			if !strings.HasPrefix(found[0].Message, tt.message) || !strings.Contains(found[0].Message, "; allowed: ") {
				t.Errorf("message %q", found[0].Message)
			}
		})
	}
}

func TestLoadErrAllAtOnce(t *testing.T) {
	t.Parallel()
	found := faultsOf(t,
		"SETTLEBANK_ENV=prod", "SETTLEBANK_TIMEOUT=soon", "RETRY_CAP=1s", "WORKER_CONCURRENCY=many",
		"MAINTENANCE_WINDOWS=24:00-25:00", "HTTP_TLS_KEY=key.pem", "DASHBOARD_READ_ONLY=no", "EVENTS_KEEP=0",
		"API_TOKENS=short", "REDIS_URL=http://x", "LOG_LEVEL=loud", "RETRY_MAXX=3", "OPS_USER=ops")
	var names []string
	for _, fault := range found {
		names = append(names, fault.Setting)
	}
	want := []string{
		"REDIS_URL", "SETTLEBANK_ENV", "SETTLEBANK_TIMEOUT", "WORKER_CONCURRENCY", "RETRY_CAP",
		"MAINTENANCE_WINDOWS", "HTTP_TLS_CERT", "HTTP_TLS_KEY", "API_TOKENS", "OPS_PASSWORD", "DASHBOARD_READ_ONLY", "EVENTS_KEEP",
		"LOG_LEVEL", "RETRY_MAXX",
	}
	if diff := cmp.Diff(want, names); diff != "" {
		t.Errorf("settings with faults (-want +got):\n%s", diff)
	}
	text := (&Error{Faults: found}).Error()
	if !strings.HasPrefix(text, "settings: 14 faults:\n  REDIS_URL ") || strings.Count(text, "\n") != 14 {
		t.Errorf("error reads\n%s", text)
	}
	one := &Error{Faults: found[:1]}
	if strings.Contains(one.Error(), "\n") {
		t.Errorf("error of one fault reads\n%s", one)
	}
}

func TestLoadErrUnknown(t *testing.T) {
	t.Parallel()
	tests := map[string]string{
		"SETTLEBANK_MCHTID":          "SETTLEBANK_MCHT_ID",
		"SETTLEBANK_MERCHANTS":       "SETTLEBANK_MERCHANTS_FILE",
		"SETTLEBANK_HASHKEY_FILE":    "SETTLEBANK_HASH_KEY_FILE",
		"SETTLEBANK_TIMEOUT_FILE":    "SETTLEBANK_TIMEOUT",
		"SETTLEBANK_PROTOCOLL":       "SETTLEBANK_PROTOCOL",
		"RETRY_MAXX":                 "RETRY_MAX",
		"LEDGER_RETENTIONS":          "LEDGER_RETENTION",
		"WORKER_CONCURENCY":          "WORKER_CONCURRENCY",
		"RECONCILE_DALY":             "RECONCILE_DAILY",
		"NOTI_ADDRESS":               "NOTI_ADDRESSES",
		"MAINTENANCE_WINDOW":         "MAINTENANCE_WINDOWS",
		"DASHBOARD_READONLY":         "DASHBOARD_READ_ONLY",
		"EVENTS_KEPT":                "EVENTS_KEEP",
		"HTTP_TLS_CRT":               "HTTP_TLS_CERT",
		"HTTP_TLS_KEY_FILE":          "HTTP_TLS_KEY",
		"SETTLEBANK_CONNECT_TIMEOUT": "",
		"WORKER_SERVICE_HOST":        "",
		"WORKER_SERVICE_PORT_OPS":    "",
		"WORKER_PORT":                "",
		"LEDGER_PORT_6379_TCP_ADDR":  "",
		"RETRY":                      "",
		"MY_RETRY_MAXX":              "",
	}
	for name, want := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if want == "" {
				load(t, name+"=3s")
				return
			}
			found := faultsOf(t, name+"=3s")
			if len(found) != 1 || found[0].Setting != name || found[0].Message != "is no setting; did you mean "+want+"?" {
				t.Errorf("faults %v", found)
			}
		})
	}
}

func TestSecretFiles(t *testing.T) {
	t.Parallel()
	const aes = "0123456789abcdef0123456789abcdef"
	values := map[string]string{
		"REDIS_URL":           "redis://:pw@db:6379/2",
		"SETTLEBANK_HASH_KEY": "STfromfile",
		"SETTLEBANK_AES_KEY":  aes,
		"API_TOKENS":          "shop:abcdefghijklmnop",
		"OPS_USER":            "ops",
		"OPS_PASSWORD":        "pass word",
		"PAYLOAD_KEY":         "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=",
		"WEBHOOK_SECRET":      "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3",
	}
	base := []string{"SETTLEBANK_ENV=production", "SETTLEBANK_PROTOCOL=flat", "SETTLEBANK_MCHT_ID=shop01", "WEBHOOK_URL=https://hooks.example/x"}
	fromFiles := slices.Clone(base)
	for name, value := range values {
		fromFiles = append(fromFiles, name+"_FILE="+write(t, name, value+"\r\n"))
	}

	t.Run("OK", func(t *testing.T) {
		t.Parallel()
		c := load(t, fromFiles...)
		got := map[string]string{
			"hash": c.Merchants[0].HashKey.Reveal(), "aes": c.Merchants[0].AESKey.Reveal(), "token": c.APITokens[0].Token.Reveal(),
			"user": c.OpsUser.Reveal(), "password": c.OpsPassword.Reveal(), "payload": c.PayloadKeys[0].Key.Reveal(),
			"webhook": c.WebhookSecret.Reveal(), "redis": c.RedisOptions().Password,
		}
		want := map[string]string{
			"hash": "STfromfile", "aes": aes, "token": "abcdefghijklmnop", "user": "ops", "password": "pass word",
			"payload": aes, "webhook": "0123456789abcdef01234567", "redis": "pw",
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("secrets (-want +got):\n%s", diff)
		}
	})
	t.Run("ErrBoth", func(t *testing.T) {
		t.Parallel()
		environ := slices.Clone(fromFiles)
		for name, value := range values {
			environ = append(environ, name+"="+value)
		}
		found := faultsOf(t, environ...)
		both := 0
		for _, fault := range found {
			if strings.HasPrefix(fault.Message, "and "+fault.Setting+"_FILE are both set") {
				both++
			}
		}
		if both != len(values) || len(found) != both {
			t.Errorf("%d faults of %d settings given twice:\n%v", len(found), len(values), found)
		}
	})
	t.Run("ErrFile", func(t *testing.T) {
		t.Parallel()
		files := map[string]string{
			filepath.Join(t.TempDir(), "missing"):           "no such file",
			t.TempDir():                                     "is a directory",
			write(t, "empty", "\n"):                         "is empty",
			write(t, "lines", "one\ntwo\n"):                 "more than one line",
			write(t, "large", strings.Repeat("x", 1<<20+1)): "larger than",
		}
		for path, want := range files {
			for _, name := range slices.Sorted(maps.Keys(values)) {
				environ := slices.Clone(fromFiles)
				found := faultsOf(t, append(environ, name+"_FILE="+path)...)
				if len(found) != 1 || found[0].Setting != name || !strings.Contains(found[0].Message, want) || strings.Contains(found[0].Message, path) {
					t.Errorf("%s from %s: %v, want one fault with %q", name, path, found, want)
				}
			}
		}
	})
}

func TestSettings(t *testing.T) {
	t.Parallel()
	rows := map[string]Setting{}
	for _, s := range Settings() {
		if _, twice := rows[s.Name]; twice {
			t.Errorf("%s stands twice in the table", s.Name)
		}
		if s.Allowed == "" || s.Doc == "" {
			t.Errorf("%s says too little", s.Name)
		}
		rows[s.Name] = s
	}
	tagged := map[string]bool{}
	for _, typ := range []reflect.Type{reflect.TypeFor[Config](), reflect.TypeFor[composed]()} {
		for field := range fields(typ) {
			name := field.Tag.Get("env")
			if name == "" || name == "-" {
				continue
			}
			row, ok := rows[name]
			if !ok {
				t.Errorf("%s.%s reads %s, which the table lacks", typ, field.Name, name)
			}
			if d, given := field.Tag.Lookup("envDefault"); given && d != row.Default {
				t.Errorf("%s: default %q in %s, %q in the table", name, d, typ, row.Default)
			}
			tagged[name] = true
		}
	}
	for name := range rows {
		if !tagged[name] {
			t.Errorf("the table has %s, which nothing reads", name)
		}
	}
	shown := printed(load(t))
	for name := range rows {
		viaMerchants := slices.Contains([]string{"SETTLEBANK_MCHT_ID", "SETTLEBANK_HASH_KEY", "SETTLEBANK_AES_KEY", "SETTLEBANK_MERCHANTS_FILE"}, name)
		if !viaMerchants && !strings.Contains("\n"+shown, "\n"+name+"=") {
			t.Errorf("printed does not show %s", name)
		}
	}
}

func fields(typ reflect.Type) func(func(reflect.StructField) bool) {
	return func(yield func(reflect.StructField) bool) {
		for i := range typ.NumField() {
			if !yield(typ.Field(i)) {
				return
			}
		}
	}
}
