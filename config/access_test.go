package config

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const (
	token16 = "abcdefghijklmnop"
	other16 = "ponmlkjihgfedcba"
)

func TestAPITokens(t *testing.T) {
	t.Parallel()
	c := load(t, "API_TOKENS="+token16+", shop-2:"+other16+"==")
	got := map[string]string{}
	for _, token := range c.APITokens {
		got[token.Name] = token.Token.Reveal()
	}
	if diff := cmp.Diff(map[string]string{"token-1": token16, "shop-2": other16 + "=="}, got); diff != "" {
		t.Errorf("tokens (-want +got):\n%s", diff)
	}

	for name, tt := range map[string]struct {
		value string
		want  []string
	}{
		"ErrShort":      {"abcdefghijklmno", []string{"entry 1 is too short"}},
		"ErrCharacters": {"a:" + token16 + "!", []string{"entry 1 is too short or has other characters"}},
		"ErrEmpty":      {token16 + ",", []string{"entry 2 is too short"}},
		"ErrName":       {":" + token16, []string{"entry 1 has an unusable name"}},
		"ErrSameName":   {"a:" + token16 + ",a:" + other16, []string{"entry 2 has the name of an earlier one"}},
		"ErrSameToken":  {"a:" + token16 + ",b:" + token16, []string{"entry 2 is the same token"}},
		"ErrEvery":      {"x,a:" + token16 + ",y", []string{"entry 1", "entry 3"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			wantFaults(t, "API_TOKENS", tt.want, faultsOf(t, "API_TOKENS="+tt.value))
		})
	}
}

// wantFaults checks that all faults are of one setting and begin as given.
func wantFaults(t *testing.T, setting string, want []string, found []Fault) {
	t.Helper()
	if len(found) != len(want) {
		t.Fatalf("faults %v, want %d", found, len(want))
	}
	for i, fault := range found {
		if fault.Setting != setting || !strings.HasPrefix(fault.Message, want[i]) {
			t.Errorf("fault %q, want %s %s…", fault, setting, want[i])
		}
	}
}

func TestOps(t *testing.T) {
	t.Parallel()
	wantFaults(t, "OPS_PASSWORD", []string{"is missing"}, faultsOf(t, "OPS_USER=ops"))
	wantFaults(t, "OPS_USER", []string{"is missing"}, faultsOf(t, "OPS_PASSWORD=secret"))
	wantFaults(t, "OPS_USER", []string{"holds a colon"}, faultsOf(t, "OPS_USER=o:ps", "OPS_PASSWORD=secret"))
	if c := load(t, "OPS_USER=ops", "OPS_PASSWORD=se:cret"); c.OpsPassword.Reveal() != "se:cret" {
		t.Error("the password is not the one given")
	}
}

func TestOpsUsers(t *testing.T) {
	t.Parallel()
	c := load(t, "OPS_USERS=kim:decide:pass:word\nlee:look:password,", "OPS_USER=ops", "OPS_PASSWORD=x")
	if len(c.OpsUsers) != 2 || c.OpsUsers[0].Name != "kim" || c.OpsUsers[0].LooksOnly || c.OpsUsers[0].Password.Reveal() != "pass:word" ||
		c.OpsUsers[1].Name != "lee" || !c.OpsUsers[1].LooksOnly {
		t.Errorf("people are %+v", c.OpsUsers)
	}
	for text, want := range map[string]string{
		"kim:password": "is not name:decide", "kim:admin:password": "is not name:decide", ":decide:password": "has an unusable name", "k\x07:look:password": "has an unusable name",
		"kim:look:short": "has a password of fewer", "ops:look:password": "has the name of an earlier one",
	} {
		wantFaults(t, "OPS_USERS", []string{"entry 1 " + want}, faultsOf(t, "OPS_USERS="+text, "OPS_USER=ops", "OPS_PASSWORD=x"))
	}
	wantFaults(t, "OPS_USERS", []string{"entry 2 has the name"}, faultsOf(t, "OPS_USERS=kim:look:password,kim:decide:password"))
}

func TestOpsProxy(t *testing.T) {
	t.Parallel()
	wantFaults(t, "OPS_PROXY_ADDRESSES", []string{"is missing"}, faultsOf(t, "OPS_PROXY_HEADER=X-User"))
	wantFaults(t, "OPS_PROXY_HEADER", []string{"is missing"}, faultsOf(t, "OPS_PROXY_ADDRESSES=10.0.0.5"))
	for _, name := range []string{"X User", "X-User:", "authorization", "Cookie"} {
		wantFaults(t, "OPS_PROXY_HEADER", []string{"is "}, faultsOf(t, "OPS_PROXY_HEADER="+name, "OPS_PROXY_ADDRESSES=10.0.0.5"))
	}
	for _, from := range []string{"0.0.0.0/0", "proxy.example", "::/0"} {
		wantFaults(t, "OPS_PROXY_ADDRESSES", []string{"holds "}, faultsOf(t, "OPS_PROXY_HEADER=X-User", "OPS_PROXY_ADDRESSES="+from))
	}
}

func TestCheckServer(t *testing.T) {
	t.Parallel()
	full := []string{"API_TOKENS=" + token16, "OPS_USER=ops", "OPS_PASSWORD=secret"}
	for name, tt := range map[string]struct {
		environ []string
		missing []string
	}{
		"OK loopback":        {nil, nil},
		"OK localhost":       {[]string{"HTTP_ADDR=localhost:80"}, nil},
		"OK v6":              {[]string{"HTTP_ADDR=[::1]:80"}, nil},
		"OK credentials":     {append([]string{"HTTP_ADDR=:80"}, full...), nil},
		"OK people":          {[]string{"HTTP_ADDR=:80", full[0], "OPS_USERS=kim:decide:password"}, nil},
		"OK proxy":           {[]string{"HTTP_ADDR=:80", full[0], "OPS_PROXY_HEADER=X-User", "OPS_PROXY_ADDRESSES=10.0.0.5"}, nil},
		"ErrEveryInterface":  {[]string{"HTTP_ADDR=:80"}, []string{"API_TOKENS", "OPS_USER", "OPS_PASSWORD"}},
		"ErrZero":            {[]string{"HTTP_ADDR=0.0.0.0:80"}, []string{"API_TOKENS", "OPS_USER", "OPS_PASSWORD"}},
		"ErrName":            {[]string{"HTTP_ADDR=localhost.example:80"}, []string{"API_TOKENS", "OPS_USER", "OPS_PASSWORD"}},
		"ErrWithoutPassword": {append([]string{"HTTP_ADDR=10.0.0.1:80"}, full[0]), []string{"OPS_USER", "OPS_PASSWORD"}},
		"ErrWithoutTokens":   {append([]string{"HTTP_ADDR=[::]:80"}, full[1:]...), []string{"API_TOKENS"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := load(t, tt.environ...).CheckServer()
			var got []string
			var e *Error
			if errors.As(err, &e) {
				for _, fault := range e.Faults {
					got = append(got, fault.Setting)
				}
			} else if err != nil {
				t.Fatalf("CheckServer: %v is no *Error", err)
			}
			if diff := cmp.Diff(tt.missing, got); diff != "" {
				t.Errorf("missing (-want +got):\n%s", diff)
			}
		})
	}
}

func TestWebhook(t *testing.T) {
	t.Parallel()
	const key = "0123456789abcdef01234567"
	for _, secret := range []string{"whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3", "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3"} {
		c := load(t, "WEBHOOK_URL=http://127.0.0.1:1/x?y=z", "WEBHOOK_SECRET="+secret)
		if c.WebhookSecret.Reveal() != key || c.WebhookURL.Reveal() != "http://127.0.0.1:1/x?y=z" {
			t.Errorf("webhook %q signed with %q", c.WebhookURL.Reveal(), c.WebhookSecret.Reveal())
		}
	}
	const url, secret = "WEBHOOK_URL=https://hooks.example/x", "WEBHOOK_SECRET=whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3"
	for name, tt := range map[string]struct {
		environ []string
		setting string
		want    string
	}{
		"ErrNoSecret":  {[]string{url}, "WEBHOOK_SECRET", "is missing"},
		"ErrNoURL":     {[]string{secret}, "WEBHOOK_URL", "is missing"},
		"ErrPlain":     {[]string{"WEBHOOK_URL=http://hooks.example", secret}, "WEBHOOK_URL", "is not https"},
		"ErrNotURL":    {[]string{"WEBHOOK_URL=hooks.example", secret}, "WEBHOOK_URL", "is no URL"},
		"ErrFragment":  {[]string{url + "#f", secret}, "WEBHOOK_URL", "has a fragment"},
		"ErrShort":     {[]string{url, "WEBHOOK_SECRET=whsec_c2hvcnQ="}, "WEBHOOK_SECRET", "cannot be used"},
		"ErrLong":      {[]string{url, "WEBHOOK_SECRET=" + strings.Repeat("AAAA", 22)}, "WEBHOOK_SECRET", "cannot be used"},
		"ErrNotBase64": {[]string{url, "WEBHOOK_SECRET=whsec_" + strings.Repeat("!", 40)}, "WEBHOOK_SECRET", "cannot be used"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			wantFaults(t, tt.setting, []string{tt.want}, faultsOf(t, tt.environ...))
		})
	}
}

func TestPayloadKeys(t *testing.T) {
	t.Parallel()
	const (
		a, keyA = "YWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWE=", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
		b, keyB = "YmJiYmJiYmJiYmJiYmJiYmJiYmJiYmJiYmJiYmJiYmI", "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
	)
	keys := func(c Config) (got []string) {
		for _, k := range c.PayloadKeys {
			got = append(got, k.ID+" "+k.Key.Reveal())
		}
		return got
	}
	for name, tt := range map[string]struct {
		value string
		want  []string
	}{
		"OK bare":    {a, []string{"1 " + keyA}},
		"OK with id": {"2025:" + b, []string{"2025 " + keyB}},
		"OK several": {"new:" + b + ", old:" + a, []string{"new " + keyB, "old " + keyA}},
		"OK none":    {"", nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(tt.want, keys(load(t, production("PAYLOAD_KEY="+tt.value)...))); diff != "" {
				t.Errorf("keys (-want +got):\n%s", diff)
			}
		})
	}
	for name, tt := range map[string]struct {
		value string
		want  []string
	}{
		"ErrBareBesideOthers": {a + ",2:" + b, []string{"entry 1 has no id"}},
		"ErrID":               {"a b:" + a, []string{"entry 1 has an unusable id"}},
		"ErrSameID":           {"1:" + a + ",1:" + b, []string{"entry 2 has the id of an earlier one"}},
		"ErrNotBase64":        {"1:" + a[:42] + "!=", []string{"entry 1 is not base64"}},
		"ErrLength":           {"1:YWFh,2:" + b + "YmJi", []string{"entry 1 is not a key of 32 bytes", "entry 2 is not"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			wantFaults(t, "PAYLOAD_KEY", tt.want, faultsOf(t, "PAYLOAD_KEY="+tt.value))
		})
	}
	t.Run("OK derived in test", func(t *testing.T) {
		t.Parallel()
		c := load(t)
		// HMAC-SHA256("settlecancel payload key") under the testbed's AES key,
		// computed with openssl.
		const want = "derived \xdb\x13\x67\xc1\x66\xcd\xdb\x2e\x28\x10\x36\xaa\x92\x5f\xa8\xc5\xd7\xa8\x74\x46\x29\x8f\xbb\xe6\x18\x6a\x13\x93\x38\x77\x45\x81"
		if diff := cmp.Diff([]string{want}, keys(c)); diff != "" {
			t.Errorf("keys (-want +got):\n%s", diff)
		}
	})
}
