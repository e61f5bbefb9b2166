package httpapi

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"settlecancel/tasks/strictjson"
)

// maxUnknown bounds how many names that are no field's are told one by one.
const maxUnknown = 20

// members reads the body as one JSON object, and returns the values of the names that it may have.
// Whatever else is in it is a fault.
func (c *call) members(names ...string) map[string]strictjson.Value {
	if err := strictjson.Check(c.body); err != nil {
		c.fault("body", err.Error())
		return nil
	}
	values, unknown := map[string]strictjson.Value{}, 0
	for name, value := range strictjson.Members(c.body) {
		switch {
		case !slices.Contains(names, name):
			if unknown++; unknown <= maxUnknown {
				c.faultf("body["+quote(name)+"]", "is not a known field; this call takes %s", listOf(names))
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

// listOf returns names as a part of a sentence.
func listOf(names []string) string {
	if len(names) == 0 {
		return "none"
	}
	return "`" + strings.Join(names, "`, `") + "`"
}

// text reads a text of at most so many characters, without the spaces around it; "" where there is
// none.
func (c *call) text(name string, value strictjson.Value, longest int) string {
	if value == nil {
		return ""
	}
	text, err := value.Text()
	if err != nil {
		c.fault("body."+name, err.Error())
		return ""
	}
	text = strings.TrimSpace(text)
	if n := utf8.RuneCountInString(text); n > longest {
		c.faultf("body."+name, "has %d characters, at most %d are taken", n, longest)
	}
	if strings.ContainsFunc(text, func(r rune) bool { return unicode.IsControl(r) && r != '\n' && r != '\t' && r != '\r' }) {
		c.fault("body."+name, "holds control characters")
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
