package simulator

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestControlErrors(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, call, body string
		want             []string // parts of the errors
	}{
		{"ErrNoJSON", "POST /_sim/originals", "x", []string{"body"}},
		{"ErrEmpty", "POST /_sim/originals", "", []string{"body"}},
		{"ErrUnknownField", "POST /_sim/originals", `{"orgTrdNumber":"T1"}`, []string{"orgTrdNumber"}},
		{"ErrTrailing", "POST /_sim/originals", originalT1 + "x", []string{"behind"}},
		{"ErrOriginal", "POST /_sim/originals", `{}`, []string{"mchtId", "orgTrdNo", "orgMchtTrdNo", "orgTrdDt", "amount"}},
		{"ErrList", "POST /_sim/originals", "[" + originalT1 + "," + originalT1 + `,{"amount":-1}]`,
			[]string{"1: orgTrdNo", "2: mchtId", "2: amount -1"}},
		{"ErrRule", "POST /_sim/faults", `{"path":"refund","times":-1,"fault":{"kind":"drop","code":"9999"}}`,
			[]string{"path", "times", "code"}},
		{"ErrRuleWithoutFault", "POST /_sim/faults", `{"path":"cancel"}`, []string{"kind"}},
		{"ErrFaultField", "POST /_sim/faults", `{"fault":{"kind":"drop","wait":"1s"}}`, []string{"wait"}},
		{"ErrDuration", "POST /_sim/faults", `{"fault":{"kind":"hang","bound":"long","delay":"5"}}`, []string{"bound", "delay"}},
		{"ErrDurationAsNumber", "POST /_sim/faults", `{"fault":{"kind":"hang","bound":5}}`, []string{"bound"}},
		{"ErrSecondRule", "POST /_sim/faults", `[{"fault":{"kind":"drop"}},{"fault":{"kind":"bang"}}]`, []string{"1: kind"}},
		{"ErrLie", "POST /_sim/faults", `{"fault":{"kind":"code","code":"0000"}}`, []string{"success"}},
		{"ErrRuleID", "DELETE /_sim/faults/one", "", []string{"id"}},
		{"ErrChaos", "POST /_sim/chaos", `{"rate":2,"kinds":["bang",{"kind":"code"},7]}`, []string{"rate", "kinds 0", "kinds 1", "kinds 2"}},
		{"ErrLimit", "GET /_sim/received?limit=0&orgTrdno=T1", "", []string{"limit", "orgTrdno: no such parameter"}},
		{"ErrAfter", "GET /_sim/effects?after=-1&format=xml", "", []string{"after", "format"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b := start(t, Options{})
			method, path, _ := strings.Cut(tt.call, " ")
			var got map[string][]string
			b.call(method, path, tt.body, 400, &got)
			all := strings.Join(got["errors"], "\n")
			for _, part := range tt.want {
				if !strings.Contains(all, part) {
					t.Errorf("errors %q do not name %q", got["errors"], part)
				}
			}
			if len(got["errors"]) < len(tt.want) && tt.name != "ErrOriginal" {
				t.Errorf("%d errors %q, want one for each of %q", len(got["errors"]), got["errors"], tt.want)
			}
			if b.Stats().Originals != 0 || len(b.state.Load().faults.rules) != 0 || b.state.Load().faults.chaos.Rate != 0 {
				t.Error("a refused call changed something")
			}
		})
	}
}

// FuzzControl posts bodies to the calls that take one: whatever they are answered, no fault that
// stands afterwards claims success, and every rule survives being written and read again.
func FuzzControl(f *testing.F) {
	f.Add("/_sim/originals", []byte(originalT1))
	f.Add("/_sim/faults", []byte(`[{"path":"cancel","fault":{"kind":"code","code":"CA01","delay":"1s","apply":"late"}}]`))
	f.Add("/_sim/chaos", []byte(`{"rate":0.5,"kinds":["drop",{"kind":"hang","bound":"1s"}]}`))
	sim, err := New(Options{})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, path string, body []byte) {
		if path != "/_sim/originals" && path != "/_sim/faults" && path != "/_sim/chaos" {
			return
		}
		defer sim.Reset()
		w := httptest.NewRecorder()
		sim.ServeHTTP(w, httptest.NewRequest(http.MethodPost, path, bytes.NewReader(body)))
		if !json.Valid(w.Body.Bytes()) || (w.Code != 200 && w.Code != 201 && w.Code != 400) {
			t.Fatalf("status %d, body %q", w.Code, w.Body)
		}
		st := sim.state.Load()
		for _, rule := range st.faults.rules {
			if err := rule.Rule.check(); err != nil {
				t.Fatalf("rule %+v stands: %v", rule, err)
			}
			var again Rule
			if err := json.Unmarshal([]byte(encode(t, rule.Rule)), &again); err != nil || again != rule.Rule {
				t.Fatalf("rule %+v, read again %+v: %v", rule.Rule, again, err)
			}
		}
		for _, fault := range st.faults.chaos.from[answerKind{PathCancel, true}] {
			if err := fault.check(); err != nil {
				t.Fatalf("random fault %+v stands: %v", fault, err)
			}
		}
	})
}
