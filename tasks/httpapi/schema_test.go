package httpapi

import (
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"

	"settlecancel/tasks"
)

// What the document says of a cancellation is what tasks.Parse takes.
func TestSchemaAgreesWithParse(t *testing.T) {
	t.Parallel()
	d := newDesk(t, Options{})
	doc, v := d.document()
	described := fields()
	for f := range reflect.TypeFor[tasks.Cancellation]().Fields() {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if described[name].doc == "" {
			t.Errorf("%s is not described", name)
		}
		delete(described, name)
	}
	for name := range described {
		t.Errorf("%s is described, and is no field", name)
	}
	schema := doc.Components.Schemas.GetOrZero("CancellationRequest").Schema()
	if schema == nil || slices.Contains(schema.Required, "idempotencyKey") || !slices.Contains(schema.Required, "mchtId") {
		t.Errorf("required: %v", schema.Required)
	}
	valid := func(body string) bool {
		req, err := http.NewRequest("POST", d.url+pathCancellations, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", "application/json")
		ok, _ := v.ValidateHttpRequestSync(req)
		return ok
	}
	parsed := func(body string) bool {
		_, err := tasks.Parse([]byte(body), d.api.parse)
		return err == nil
	}
	longest := map[string]int{"orgTrdNo": 50, "orgMchtTrdNo": 100, "reason": 1000, "refundDpstrNm": 50}
	bodies := []string{cancellation("k"), changed("taxAmt", "0"), changed("currency", `"USD"`), changed("reason", `"왜"`)}
	for name, n := range longest {
		bodies = append(bodies, changed(name, `"`+strings.Repeat("x", n)+`"`), changed(name, `"`+strings.Repeat("x", n+1)+`"`))
	}
	for _, method := range []string{"CA", "RA", "MP", "TC", "HM", "CG", "SG", "BG", "TM", "CP", "PZ", "VA", "XX", "ca"} {
		bodies = append(bodies, changed("method", `"`+method+`"`))
	}
	for name, values := range map[string][]string{
		"idempotencyKey": {`"` + strings.Repeat("k", 64) + `"`, `"` + strings.Repeat("k", 65) + `"`, `"a b"`, "1", "null"},
		"mchtId":         {`"abcdefghijkl"`, `"abcdefghijklm"`, `"a:b"`},
		"orgTrdDt":       {`"20240229"`, `"2024022"`, "20240229"},
		"canAmt":         {"1", "0", "-1", "1.5", `"x"`, "true", `""`, "1000000000000"},
		"operation":      {`"cancel"`, `"void"`}, "taxTypeCd": {`"Y"`, `"y"`}, "refundBankCd": {`"004"`, `"04"`}, "colour": {`"red"`},
		"orgTrdNo": {`""`, `" T"`, `"T "`, `"T X"`, `"T\u0009X"`, `"주문"`}, "orgMchtTrdNo": {`""`, `" O"`, `"O "`, `"O 1"`, `"주문 1"`, `"주"`},
		"orgTrdAmt": {"0", "1000000000000"},
	} {
		for _, value := range values {
			bodies = append(bodies, changed(name, value))
		}
	}
	if !parsed(changed("canAmt", `"500"`)) || valid(changed("canAmt", `"500"`)) {
		t.Error("digits as a string are taken, and are not in the document, so that clients have one type for money")
	}
	for _, body := range bodies {
		if v, p := valid(body), parsed(body); v != p {
			t.Errorf("valid by the document %v, by tasks.Parse %v: %.200s", v, p, body)
		}
	}
}
