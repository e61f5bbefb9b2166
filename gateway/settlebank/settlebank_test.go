package settlebank

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestMethods holds the lists of methods and the table of operations together.
func TestMethods(t *testing.T) {
	t.Parallel()
	var inTable []string
	for _, op := range Operations() {
		if !slices.Contains(Ops(), op.Name) || !strings.HasPrefix(op.Path, "/spay/") || op.BizType == "" {
			t.Errorf("operation %+v", op)
		}
		inTable = append(inTable, op.Methods...)
	}
	slices.Sort(inTable)
	if all := slices.Sorted(slices.Values(Methods())); !slices.Equal(slices.Compact(inTable), all) {
		t.Errorf("the table has %v, Methods %v", slices.Compact(inTable), all)
	}
	for op, want := range map[string][]string{OpRefund: {Phone, VirtualAccount}, OpWithdraw: {VirtualAccount}} {
		if got := MethodsOf(op); !slices.Equal(got, want) {
			t.Errorf("%s is of %v, want %v", op, got, want)
		}
	}
	for method, want := range map[string]bool{Card: true, EasyPay: true, VirtualAccount: true, Point: true, "TC": false, "TM": false, "??": true} {
		if PartsPossible(method) != want {
			t.Errorf("parts of %s: %t", method, !want)
		}
	}
	if got := InquiryMethods(EasyPay); !slices.Equal(got, []string{"PZ", "KP", "NP", "PC", "WL"}) {
		t.Errorf("easy payments are asked after as %v", got)
	}
	for _, method := range Methods() {
		for _, name := range InquiryMethods(method) {
			if got := PaidBy(name); got != method {
				t.Errorf("%s is paid by %s, want %s", name, got, method)
			}
		}
	}
	if got := InquiryMethods(Card); !slices.Equal(got, []string{Card}) {
		t.Errorf("cards are asked after as %v", got)
	}
}

func TestKoreanTime(t *testing.T) {
	t.Parallel()
	for _, zone := range []*time.Location{KST, time.UTC, time.FixedZone("west", -11*3600)} {
		before, after := time.Date(2026, 1, 31, 14, 59, 59, 0, time.UTC).In(zone), time.Date(2026, 1, 31, 15, 0, 0, 0, time.UTC).In(zone)
		if Date(before) != "20260131" || Date(after) != "20260201" {
			t.Errorf("around midnight it is %s and %s", Date(before), Date(after))
		}
		if got := Midnight(after); !got.Equal(after) {
			t.Errorf("midnight was at %s", got)
		}
		if got := Midnight(before); !got.Equal(after.AddDate(0, 0, -1)) {
			t.Errorf("midnight was at %s", got)
		}
	}
}

func TestLoopback(t *testing.T) {
	t.Parallel()
	for host, want := range map[string]bool{
		"localhost": true, "LOCALHOST": true, "localhost.": true, "localhost:8080": true, "127.0.0.1": true, "127.8.9.1:80": true,
		"::1": true, "[::1]": true, "[::1]:8080": true, "[::ffff:127.0.0.1]:1": true,
		"": false, ":8080": false, "0.0.0.0": false, "::": false, "10.0.0.1": false, "localhost.example": false, "shop.localhost": false,
		"127.0.0.1.example": false, "notlocalhost": false, "[::2]:1": false,
	} {
		if Loopback(host) != want {
			t.Errorf("%q: %t", host, !want)
		}
	}
}

func TestLoopbackRequest(t *testing.T) {
	t.Parallel()
	for host, want := range map[string]bool{
		"localhost:8080": true, "LOCALHOST.": true, "[::1]:8080": true, "127.0.0.1": true, "shop.localhost": true, "Shop.LocalHost.:1": true,
		"": false, ".": false, "shoplocalhost": false, "localhost.example": false, "shop.localhost.example:80": false, "10.0.0.1:80": false,
	} {
		if LoopbackRequest(host) != want {
			t.Errorf("%q: %t", host, !want)
		}
	}
}

func TestHosts(t *testing.T) {
	t.Parallel()
	test, production := HostsOf(EnvTest), HostsOf(EnvProduction)
	if test != (Hosts{"https://tbgw.settlebank.co.kr", "https://tb-nspay.settlebank.co.kr"}) {
		t.Errorf("test: %v", test)
	}
	if production != (Hosts{"https://gw.settlebank.co.kr", "https://nspay.settlebank.co.kr"}) {
		t.Errorf("production: %v", production)
	}
	if HostsOf("") != test {
		t.Error("what is no environment has the hosts of production")
	}
}

func TestCancelID(t *testing.T) {
	t.Parallel()
	longest := strings.Repeat("k", 64)
	seen := map[string]string{}
	for _, key := range []string{"a", "a-2", "a-2-2", "2-a", "-", "CNCL-a", "CNCL2-a", "1", "refund:1.2_3", longest} {
		for _, n := range []int{1, 2, 3, 10, 999999} {
			id := CancelID(key, n)
			if owner, twice := seen[id]; twice {
				t.Errorf("%s is the id of %s and of %s", id, owner, key)
			}
			seen[id] = key
			if len(id) > MaxMchtTrdNo {
				t.Errorf("%s has %d characters", id, len(id))
			}
			if k, m, ok := ParseCancelID(id); k != key || m != n || !ok {
				t.Errorf("%s was read as %q, %d, %t", id, k, m, ok)
			}
		}
	}
	if CancelID("a", 0) != "CNCL-a" || CancelID("a", 1) != "CNCL-a" || CancelID("a", 2) != "CNCL2-a" {
		t.Errorf("ids are %s and %s", CancelID("a", 1), CancelID("a", 2))
	}
	for _, id := range []string{"", "CNCL", "CNCL-", "CNCL2-", "CNCL0-a", "CNCL1-a", "CNCL02-a", "CNCL+2-a", "CNCL-2", "cncl-a", "INQ-a", "202312111329457524", "CNCLx-a",
		"CNCL99999999999999999999-a"} {
		if key, n, ok := ParseCancelID(id); ok && id != "CNCL-2" {
			t.Errorf("%q was read as %q, %d", id, key, n)
		}
	}
}

// TestTestbed holds the keys to the golden vectors, and one recipe to the vendor's own example.
func TestTestbed(t *testing.T) {
	t.Parallel()
	var v struct {
		Keys     struct{ Hash, AES string }
		Standard []struct{ TrdDt, TrdTm, MchtID, MchtTrdNo, Amount, PktHash string } `json:"0A19_cancel"`
	}
	if err := json.Unmarshal([]byte(Vectors()), &v); err != nil {
		t.Fatal(err)
	}
	if v.Keys.Hash != TestbedHashKey || v.Keys.AES != TestbedAESKey || len(TestbedAESKey) != AESKeyLen {
		t.Error("the vectors were made with other keys")
	}
	if len(v.Standard) == 0 {
		t.Fatal("no vectors of 0A19")
	}
	for _, x := range v.Standard {
		sum := sha256.Sum256([]byte(x.TrdDt + x.TrdTm + x.MchtID + x.MchtTrdNo + x.Amount + TestbedHashKey))
		if hex.EncodeToString(sum[:]) != x.PktHash {
			t.Errorf("pktHash %x, want %s", sum, x.PktHash)
		}
	}
	for _, id := range TestbedMerchants() {
		if id == "" || len(id) > MaxMchtIDFlat {
			t.Errorf("merchant %q", id)
		}
	}
}
