package simulator

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"

	"settlecancel/gateway/settlebank"
)

// Merchant is one merchant that the simulator knows, with the keys it shares with the gateway. It
// prints as its id alone, and encodes without its keys.
type Merchant struct {
	ID      string `json:"id"` // 1 to 12 characters; flat takes 10 at most
	HashKey string `json:"-"`  // what every pktHash ends in
	AESKey  string `json:"-"`  // 32 bytes; may be empty for a merchant that never encrypts
	// NoRefund: not registered for refunds of phone payments and virtual accounts.
	NoRefund bool `json:"noRefund,omitempty"`
}

// Format prints the merchant's id for every verb, so that its keys stand in no log and no error.
func (m Merchant) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, m.ID) }

// TestbedMerchants returns the merchants of the vendor's testbed with its public keys.
func TestbedMerchants() []Merchant {
	var merchants []Merchant
	for _, id := range settlebank.TestbedMerchants() {
		merchants = append(merchants, Merchant{ID: id, HashKey: settlebank.TestbedHashKey, AESKey: settlebank.TestbedAESKey})
	}
	return merchants
}

// merchantsByID checks the merchants and files them; the error names every fault.
func merchantsByID(merchants []Merchant) (map[string]Merchant, error) {
	byID := make(map[string]Merchant, len(merchants))
	var faults []error
	for i, m := range merchants {
		if m.ID == "" || len(m.ID) > 12 {
			faults = append(faults, fmt.Errorf("merchant %d: id %q: must be 1 to 12 characters", i, m.ID))
		}
		if m.HashKey == "" {
			faults = append(faults, fmt.Errorf("merchant %d (%s): hash key is missing", i, m.ID))
		}
		if m.AESKey != "" && len(m.AESKey) != 32 {
			faults = append(faults, fmt.Errorf("merchant %d (%s): AES key has %d bytes: must be 32", i, m.ID, len(m.AESKey)))
		}
		if _, twice := byID[m.ID]; twice {
			faults = append(faults, fmt.Errorf("merchant %d (%s): id comes twice", i, m.ID))
		}
		byID[m.ID] = m
	}
	return byID, errors.Join(faults...)
}

// sign returns the pktHash over the parts and the merchant's hash key: lower-case hex SHA-256 of
// their UTF-8, with no separator.
func (m Merchant) sign(parts ...string) string {
	b := make([]byte, 0, 256)
	for _, p := range parts {
		b = append(b, p...)
	}
	sum := sha256.Sum256(append(b, m.HashKey...))
	return hex.EncodeToString(sum[:])
}
