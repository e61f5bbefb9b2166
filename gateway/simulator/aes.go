package simulator

import (
	"bytes"
	"crypto/aes"
	"encoding/base64"
)

// encrypt returns plain as 0A19 sends it: AES-256/ECB/PKCS5 with the
// merchant's key, Base64. The merchant has a key.
func (m Merchant) encrypt(plain string) string {
	block, err := aes.NewCipher([]byte(m.AESKey))
	if err != nil {
		return "" // no key: whoever has none could not have asked for what is answered
	}
	pad := aes.BlockSize - len(plain)%aes.BlockSize
	b := append([]byte(plain), bytes.Repeat([]byte{byte(pad)}, pad)...)
	for i := 0; i < len(b); i += aes.BlockSize {
		block.Encrypt(b[i:], b[i:])
	}
	return base64.StdEncoding.EncodeToString(b)
}

// decrypt reverses encrypt, and says whether text was encrypted with the merchant's key, as far as
// its form tells: what the protocol encrypts is printable ASCII.
func (m Merchant) decrypt(text string) (plain string, ok bool) {
	block, err := aes.NewCipher([]byte(m.AESKey))
	if err != nil {
		return "", false
	}
	b, err := base64.StdEncoding.Strict().DecodeString(text)
	if err != nil || len(b) == 0 || len(b)%aes.BlockSize != 0 || base64.StdEncoding.EncodedLen(len(b)) != len(text) {
		return "", false
	}
	for i := 0; i < len(b); i += aes.BlockSize {
		block.Decrypt(b[i:], b[i:])
	}
	pad := int(b[len(b)-1])
	if pad == 0 || pad > aes.BlockSize || !bytes.Equal(b[len(b)-pad:], bytes.Repeat([]byte{byte(pad)}, pad)) {
		return "", false
	}
	b = b[:len(b)-pad]
	for _, c := range b {
		if c < ' ' || c > '~' {
			return "", false
		}
	}
	return string(b), true
}
