package terminal

import (
	"fmt"
	"strings"
	"unicode"

	"github.com/spf13/pflag"
)

// TextFlag is a flag that holds a text, "" where it is not given.
type TextFlag struct {
	Name  string
	value *string
	usage string
}

// Text returns a flag whose text is put at value.
func Text(name string, value *string, usage string) TextFlag { return TextFlag{name, value, usage} }

// DefineTexts defines flags.
func DefineTexts(flags *pflag.FlagSet, all []TextFlag) {
	for _, f := range all {
		flags.StringVar(f.value, f.Name, "", f.usage)
	}
}

// CheckTexts returns what is wrong with the texts that were given. An empty one is a fault, since an
// empty variable of a script must not ask for everything, as leaving the flag out does: to verb any.
// A text that cannot be printed is emptied.
func CheckTexts(flags *pflag.FlagSet, all []TextFlag, verb string) (faults []error) {
	for _, f := range all {
		switch {
		case flags.Changed(f.Name) && *f.value == "":
			faults = append(faults, fmt.Errorf("--%s is empty; leave it out to %s any", f.Name, verb))
		case strings.ContainsFunc(*f.value, func(r rune) bool { return !unicode.IsPrint(r) || r == unicode.ReplacementChar }):
			faults = append(faults, fmt.Errorf("--%s holds characters that cannot be printed", f.Name))
			*f.value = ""
		}
	}
	return faults
}
