package config

import (
	"regexp"
	"strings"

	"settlecancel/gateway/settlebank"
)

// Merchant is one merchant and the keys SettleBank gave it.
type Merchant struct {
	// ID is the mchtId, 1 to 12 characters, 1 to 10 with the flat protocol.
	ID string
	// HashKey signs requests.
	HashKey settlebank.Secret
	// AESKey encrypts fields, 32 bytes.
	AESKey settlebank.Secret
	// Protocol is never empty.
	Protocol settlebank.Protocol
}

// loadMerchants takes the merchants from the one place that names them: the
// file, the three variables, or in test the testbed.
func (c *Config) loadMerchants(text composed, vars map[string]string, f *faults) {
	single := false
	for _, name := range []string{"SETTLEBANK_MCHT_ID", "SETTLEBANK_HASH_KEY", "SETTLEBANK_AES_KEY"} {
		if vars[name] == "" && vars[name+fileSuffix] == "" {
			continue
		}
		single = true
		if text.MerchantsFile != "" {
			f.add(name, "and SETTLEBANK_MERCHANTS_FILE are both set; allowed: the file, or one merchant's id and keys")
		}
	}
	switch {
	case text.MerchantsFile != "":
		c.Merchants = c.readMerchants(text.MerchantsFile, f)
	case single:
		c.singleMerchant(text, f)
	case c.Env == EnvTest:
		for _, id := range settlebank.TestbedMerchants() {
			c.Merchants = append(c.Merchants, Merchant{
				ID: id, HashKey: settlebank.NewSecret(settlebank.TestbedHashKey), AESKey: settlebank.NewSecret(settlebank.TestbedAESKey), Protocol: c.Protocol,
			})
		}
		c.DefaultMerchant = settlebank.TestbedCard
	case c.Env == EnvProduction:
		f.add("SETTLEBANK_MCHT_ID", "is missing, and production has no default; allowed: it with SETTLEBANK_HASH_KEY and SETTLEBANK_AES_KEY, or SETTLEBANK_MERCHANTS_FILE")
	}
	c.checkProtocols(f)
	if len(c.Merchants) == 1 {
		c.DefaultMerchant = c.Merchants[0].ID
	}
}

// checkProtocols makes sure that each merchant's protocol is known, for a gateway carries nothing
// out in another, and that flat has a merchant id that fits.
func (c *Config) checkProtocols(f *faults) {
	for _, m := range c.Merchants {
		switch {
		case m.Protocol == "" && !f.has("SETTLEBANK_PROTOCOL"):
			f.refuse("SETTLEBANK_PROTOCOL", "is missing, and production has no default")
		case m.Protocol == settlebank.Flat && len(m.ID) > settlebank.MaxMchtIDFlat && len(m.ID) <= settlebank.MaxMchtID:
			f.add("SETTLEBANK_PROTOCOL", "is flat for merchant %s, whose id has more than %d characters; allowed: 0A19", m.ID, settlebank.MaxMchtIDFlat)
		}
	}
}

// singleMerchant takes the merchant of the three variables.
func (c *Config) singleMerchant(text composed, f *faults) {
	m := Merchant{ID: text.MchtID, HashKey: text.HashKey, AESKey: text.AESKey, Protocol: c.Protocol}
	names := map[string]string{
		"mchtId": "SETTLEBANK_MCHT_ID", "hashKey": "SETTLEBANK_HASH_KEY", "aesKey": "SETTLEBANK_AES_KEY",
	}
	c.completeMerchant(&m, func(field, message string) {
		if !f.has(names[field]) {
			f.refuse(names[field], "%s", message)
		}
	})
	c.Merchants = []Merchant{m}
}

// completeMerchant gives a merchant of the test environment the testbed's keys
// where it has none, and tells every fault with its field.
func (c *Config) completeMerchant(m *Merchant, fault func(field, message string)) {
	switch {
	case m.ID == "":
		fault("mchtId", "is missing")
	case !regexp.MustCompile(`^[A-Za-z0-9_-]{1,12}$`).MatchString(m.ID):
		fault("mchtId", "is "+quote(m.ID))
	}
	if c.Env == EnvTest && !m.HashKey.IsSet() && !m.AESKey.IsSet() {
		m.HashKey, m.AESKey = settlebank.NewSecret(settlebank.TestbedHashKey), settlebank.NewSecret(settlebank.TestbedAESKey)
		return
	}
	switch {
	case !m.HashKey.IsSet():
		fault("hashKey", "is missing")
	case strayedInto(m.HashKey):
		fault("hashKey", strayedKey)
	case c.Env == EnvProduction && m.HashKey.Reveal() == settlebank.TestbedHashKey:
		fault("hashKey", "is the testbed's public key")
	}
	switch {
	case !m.AESKey.IsSet():
		fault("aesKey", "is missing")
	case strayedInto(m.AESKey):
		fault("aesKey", strayedKey)
	case len(m.AESKey.Reveal()) != settlebank.AESKeyLen:
		fault("aesKey", "is not 32 bytes long")
	case c.Env == EnvProduction && m.AESKey.Reveal() == settlebank.TestbedAESKey:
		fault("aesKey", "is the testbed's public key")
	}
}

// strayedKey is what is wrong with a key that something got into. SettleBank would only say that
// the hash is wrong. A password may really hold a quote; a key of SettleBank's does not, so that
// not even a file may hold such a one.
const strayedKey = "holds white space or a quote"

func strayedInto(key settlebank.Secret) bool { return strings.ContainsFunc(key.Reveal(), strayed) }
