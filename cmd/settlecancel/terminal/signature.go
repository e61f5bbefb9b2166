package terminal

import (
	"errors"
	"fmt"
	"os/user"
	"strings"
	"unicode/utf8"

	"github.com/spf13/pflag"
)

// Signature is who decides, and why: it stays in the record.
type Signature struct {
	By, Note string
}

// Flags adds --by and --note.
func (s *Signature) Flags(f *pflag.FlagSet) {
	f.StringVar(&s.Note, "note", "", "why; it stays in the record")
	f.StringVar(&s.By, "by", "", "who decides (default: the user of the operating system)")
}

// The longest texts of a Signature, in characters.
const (
	MaxNote = 1000
	MaxBy   = 64
)

// Complete finds out who decides, and names all that is wrong with what the record is to keep.
func (s *Signature) Complete() error {
	var faults []error
	s.Note, s.By = strings.TrimSpace(s.Note), strings.TrimSpace(s.By)
	if s.By == "" {
		u, err := user.Current()
		if err != nil || u.Username == "" {
			faults = append(faults, errors.New("say who decides with --by NAME: the operating system does not know"))
		} else {
			s.By = u.Username
		}
	}
	for _, text := range []struct {
		flag, value string
		most        int
	}{{"--note", s.Note, MaxNote}, {"--by", s.By, MaxBy}} {
		if !utf8.ValidString(text.value) {
			faults = append(faults, fmt.Errorf("%s holds bytes that are not UTF-8", text.flag))
		} else if n := utf8.RuneCountInString(text.value); n > text.most {
			faults = append(faults, fmt.Errorf("%s has %d characters, at most %d are taken", text.flag, n, text.most))
		}
	}
	if len(faults) > 0 {
		return &UsageError{errors.Join(faults...)}
	}
	return nil
}
