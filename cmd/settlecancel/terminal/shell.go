package terminal

import (
	"fmt"
	"regexp"
	"strings"
	"unicode"
)

// plainWord needs no quotes in any shell.
var plainWord = regexp.MustCompile(`^[A-Za-z0-9_./:=@%+,-]+$`)

// Shell writes a command line as bash takes it, and a terminal shows it.
func Shell(words []string) string {
	quoted := make([]string, len(words))
	for i, word := range words {
		switch {
		case plainWord.MatchString(word):
			quoted[i] = word
		case !strings.ContainsFunc(word, func(r rune) bool { return !unicode.IsPrint(r) }):
			quoted[i] = "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
		default:
			quoted[i] = "$'" + escaped(word) + "'"
		}
	}
	return strings.Join(quoted, " ")
}

func escaped(word string) string {
	var out strings.Builder
	for _, r := range word {
		switch {
		case r == '\'' || r == '\\':
			out.WriteString(`\` + string(r))
		case unicode.IsPrint(r):
			out.WriteRune(r)
		default:
			for _, b := range []byte(string(r)) {
				fmt.Fprintf(&out, `\x%02x`, b)
			}
		}
	}
	return out.String()
}
