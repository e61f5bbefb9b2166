package config

import (
	"fmt"
	"strings"
)

// Fault is one setting that cannot be used.
type Fault struct {
	// Setting is the variable's name as it stands in the environment.
	Setting string
	// Message says what is wrong and what is allowed, as the continuation of a
	// sentence that begins with the name. It holds no secret's value.
	Message string
}

// String returns the fault as a sentence.
func (f Fault) String() string { return f.Setting + " " + f.Message }

// Error reports all faults of an environment at once.
type Error struct {
	Faults []Fault // never empty; in the order of the settings table, unknown variables last
}

// Error lists the faults, one a line where there are several.
func (e *Error) Error() string {
	if len(e.Faults) == 1 {
		return "settings: " + e.Faults[0].String()
	}
	var b strings.Builder
	fmt.Fprintf(&b, "settings: %d faults:", len(e.Faults))
	for _, f := range e.Faults {
		b.WriteString("\n  " + f.String())
	}
	return b.String()
}

// faults collects what is wrong while an environment is read.
type faults struct {
	found []Fault
}

// add notes that a setting is wrong; a format that needs no value must not be
// given one that could hold a secret.
func (f *faults) add(setting, format string, args ...any) {
	f.found = append(f.found, Fault{Setting: setting, Message: fmt.Sprintf(format, args...)})
}

// refuse is add with what is allowed, taken from the settings table.
func (f *faults) refuse(setting, format string, args ...any) {
	f.add(setting, format+"; allowed: %s", append(args, allowed(setting))...)
}

// has reports whether a setting was found wrong already, so that a check which
// builds on its value says nothing more about it.
func (f *faults) has(setting string) bool {
	for _, fault := range f.found {
		if fault.Setting == setting {
			return true
		}
	}
	return false
}

// err returns nil, or the faults ordered as an [*Error].
func (f *faults) err() error {
	if len(f.found) == 0 {
		return nil
	}
	sorted := make([]Fault, 0, len(f.found))
	placed := map[string]bool{}
	for _, s := range Settings() {
		placed[s.Name] = true
		for _, fault := range f.found {
			if fault.Setting == s.Name {
				sorted = append(sorted, fault)
			}
		}
	}
	for _, fault := range f.found {
		if !placed[fault.Setting] {
			sorted = append(sorted, fault)
		}
	}
	return &Error{Faults: sorted}
}

// quote shows a value that is no secret, cut where it is long.
func quote(value string) string {
	const most = 60
	if r := []rune(value); len(r) > most {
		return fmt.Sprintf("%q…", string(r[:most]))
	}
	return fmt.Sprintf("%q", value)
}
