package config

import (
	"fmt"
	"net/http"
	"strings"
	"unicode"
	"unicode/utf8"

	"settlecancel/gateway/settlebank"
)

// OpsUser is one of the people of ops.
type OpsUser struct {
	// Name stands in the record of what they decide: 1 to 64 characters.
	Name string
	// Password is at least 8 characters.
	Password settlebank.Secret
	// LooksOnly tells of one who may look at the dashboard, and change nothing.
	LooksOnly bool
}

// loadOpsUsers reads OPS_USERS. Faults tell an entry by its place: any part of
// it may be of a mistyped password.
func (c *Config) loadOpsUsers(text settlebank.Secret, f *faults) {
	if !text.IsSet() {
		return
	}
	names := map[string]bool{c.OpsUser.Reveal(): c.OpsUser.IsSet()}
	for i, entry := range strings.FieldsFunc(text.Reveal(), func(r rune) bool { return r == ',' || r == '\n' }) {
		parts := strings.SplitN(strings.TrimSpace(entry), ":", 3)
		problem := ""
		switch {
		case len(parts) < 3, parts[1] != "decide" && parts[1] != "look":
			problem = "is not name:decide:password or name:look:password"
		case !nameable(parts[0]):
			problem = "has an unusable name"
		case utf8.RuneCountInString(parts[2]) < 8:
			problem = "has a password of fewer than 8 characters"
		case names[parts[0]]:
			problem = "has the name of an earlier one, or OPS_USER's"
		}
		if problem != "" {
			f.refuse("OPS_USERS", "%s", fmt.Sprintf("entry %d %s", i+1, problem))
			continue
		}
		names[parts[0]] = true
		c.OpsUsers = append(c.OpsUsers, OpsUser{Name: parts[0], Password: settlebank.NewSecret(parts[2]), LooksOnly: parts[1] == "look"})
	}
}

func nameable(name string) bool {
	return name != "" && utf8.RuneCountInString(name) <= 64 && utf8.ValidString(name) &&
		!strings.ContainsFunc(name, func(r rune) bool { return unicode.Is(unicode.C, r) })
}

// loadOpsProxy reads OPS_PROXY_ADDRESSES, and checks it together with the header.
func (c *Config) loadOpsProxy(text string, f *faults) {
	c.OpsProxyAddresses = addresses("OPS_PROXY_ADDRESSES", text, f)
	switch {
	case c.OpsProxyHeader == "" && text != "":
		f.refuse("OPS_PROXY_HEADER", "is missing, and OPS_PROXY_ADDRESSES is set")
	case c.OpsProxyHeader != "" && text == "":
		f.refuse("OPS_PROXY_ADDRESSES", "is missing, and OPS_PROXY_HEADER is set")
	case strings.Trim(c.OpsProxyHeader, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_") != "",
		http.CanonicalHeaderKey(c.OpsProxyHeader) == "Authorization", http.CanonicalHeaderKey(c.OpsProxyHeader) == "Cookie":
		f.refuse("OPS_PROXY_HEADER", "is %s", quote(c.OpsProxyHeader))
	}
}
