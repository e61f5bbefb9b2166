package gateway

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"encoding/base64"
	"fmt"

	"settlecancel/gateway/settlebank"
)

// fieldCipher encrypts single fields as the gateway does: AES-256/ECB/PKCS5 with the merchant's
// key, then Base64. (ECB is the gateway's choice; crypto/cipher has it not, on purpose.)
type fieldCipher struct{ block cipher.Block }

func newFieldCipher(key settlebank.Secret) (fieldCipher, error) {
	if n := len(key.Reveal()); n != settlebank.AESKeyLen {
		return fieldCipher{}, fmt.Errorf("AESKey has %d bytes, want %d", n, settlebank.AESKeyLen)
	}
	block, err := aes.NewCipher(key.Bytes())
	return fieldCipher{block}, err
}

func (c fieldCipher) encrypt(plain string) string {
	pad := aes.BlockSize - len(plain)%aes.BlockSize
	b := append([]byte(plain), bytes.Repeat([]byte{byte(pad)}, pad)...)
	for rest := b; len(rest) > 0; rest = rest[aes.BlockSize:] {
		c.block.Encrypt(rest, rest)
	}
	return base64.StdEncoding.EncodeToString(b)
}

// decrypt undoes encrypt, line breaks aside; false: text is nothing that encrypt returns.
func (c fieldCipher) decrypt(text string) (string, bool) {
	b, err := base64.StdEncoding.Strict().DecodeString(text)
	if err != nil || len(b) == 0 || len(b)%aes.BlockSize != 0 {
		return "", false
	}
	for rest := b; len(rest) > 0; rest = rest[aes.BlockSize:] {
		c.block.Decrypt(rest, rest)
	}
	pad := int(b[len(b)-1])
	if pad == 0 || pad > aes.BlockSize {
		return "", false
	}
	plain, padding := b[:len(b)-pad], b[len(b)-pad:]
	return string(plain), bytes.Count(padding, padding[:1]) == pad
}

// amount reads an amount that is encrypted, plain, or a number; nil: the member holds none.
func (c fieldCipher) amount(o object, name string) *int64 {
	s, _ := o.member(name)
	n, ok := amount(s)
	if !ok {
		digits, _ := c.decrypt(s)
		n, ok = amount(digits)
	}
	if !ok {
		return nil
	}
	return &n
}
