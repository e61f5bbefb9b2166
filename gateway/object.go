package gateway

import (
	"bytes"
	"encoding/json"
	"unicode/utf8"
)

// object is a JSON object's members, values undecoded.
type object []member

type member struct {
	name  string
	value []byte
}

// maxMembers bounds an object; documented ones have about a dozen.
const maxMembers = 64

// get returns the value of a member, nil where there is none.
func (o object) get(name string) []byte {
	for _, m := range o {
		if m.name == name {
			return m.value
		}
	}
	return nil
}

// parseBody reads a body that is one JSON object and nothing else.
func parseBody(body []byte) (object, bool) {
	if !json.Valid(body) {
		return nil, false
	}
	return parseObject(bytes.TrimSpace(body))
}

// parseObject reads the members of an object; data is a valid JSON value without space around it,
// or nil. Unlike [json.Unmarshal] into a struct, it takes names by their exact spelling and none
// twice: an answer that says two things says nothing.
func parseObject(data []byte) (object, bool) {
	if len(data) == 0 || data[0] != '{' {
		return nil, false
	}
	o := make(object, 0, 8)
	for rest := skipSpace(data[1:]); rest[0] != '}'; {
		n := valueLen(rest)
		name, _ := text(rest[:n])
		rest = skipSpace(skipSpace(rest[n:])[1:]) // over the colon
		n = valueLen(rest)
		if len(o) == maxMembers || o.get(name) != nil {
			return nil, false
		}
		o = append(o, member{name, rest[:n]})
		if rest = skipSpace(rest[n:]); rest[0] == ',' {
			rest = skipSpace(rest[1:])
		}
	}
	return o, true
}

// skipSpace cuts white space as JSON knows it.
func skipSpace(data []byte) []byte { return bytes.TrimLeft(data, " \t\r\n") }

// valueLen returns the length of the valid JSON value with which data begins.
func valueLen(data []byte) int {
	depth, inString := 0, false
	for i := 0; i < len(data); i++ {
		switch c := data[i]; {
		case inString && c == '\\':
			i++
		case c == '"':
			inString = !inString
			if !inString && depth == 0 {
				return i + 1
			}
		case inString:
		case c == '{' || c == '[':
			depth++
		case c == '}' || c == ']':
			if depth == 0 {
				return i // the end of what a number or word stands in
			}
			if depth--; depth == 0 {
				return i + 1
			}
		case depth == 0 && (c == ',' || c == ' ' || c == '\t' || c == '\r' || c == '\n'):
			return i
		}
	}
	return len(data)
}

// text reads a JSON string.
func text(raw []byte) (string, bool) {
	if len(raw) == 0 || raw[0] != '"' {
		return "", false
	}
	if inner := raw[1 : len(raw)-1]; bytes.IndexByte(inner, '\\') < 0 && utf8.Valid(inner) {
		return string(inner), true
	}
	var s string
	err := json.Unmarshal(raw, &s)
	return s, err == nil
}

// isPrintable reports whether s consists of 1 to limit printable ASCII characters, none a space.
func isPrintable(s string, limit int) bool {
	if s == "" || len(s) > limit {
		return false
	}
	for i := range len(s) {
		if s[i] <= ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}
