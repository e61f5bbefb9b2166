package config

import (
	"regexp"

	"settlecancel/gateway/settlebank"
)

// Merchant is one merchant and the keys SettleBank gave it.
type Merchant struct {
	// ID is the mchtId, 1 to 10 characters.
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
	if len(c.Merchants) == 1 {
		c.DefaultMerchant = c.Merchants[0].ID
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
	case !regexp.MustCompile(`^[A-Za-z0-9_-]{1,10}$`).MatchString(m.ID):
		fault("mchtId", "is "+quote(m.ID))
	}
	if c.Env == EnvTest && !m.HashKey.IsSet() && !m.AESKey.IsSet() {
		m.HashKey, m.AESKey = settlebank.NewSecret(settlebank.TestbedHashKey), settlebank.NewSecret(settlebank.TestbedAESKey)
		return
	}
	switch {
	case !m.HashKey.IsSet():
		fault("hashKey", "is missing")
	case c.Env == EnvProduction && m.HashKey.Reveal() == settlebank.TestbedHashKey:
		fault("hashKey", "is the testbed's public key")
	}
	switch {
	case !m.AESKey.IsSet():
		fault("aesKey", "is missing")
	case len(m.AESKey.Reveal()) != settlebank.AESKeyLen:
		fault("aesKey", "is not 32 bytes long")
	case c.Env == EnvProduction && m.AESKey.Reveal() == settlebank.TestbedAESKey:
		fault("aesKey", "is the testbed's public key")
	}
}
