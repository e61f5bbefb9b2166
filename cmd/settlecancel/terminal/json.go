package terminal

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode"

	"settlecancel/tasks/ledger"
)

// PrintJSON writes v, indented where it is something to be read by itself.
func PrintJSON(out io.Writer, v any, indented bool) error {
	raw, err := terminalJSON(v, indented)
	if err != nil {
		return err
	}
	_, err = out.Write(append(raw, '\n'))
	return err
}

// PrintArray prints what each shows as one array, in constant memory. If the showing breaks off, so
// does the array: then nobody takes it for complete. Damage alone, an ErrDamaged, does not break it
// off.
func PrintArray[T any](out io.Writer, each func(show func(T) error) error) error {
	separator := "["
	err := each(func(v T) error {
		raw, err := terminalJSON(v, false)
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(out, "%s\n%s", separator, raw)
		separator = ","
		return err
	})
	if err != nil && !errors.Is(err, ledger.ErrDamaged) {
		return err
	}
	end := "\n]\n"
	if separator == "[" {
		end = "[]\n"
	}
	_, failed := io.WriteString(out, end)
	return errors.Join(err, failed)
}

// terminalJSON writes v as JSON that is harmless on a terminal too: characters that encoding/json
// leaves as they are, and a terminal may act on, stand as \u escapes.
func terminalJSON(v any, indented bool) ([]byte, error) {
	var plain bytes.Buffer
	enc := json.NewEncoder(&plain)
	enc.SetEscapeHTML(false)
	if indented {
		enc.SetIndent("", "  ")
	}
	if err := enc.Encode(v); err != nil {
		return nil, fmt.Errorf("write JSON: %w", err)
	}
	text := strings.TrimSuffix(plain.String(), "\n")
	var safe bytes.Buffer
	for _, r := range text {
		if r >= 0x7f && r <= 0xffff && (unicode.IsControl(r) || unicode.Is(unicode.Cf, r)) {
			fmt.Fprintf(&safe, `\u%04x`, r)
		} else {
			safe.WriteRune(r)
		}
	}
	return safe.Bytes(), nil
}
