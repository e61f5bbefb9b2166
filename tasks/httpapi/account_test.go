package httpapi

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"settlecancel/tasks"
	"settlecancel/tasks/secrettest"
	"settlecancel/tasks/tasktest"
)

// A refund to an account is accepted, and no answer shows the account or what stands for it.
func TestAcceptAccount(t *testing.T) {
	t.Parallel()
	d := newDesk(t, Options{})
	d.client = tasks.NewClient(d.rdb, tasks.ClientOptions{Sealer: tasktest.Sealer(t, "a")})
	api, err := New(Options{Client: d.client, Now: d.clock.Now, Logger: slog.New(slog.NewJSONHandler(d.logs, nil))})
	if err != nil {
		t.Fatal(err)
	}
	web := httptest.NewServer(api)
	t.Cleanup(web.Close)
	d.url = web.URL
	refund := func(account string) request {
		return post(strings.Replace(cancellation("refund"), `"method":"CA"`,
			`"method":"VA","operation":"refund","refundBankCd":"004","refundAcntNo":"`+account+`","refundDpstrNm":"홍길동"`, 1))
	}
	answers := []response{
		d.want(refund(accountOfOne), http.StatusAccepted), d.want(refund(accountOfOne), http.StatusAccepted),
		d.want(refund("27182818284590"), http.StatusUnprocessableEntity),
		d.want(request{method: "GET", path: location("refund")}, http.StatusOK),
		d.want(request{method: "GET", path: pathCancellations}, http.StatusOK),
	}
	record, err := d.client.Ledger().Get(t.Context(), "refund")
	if err != nil || record.Sealed == "" {
		t.Fatalf("%+v, %v", record, err)
	}
	if x, err := d.client.Open(record); err != nil || x.RefundAcntNo != accountOfOne {
		t.Errorf("opened: %s, %v", x, err)
	}
	for _, a := range append(answers, response{body: []byte(d.logs.String())}) {
		secrettest.Hidden(t, "an answer or the log", string(a.body), accountOfOne, "27182818284590", "홍길동", record.Sealed, `"sealed"`, `"ac"`)
	}
}
