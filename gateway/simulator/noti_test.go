package simulator

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"settlecancel/gateway/settlebank"
)

// merchant is a merchant's server: it files what it is told and answers as answer says.
func merchantServer(t *testing.T, answer func(nth int64) (int, string)) (target string, told <-chan url.Values) {
	t.Helper()
	forms := make(chan url.Values, 1000)
	var nth atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		form, errForm := url.ParseQuery(string(body))
		if err != nil || errForm != nil || r.Method != "POST" || r.Header.Get("Content-Type") != contentForm+"; charset=UTF-8" {
			t.Errorf("%s %s %q: %v, %v", r.Method, r.Header.Get("Content-Type"), body, err, errForm)
		}
		forms <- form
		status, text := answer(nth.Add(1))
		w.WriteHeader(status)
		_, _ = io.WriteString(w, text)
	}))
	t.Cleanup(server.Close)
	return server.URL, forms
}

func always(status int, text string) func(int64) (int, string) {
	return func(int64) (int, string) { return status, text }
}

func settled(s Stats) bool { return s.Notis.Pending == 0 }

func TestNotiVector(t *testing.T) {
	t.Parallel()
	v := vectors(t, "noti")[0]
	when, err := time.ParseInLocation("20060102150405", v["date"]+v["time"], settlebank.KST)
	if err != nil {
		t.Fatal(err)
	}
	e := &Effect{Time: when, MchtID: v["mchtId"], OrgTrdNo: "T1", Amount: parseAmount(v["trdAmt"]), MchtTrdNo: v["mchtTrdNo"]}
	form := notiForm(e, &transaction{Original: testOriginal(1000)}, testbed)
	if got := form.Get("pktHash"); got != v["pktHash"] {
		t.Errorf("pktHash %s, want %s", got, v["pktHash"])
	}
}

func TestNoti(t *testing.T) {
	t.Parallel()
	target, told := merchantServer(t, always(200, "OK\n"))
	b := start(t, Options{NotiURL: target, Now: at(2024, 1, 1, 12, 0)})
	for _, o := range []Original{
		testOriginal(1000),
		{MchtID: testMerchant, OrgTrdNo: "T2", OrgMchtTrdNo: "O2", OrgTrdDt: testDate, Amount: 1000, Method: "VA"},
		{MchtID: testMerchant, OrgTrdNo: "T3", OrgMchtTrdNo: "O3", OrgTrdDt: testDate, Amount: 1000, Method: "VA"},
		{MchtID: testMerchant, OrgTrdNo: "T4", OrgMchtTrdNo: "O4", OrgTrdDt: testDate, Amount: 1000},
	} {
		if err := b.Register(o); err != nil {
			t.Fatal(err)
		}
	}
	b.cancel("400")
	b.cancel("1000") // refused: nobody is told
	b.code(refundPath, refund("VA", "C0", "R1", "001", "1000", fields{"orgTrdNo": "T2"}))
	b.code(vbankPath, withdrawal("W1", fields{"orgTrdNo": "T3"})) // moves no money: nobody is told
	if _, err := b.CancelElsewhere(testMerchant, "T4", 1000); err != nil {
		t.Fatal(err)
	}
	b.await(settled)
	var got []fields
	for range 3 {
		form, one := <-told, fields{}
		for name := range form {
			one[name] = form.Get(name)
		}
		got = append(got, one)
	}
	slices.SortFunc(got, func(a, b fields) int { return strings.Compare(a["orgTrdNo"], b["orgTrdNo"]) })
	effects := b.Effects()
	want := func(e Effect, method, bizType, id, amount, cnclType string) fields {
		return fields{"outStatCd": "0021", "trdNo": e.CanTrdNo, "method": method, "bizType": bizType, "mchtId": testMerchant,
			"mchtTrdNo": id, "trdDtm": "20240101120000", "trdAmt": amount, "orgTrdNo": e.OrgTrdNo, "orgTrdDt": testDate, "cnclType": cnclType,
			"pktHash": sum("0021", "20240101", "120000", testMerchant, id, amount, settlebank.TestbedHashKey)}
	}
	if diff := cmp.Diff([]fields{
		want(effects[0], "CA", "C0", testOrder, "400", "10"),
		want(effects[1], "VA", "C1", "R1", "1000", "00"),
		want(effects[3], "CA", "C0", "O4", "1000", "00"),
	}, got); diff != "" {
		t.Errorf("forms (-want +got):\n%s", diff)
	}
	if got := b.Stats().Notis; got != (NotiStats{Attempts: 3, Delivered: 3}) {
		t.Errorf("%+v, want three delivered at once", got)
	}
}

func TestNotiIsTriedAgain(t *testing.T) {
	t.Parallel()
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	third := func(nth int64) (int, string) {
		return 200, map[bool]string{true: "OK", false: "FAIL"}[nth == 3]
	}
	for _, tt := range []struct {
		name   string
		answer func(int64) (int, string) // nil: nobody listens
		want   NotiStats
	}{
		{"OK at last", third, NotiStats{Attempts: 3, Delivered: 1}},
		{"ErrFail", always(200, "FAIL"), NotiStats{Attempts: 4, GivenUp: 1}},
		{"ErrStatus", always(500, "OK"), NotiStats{Attempts: 4, GivenUp: 1}},
		{"ErrRedirect", always(302, "OK"), NotiStats{Attempts: 4, GivenUp: 1}},
		{"ErrLong", always(200, "OK"+strings.Repeat("!", 1<<20)), NotiStats{Attempts: 4, GivenUp: 1}},
		{"ErrNobody", nil, NotiStats{Attempts: 4, GivenUp: 1}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			target := gone.URL
			if tt.answer != nil {
				target, _ = merchantServer(t, tt.answer)
			}
			b := registered(t, Options{NotiURL: target, NotiAttempts: 4, NotiRetry: time.Millisecond}, 1000)
			b.cancel("400")
			b.await(settled)
			if got := b.Stats().Notis; got != tt.want {
				t.Errorf("%+v, want %+v", got, tt.want)
			}
		})
	}
}

// TestNotiSwitch turns notifications on and off by the control interface; what happened while they
// were off is not told.
func TestNotiSwitch(t *testing.T) {
	t.Parallel()
	target, told := merchantServer(t, always(200, "OK"))
	b := registered(t, Options{}, 1000)
	b.cancel("1")
	b.call("POST", "/_sim/noti", `{"url":"`+target+`"}`, 204, nil)
	b.cancel("2")
	b.await(func(s Stats) bool { return s.Notis.Delivered == 1 })
	b.call("POST", "/_sim/noti", `{"url":""}`, 204, nil)
	b.cancel("3")
	b.call("POST", "/_sim/noti", `{"url":"`+target+`"}`, 204, nil)
	b.cancel("4")
	b.await(func(s Stats) bool { return s.Notis.Delivered == 2 })
	if got := []string{(<-told).Get("trdAmt"), (<-told).Get("trdAmt")}; !slices.Equal(got, []string{"2", "4"}) || len(told) != 0 {
		t.Errorf("told of %v and %d more, want 2 and 4", got, len(told))
	}
	b.Reset() // which goes back to the options: off
	if err := b.Register(testOriginal(1000)); err != nil {
		t.Fatal(err)
	}
	b.cancel("5")
	if got := b.Stats().Notis; got != (NotiStats{}) {
		t.Errorf("after the reset: %+v, want none", got)
	}
	for name, body := range map[string]string{
		"ErrRelative": `{"url":"/noti"}`, "ErrScheme": `{"url":"ftp://host/"}`, "ErrNoURL": `{"url":"%"}`, "ErrField": `{"uri":""}`,
	} {
		b.call("POST", "/_sim/noti", body, 400, nil)
		if _, err := New(Options{NotiURL: "/noti", NotiAttempts: -1, NotiRetry: -1}); err == nil || strings.Count(err.Error(), "\n") != 2 {
			t.Errorf("%s: error %v, want three faults", name, err)
		}
	}
}

// TestNotiPoolIsBounded has a merchant that answers nobody until many effects wait.
func TestNotiPoolIsBounded(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	var now, most atomic.Int64
	target, told := merchantServer(t, func(int64) (int, string) {
		n := now.Add(1)
		defer now.Add(-1)
		for old := most.Load(); n > old && !most.CompareAndSwap(old, n); old = most.Load() {
		}
		<-release
		return 200, "OK"
	})
	b := registered(t, Options{NotiURL: target}, 1000)
	for range 20 {
		b.cancel("1")
	}
	for range notiSenders {
		<-told
	}
	if got := b.Stats().Notis; got.Pending != 20 || got.Delivered != 0 {
		t.Errorf("%+v, want 20 pending", got)
	}
	close(release)
	b.await(settled)
	if got := b.Stats().Notis; got.Delivered != 20 || most.Load() != notiSenders {
		t.Errorf("%+v, %d at once; want 20 delivered, %d at once", got, most.Load(), notiSenders)
	}
}

// TestClose ends what is being sent and what waits to be tried again; the gateway goes on without
// notifications.
func TestClose(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	hanging, told := merchantServer(t, func(int64) (int, string) { <-release; return 200, "OK" })
	defer close(release)
	b := registered(t, Options{NotiURL: hanging}, 1000)
	b.cancel("1")
	<-told
	b.Close()
	b.Close()
	if got := b.Stats().Notis; got.GivenUp != 1 || got.Pending != 0 {
		t.Errorf("%+v, want one given up", got)
	}
	if err := b.SetNoti(hanging); err == nil {
		t.Error("SetNoti after Close: no error")
	}
	b.Reset()
	if err := b.Register(testOriginal(1000)); err != nil {
		t.Fatal(err)
	}
	if got := b.cancel("1").ResultCode; got != "0000" || b.Stats().Notis != (NotiStats{}) {
		t.Errorf("result code %s, %+v; want 0000 and nothing to send", got, b.Stats().Notis)
	}

	failing, told := merchantServer(t, always(200, "FAIL"))
	waiting := registered(t, Options{NotiURL: failing, NotiRetry: time.Hour}, 1000)
	waiting.cancel("1")
	<-told
	waiting.await(func(s Stats) bool { return s.Notis.Attempts == 1 })
	waiting.Close()
	if got := waiting.Stats().Notis; got.GivenUp != 1 {
		t.Errorf("%+v, want one given up", got)
	}
}

// TestNotiEndsWithAReset: what a reset forgets nobody is told of any more, and the senders go on
// with what comes.
func TestNotiEndsWithAReset(t *testing.T) {
	t.Parallel()
	target, told := merchantServer(t, func(nth int64) (int, string) {
		return 200, map[bool]string{true: "FAIL", false: "OK"}[nth == 1]
	})
	b := registered(t, Options{NotiURL: target, NotiRetry: time.Hour}, 1000)
	b.cancel("1")
	<-told
	b.await(func(s Stats) bool { return s.Notis.Attempts == 1 })
	b.Reset()
	if err := b.Register(testOriginal(1000)); err != nil {
		t.Fatal(err)
	}
	b.cancel("2")
	b.await(func(s Stats) bool { return s.Notis.Delivered == 1 })
	if got := (<-told).Get("trdAmt"); got != "2" {
		t.Errorf("told of %s, want 2", got)
	}
}
