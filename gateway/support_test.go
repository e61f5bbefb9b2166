package gateway

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp/cmpopts"

	"settlecancel/gateway/settlebank"
)

var vectorFile = []byte(settlebank.Vectors())

// vectors are the golden vectors, checked against the vendor's own examples.
type vectors struct {
	Keys       struct{ Hash, AES string }
	FlatCancel []flatCancel `json:"flat_cancel"`
	Inquiry    []struct{ TrdDt, TrdTm, MchtID, MchtTrdNo, TrdAmt, PktHash string }
}

func loadVectors(t testing.TB) vectors {
	t.Helper()
	var v struct {
		vectors
		Inquiry0A1M json.RawMessage `json:"0A1M_inquiry"`
	}
	if err := json.Unmarshal(vectorFile, &v); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(v.Inquiry0A1M, &v.Inquiry); err != nil {
		t.Fatal(err)
	}
	if len(v.FlatCancel) == 0 || len(v.Inquiry) == 0 {
		t.Fatal("vectors.json has no vectors for flat_cancel or 0A1M_inquiry")
	}
	return v.vectors
}

// The testbed's public keys.
const (
	testHashKey = settlebank.TestbedHashKey
	testAESKey  = settlebank.TestbedAESKey
)

var testMerchant = Merchant{ID: "nxca_jt_bi", HashKey: settlebank.NewSecret(testHashKey), AESKey: settlebank.NewSecret(testAESKey)}

var testCancel = CancelRequest{
	MchtID: "nxca_jt_bi", OrgTrdNo: "STFP_PGCAnxca_jt_il0211129135810M1494620",
	OrgMchtTrdNo: "ORDER20231215143022", OrgTrdDt: "20231215", CanAmt: 500, OrgTrdAmt: 1000, Method: "CA",
}

var testInquiry = InquiryRequest{
	ID: "inquiry-1", MchtID: "nxca_jt_bi", OrgTrdNo: testCancel.OrgTrdNo, OrgMchtTrdNo: testCancel.OrgMchtTrdNo,
	OrgTrdDt: "20231215", Method: "CA", OrgTrdAmt: 1000,
}

const success = `{"resultCode":"0000","resultMsg":"정상처리","canTrdNo":"C1"}`

// butRaw compares outcomes without their raw answers.
var butRaw = cmpopts.IgnoreFields(Outcome{}, "Raw")

// testClient returns a client of baseURL that is closed with the test.
func testClient(t testing.TB, o Options) *Client {
	t.Helper()
	return testClientOver(t, o, (&net.Dialer{}).DialContext)
}

func testClientOver(t testing.TB, o Options, dial dialFunc) *Client {
	t.Helper()
	if o.Merchants == nil {
		o.Merchants = []Merchant{testMerchant}
	}
	if o.BaseURL == "" {
		o.BaseURL = "http://gateway.test"
	}
	c, err := newClient(o, dial)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// httpAnswer is an answer as it stands on the wire.
func httpAnswer(status int, body string) string {
	return fmt.Sprintf("HTTP/1.1 %d Status\r\nContent-Type: application/json; charset=UTF-8\r\nContent-Length: %d\r\n\r\n%s",
		status, len(body), body)
}

// peer is the gateway's end of one connection.
type peer struct {
	net.Conn
	n  int // the how-manieth connection, from 1
	br *bufio.Reader
}

// request reads one request and returns its body; false: the connection ended.
func (p *peer) request() ([]byte, bool) {
	r, err := http.ReadRequest(p.br)
	if err != nil {
		return nil, false
	}
	body, err := io.ReadAll(r.Body)
	return body, err == nil
}

func (p *peer) send(s string) { _, _ = io.WriteString(p, s) }

// reset ends a TCP connection with RST instead of FIN.
func (p *peer) reset() {
	if err := p.Conn.(*net.TCPConn).SetLinger(0); err != nil {
		panic(err)
	}
	p.Close()
}

// pipes is a network in memory, for tests in a synctest bubble: each dial starts serve on the other
// end.
type pipes struct {
	serve func(*peer)
	tls   *tls.Config // not nil: serve speaks TLS

	mu    sync.Mutex
	dials []string
}

func (n *pipes) dial(_ context.Context, _, addr string) (net.Conn, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.dials = append(n.dials, addr)
	ours, theirs := net.Pipe()
	if n.tls != nil {
		theirs = tls.Server(theirs, n.tls)
	}
	p := &peer{Conn: theirs, n: len(n.dials), br: bufio.NewReader(theirs)}
	go func() {
		defer theirs.Close()
		n.serve(p)
	}()
	return ours, nil
}

func (n *pipes) count() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return len(n.dials)
}

// listen serves raw TCP connections and returns their base URL. It ends with the test.
func listen(t testing.TB, serve func(*peer)) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var running sync.WaitGroup
	running.Go(func() {
		for n := 1; ; n++ {
			c, err := l.Accept()
			if err != nil {
				return
			}
			running.Go(func() {
				defer c.Close()
				serve(&peer{Conn: c, n: n, br: bufio.NewReader(c)})
			})
		}
	})
	t.Cleanup(func() { l.Close(); running.Wait() })
	return "http://" + l.Addr().String()
}

// refusingURL returns the URL of a port on which nobody listens.
func refusingURL(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return "http://" + l.Addr().String()
}

// says checks that all parts stand in a text.
func says(t testing.TB, text string, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if !strings.Contains(text, part) {
			t.Errorf("%q lacks %q", text, part)
		}
	}
}

// silent swallows what test servers have to say of broken connections.
var silent = log.New(io.Discard, "", 0)

// TestMain silences net/http, which logs every byte that comes unasked; some tests send thousands.
func TestMain(m *testing.M) {
	log.SetOutput(io.Discard)
	os.Exit(m.Run())
}
