package tasks

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"settlecancel/tasks/ledger"
)

// Why sealed account numbers cannot be read. Nothing was sent to the gateway, and nothing is lost
// by waiting.
var (
	// ErrSealKey says that the key they were sealed under is not among those given: give it back,
	// behind the first.
	ErrSealKey = errors.New("the key that sealed the account numbers is not in PAYLOAD_KEY")
	// ErrSealBroken says that they are not as they were sealed, or were sealed for another
	// cancellation.
	ErrSealBroken = errors.New("the sealed account numbers are damaged or belong to another cancellation")
)

const (
	sealVersion = "v1"
	sealKeyLen  = 32 // AES-256
	maxSealID   = 16
	markLen     = 12 // characters; 9 bytes, 72 bits
)

// strict takes one spelling of each value, so that a seal that was changed in any way is refused.
var strict = base64.RawURLEncoding.Strict()

// SealKey is a key for account numbers at rest. Printing shows its ID alone.
type SealKey struct {
	ID     string // 1–16 of A-Z a-z 0-9 _ -; stands beside what the key sealed
	Secret []byte `json:"-"` // 32 bytes
}

// Format prints the ID under every verb and flag.
func (k SealKey) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, k.ID) }

// Sealer encrypts account numbers and the names of their holders for the ledger, with AES-256-GCM.
// It is safe for concurrent use.
type Sealer struct {
	first  string // id of the key that seals
	keys   map[string]cipher.AEAD
	marker []byte // key of the marks
}

// NewSealer returns a sealer whose first key seals, and whose keys all open.
//
// To change the key, put a new one in front: in the workers first, as they open what the others
// seal. The last key also makes the marks (Sealer.Mark), by which a repeat is told from another
// cancellation under its idempotency key. So drop the last key only when the one before it has been
// in use for longer than the ledger keeps what has ended (LEDGER_RETENTION) and no open
// cancellation or dead letter is older: what was marked under it would no longer count as a repeat,
// but be refused as a conflict.
//
// The error names every fault of the keys, and shows nothing of them but their ids.
func NewSealer(keys ...SealKey) (*Sealer, error) {
	var faults []error
	if len(keys) == 0 {
		faults = append(faults, errors.New("there is none"))
	}
	s := &Sealer{keys: make(map[string]cipher.AEAD, len(keys))}
	for i, k := range keys {
		_, twice := s.keys[k.ID]
		aead, err := newAEAD(k.Secret)
		switch {
		case len(k.ID) == 0 || len(k.ID) > maxSealID || !mchtAlphabet.holds(k.ID):
			faults = append(faults, fmt.Errorf("key %d: its id must be 1 to %d of %s", i+1, maxSealID, mchtAlphabet.name))
		case twice:
			faults = append(faults, fmt.Errorf("key %d: %q is the id of an earlier one", i+1, k.ID))
		case err != nil:
			faults = append(faults, fmt.Errorf("key %d: %w", i+1, err))
		default:
			s.keys[k.ID] = aead
		}
	}
	if len(faults) > 0 {
		return nil, fmt.Errorf("tasks: keys for account numbers: %w", errors.Join(faults...))
	}
	s.first, s.marker = keys[0].ID, hash(keys[len(keys)-1].Secret, "settlecancel account mark")
	return s, nil
}

func newAEAD(key []byte) (cipher.AEAD, error) {
	if len(key) != sealKeyLen {
		return nil, fmt.Errorf("has %d bytes, not %d", len(key), sealKeyLen)
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCMWithRandomNonce(block)
}

// Format prints the id of the key that seals, under every verb and flag.
func (s *Sealer) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "sealer "+s.first) }

// Seal encrypts plain for the cancellation of an idempotency key, for which alone it can be opened.
// No two calls answer the same.
func (s *Sealer) Seal(key, plain string) string {
	return sealVersion + "." + s.first + "." + strict.EncodeToString(s.keys[s.first].Seal(nil, nil, []byte(plain), []byte(key)))
}

// Open returns what Seal was given. It returns ErrSealKey or ErrSealBroken.
func (s *Sealer) Open(key, sealed string) (string, error) {
	version, rest, _ := strings.Cut(sealed, ".")
	id, text, whole := strings.Cut(rest, ".")
	if version != sealVersion || !whole {
		return "", ErrSealBroken
	}
	aead := s.keys[id]
	if aead == nil {
		return "", fmt.Errorf("%w: %.*q", ErrSealKey, maxSealID, id)
	}
	// The decoder passes over line breaks, which Seal does not write.
	raw, err := strict.DecodeString(text)
	if err != nil || strings.ContainsAny(text, "\r\n") {
		return "", ErrSealBroken
	}
	plain, err := aead.Open(nil, nil, raw, []byte(key))
	if err != nil {
		return "", ErrSealBroken
	}
	return string(plain), nil
}

// Mark returns 12 characters that stand for plain under an idempotency key: the same for the same
// text, and of no use for finding it without the key. The ledger keeps them when the text itself is
// gone.
func (s *Sealer) Mark(key, plain string) string {
	return strict.EncodeToString(hash(s.marker, key+"\x00"+plain))[:markLen]
}

// hash is HMAC-SHA256.
func hash(key []byte, text string) []byte {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(text))
	return mac.Sum(nil)
}

// isMark reports whether text has the form of a mark.
func isMark(text string) bool { return len(text) == markLen && mchtAlphabet.holds(text) }

// account is what is sealed of a cancellation.
type account struct {
	RefundAcntNo  string `json:"refundAcntNo,omitempty"`
	RefundDpstrNm string `json:"refundDpstrNm,omitempty"`
	VAcntNo       string `json:"vAcntNo,omitempty"`
}

// account returns what must be sealed of c.
func (c Cancellation) account() account { return account{c.RefundAcntNo, c.RefundDpstrNm, c.VAcntNo} }

// with returns c with another account.
func (c Cancellation) with(a account) Cancellation {
	c.RefundAcntNo, c.RefundDpstrNm, c.VAcntNo = a.RefundAcntNo, a.RefundDpstrNm, a.VAcntNo
	return c
}

// text is what is sealed and marked: always the same for the same account.
func (a account) text() (string, error) {
	raw, err := json.Marshal(a)
	return string(raw), err
}

// Entry returns x as the ledger takes it: its account numbers sealed, and their mark among its
// parameters. It returns *InvalidError where the client has no Sealer for them.
func (c *Client) Entry(x Cancellation) (ledger.Entry, error) {
	secret := x.account()
	if secret == (account{}) {
		return x.Entry()
	}
	if c.sealer == nil {
		return ledger.Entry{}, &InvalidError{Key: x.IdempotencyKey, Faults: []Fault{
			{Field: "operation", Message: "needs an account number, which cannot be stored without PAYLOAD_KEY"}}}
	}
	text, err := secret.text()
	if err != nil {
		return ledger.Entry{}, fmt.Errorf("tasks: %s: %w", x.IdempotencyKey, err)
	}
	entry, err := x.with(account{}).entry(c.sealer.Mark(x.IdempotencyKey, text))
	entry.Sealed = c.sealer.Seal(x.IdempotencyKey, text)
	return entry, err
}

// Open returns the cancellation that a record stands for with its account numbers, for the request
// that needs them. It returns ErrSealKey, or ErrSealBroken, also of a record that has lost them by
// having ended.
func (c *Client) Open(r ledger.Record) (Cancellation, error) {
	t, err := taskOf(r)
	if err != nil || t.Sealed == "" {
		return t.Cancellation, err
	}
	if c.sealer == nil {
		return Cancellation{}, fmt.Errorf("tasks: %s: %w", r.Key, ErrSealKey)
	}
	text, err := c.sealer.Open(r.Key, r.Sealed)
	if err != nil {
		return Cancellation{}, fmt.Errorf("tasks: %s: %w", r.Key, err)
	}
	var secret account
	if err := json.Unmarshal([]byte(text), &secret); err != nil {
		return Cancellation{}, fmt.Errorf("tasks: %s: %w", r.Key, ErrSealBroken) // not err: it may show what it stumbled over
	}
	return t.with(secret), nil
}
