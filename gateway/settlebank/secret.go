package settlebank

import (
	"crypto/subtle"
	"fmt"
	"io"
	"log/slog"
)

// Redacted stands wherever a secret's value would.
const Redacted = "[redacted]"

// Secret is text that must not be printed: every formatting verb, slog, JSON
// and every encoder that asks for text get a placeholder. The zero Secret is
// one that is not set; it prints as nothing, so that "not set" can be told from
// "set".
//
// The value lies behind a pointer because fmt reads a struct's unexported
// fields without calling their methods; of a pointer it prints the address.
// For the same reason Secrets are compared with [Secret.Equal], not with ==.
type Secret struct {
	value *string
}

// NewSecret returns a Secret that holds value; of "" it makes one that is not
// set.
func NewSecret(value string) Secret {
	if value == "" {
		return Secret{}
	}
	return Secret{value: &value}
}

// Reveal returns the value, "" where none is set. Whoever calls it answers for
// where the value goes.
func (s Secret) Reveal() string {
	if s.value == nil {
		return ""
	}
	return *s.value
}

// Bytes returns a copy of the value, for secrets that are keys.
func (s Secret) Bytes() []byte { return []byte(s.Reveal()) }

// IsSet reports whether there is a value.
func (s Secret) IsSet() bool { return s.value != nil }

// Equal reports whether both hold the same value, in a time that does not
// depend on where they differ.
func (s Secret) Equal(other Secret) bool {
	return subtle.ConstantTimeCompare(s.Bytes(), other.Bytes()) == 1
}

// String returns the placeholder, or "" where no value is set.
func (s Secret) String() string {
	if s.value == nil {
		return ""
	}
	return Redacted
}

// Format prints the placeholder under every verb and flag, %d and %#v too.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, s.String()) }

// LogValue gives slog the placeholder.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }

// MarshalText gives JSON, YAML and other encoders the placeholder.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText takes the value from text.
func (s *Secret) UnmarshalText(text []byte) error {
	*s = NewSecret(string(text))
	return nil
}
