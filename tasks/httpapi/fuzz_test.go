package httpapi

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"unicode/utf8"
)

// Whatever a body holds: either it is a JSON object of the known names, each once, and that is what
// is read; or faults of the body are named, and they fit into an answer.
func FuzzMembers(f *testing.F) {
	for _, body := range []string{`{}`, `{"as":"cancelled","note":"x"}`, `{"items":[{},1]}`, `{"as":1,"as":2}`, `{"x":{}}`, `[]`, `null`, ``, `{"a`, "{\"\xff\":1}",
		`{"\u0061s":1}`, ` {"note" : "\ud83d"} `, `{"items":[]}x`} {
		f.Add([]byte(body))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		c := &call{body: body}
		names := []string{"as", "note", "items"}
		got := c.members(names...)
		c.text("note", got["note"], maxNote)
		if len(c.faults) > 0 {
			for _, fault := range c.faults {
				if !strings.HasPrefix(fault.Location, "body") || fault.Message == "" || !utf8.ValidString(fault.Location+fault.Message) {
					t.Errorf("%q: %+v", body, fault)
				}
			}
			if answer, err := json.Marshal(faulty(c.faults)); err != nil || len(answer) > 16<<10 {
				t.Errorf("%q: %d bytes, %v", body, len(answer), err)
			}
			return
		}
		var want map[string]json.RawMessage
		if err := json.Unmarshal(body, &want); err != nil || want == nil || len(want) != len(got) {
			t.Fatalf("%q: read %q, want %q, %v", body, got, want, err)
		}
		for name, value := range want {
			if string(got[name]) != string(value) {
				t.Errorf("%q: %s is %q, want %q", body, name, got[name], value)
			}
		}
	})
}

// A header is read as a key only where it is that key, as it is or in quotes.
func FuzzHeaderKey(f *testing.F) {
	for _, value := range []string{"k", `"k"`, `"k`, `k"`, `"a"b"`, `"\k"`, " k ", "", `""`, `"k";a`} {
		f.Add(value)
	}
	f.Fuzz(func(t *testing.T, value string) {
		key := headerKey(http.Header{keyHeader: {value}})
		if given := strings.TrimSpace(value); !badKey(key) && given != key && given != `"`+key+`"` {
			t.Errorf("%q is read as %q", value, key)
		}
	})
}

// A cursor leads back to what it was made of, for its own status alone; no other text is one.
func FuzzCursor(f *testing.F) {
	f.Add("1700000000000 key shop:TRD", "queued")
	f.Add("7 127.0.0.1:7001\x00", "")
	f.Add("", "x")
	f.Fuzz(func(t *testing.T, text, status string) {
		if strings.Contains(status, "\n") {
			return // no status
		}
		s := status
		if inner, ok := openCursor(sealCursor(text, s), s); !ok || inner != text {
			t.Errorf("%q of %q came back as %q, %v", text, status, inner, ok)
		}
		if _, ok := openCursor(sealCursor(text, s), s+"x"); ok && text != "" {
			t.Errorf("%q of %q is good for another status", text, status)
		}
		if inner, ok := openCursor(text, s); ok && text != "" && sealCursor(inner, s) != text {
			t.Errorf("%q was taken for a cursor of %q", text, inner)
		}
	})
}
