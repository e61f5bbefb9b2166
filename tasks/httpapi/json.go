package httpapi

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxUnknown bounds how many names that are no field's are told one by one.
const maxUnknown = 20

// members reads the body as one JSON object, and answers the values of the names that it may have.
// Whatever else is in it is a fault.
func (c *call) members(names ...string) map[string]json.RawMessage {
	if !utf8.Valid(c.body) {
		c.fault("body", "holds bytes that are not UTF-8")
		return nil
	}
	var document json.RawMessage
	if err := json.Unmarshal(c.body, &document); err != nil {
		syntax := &json.SyntaxError{}
		errors.As(err, &syntax)
		c.faultf("body", "is not one JSON object: its syntax breaks at byte %d of %d", min(int(syntax.Offset), len(c.body)), len(c.body))
		return nil
	}
	dec := json.NewDecoder(bytes.NewReader(document))
	if start, _ := dec.Token(); start != json.Delim('{') {
		c.fault("body", "must be a JSON object")
		return nil
	}
	values, unknown := map[string]json.RawMessage{}, 0
	for dec.More() {
		var value json.RawMessage
		token, _ := dec.Token()
		name, _ := token.(string)
		_ = dec.Decode(&value) // the syntax has been checked
		switch {
		case !slices.Contains(names, name):
			if unknown++; unknown <= maxUnknown {
				c.fault("body["+quote(name)+"]", "is not a known field")
			}
		case values[name] != nil:
			c.fault("body."+name, "stands more than once")
		default:
			values[name] = value
		}
	}
	if unknown > maxUnknown {
		c.faultf("body", "has %d more names that are no field's", unknown-maxUnknown)
	}
	return values
}

// text reads a text of at most so many characters, without the spaces around it; "" where there is
// none.
func (c *call) text(name string, raw json.RawMessage, longest int) string {
	if raw == nil {
		return ""
	}
	var text string
	if raw[0] != '"' || json.Unmarshal(raw, &text) != nil {
		c.fault("body."+name, "must be a string")
		return ""
	}
	text = strings.TrimSpace(text)
	if n := utf8.RuneCountInString(text); n > longest {
		c.faultf("body."+name, "has %d characters, at most %d are taken", n, longest)
	}
	if strings.ContainsFunc(text, func(r rune) bool { return unicode.IsControl(r) && r != '\n' && r != '\t' && r != '\r' }) {
		c.fault("body."+name, "holds control characters")
	}
	if strings.ContainsRune(text, utf8.RuneError) {
		c.fault("body."+name, "holds characters that do not exist")
	}
	return text
}

// quote returns foreign text fit to be shown, cut short.
func quote(text string) string {
	const most = 40
	return strconv.Quote(fmt.Sprintf("%.*s", most, strings.ToValidUTF8(text, "\uFFFD")))
}

func sortFaults(faults []fault) {
	slices.SortFunc(faults, func(a, b fault) int {
		return cmp.Or(cmp.Compare(a.Location, b.Location), cmp.Compare(a.Message, b.Message))
	})
}
