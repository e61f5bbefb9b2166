package httpapi

import (
	"net/http"
	"strings"
	"testing"
)

// The same refund under two keys is refused where it says what was cancelled before; so is another
// amount of the payment. Nothing of either is stored.
func TestRefusedByThePayment(t *testing.T) {
	t.Parallel()
	d := newDesk(t, Options{})
	of := func(key, more string) request {
		body := strings.ReplaceAll(cancellationOf("first", 300), `"idempotencyKey":"first"`, `"idempotencyKey":"`+key+`"`)
		return post(body[:len(body)-1] + more + "}")
	}
	d.want(of("refund-007", `,"cancelledSoFar":0`), http.StatusAccepted)
	p := d.want(of("refund-7", `,"cancelledSoFar":0`), http.StatusConflict).problem(t)
	if p.Type != "/docs#so-far-conflict" || !strings.Contains(p.Detail, "300 is cancelled or accepted, not 0") {
		t.Errorf("%+v", p)
	}
	again := d.want(of("refund-007", `,"cancelledSoFar":0`), http.StatusAccepted)
	if again.header.Get("Idempotent-Replayed") != "true" {
		t.Error("a repeat is no repeat")
	}
	other := of("refund-8", "")
	other.body = strings.ReplaceAll(other.body, `"orgTrdAmt":1000`, `"orgTrdAmt":900`)
	p = d.want(other, http.StatusUnprocessableEntity).problem(t)
	if p.Type != "/docs#amount-conflict" || !strings.Contains(p.Detail, "1000") {
		t.Errorf("%+v", p)
	}
	for _, key := range []string{"refund-7", "refund-8"} {
		d.want(get(location(key)), http.StatusNotFound)
	}
	d.want(of("refund-9", `,"cancelledSoFar":"300"`), http.StatusAccepted)
	p = d.want(of("refund-10", `,"cancelledSoFar":701`), http.StatusBadRequest).problem(t)
	if got := p.locations(); len(got) != 1 || got[0] != "body.cancelledSoFar" {
		t.Errorf("faults at %q", got)
	}
}
