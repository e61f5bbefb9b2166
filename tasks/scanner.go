package tasks

import (
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

const whitespace = " \t\r\n"

// A scanner walks the members of one JSON object whose syntax is known to be
// valid; encoding/json alone would hide repeated names, names in the wrong case
// and broken characters. In a document that breaks off it stops where that
// shows, at the latest at the end.
type scanner struct {
	text string
	pos  int
}

// enter steps into the object; it reports whether there is one.
func (s *scanner) enter() bool {
	s.space()
	return s.take('{')
}

// next returns the next name, as it stands between its quotes, and its value,
// as it stands; ok is false at the end.
func (s *scanner) next() (name, value string, ok bool) {
	s.space()
	if s.take(',') {
		s.space()
	}
	name, ok = s.quoted()
	if !ok {
		return "", "", false
	}
	s.space()
	if !s.take(':') {
		return "", "", false
	}
	s.space()
	value = s.value()
	return name, value, value != ""
}

func (s *scanner) space() {
	for s.pos < len(s.text) && strings.IndexByte(whitespace, s.text[s.pos]) >= 0 {
		s.pos++
	}
}

func (s *scanner) take(c byte) bool {
	if s.pos < len(s.text) && s.text[s.pos] == c {
		s.pos++
		return true
	}
	return false
}

// quoted returns what stands between the quotes of the string that starts here.
func (s *scanner) quoted() (string, bool) {
	if !s.take('"') {
		return "", false
	}
	start := s.pos
	for ; s.pos < len(s.text); s.pos++ {
		switch s.text[s.pos] {
		case '\\':
			s.pos++
		case '"':
			s.pos++
			return s.text[start : s.pos-1], true
		}
	}
	return "", false
}

// value returns the value that starts here, "" where the text ends before it does.
func (s *scanner) value() string {
	start, depth := s.pos, 0
	for s.pos < len(s.text) {
		switch s.text[s.pos] {
		case '"':
			if _, ok := s.quoted(); !ok {
				return ""
			}
		case '{', '[':
			depth++
			s.pos++
		case '}', ']':
			if depth == 0 {
				return s.text[start:s.pos]
			}
			depth--
			s.pos++
		default:
			if depth == 0 && strings.IndexByte(","+whitespace, s.text[s.pos]) >= 0 {
				return s.text[start:s.pos]
			}
			s.pos++
			continue
		}
		if depth == 0 {
			return s.text[start:s.pos]
		}
	}
	return ""
}

// kind names the kind of a JSON value by its first character.
func kind(value string) string {
	switch value[0] {
	case '{':
		return "an object"
	case '[':
		return "an array"
	case '"':
		return "a string"
	case 't', 'f':
		return "a boolean"
	case 'n':
		return "null"
	}
	return "a number"
}

// unquote resolves the escapes of a JSON string given without its quotes.
// Where it stands for no valid text, problem says why.
func unquote(raw string) (text, problem string) {
	if strings.IndexByte(raw, '\\') < 0 {
		return raw, checkUTF8(raw)
	}
	out := make([]byte, 0, len(raw))
	for i := 0; i < len(raw); i++ {
		if raw[i] != '\\' {
			out = append(out, raw[i])
			continue
		}
		i++
		switch raw[i] {
		case 'b':
			out = append(out, '\b')
		case 'f':
			out = append(out, '\f')
		case 'n':
			out = append(out, '\n')
		case 'r':
			out = append(out, '\r')
		case 't':
			out = append(out, '\t')
		case 'u':
			r, size := unquoteRune(raw[i-1:])
			if size == 0 {
				return "", "holds half of a surrogate pair"
			}
			out = utf8.AppendRune(out, r)
			i += size - 2
		default:
			out = append(out, raw[i])
		}
	}
	return string(out), checkUTF8(string(out))
}

// unquoteRune reads one character at the start of raw, written as \uXXXX or as
// a pair of them, and its length there; 0 for half a pair.
func unquoteRune(raw string) (r rune, size int) {
	first := hex4(raw)
	if !utf16.IsSurrogate(first) {
		return first, 6
	}
	if r := utf16.DecodeRune(first, hex4(raw[6:])); r != utf8.RuneError {
		return r, 12
	}
	return 0, 0
}

// hex4 returns the number in an escape \uXXXX, -1 where raw starts with none.
func hex4(raw string) rune {
	if len(raw) < 6 || raw[:2] != `\u` {
		return -1
	}
	n, _ := strconv.ParseUint(raw[2:6], 16, 16) // valid JSON has four digits here
	return rune(n)
}
