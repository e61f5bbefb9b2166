// Package strictjson reads one JSON object member by member and hides nothing: encoding/json alone
// takes names that stand twice or in another case, and repairs broken characters without a word.
package strictjson

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"strings"
	"unicode/utf8"
)

// What Text says of a string that is no valid text. Both read on from the name of a field.
var (
	ErrNotUTF8   = errors.New("holds bytes that are not UTF-8")
	ErrSurrogate = errors.New("holds half of a surrogate pair")
)

// Check returns nil where data is exactly one JSON object, else what it is instead, as a text that
// reads on from "the document".
func Check(data []byte) error {
	var document json.RawMessage
	var syntax *json.SyntaxError
	if errors.As(json.Unmarshal(data, &document), &syntax) {
		return fmt.Errorf("is not one JSON object: its syntax breaks at byte %d of %d", min(int(syntax.Offset), len(data)), len(data))
	}
	if kind := Value(document).Kind(); kind != anObject {
		return fmt.Errorf("must be a JSON object, not %s", kind)
	}
	return nil
}

// Members returns the names and values of a JSON object, in order. Where Check has a fault to tell
// of, it returns those before the fault.
func Members(data []byte) iter.Seq2[string, Value] {
	return func(yield func(string, Value) bool) {
		in := json.NewDecoder(bytes.NewReader(data))
		if start, err := in.Token(); err != nil || start != json.Delim('{') {
			return
		}
		for in.More() {
			token, err := in.Token()
			name, isName := token.(string)
			var value json.RawMessage
			if err != nil || !isName || in.Decode(&value) != nil || !yield(name, Value(value)) {
				return
			}
		}
	}
}

// Value is a JSON value as it stands in its document.
type Value json.RawMessage

const anObject = "an object"

// Kind names the kind of the value.
func (v Value) Kind() string {
	switch v[0] {
	case '{':
		return anObject
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

// IsText reports whether the value is a string.
func (v Value) IsText() bool { return v[0] == '"' }

// IsNumber reports whether the value is a number; it stands in the value as it was written.
func (v Value) IsNumber() bool { return v[0] == '-' || '0' <= v[0] && v[0] <= '9' }

// Text returns what a string says, or ErrNotUTF8 or ErrSurrogate. Of another value it returns an
// error that names its kind.
func (v Value) Text() (string, error) {
	if !v.IsText() {
		return "", fmt.Errorf("must be a string, not %s", v.Kind())
	}
	if !utf8.Valid(v) {
		return "", ErrNotUTF8
	}
	var text string
	if err := json.Unmarshal(v, &text); err != nil {
		return "", err
	}
	if strings.Count(text, replacement) != written(string(v)) {
		return "", ErrSurrogate
	}
	return text, nil
}

// replacement is what encoding/json puts in the place of half of a surrogate pair. A text may hold
// it by itself, as it is or as an escape.
const replacement = "\uFFFD"

// written counts the replacement characters that stand in a JSON string.
func written(raw string) int {
	n := strings.Count(raw, replacement)
	for {
		_, escape, found := strings.Cut(raw, `\`)
		if !found {
			return n
		}
		if len(escape) >= 5 && strings.EqualFold(escape[:5], "ufffd") {
			n++
		}
		raw = escape[1:] // what is escaped may be another backslash
	}
}
