package simulator

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"settlecancel/gateway/settlebank"
)

const (
	testMerchant = "nxca_jt_bi"
	testOrder    = "ORDER20231215143022"
	testDate     = "20231215"
	testTrdNo    = "STFP_PGCAnxca_jt_il0211129135810M1494620"
	cancelPath   = "/spay/APICancel.do"
	checkPath    = "/spay/APITrdcheck.do"
	statusPath   = "/spay/APITrdStatInq.do"
)

// patience bounds every wait of a test; none is meant to last that long.
const patience = 30 * time.Second

// fixture is a simulator behind a real server, with a client that follows no redirect.
type fixture struct {
	*Simulator
	t      *testing.T
	url    string
	client *http.Client
}

// start serves a simulator; one that is not asked to be real is strict.
func start(t *testing.T, o Options) *fixture {
	t.Helper()
	o.Temper = cmp.Or(o.Temper, TemperStrict)
	sim, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(sim)
	t.Cleanup(server.Close)
	t.Cleanup(sim.Reset) // ends what still hangs
	t.Cleanup(sim.Close)
	client := server.Client()
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &fixture{Simulator: sim, t: t, url: server.URL, client: client}
}

// registered is start with the original of the vectors, of an amount.
func registered(t *testing.T, o Options, amount int64) *fixture {
	t.Helper()
	b := start(t, o)
	if err := b.Register(testOriginal(amount)); err != nil {
		t.Fatal(err)
	}
	return b
}

func testOriginal(amount int64) Original {
	return Original{
		MchtID: testMerchant, OrgTrdNo: testTrdNo, OrgMchtTrdNo: testOrder, OrgTrdDt: testDate, Amount: amount, Method: "CA",
	}
}

// reply is an answer as it reached the client.
type reply struct {
	status int
	header http.Header
	body   []byte
	err    error // of the request, or of reading the body
}

func (b *fixture) do(ctx context.Context, method, path, contentType string, body io.Reader) reply {
	b.t.Helper()
	req, err := http.NewRequestWithContext(ctx, method, b.url+path, body)
	if err != nil {
		b.t.Fatal(err)
	}
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	resp, err := b.client.Do(req)
	if err != nil {
		return reply{err: err}
	}
	defer resp.Body.Close()
	got, err := io.ReadAll(resp.Body)
	return reply{resp.StatusCode, resp.Header, got, err}
}

func (b *fixture) post(path, body string) reply {
	b.t.Helper()
	return b.do(context.Background(), http.MethodPost, path, "application/json; charset=UTF-8", strings.NewReader(body))
}

// idle waits until nothing is in progress and nothing still to be applied.
func (b *fixture) idle() {
	b.t.Helper()
	b.await(Stats.Idle)
}

func (b *fixture) await(until func(Stats) bool) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := b.Await(ctx, until); err != nil {
		b.t.Fatal(err)
	}
}

// sum is the hash of the protocol, written a second time.
func sum(parts ...string) string {
	digest := sha256.Sum256([]byte(strings.Join(parts, "")))
	return hex.EncodeToString(digest[:])
}

func encode(t testing.TB, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

type fields = map[string]string

// with returns a copy of f with some values changed; "-" takes a field away.
func with(f, changes fields) fields {
	out := fields{}
	for k, v := range f {
		out[k] = v
	}
	for k, v := range changes {
		out[k] = v
		if v == "-" {
			delete(out, k)
		}
	}
	return out
}

// flatFields is a flat cancellation of the vectors' original, signed after the changes.
func flatFields(amount string, changes fields) fields {
	f := with(fields{
		"mchtId": testMerchant, "orgTrdNo": testTrdNo, "orgMchtTrdNo": testOrder, "orgTrdDt": testDate, "canAmt": amount,
	}, changes)
	f["pktHash"] = sum(f["orgTrdNo"], f["orgMchtTrdNo"], f["orgTrdDt"], f["canAmt"], settlebank.TestbedHashKey)
	return f
}

type flatAnswer struct {
	ResultCode string  `json:"resultCode"`
	ResultMsg  string  `json:"resultMsg"`
	CanTrdNo   *string `json:"canTrdNo"`
}

// cancel sends a flat cancellation and returns the whole answer.
func (b *fixture) cancel(amount string) flatAnswer {
	b.t.Helper()
	return b.cancelFields(flatFields(amount, nil))
}

func (b *fixture) cancelFields(f fields) flatAnswer {
	b.t.Helper()
	return flatAnswerOf(b.t, b.post(cancelPath, encode(b.t, f)))
}

func flatAnswerOf(t *testing.T, r reply) flatAnswer {
	t.Helper()
	if r.err != nil || r.status != http.StatusOK || r.header.Get("Content-Type") != contentJSON {
		t.Fatalf("answer: status %d, Content-Type %q, error %v; want 200 with JSON", r.status, r.header.Get("Content-Type"), r.err)
	}
	var a flatAnswer
	if err := json.Unmarshal(r.body, &a); err != nil {
		t.Fatalf("answer %q: %v", r.body, err)
	}
	if a.ResultMsg == "" || (a.ResultCode == "0000") != (a.CanTrdNo != nil) {
		t.Fatalf("answer %s: wants a message, and a canTrdNo exactly on success", r.body)
	}
	return a
}

// nested is a message in the nested form.
type nested struct {
	Params fields `json:"params"`
	Data   fields `json:"data"`
}

// inquiry is a 0A1M inquiry for the vectors' original with an id of its own, signed after the
// changes.
func inquiry(id, amount string, params, data fields) nested {
	n := nested{
		Params: with(fields{"mchtId": testMerchant, "ver": "0A1M", "mchtTrdNo": id, "trdDt": "20231216", "trdTm": "080101"}, params),
		Data: with(fields{
			"method": "CA", "trdAmt": amount, "orgTrdDt": testDate, "orgMchtTrdNo": testOrder, "orgTrdNo": testTrdNo,
		}, data),
	}
	if _, signed := data["pktHash"]; !signed {
		n.Data["pktHash"] = sum(n.Params["trdDt"], n.Params["trdTm"], n.Params["mchtId"], n.Params["mchtTrdNo"],
			n.Data["trdAmt"], settlebank.TestbedHashKey)
	}
	return n
}

// flatInquiryOf is a flat inquiry for the vectors' original, signed after the changes.
func flatInquiryOf(amount string, changes fields) fields {
	f := with(fields{
		"mchtId": testMerchant, "mchtTrdNo": testOrder, "trdDt": testDate, "trdTm": "143022", "method": "CA", "trdAmt": amount,
	}, changes)
	f["pktHash"] = sum(f["trdDt"], f["trdTm"], f["mchtId"], f["mchtTrdNo"], f["method"], f["trdAmt"], settlebank.TestbedHashKey)
	return f
}

// wantError wants an error that names something.
func wantError(t *testing.T, part string, err error) {
	t.Helper()
	if err == nil || !strings.Contains(err.Error(), part) {
		t.Errorf("error %v, want one that names %q", err, part)
	}
}

// inquire sends an inquiry and returns the whole answer.
func (b *fixture) inquire(path string, n nested) nested {
	b.t.Helper()
	r := b.post(path, encode(b.t, n))
	if r.err != nil || r.status != http.StatusOK {
		b.t.Fatalf("inquiry: status %d, error %v; want 200", r.status, r.err)
	}
	var a nested
	if err := json.Unmarshal(r.body, &a); err != nil {
		b.t.Fatalf("inquiry answered %q: %v", r.body, err)
	}
	return a
}

// vectors reads a list of the golden vectors.
func vectors(t testing.TB, list string) []fields {
	t.Helper()
	raw, err := os.ReadFile("testdata/vectors.json")
	if err != nil {
		t.Fatal(err)
	}
	var all map[string]json.RawMessage
	if err := json.Unmarshal(raw, &all); err != nil {
		t.Fatal(err)
	}
	var out []fields
	if err := json.Unmarshal(all[list], &out); err != nil {
		t.Fatal(err)
	}
	if len(out) == 0 {
		t.Fatalf("no vectors of %s", list)
	}
	return out
}

// isTimeout reports whether a request ended because its client gave up.
func isTimeout(err error) bool {
	return errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled)
}
