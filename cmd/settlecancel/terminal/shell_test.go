package terminal

import "testing"

func TestShell(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		word, want string
	}{
		{"--code", "--code"}, {"2024-01-02T12:04:31.001+09:00", "2024-01-02T12:04:31.001+09:00"}, {"", "''"}, {"-", "-"}, {"a b", "'a b'"},
		{"it's", `'it'\''s'`}, {"$(rm *)`x`\\", "'$(rm *)`x`\\'"}, {"한도", "'한도'"}, {"*", "'*'"}, {"~", "'~'"}, {"#", "'#'"},
		{"two\nlines", `$'two\x0alines'`}, {"it's\x1b\\", `$'it\'s\x1b\\'`}, {"\u202e", `$'\xe2\x80\xae'`},
	} {
		if got := Shell([]string{tt.word}); got != tt.want {
			t.Errorf("Shell(%q) = %s, want %s", tt.word, got, tt.want)
		}
	}
}
