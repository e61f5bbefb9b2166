package gateway

import (
	"bytes"
	"fmt"
	"strings"

	"settlecancel/gateway/settlebank"
)

// shape is one of the forms in which SettleBank answers.
type shape string

const (
	shapeFlat   shape = "flat"   // {"resultCode":…}
	shapeNested shape = "nested" // {"params":{"outStatCd":…,"outRsltCd":…},"data":{…}}
	shapeBare   shape = "bare"   // {"outStatCd":…,"outRsltCd":…}: a refusal without params and data
)

// words are what a complete body says, before anything is concluded.
type words struct {
	shape   shape
	stat    string // outStatCd; "" of a flat one
	code    string
	message string
	head    object // params, or the whole of a body that has none
	data    object // may be empty
}

// readWords reads a body. False: it is no complete answer. It is lenient in the writing: a byte
// order mark, white space and numbers for texts are SettleBank's ways. It is not in what counts: a
// body of two shapes, or with a member twice, says nothing.
func readWords(body []byte) (words, bool) {
	top, ok := parseBody(bytes.TrimPrefix(body, []byte("\ufeff")))
	if !ok {
		return words{}, false
	}
	var found []words
	if code, ok := resultCode(top.get("resultCode")); ok {
		message, _ := text(top.get("resultMsg"))
		found = append(found, words{shape: shapeFlat, code: code, message: message, head: top})
	}
	for _, w := range []words{{shape: shapeNested}, {shape: shapeBare, head: top}} {
		if w.shape == shapeNested {
			w.head, _ = parseObject(top.get("params"))
			w.data, _ = parseObject(top.get("data"))
		}
		if w.code, ok = resultCode(w.head.get("outRsltCd")); ok {
			w.stat, _ = resultCode(w.head.get("outStatCd"))
			w.message, _ = text(w.head.get("outRsltMsg"))
			found = append(found, w)
		}
	}
	if len(found) != 1 {
		return words{}, false
	}
	return found[0], true
}

// claimsSuccess reports whether anything in the words says that the request was carried out.
func (w words) claimsSuccess() bool {
	return w.code == settlebank.CodeOK || w.stat == settlebank.StatDone
}

// resultCode reads a result code, padded or written as a number; what cannot be one is none:
// foreign text has no place in logs and labels.
func resultCode(raw []byte) (string, bool) {
	s, ok := scalar(raw)
	if ok && len(raw) > 0 && raw[0] != '"' {
		s = fmt.Sprintf("%04s", s)
	}
	s = strings.TrimSpace(s)
	return s, ok && isPrintable(s, 16)
}

// scalar reads a text, or a whole number as its digits.
func scalar(raw []byte) (string, bool) {
	if s, ok := text(raw); ok {
		return s, true
	}
	if digits := string(raw); digits != "" && strings.Trim(digits, "0123456789") == "" {
		return digits, true
	}
	return "", false
}

// member reads a member that is a text or a number, without the white space around it. given: it is
// there, and not left blank; a given one that is neither has the value "".
func (o object) member(name string) (value string, given bool) {
	raw := o.get(name)
	if s := string(raw); s == "" || s == "null" {
		return "", false
	}
	value, ok := scalar(raw)
	value = strings.TrimSpace(value)
	return value, value != "" || !ok
}

// maxTrdNo is the longest number of a transaction that is taken from SettleBank, in characters.
const maxTrdNo = 100

// echo is what of a request an answer may repeat: name and value.
type echo [][2]string

// foreign names the first member that is there and has another value; "": none. What the request
// had not is not compared, nor an amount that cannot be read.
func (e echo) foreign(o object) string {
	for _, m := range e {
		name, want := m[0], m[1]
		value, given := o.member(name)
		if !given || value == want || want == "" {
			continue
		}
		if strings.HasSuffix(name, "Amt") {
			got, legible := amount(value)
			if asked, _ := amount(want); !legible || got == asked {
				continue
			}
		}
		return name
	}
	return ""
}

// checkHash looks at pktHash: it is the request's, returned, or hashes the answer itself, that is
// outStatCd, trdDt, trdTm, mchtId, mchtTrdNo, one of the amounts and the key. Either may be in
// upper case.
func (w words) checkHash(key settlebank.Secret, request, mchtID, id string, amounts ...string) hashState {
	given, ok := w.data.member("pktHash")
	if !ok {
		return hashNone
	}
	given = strings.ToLower(given)
	if sameHash(given, request) {
		return hashRight
	}
	date, _ := w.head.member("trdDt")
	clock, _ := w.head.member("trdTm")
	for _, amt := range amounts {
		if sameHash(given, sign(key, w.stat, date, clock, mchtID, id, amt)) {
			return hashRight
		}
	}
	return hashWrong
}
