package gateway

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"html"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"settlecancel/gateway/settlebank"
)

// How much of a body is looked at and shown.
const (
	maxRaw   = 600      // characters shown
	maxWhole = 16 << 10 // bytes of a body that is read as an answer
	maxText  = 4 << 10  // bytes looked at of one that is not
)

// hidden stands where a value may not be seen.
const hidden = "•••"

// masker makes bodies fit to be shown. A value is seen only where its member is one of those that
// tell what happened, and where it has that member's form: of a member that nobody documented
// nobody knows what it holds.
type masker struct {
	secrets []settlebank.Secret // hidden wherever they stand
}

// raw returns what was sent, in at most maxRaw characters on one line.
func (m masker) raw(body []byte) string {
	body = bytes.TrimSpace(bytes.TrimPrefix(body, []byte("\ufeff")))
	if len(body) <= maxWhole && json.Valid(body) && body[0] == '{' {
		var b strings.Builder
		m.object(&b, body, true)
		return shorten(b.String())
	}
	s := m.secretless(strings.ToValidUTF8(string(body), "?"))
	if len(s) > maxText {
		s = strings.ToValidUTF8(s[:maxText], "")
	}
	return shorten(m.text(s, true))
}

func shorten(s string) string {
	if utf8.RuneCountInString(s) <= maxRaw {
		return s
	}
	return string([]rune(s)[:maxRaw-1]) + "…"
}

// object writes the members of a valid object in their order, those that are given twice too.
func (m masker) object(b *strings.Builder, raw []byte, top bool) {
	d := json.NewDecoder(bytes.NewReader(raw))
	_, _ = d.Token() // the brace
	b.WriteByte('{')
	for first := true; d.More() && b.Len() < 4*maxRaw; first = false {
		token, _ := d.Token()
		name, _ := token.(string)
		var value json.RawMessage
		if d.Decode(&value) != nil {
			break // never: it is valid
		}
		if !first {
			b.WriteByte(',')
		}
		b.WriteString(quoted(m.name(name)) + ":")
		if top && (name == "params" || name == "data") && value[0] == '{' {
			m.object(b, value, false)
		} else {
			b.WriteString(m.value(name, value))
		}
	}
	b.WriteByte('}')
}

// wordy is a name that may be seen: a short word.
var wordy = regexp.MustCompile(`^[A-Za-z]{2,24}[0-9]{0,2}$`)

func (m masker) name(name string) string {
	if wordy.MatchString(name) && m.secretless(name) == name {
		return name
	}
	return hidden
}

// value returns a member's value as JSON.
func (m masker) value(name string, raw []byte) string {
	switch s := string(raw); {
	case s == "null", s == `""`:
		return s
	case raw[0] == '"':
		s, _ = text(raw)
		return quoted(m.shown(name, s))
	case m.shown(name, s) == s:
		return s
	}
	return quoted(hidden)
}

// shown returns what may be seen of a value.
func (m masker) shown(name, value string) string {
	switch {
	case isMessage(name):
		return m.text(unescape(value), true)
	case hasForm(name, value) && m.secretless(value) == value:
		return value
	}
	return hidden
}

func isMessage(name string) bool { return name == "outRsltMsg" || name == "resultMsg" }

// hasForm reports whether a value may be seen: its member says what happened, or to which payment,
// and the value is what such a member holds. Encrypted amounts are not.
func hasForm(name, value string) bool {
	switch name {
	case "outStatCd", "outRsltCd", "resultCode", "trdStat", "rfdPsblCd", "ver", "method", "bizType", "encCd", "crcCd", "cnclOrd",
		"taxTypeCd", "ezpDivCd", "cnclType":
		s := strings.TrimSpace(value)
		return len(value) <= 16 && len(s) <= 5 && isPrintable(s, 5)
	case "trdDt", "orgTrdDt", "payDt", "trdTm", "payTm", "trdDtm":
		return isTime(value)
	case "mchtId":
		return isNumber(value, settlebank.MaxMchtID)
	case "mchtTrdNo", "trdNo", "canTrdNo", "orgTrdNo", "orgMchtTrdNo":
		return isNumber(value, maxTrdNo)
	case "canAmt", "trdAmt", "cnclAmt", "blcAmt", "cardCnclAmt", "pntCnclAmt", "coupCnclAmt":
		_, ok := amount(value)
		return ok
	}
	return false
}

// isTime reports whether a value is a date, a time of day, or both.
func isTime(value string) bool {
	for _, layout := range []string{settlebank.DateLayout, settlebank.ClockLayout, settlebank.DateLayout + settlebank.ClockLayout} {
		if _, err := time.Parse(layout, value); err == nil && len(value) == len(layout) {
			return true
		}
	}
	return false
}

var (
	numbered = regexp.MustCompile(`^[A-Za-z0-9_.:-]*[A-Za-z][A-Za-z0-9_.:-]*$`)
	hashLike = regexp.MustCompile(`[0-9A-Fa-f]{40}`)
)

// isNumber reports whether a value can be the number of a transaction, and is no hash. Without a
// letter it may be that of an account.
func isNumber(value string, limit int) bool {
	return len(value) <= limit && numbered.MatchString(value) && !hashLike.MatchString(value)
}

// pairs are what looks like a member in a text that is none of SettleBank's answers, and whatever
// stands in quotes.
var pairs = regexp.MustCompile(`"([A-Za-z]\w*)"\s*:\s*("(?:[^"\\]|\\.)*"?|[^\s,}\]{\["]+)|"(?:[^"\\]|\\.)*"?|\b([A-Za-z]\w*)=([^&\s"<>]*)`)

// text returns what may be seen of a text, on one line.
func (m masker) text(s string, encoded bool) string {
	var b strings.Builder
	at := 0
	for _, i := range pairs.FindAllStringSubmatchIndex(s, -1) {
		b.WriteString(m.between(s[at:i[0]], encoded))
		at = i[1]
		switch {
		case i[2] >= 0:
			name, value := s[i[2]:i[3]], strings.Trim(s[i[4]:i[5]], `"`)
			b.WriteString(`"` + m.name(name) + `":"` + m.pair(name, value) + `"`)
		case i[6] >= 0:
			b.WriteString(m.name(s[i[6]:i[7]]) + "=" + m.pair(s[i[6]:i[7]], s[i[8]:i[9]]))
		case strings.HasPrefix(s[at:], ":"): // a member whose value follows, or stands in brackets
			b.WriteString(quoted(m.name(strings.Trim(s[i[0]:i[1]], `"`))))
		default:
			b.WriteString(`"` + hidden + `"`)
		}
	}
	b.WriteString(m.between(s[at:], encoded))
	return m.line(b.String())
}

// pair returns what may be seen of a value in a text. Of a message it is the message without all
// that may stand in it again.
func (m masker) pair(name, value string) string {
	switch {
	case value == "":
		return ""
	case isMessage(name):
		return m.plain(decode(unescape(value)))
	}
	return m.shown(name, value)
}

// between returns what may be seen of what stands between the members of a text.
func (m masker) between(s string, encoded bool) string {
	if encoded {
		if d := decode(s); d != s {
			return m.text(d, false)
		}
	}
	return m.plain(s)
}

var (
	percent   = regexp.MustCompile(`(?:%[0-9A-Fa-f]{2})+`)
	backslash = regexp.MustCompile(`\\u[0-9A-Fa-f]{4}`)
	escapes   = regexp.MustCompile(`%[0-9A-Fa-f]{2}|\\[ux][0-9A-Fa-f]{2}|&#`)
	tokens    = regexp.MustCompile(`[A-Za-z0-9+/=_-]{12,}`)
	digits    = regexp.MustCompile(`\p{N}(?:[^\p{L}\p{N}]{0,3}\p{N}){5,}`)
)

// decode undoes the spellings in which a digit does not look like one.
func decode(s string) string {
	s = percent.ReplaceAllStringFunc(s, func(run string) string {
		raw, _ := hex.DecodeString(strings.ReplaceAll(run, "%", ""))
		return strings.ToValidUTF8(string(raw), "?")
	})
	s = backslash.ReplaceAllStringFunc(s, func(escape string) string {
		n, _ := strconv.ParseUint(escape[2:], 16, 32)
		return string(rune(n))
	})
	return html.UnescapeString(s)
}

// plain hides the secrets of a text, what is spelt so that nobody can tell what it is, what looks
// like a key, a hash or something encrypted, and six digits or more with next to nothing between
// them.
func (m masker) plain(s string) string {
	s = m.secretless(m.line(m.secretless(s)))
	s = escapes.ReplaceAllString(s, hidden)
	s = tokens.ReplaceAllStringFunc(s, func(token string) string {
		if len(token) >= 24 || strings.ContainsAny(token, "0123456789") {
			return hidden
		}
		return token
	})
	return digits.ReplaceAllString(s, hidden)
}

// line puts a text on one line.
func (m masker) line(s string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, s)
}

func (m masker) secretless(s string) string {
	for _, secret := range m.secrets {
		if secret.IsSet() {
			s = strings.ReplaceAll(s, secret.Reveal(), hidden)
		}
	}
	return s
}

func quoted(s string) string { return string(render(s)) }
