package config

import (
	"encoding/base64"
	"fmt"
	"net"
	"net/url"
	"regexp"
	"strings"

	"settlecancel/gateway/settlebank"
)

// APIToken is one producer's bearer token.
type APIToken struct {
	// Name tells producers apart in logs. A token given without one is called
	// token-N after its place in API_TOKENS.
	Name string
	// Token is what follows "Bearer ", at least 16 characters.
	Token settlebank.Secret
}

// CheckServer reports whether the settings allow the HTTP server to start: beyond
// loopback it needs producers' tokens and a way to tell who is of ops. It returns
// nil or an [*Error].
func (c Config) CheckServer() error {
	host, _, err := net.SplitHostPort(c.HTTPAddr)
	if err == nil && settlebank.Loopback(host) {
		return nil
	}
	f := &faults{}
	missing := func(setting string, isSet bool) {
		if !isSet {
			f.refuse(setting, "must be set, because HTTP_ADDR (%s) can be reached from other machines", c.HTTPAddr)
		}
	}
	missing("API_TOKENS", len(c.APITokens) > 0)
	if len(c.OpsUsers) == 0 && c.OpsProxyHeader == "" {
		missing("OPS_USER", c.OpsUser.IsSet())
		missing("OPS_PASSWORD", c.OpsPassword.IsSet())
	}
	return f.err()
}

// loadAPITokens reads API_TOKENS. Faults tell a token by its place: what stands
// before a colon may be part of a mistyped token.
func (c *Config) loadAPITokens(text settlebank.Secret, f *faults) {
	if !text.IsSet() {
		return
	}
	bearer := regexp.MustCompile(`^[A-Za-z0-9._~+/-]{16,}=*$`)
	label := regexp.MustCompile(`^[A-Za-z0-9._-]{1,32}$`)
	names, tokens := map[string]bool{}, map[string]bool{}
	for i, entry := range strings.Split(text.Reveal(), ",") {
		name, token, named := strings.Cut(strings.TrimSpace(entry), ":")
		if !named {
			name, token = fmt.Sprintf("token-%d", i+1), name
		}
		problem := ""
		switch {
		case !bearer.MatchString(token):
			problem = "is too short or has other characters than a bearer token"
		case !label.MatchString(name):
			problem = "has an unusable name"
		case names[name]:
			problem = "has the name of an earlier one"
		case tokens[token]:
			problem = "is the same token as an earlier one"
		}
		if problem != "" {
			f.refuse("API_TOKENS", "entry %d %s", i+1, problem)
			continue
		}
		names[name], tokens[token] = true, true
		c.APITokens = append(c.APITokens, APIToken{Name: name, Token: settlebank.NewSecret(token)})
	}
}

func (c *Config) checkOps(f *faults) {
	if f.has("OPS_USER") || f.has("OPS_PASSWORD") {
		return
	}
	switch {
	case c.OpsUser.IsSet() && !c.OpsPassword.IsSet():
		f.refuse("OPS_PASSWORD", "is missing, and OPS_USER is set")
	case !c.OpsUser.IsSet() && c.OpsPassword.IsSet():
		f.refuse("OPS_USER", "is missing, and OPS_PASSWORD is set")
	case strings.Contains(c.OpsUser.Reveal(), ":"):
		f.refuse("OPS_USER", "holds a colon, which ends the name in basic credentials")
	}
}

// loadWebhook checks WEBHOOK_URL, whose path may hold a token and is not shown,
// and decodes WEBHOOK_SECRET.
func (c *Config) loadWebhook(secret settlebank.Secret, f *faults) {
	if c.WebhookURL.IsSet() {
		u, err := url.Parse(c.WebhookURL.Reveal())
		switch {
		case err != nil || u.Hostname() == "" || u.Opaque != "" || !validPort(u.Port()):
			f.refuse("WEBHOOK_URL", "is no URL with a host")
		case u.Scheme != "https" && (u.Scheme != "http" || !settlebank.Loopback(u.Hostname())):
			f.refuse("WEBHOOK_URL", "is not https")
		case u.Fragment != "":
			f.refuse("WEBHOOK_URL", "has a fragment, which is never sent")
		}
	}
	switch {
	case f.has("WEBHOOK_SECRET"):
	case c.WebhookURL.IsSet() && !secret.IsSet():
		f.refuse("WEBHOOK_SECRET", "is missing, and WEBHOOK_URL is set")
	case !c.WebhookURL.IsSet() && secret.IsSet():
		f.refuse("WEBHOOK_URL", "is missing, and WEBHOOK_SECRET is set")
	case secret.IsSet():
		key, err := decodeBase64(strings.TrimPrefix(secret.Reveal(), "whsec_"))
		if err != nil || len(key) < 24 || len(key) > 64 {
			f.refuse("WEBHOOK_SECRET", "cannot be used as a signing key")
			return
		}
		c.WebhookSecret = settlebank.NewSecret(string(key))
	}
}

// decodeBase64 takes the standard alphabet, with padding or without.
func decodeBase64(text string) ([]byte, error) {
	return base64.RawStdEncoding.Strict().DecodeString(strings.TrimRight(text, "="))
}
