package simulator

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"slices"
	"unicode/utf8"
)

// maxFields bounds an object of a request; the longest message of the protocol has some twenty
// fields.
const maxFields = 64

var errMalformed = errors.New("not one JSON object whose values are strings, nor one of params and data")

// field is one name and value of a message, both as they were sent.
type field struct{ name, value string }

// object is a JSON object of strings, in the order it was sent.
type object []field

// get returns the value of name, "" where it is absent: the gateway takes an empty field for a
// missing one.
func (o object) get(name string) string {
	for i := range o {
		if o[i].name == name {
			return o[i].value
		}
	}
	return ""
}

func (o object) has(name string) bool {
	for i := range o {
		if o[i].name == name {
			return true
		}
	}
	return false
}

// without returns o without a field.
func (o object) without(name string) object {
	return slices.DeleteFunc(slices.Clone(o), func(f field) bool { return f.name == name })
}

// message is a request's body: either flat, or nested as {"params":{…},"data":{…}}.
type message struct {
	nested       bool
	flat         object
	params, data object
}

// decodeMessage reads a body, and refuses whatever the gateway's messages are not: other types than
// strings, null among them, a name that comes twice, something behind the object, bytes that are no
// UTF-8. Where numbers are taken, each is read as the text that was sent.
func decodeMessage(body []byte, numbers bool) (message, error) {
	if !utf8.Valid(body) {
		return message{}, errMalformed
	}
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.UseNumber()
	if tok, err := dec.Token(); err != nil || tok != json.Delim('{') {
		return message{}, errMalformed
	}
	m, err := decodeBody(dec, numbers)
	if err != nil {
		return message{}, err
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return message{}, errMalformed
	}
	return m, nil
}

// decodeBody reads the outer object behind its opening brace; the shape of the first value decides
// which it must be.
func decodeBody(dec *json.Decoder, numbers bool) (message, error) {
	var m message
	var haveParams, haveData bool
	for dec.More() {
		name, err := stringToken(dec)
		if err != nil {
			return message{}, err
		}
		tok, err := dec.Token()
		if err != nil {
			return message{}, errMalformed
		}
		if v, ok := textOf(tok, numbers); ok {
			if m.nested || m.flat.has(name) || len(m.flat) == maxFields {
				return message{}, errMalformed
			}
			m.flat = append(m.flat, field{name, v})
			continue
		}
		target, have := &m.params, &haveParams
		if name == "data" {
			target, have = &m.data, &haveData
		}
		if tok != json.Delim('{') || m.flat != nil || *have || (name != "params" && name != "data") {
			return message{}, errMalformed
		}
		m.nested, *have = true, true
		if *target, err = decodeStrings(dec, numbers); err != nil {
			return message{}, err
		}
	}
	if _, err := dec.Token(); err != nil || (m.nested && !(haveParams && haveData)) {
		return message{}, errMalformed
	}
	return m, nil
}

// decodeStrings reads an object of strings behind its opening brace, to its closing one.
func decodeStrings(dec *json.Decoder, numbers bool) (object, error) {
	var o object
	for dec.More() {
		name, err := stringToken(dec)
		if err != nil {
			return nil, err
		}
		tok, err := dec.Token()
		if err != nil {
			return nil, errMalformed
		}
		value, ok := textOf(tok, numbers)
		if !ok {
			return nil, errMalformed
		}
		if o.has(name) || len(o) == maxFields {
			return nil, errMalformed
		}
		o = append(o, field{name, value})
	}
	if _, err := dec.Token(); err != nil {
		return nil, errMalformed
	}
	return o, nil
}

func stringToken(dec *json.Decoder) (string, error) {
	tok, err := dec.Token()
	if err != nil {
		return "", errMalformed
	}
	s, ok := tok.(string)
	if !ok {
		return "", errMalformed
	}
	return s, nil
}

// textOf returns a value as text, and whether it is one that is taken.
func textOf(tok json.Token, numbers bool) (string, bool) {
	switch v := tok.(type) {
	case string:
		return v, true
	case json.Number:
		return v.String(), numbers
	default:
		return "", false
	}
}

const hexDigits = "0123456789abcdef"

// appendString appends s, which is valid UTF-8, as a JSON string.
func appendString(b []byte, s string) []byte {
	b = append(b, '"')
	for i := range len(s) {
		switch c := s[i]; {
		case c == '"' || c == '\\':
			b = append(b, '\\', c)
		case c < 0x20:
			b = append(b, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&0xf])
		default:
			b = append(b, c)
		}
	}
	return append(b, '"')
}

// appendObject appends o as a JSON object; the values of numbers, which are digits, without quotes.
func appendObject(b []byte, o object, numbers ...string) []byte {
	b = append(b, '{')
	for i := range o {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendString(b, o[i].name)
		b = append(b, ':')
		if slices.Contains(numbers, o[i].name) {
			b = append(b, o[i].value...)
		} else {
			b = appendString(b, o[i].value)
		}
	}
	return append(b, '}')
}
