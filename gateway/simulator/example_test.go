package simulator_test

import (
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"

	"settlecancel/gateway/simulator"
)

// A test registers an original, scripts what shall go wrong, lets the client run, and looks into
// the books.
func Example() {
	sim, err := simulator.New(simulator.Options{})
	if err != nil {
		log.Fatal(err)
	}
	server := httptest.NewServer(sim)
	defer server.Close()

	if err := sim.Register(simulator.Original{
		MchtID:       "nxca_jt_bi",
		OrgTrdNo:     "STFP_PGCAnxca_jt_il0211129135810M1494620",
		OrgMchtTrdNo: "ORDER20231215143022",
		OrgTrdDt:     "20231215",
		Amount:       1000,
	}); err != nil {
		log.Fatal(err)
	}
	if _, err := sim.Script(simulator.Rule{
		Path:  simulator.PathCancel,
		Times: 1,
		Fault: simulator.Fault{Kind: simulator.KindStatus, Status: 502, Apply: simulator.ApplyYes},
	}); err != nil {
		log.Fatal(err)
	}

	const body = `{"mchtId":"nxca_jt_bi","orgTrdNo":"STFP_PGCAnxca_jt_il0211129135810M1494620",` +
		`"orgMchtTrdNo":"ORDER20231215143022","orgTrdDt":"20231215","canAmt":"500",` +
		`"pktHash":"7e05289ae0ffe63a0b21bec3bd585088283df146f6c4865854bd9c8e48e90885"}`
	for range 2 { // what no client should do: send a partial cancellation again
		resp, err := http.Post(server.URL+"/spay/APICancel.do", "application/json; charset=UTF-8", strings.NewReader(body))
		if err != nil {
			log.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, resp.Body)
		resp.Body.Close()
		fmt.Println(resp.Status)
	}
	for _, e := range sim.Effects() {
		fmt.Println(e.Seq, e.Amount)
	}
	// Output:
	// 502 Bad Gateway
	// 200 OK
	// 1 500
	// 2 500
}
