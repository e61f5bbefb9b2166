package settlebank

import (
	"encoding/json"
	"fmt"
	"testing"

	"settlecancel/tasks/secrettest"
)

func TestSecretPrintsPlaceholder(t *testing.T) {
	t.Parallel()
	const value = "hunter2hunter2"
	s := NewSecret(value)
	type holder struct {
		private Secret
		Public  Secret
		pointer *Secret
	}
	h := holder{s, s, &s}
	printed := secrettest.Print(s, &s, []Secret{s}, h, &h, struct{ any any }{s}, fmt.Errorf("wrapped: %v", s))
	encoded, err := json.Marshal([]any{s, h})
	if err != nil {
		t.Fatal(err)
	}
	secrettest.Hidden(t, "printed", printed+string(encoded), value)
	for _, form := range []string{"%v", "%+v", "%#v", "%s", "%d", "%x"} {
		if got := fmt.Sprintf(form, s); got != Redacted {
			t.Errorf("%s prints %q", form, got)
		}
	}
	if got, _ := json.Marshal(s); string(got) != `"[redacted]"` {
		t.Errorf("JSON is %s", got)
	}
}

func TestSecret(t *testing.T) {
	t.Parallel()
	var none Secret
	if none.IsSet() || none.Reveal() != "" || none.String() != "" || NewSecret("").IsSet() {
		t.Error("the zero Secret holds something")
	}
	a, b := NewSecret("one"), NewSecret("one")
	if !a.Equal(b) || a.Equal(NewSecret("two")) || a.Equal(none) || !none.Equal(NewSecret("")) {
		t.Error("Equal does not compare values")
	}
	bytes := a.Bytes()
	bytes[0] = 'x'
	if a.Reveal() != "one" {
		t.Error("Bytes is not a copy")
	}
	var read Secret
	if err := json.Unmarshal([]byte(`"one"`), &read); err != nil || !read.Equal(a) {
		t.Errorf("read %v, %v", read.Reveal(), err)
	}
}
