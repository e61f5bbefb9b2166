package dashboard

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"unicode"

	"settlecancel/tasks"
	"settlecancel/tasks/ledger"
)

// hostile is a text that tries all that a text can do to a page.
const hostile = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>\u202etxt.exe\u2066\x1b[31m\x00\u200b{{.Who}}&lt;"

// ownScript is the only script that a page of ours names.
const ownScript = `<script src="/dashboard/cancellations/console.js" defer></script>`

// hostileRecord stores a cancellation that no producer of ours would accept.
func hostileRecord(b *fixture) ledger.Record {
	b.Helper()
	params, err := json.Marshal(map[string]any{"o": hostile, "d": hostile, "y": hostile, "x": hostile, "op": hostile, "cu": hostile,
		"rb": hostile, "ac": hostile})
	if err != nil {
		b.Fatal(err)
	}
	e := ledger.Entry{Key: "\"><script>alert(1)</script>\u202e", MchtID: "<img/src=x>", OrgTrdNo: hostile, Amount: 700, Params: params, Queue: "default", By: hostile}
	if _, _, err := b.ledger.Accept(b.Context(), e); err != nil {
		b.Fatal(err)
	}
	g, err := b.ledger.Begin(b.Context(), e)
	if err != nil {
		b.Fatal(err)
	}
	_, err = b.ledger.Finish(b.Context(), g, ledger.Attempt{Class: hostile, Code: "<b>", Message: hostile},
		ledger.Next{Status: ledger.Rejected, Code: "<b>", Message: hostile})
	if err != nil {
		b.Fatal(err)
	}
	return b.get(e.Key)
}

func TestHostileTexts(t *testing.T) {
	t.Parallel()
	b := newFixture(t)
	r := hostileRecord(b)
	key := url.QueryEscape(r.Key)
	for _, path := range []string{root, cancellations + "list", cancellations + "list?code=" + url.QueryEscape(hostile) + "&mcht=" + url.QueryEscape(hostile),
		cancellations + "search?q=" + url.QueryEscape(hostile), cancellations + "show?key=" + key, cancellations + "show?key=" + url.QueryEscape(hostile),
		cancellations + "decide?key=" + key + "&as=retry", cancellations + "decide?key=" + key + "&as=cancelled", cancellations + "decide?key=" + key + "&as=" + url.QueryEscape(hostile),
		cancellations + "bulk?code=%3Cb%3E", cancellations + "bulk?code=" + url.QueryEscape(hostile), cancellations + "list?cursor=" + url.QueryEscape(hostile),
		cancellations + "list?lang=" + url.QueryEscape(hostile), root + url.PathEscape("<script>"),
	} {
		got := b.see(path)
		if got.StatusCode == http.StatusInternalServerError {
			t.Errorf("%s: %s", path, got.text)
		}
		got.text = strings.Replace(got.text, ownScript, "", 1)
		for _, mark := range []string{"<script", "<img", "<b>", "onerror=alert(1)>\""} {
			if strings.Contains(got.text, mark) {
				t.Errorf("%s holds %s as it is", path, mark)
			}
		}
		for _, c := range got.words() {
			if c != ' ' && c != '\n' && unicode.Is(unicode.C, c) {
				t.Errorf("%s holds %U", path, c)
			}
		}
	}
	b.want(b.see(cancellations+"show?key="+key), "&lt;script&gt;alert(1)&lt;/script&gt;", "{{.Who}}")
}

func TestHostileNotes(t *testing.T) {
	t.Parallel()
	b := newFixture(t, func(o *Options) {
		o.Who = func(http.ResponseWriter, *http.Request) (Person, bool) { return Person{Name: hostile}, true }
	})
	b.put(sample("x"), ledger.Rejected)
	b.send(b.visitor(), cancellations+"decide?key=refund-x&as=retry", map[string]string{"note": hostile + strings.Repeat("한", 1000)})
	acts := b.get("refund-x").Acts
	if len(acts) != 1 {
		t.Fatalf("acts %+v", acts)
	}
	for _, text := range []string{acts[0].Who, acts[0].Note} {
		if strings.ContainsFunc(text, func(r rune) bool { return unicode.Is(unicode.C, r) }) || len([]rune(text)) > maxNote {
			t.Errorf("stored as %q", text)
		}
	}
	page := strings.Replace(b.see(cancellations+"show?key=refund-x").text, ownScript, "", 1)
	if strings.Contains(page, "<script") || strings.Contains(page, "<img") {
		t.Error("a note reaches the page as it is")
	}
}

func TestDamagedRecords(t *testing.T) {
	t.Parallel()
	b := newFixture(t)
	b.put(sample("sound"), ledger.Rejected)
	e := ledger.Entry{Key: "torn", MchtID: "m", OrgTrdNo: "t", Amount: 5, Params: []byte(`{"ta":"no number"}`)}
	if _, _, err := b.ledger.Accept(t.Context(), e); err != nil {
		t.Fatal(err)
	}
	b.want(b.see(cancellations+"list?status=open"), "torn")
	b.want(b.see(cancellations+"show?key=torn"), "The parameters of this cancellation cannot be read", "₩5")
	keys, err := b.rdb.Keys(t.Context(), "settlecancel:*:p:m:t").Result()
	if err != nil || len(keys) != 1 {
		t.Fatal(keys, err)
	}
	b.rdb.Set(t.Context(), keys[0], "{", 0)
	for path, status := range map[string]int{root: http.StatusOK, cancellations + "list?status=open": http.StatusOK, cancellations + "search?q=ORDER-none": http.StatusOK,
		cancellations + "show?key=torn": http.StatusInternalServerError} {
		got := b.see(path)
		if got.StatusCode != status {
			t.Errorf("%s: %d, want %d", path, got.StatusCode, status)
		}
		b.want(got, "cannot be read")
	}
	b.want(b.see(root), "refund-sound")
}

func TestWithoutRedis(t *testing.T) {
	t.Parallel()
	b, server := newMortalFixture(t)
	b.put(sample("x"), ledger.Rejected)
	form := hidden(b.see(cancellations + "decide?key=refund-x&as=retry").text).Encode()
	server.Kill()
	for _, path := range []string{root, cancellations + "list", cancellations + "list?cursor=1%20a", cancellations + "search?q=x", cancellations + "show?key=refund-x", cancellations + "bulk?code=1002"} {
		got := b.see(path)
		if got.StatusCode != http.StatusServiceUnavailable || strings.Contains(got.text, server.Addr()) {
			t.Errorf("%s: %d %s", path, got.StatusCode, got.words())
		}
		b.want(got, "Redis does not answer")
	}
	got := b.do(http.DefaultClient, "POST", cancellations+"decide", form)
	if got.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("a decision: %d", got.StatusCode)
	}
	b.want(got, "it is not known whether this was done")
}

func FuzzFormatPayload(f *testing.F) {
	x := sample("x")
	payload, err := x.Payload()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(payload, "v1:abc")
	f.Add([]byte(`{"idempotencyKey":"a","RefundAcntNo":"1"}`), hostile)
	f.Add([]byte("\xff{"), "1")
	f.Fuzz(func(t *testing.T, payload []byte, sealed string) {
		const account = "77700011122"
		for _, out := range []string{formatPayload(tasks.TypeCancel, payload), formatPayload("other", payload), formatResult(tasks.TypeCancel, payload)} {
			if strings.ContainsFunc(out, func(r rune) bool { return unicode.Is(unicode.C, r) }) {
				t.Errorf("%q holds a character that is not seen", out)
			}
		}
		var fields map[string]any
		if json.Unmarshal(payload, &fields) != nil || fields == nil || strings.Contains(string(payload), account) || strings.Contains(sealed, account) {
			return
		}
		for _, name := range []string{"refundAcntNo", "vAcntNo", "refundDpstrNm"} {
			fields[name] = sealed + account
		}
		with, err := json.Marshal(fields)
		if err != nil {
			t.Fatal(err)
		}
		if out := formatPayload(tasks.TypeCancel, with); strings.Contains(out, account) {
			t.Errorf("%s shows an account number: %s", with, out)
		}
	})
}
