package gateway

import (
	"net/url"
	"strings"
	"unicode"
	"unicode/utf8"

	"settlecancel/gateway/settlebank"
)

// maxMessage bounds a message, in characters.
const maxMessage = 200

// clean makes a message fit to be stored and shown: without the secrets, on one line, cut.
func clean(s string, secrets ...settlebank.Secret) string {
	for _, secret := range secrets {
		if secret.IsSet() {
			s = strings.ReplaceAll(s, secret.Reveal(), settlebank.Redacted)
		}
	}
	var b strings.Builder
	space, n := false, 0
	for _, r := range s {
		if !unicode.IsPrint(r) || r == ' ' {
			space = n > 0
			continue
		}
		if space {
			b.WriteByte(' ')
			n++
		}
		if n >= maxMessage {
			break
		}
		b.WriteRune(r)
		space, n = false, n+1
	}
	return strings.TrimRight(b.String(), " ")
}

// unescape decodes a URL-encoded message. One is encoded as a whole or not at all, and then has
// neither spaces nor anything beyond ASCII; "100% refused" is not.
func unescape(s string) string {
	if !strings.Contains(s, "%") || !isPrintable(s, len(s)) {
		return s
	}
	decoded, err := url.QueryUnescape(s)
	if err != nil || !utf8.ValidString(decoded) {
		return s
	}
	return decoded
}
