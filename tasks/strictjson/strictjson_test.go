package strictjson

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// members returns the names and values, each as it stands.
func members(data string) (all []string) {
	for name, value := range Members([]byte(data)) {
		all = append(all, name, string(value))
	}
	return all
}

func TestMembers(t *testing.T) {
	t.Parallel()
	for in, want := range map[string][]string{
		`{}`: nil,
		` {"a" : 1 , "A":"x\u0041" ,"a":[1,{"]":2}],` + "\n" + `"\u0062":null}`: {"a", "1", "A", `"x\u0041"`, "a", `[1,{"]":2}]`, "b", "null"},
		// Of what breaks off, what came before.
		`{"key":"k","x":{"y":`: {"key", `"k"`},
		`{"key":"k"`:           {"key", `"k"`},
		`{"key":"k`:            nil,
		`{"key"`:               nil,
		`{"a":1,2}`:            {"a", "1"},
		`[{"a":1}]`:            nil,
		``:                     nil,
	} {
		if diff := cmp.Diff(want, members(in)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", in, diff)
		}
	}
	for name := range Members([]byte(`{"a":1,"b":2}`)) {
		if name != "a" {
			t.Errorf("went on to %s", name)
		}
		break
	}
}

func TestCheck(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		" {}\n":     "",
		"":          "is not one JSON object: its syntax breaks at byte 0 of 0",
		"{} {}":     "is not one JSON object: its syntax breaks at byte 4 of 5",
		`{"a":1,}`:  "is not one JSON object: its syntax breaks at byte 8 of 8",
		" [1]":      "must be a JSON object, not an array",
		`"{}"`:      "must be a JSON object, not a string",
		"null":      "must be a JSON object, not null",
		"-1":        "must be a JSON object, not a number",
		"true":      "must be a JSON object, not a boolean",
		"\ufeff{}":  "is not one JSON object: its syntax breaks at byte 1 of 5",
		`{"a":01}`:  "is not one JSON object: its syntax breaks at byte 7 of 8",
		"{\"a\":\t": "is not one JSON object: its syntax breaks at byte 6 of 6",
	} {
		got := ""
		if err := Check([]byte(in)); err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
	deep := strings.Repeat(`{"a":`, 20_000) + "1" + strings.Repeat("}", 20_000)
	if Check([]byte(deep)) == nil {
		t.Error("nested without end")
	}
}

func TestText(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]struct {
		text string
		err  error
	}{
		`"\"\\\/\u002d\t한\ud83d\uDE00"`: {"\"\\/-\t한😀", nil},
		`"\ufffd�\uFFFD"`:               {"���", nil},
		`"\\ufffd"`:                     {`\ufffd`, nil},
		`"\ud83d"`:                      {"", ErrSurrogate},
		`"\ude00\ud83d\ufffd"`:          {"", ErrSurrogate},
		`"\\\ud83dABCDEF"`:              {"", ErrSurrogate},
		"\"a\xff\"":                     {"", ErrNotUTF8},
		`""`:                            {"", nil},
	} {
		text, err := Value(in).Text()
		if text != want.text || !errors.Is(err, want.err) {
			t.Errorf("%s: %q, %v; want %q, %v", in, text, err, want.text, want.err)
		}
	}
	if _, err := Value("{}").Text(); err == nil || err.Error() != "must be a string, not an object" {
		t.Error(err)
	}
}

// What Check takes is read whole; what encoding/json decodes of a text is what Text returns.
func FuzzMembers(f *testing.F) {
	f.Add(`{"a":"\ud83d\ufffd","a":[1,"]"],"b":{"c":null}}`)
	f.Add(`{"a":1,`)
	f.Fuzz(func(t *testing.T, data string) {
		got := members(data)
		if Check([]byte(data)) != nil {
			return
		}
		var last map[string]json.RawMessage
		if err := json.Unmarshal([]byte(data), &last); err != nil {
			t.Fatalf("taken, yet %v", err)
		}
		read := map[string]json.RawMessage{}
		for i := 0; i < len(got); i += 2 {
			read[got[i]] = json.RawMessage(got[i+1])
			if v := Value(got[i+1]); v.IsText() {
				var text string
				if err := json.Unmarshal(json.RawMessage(v), &text); err != nil {
					t.Fatal(err)
				}
				if mine, err := v.Text(); err == nil && mine != text {
					t.Errorf("%s reads as %q, not %q", v, mine, text)
				}
			}
		}
		if diff := cmp.Diff(last, read); diff != "" {
			t.Errorf("(-json +got):\n%s", diff)
		}
	})
}
