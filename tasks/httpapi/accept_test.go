package httpapi

import (
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"

	"settlecancel/tasks/ledger"
)

func TestAccept(t *testing.T) {
	t.Parallel()
	d := newDesk(t, closed())
	r := post(cancellation("refund:1"))
	r.token = shopToken
	res := d.want(r, http.StatusAccepted)
	if diff := cmp.Diff("/v1/cancellations/refund:1", res.header.Get("Location")); diff != "" {
		t.Error(diff)
	}
	if _, replayed := res.header["Idempotent-Replayed"]; replayed {
		t.Error("replayed")
	}
	first := d.report(request{method: "GET", path: res.header.Get("Location"), token: otherToken}, http.StatusOK)
	if first.Status != ledger.Queued || first.AcceptedBy != "shop" || first.Queue != "default" {
		t.Errorf("%+v", first)
	}
	t.Logf("%s", res.body)
	t.Log(d.logs)
}
