package config

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
)

// prints returns value in every form in which programs show values.
func prints(t *testing.T, value any) map[string]string {
	t.Helper()
	out := map[string]string{}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%d", "%x", "%X", "%t", "%08.3f", "%p", "%w"} {
		out[verb] = fmt.Sprintf(verb, value)
		out["nested "+verb] = fmt.Sprintf(verb, struct{ unexported any }{value})
		out["slice "+verb] = fmt.Sprintf(verb, []any{value})
	}
	out["error"] = fmt.Errorf("wrapped: %v", value).Error()
	for name, handler := range map[string]func(*bytes.Buffer) slog.Handler{
		"slog text": func(b *bytes.Buffer) slog.Handler { return slog.NewTextHandler(b, nil) },
		"slog json": func(b *bytes.Buffer) slog.Handler { return slog.NewJSONHandler(b, nil) },
	} {
		var b bytes.Buffer
		slog.New(handler(&b)).Info("m", "v", value, "group", []any{value})
		out[name] = b.String()
	}
	j, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	out["json"] = string(j)
	y, err := yaml.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	out["yaml"] = string(y)
	return out
}

// leaks reports whether text holds value, as it is or as fmt's hexadecimal and
// decimal verbs would write its bytes.
func leaks(text, value string) bool {
	lower := strings.ToLower(text)
	return strings.Contains(text, value) ||
		strings.Contains(lower, fmt.Sprintf("%x", value)) ||
		strings.Contains(text, strings.Trim(fmt.Sprint([]byte(value)), "[]"))
}

// TestConfigShowsNoSecret loads every secret there is, and looks for each in
// everything a Config and its parts can be printed as.
func TestConfigShowsNoSecret(t *testing.T) {
	t.Parallel()
	const (
		aes     = "AESAESAES9abcdef0123456789abcdef"
		payload = "UEFZTE9BRHBheWxvYWRQQVlMT0FEcGF5bG9hZDAxMjM="
		webhook = "V0VCSE9PS3dlYmhvb2tXRUJIT09Ld2ViaG9vaw=="
	)
	c := load(t, "SETTLEBANK_ENV=production", "SETTLEBANK_PROTOCOL=flat", "SETTLEBANK_MCHT_ID=shop01", "SETTLEBANK_HASH_KEY=HASHHASHHASH", "SETTLEBANK_AES_KEY="+aes,
		"REDIS_URL=redis-sentinel://app:REDISPASSWORD@h:1/0?master=m&sentinel_password=SENTINELPASSWORD", "API_TOKENS=shop:TOKENTOKENTOKENTOKEN",
		"OPS_USER=OPSUSERNAME", "OPS_PASSWORD=OPSPASSWORD", "OPS_USERS=kim:look:KIMSPASSWORD", "PAYLOAD_KEY="+payload,
		"WEBHOOK_URL=https://HOOKUSER:HOOKPASSWORD@hooks.example/HOOKPATH?q=HOOKQUERY", "WEBHOOK_SECRET=whsec_"+webhook)
	secrets := []string{
		"HASHHASHHASH", aes, "REDISPASSWORD", "SENTINELPASSWORD", "TOKENTOKENTOKENTOKEN", "OPSUSERNAME", "OPSPASSWORD", "KIMSPASSWORD", payload, webhook,
		c.PayloadKeys[0].Key.Reveal(), c.WebhookSecret.Reveal(), "HOOKUSER", "HOOKPASSWORD", "HOOKPATH", "HOOKQUERY",
	}
	type holder struct{ config Config }
	for what, value := range map[string]any{
		"Config": c, "*Config": &c, "struct": holder{c}, "merchants": c.Merchants, "tokens": c.APITokens, "people": c.OpsUsers, "keys": c.PayloadKeys,
	} {
		for form, text := range prints(t, value) {
			for _, secret := range secrets {
				if leaks(text, secret) {
					t.Errorf("%s of %s shows %s:\n%s", form, what, secret, text)
				}
			}
		}
	}
	for _, shown := range []string{
		"REDIS_URL=redis-sentinel://app:[redacted]@h:1/0?master=m", "merchants=shop01=flat", "API_TOKENS=shop", "PAYLOAD_KEY=1",
		"WEBHOOK_URL=https://hooks.example\n", "OPS_PASSWORD=[redacted]",
	} {
		if !strings.Contains(printed(c), shown) {
			t.Errorf("what is printed lacks %q:\n%s", shown, printed(c))
		}
	}
}

// TestFaultsShowNoSecret gives every secret a value that is refused.
func TestFaultsShowNoSecret(t *testing.T) {
	t.Parallel()
	const secret = "LEAKLEAK"
	for _, s := range Settings() {
		if !s.Secret && s.Name != "WEBHOOK_URL" {
			continue
		}
		for _, value := range []string{secret, "redis://u:" + secret + "@h:port", "redis://" + secret + "?" + secret + "=" + secret, "x:" + secret + "!", secret + ":" + secret + ":", "http://" + secret + "@%zz", "a\n" + secret} {
			environ := production("WEBHOOK_URL=https://x", s.Name+"="+value)
			if s.Name == "SETTLEBANK_HASH_KEY" {
				environ = append(environ, "SETTLEBANK_AES_KEY=short")
			}
			_, err := Load(environ)
			if err == nil {
				t.Errorf("%s=%s was taken", s.Name, value)
				continue
			}
			if strings.Contains(err.Error(), secret) {
				t.Errorf("%s: %v", s.Name, err)
			}
		}
	}
}

// A secret that came with what a shell, a compose file or an editor puts around it is refused by
// name; in a file it is the line end alone that is no part of it.
func TestStrayEndsOfSecrets(t *testing.T) {
	t.Parallel()
	const secret = "REDACTED-LEAKLEAK"
	for _, s := range Settings() {
		if !s.Secret {
			continue
		}
		for _, value := range []string{" " + secret, secret + " ", secret + "\n", secret + "\r\n", "'" + secret + "'", `"` + secret, secret + "\u00a0", "\ufeff" + secret, "“" + secret + "”", "\t", "''"} {
			_, err := Load(production(s.Name + "=" + value))
			if err == nil || !strings.Contains(err.Error(), s.Name+" begins or ends with white space or a quote") || strings.Contains(err.Error(), secret) {
				t.Errorf("%s=%q: %v", s.Name, value, err)
			}
		}
	}
	for content, want := range map[string]string{"pass word\n": "pass word", "'quoted'\r\n": "'quoted'", " spaced ": " spaced "} {
		file := filepath.Join(t.TempDir(), "secret")
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if got := load(t, "OPS_USER=ops", "OPS_PASSWORD_FILE="+file).OpsPassword.Reveal(); got != want {
			t.Errorf("a file of %q holds %q, want %q", content, got, want)
		}
	}
}
