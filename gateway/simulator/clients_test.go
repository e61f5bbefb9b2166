package simulator

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// clientRequest is a request of testdata/clients as it goes over the wire. The files were made from
// what the vendor's samples and some shops are known to send, signed and encrypted by OpenSSL and
// Python with the keys of the testbed.
type clientRequest struct {
	file   string
	code   string // the answer of real temper
	amount int64  // that it cancels; 0: none
	round  int    // which of its payment's cancellations that is
	strict bool   // strict temper takes it too
}

// clients are the vendor's five samples and four shops, each with the payments that it is about.
var clients = []struct {
	name     string
	payments []Original
	requests []clientRequest
}{
	{"vendor, JSP", []Original{{MchtID: "nxca_jt_il", OrgTrdNo: "STFP_PGCAnxca_jt_il0231215143022M0000001", OrgMchtTrdNo: "ORDER01"}},
		[]clientRequest{
			{"vendor-jsp-card", "0000", 1000, 1, false}, // blank members of other methods
			{"vendor-jsp-inquiry", "0001", 0, 0, false}, // params of a cancellation
		}},
	{"vendor, PHP", []Original{{MchtID: "nxca_jt_il", OrgTrdNo: "STFP_PGCAnxca_jt_il0231215143022M0000002", OrgMchtTrdNo: "ORDER02"}},
		[]clientRequest{
			{"vendor-php-card-part", "0000", 300, 1, false}, // a form's content type, 0A14, no round, a compound tax
			{"vendor-php-inquiry", "0000", 0, 0, false},
		}},
	{"vendor, .NET", []Original{{MchtID: "nx_mid_il", OrgTrdNo: "STFP_PGRAnx_mid_il0231215143022M0000003", OrgMchtTrdNo: "ORDER03", Method: "RA"}},
		[]clientRequest{
			{"vendor-dotnet-account", "0000", 1000, 1, false}, // Application/json, Expect: 100-continue
			{"vendor-dotnet-inquiry", "0001", 0, 0, false},
		}},
	{"vendor, Node", []Original{
		{MchtID: "nxhp_pl_il", OrgTrdNo: "STFP_PGMPnxhp_pl_il0231215143022M0000004", OrgMchtTrdNo: "ORDER04", Method: "MP"},
		{MchtID: "nx_mid_il", OrgTrdNo: "STFP_PGVAnx_mid_il0231215143022M0000005", OrgMchtTrdNo: "ORDER05", Method: "VA"},
	}, []clientRequest{
		{"vendor-node-phone", "0000", 1000, 1, false}, // indented
		{"vendor-node-account-refund", "0000", 1000, 1, false},
		{"vendor-node-inquiry", "0001", 0, 0, true},  // the order number as the inquiry's own
		{"vendor-node-inquiry", "0001", 0, 0, false}, // and again
	}},
	{"vendor, Java", []Original{
		{MchtID: "nx_mid_il", OrgTrdNo: "STFP_PGVAnx_mid_il0231215143022M0000006", OrgMchtTrdNo: "ORDER06", Method: "VA", VAcntNo: "79012345678901"},
		{MchtID: "nx_mid_il", OrgTrdNo: "STFP_PGPZnx_mid_il0231215143022M0000007", OrgMchtTrdNo: "ORDER07", Method: "PZ", Provider: "KP"},
	}, []clientRequest{
		{"vendor-java-withdrawal", "0000", 0, 1, false},
		{"vendor-java-easy", "0000", 1000, 1, false},
		{"vendor-java-easy-inquiry", "0001", 0, 0, false},
	}},
	{"a shop in Java", []Original{{MchtID: "nxca_jt_il", OrgTrdNo: "STFP_PGCAnxca_jt_il0231215143022M0000008", OrgMchtTrdNo: "PIZZA20231215143022"}},
		[]clientRequest{
			{"shop-java-card-part-1", "0000", 300, 1, false}, // the order number for all parts, rounds as numbers, 0A18
			{"shop-java-card-part-1", "ST25", 0, 0, false},
			{"shop-java-card-part-2", "0000", 300, 2, false},
			{"shop-java-inquiry", "0000", 0, 0, false},
		}},
	{"a shop in PHP", []Original{{MchtID: "nxca_jt_bi", OrgTrdNo: "STFP_PGCAnxca_jt_bi0231215143022M0000009", OrgMchtTrdNo: "ORDER09"}},
		[]clientRequest{
			{"shop-php-card", "0000", 1000, 1, false}, // 0A17, round 1, everything escaped
			{"shop-php-inquiry", "0001", 0, 0, false},
		}},
	{"a shop in TypeScript", []Original{{MchtID: "nxca_jt_bi", OrgTrdNo: "STFP_PGCAnxca_jt_bi0231215143022M0000010", OrgMchtTrdNo: "ORDER10"}},
		[]clientRequest{
			{"shop-typescript-card", "0000", 1000, 1, false}, // no charset
			{"shop-typescript-inquiry", "0001", 0, 0, false},
		}},
	{"a shop in Node", []Original{{MchtID: "nxca_jt_bi", OrgTrdNo: "STFP_PGCAnxca_jt_bi0231215143022M0000011", OrgMchtTrdNo: "ORDER11"}},
		[]clientRequest{
			{"shop-node-card-part", "0000", 400, 1, false}, // date, time and round as numbers, a member of its own
			{"shop-node-inquiry", "0000", 0, 0, false},
		}},
}

// TestRealClients holds the simulator to accepting, in real temper, what real clients send, byte
// for byte, and strict temper to refusing what the documents do not describe.
func TestRealClients(t *testing.T) {
	t.Parallel()
	for _, c := range clients {
		for _, temper := range []Temper{TemperReal, TemperStrict} {
			t.Run(c.name+" "+string(temper), func(t *testing.T) {
				t.Parallel()
				b := start(t, Options{Temper: temper, Now: at(2023, 12, 16, 10, 16)})
				for _, o := range c.payments {
					o.OrgTrdDt, o.Amount = testDate, 1000
					if err := b.Register(o); err != nil {
						t.Fatal(err)
					}
				}
				for _, r := range c.requests {
					if temper == TemperReal {
						b.takes(r)
					} else if status, a := b.raw(r.file); (status == http.StatusOK && !refusedForm(a)) != r.strict {
						t.Errorf("%s: status %d, answer %+v; want it taken %t", r.file, status, a, r.strict)
					}
				}
			})
		}
	}
}

// refusedForm reports whether an answer refuses a request for how it is written.
func refusedForm(a realAnswer) bool {
	return slices.Contains([]string{"5001", "6001", "ST50"}, a.code())
}

// takes sends a request and compares answer and books with what it wants.
func (b *fixture) takes(r clientRequest) {
	b.t.Helper()
	before := len(b.Effects())
	status, a := b.raw(r.file)
	if status != http.StatusOK || a.code() != r.code {
		b.t.Errorf("%s: status %d, answer %+v; want %s", r.file, status, a, r.code)
		return
	}
	made := b.Effects()[before:]
	if (len(made) == 1) != (r.round > 0) {
		b.t.Errorf("%s: effects %+v, want one: %t", r.file, made, r.round > 0)
		return
	}
	if r.round > 0 && (made[0].Amount != r.amount || made[0].Round != r.round || made[0].MchtTrdNo == "") {
		b.t.Errorf("%s: effect %+v, want %d as the cancellation %d", r.file, made[0], r.amount, r.round)
	}
}

// raw sends the bytes of a file of testdata/clients, its head with the line ends of HTTP.
func (b *fixture) raw(file string) (status int, a realAnswer) {
	b.t.Helper()
	content, err := os.ReadFile(filepath.Join("testdata", "clients", file+".http"))
	if err != nil {
		b.t.Fatal(err)
	}
	head, body, _ := bytes.Cut(content, []byte("\n\n"))
	conn, err := net.Dial("tcp", strings.TrimPrefix(b.url, "http://"))
	if err != nil {
		b.t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(patience))
	if _, err := fmt.Fprintf(conn, "%s\r\n\r\n%s", bytes.ReplaceAll(head, []byte("\n"), []byte("\r\n")), body); err != nil {
		b.t.Fatal(err)
	}
	in := bufio.NewReader(conn)
	for {
		resp, err := http.ReadResponse(in, nil)
		if err != nil {
			b.t.Fatalf("%s: %v", file, err)
		}
		if resp.StatusCode == http.StatusContinue {
			continue
		}
		got, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if resp.StatusCode != http.StatusOK {
			return resp.StatusCode, realAnswer{}
		}
		return resp.StatusCode, readReal(b.t, reply{status: resp.StatusCode, body: got, err: err})
	}
}

// TestClientFilesAreAllUsed: no file lies there that no test sends.
func TestClientFilesAreAllUsed(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob(filepath.Join("testdata", "clients", "*"))
	if err != nil || len(files) == 0 {
		t.Fatalf("files %v: %v", files, err)
	}
	used := map[string]bool{}
	for _, c := range clients {
		for _, r := range c.requests {
			used[filepath.Join("testdata", "clients", r.file+".http")] = true
		}
	}
	for _, file := range files {
		if !used[file] {
			t.Errorf("%s is sent by no test", file)
		}
	}
}
