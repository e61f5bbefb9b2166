package config

import (
	"crypto/hmac"
	"crypto/sha256"
	"regexp"
	"strings"

	"settlecancel/gateway/settlebank"
)

// PayloadKey is one AES-256 key for account numbers at rest.
type PayloadKey struct {
	// ID stands beside what the key encrypted, so that it is found again after
	// keys were changed.
	ID string
	// Key holds the 32 bytes of the key.
	Key settlebank.Secret
}

const (
	payloadKeyLen = 32
	// soleKeyID names a key that is given without an id.
	soleKeyID = "1"
	// derivedKeyID names the key of a test installation that was given none; it
	// differs from soleKeyID, so that setting one later is not taken for it.
	derivedKeyID = "derived"
)

// loadPayloadKeys reads PAYLOAD_KEY, or derives a key in test. In production
// there is none to derive: the ledger would then be as safe as a key that also
// signs requests, and would be lost with its rotation.
func (c *Config) loadPayloadKeys(text settlebank.Secret, f *faults) {
	if text.IsSet() {
		c.PayloadKeys = parsePayloadKeys(text, f)
		return
	}
	if c.Env == EnvTest && len(c.Merchants) > 0 && !f.has("PAYLOAD_KEY") {
		mac := hmac.New(sha256.New, c.Merchants[0].AESKey.Bytes())
		mac.Write([]byte("settlecancel payload key"))
		c.PayloadKeys = []PayloadKey{{ID: derivedKeyID, Key: settlebank.NewSecret(string(mac.Sum(nil)))}}
	}
}

func parsePayloadKeys(text settlebank.Secret, f *faults) []PayloadKey {
	label := regexp.MustCompile(`^[A-Za-z0-9_-]{1,16}$`)
	entries := strings.Split(text.Reveal(), ",")
	var keys []PayloadKey
	seen := map[string]bool{}
	for i, entry := range entries {
		id, encoded, named := strings.Cut(strings.TrimSpace(entry), ":")
		if !named {
			id, encoded = soleKeyID, id
		}
		key, err := decodeBase64(encoded)
		problem := ""
		switch {
		case !named && len(entries) > 1:
			problem = "has no id"
		case !label.MatchString(id):
			problem = "has an unusable id"
		case seen[id]:
			problem = "has the id of an earlier one"
		case err != nil:
			problem = "is not base64"
		case len(key) != payloadKeyLen:
			problem = "is not a key of 32 bytes"
		}
		if problem != "" {
			f.refuse("PAYLOAD_KEY", "entry %d %s", i+1, problem)
			continue
		}
		seen[id] = true
		keys = append(keys, PayloadKey{ID: id, Key: settlebank.NewSecret(string(key))})
	}
	return keys
}
