package httpapi

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// changed is a valid cancellation with the value of a field replaced, or a field added.
func changed(field, value string) string {
	valid := cancellation("k")
	at := strings.Index(valid, `"`+field+`":`)
	if at < 0 {
		return valid[:len(valid)-1] + `,"` + field + `":` + value + "}"
	}
	start := at + len(field) + 3
	end := start + strings.IndexAny(valid[start:], ",}")
	return valid[:start] + value + valid[end:]
}

// malformed is a request that must be refused, every fault of it named.
type malformed struct {
	name   string
	body   string
	status int
	want   []string // locations of the faults
}

func malformedBodies() []malformed {
	bad := func(field, name, value string) malformed {
		return malformed{field + " " + name, changed(field, value), 400, []string{"body." + field}}
	}
	whole := func(name, body string) malformed { return malformed{name, body, 400, []string{"body"}} }
	huge := "9" + strings.Repeat("0", 400)
	return []malformed{
		whole("white space", " \n "),
		whole("not JSON", "idempotencyKey=k"),
		whole("breaks off", cancellation("k")[:40]),
		whole("two documents", cancellation("k")+cancellation("k")),
		whole("garbage behind", cancellation("k")+"x"),
		whole("array", "["+cancellation("k")+"]"),
		whole("string", `"k"`),
		whole("number", "1"),
		whole("null", "null"),
		whole("true", "true"),
		whole("deep nesting", strings.Repeat("[", 30_000)+strings.Repeat("]", 30_000)),
		{"deep nesting of objects", strings.Repeat(`{"a":`, 9000) + "1" + strings.Repeat("}", 9000), 400, nil},
		whole("two byte order marks", "\ufeff\ufeff"+cancellation("k")),
		whole("NUL bytes", "\x00\x00\x00"),
		whole("UTF-16", "{\x00\"\x00a\x00\"\x00:\x001\x00}\x00"),
		whole("trailing comma", cancellation("k")[:len(cancellation("k"))-1]+",}"),
		whole("comment", "/* */"+cancellation("k")),
		whole("single quotes", strings.ReplaceAll(cancellation("k"), `"`, `'`)),
		{"empty object", "{}", 400, []string{"body.canAmt", "body.idempotencyKey", "body.mchtId", "body.orgMchtTrdNo", "body.orgTrdDt", "body.orgTrdNo"}},
		bad("idempotencyKey", "empty", `""`),
		bad("idempotencyKey", "number", `17`),
		bad("idempotencyKey", "null", `null`),
		bad("idempotencyKey", "too long", `"`+strings.Repeat("k", 65)+`"`),
		bad("idempotencyKey", "slash", `"a/b"`),
		bad("idempotencyKey", "not ASCII", `"환불"`),
		bad("idempotencyKey", "NUL", `"a\u0000b"`),
		bad("mchtId", "colon", `"a:b"`),
		bad("mchtId", "too long", `"abcdefghijklm"`),
		bad("orgTrdNo", "object", `{"a":1}`),
		bad("orgTrdNo", "too long", `"`+strings.Repeat("T", 51)+`"`),
		bad("orgTrdNo", "line break", `"T\nX"`),
		bad("orgTrdNo", "lone surrogate", `"T\ud800"`),
		bad("orgTrdNo", "bad escape of UTF-8", "\"T\xff\""),
		bad("orgMchtTrdNo", "too long", `"`+strings.Repeat("주", 101)+`"`),
		bad("orgTrdDt", "no such day", `"20230230"`),
		bad("orgTrdDt", "in the future", `"20991231"`),
		bad("orgTrdDt", "other form", `"2023-12-15"`),
		bad("orgTrdDt", "number", `20231215`),
		bad("canAmt", "zero", `0`),
		bad("canAmt", "negative", `-500`),
		bad("canAmt", "fraction", `500.5`),
		bad("canAmt", "fraction of nothing", `500.0`),
		bad("canAmt", "exponent", `5e2`),
		bad("canAmt", "huge", huge),
		bad("canAmt", "beyond int64", `9223372036854775808`),
		bad("canAmt", "more than 12 digits", `1000000000000`),
		bad("canAmt", "above the original", `1001`),
		bad("canAmt", "text", `"many"`),
		bad("canAmt", "signed text", `"+500"`),
		bad("canAmt", "digits of another script", `"५००"`),
		bad("canAmt", "empty text", `""`),
		bad("canAmt", "array", `[500]`),
		bad("canAmt", "true", `true`),
		bad("orgTrdAmt", "zero", `0`),
		bad("method", "unknown", `"XX"`),
		bad("operation", "unknown", `"void"`),
		bad("currency", "unknown", `"EUR"`),
		bad("taxAmt", "negative", `-1`),
		bad("reason", "too long", `"`+strings.Repeat("x", 1001)+`"`),
		bad("reason", "bell", `"\u0007"`),
		{"field twice", changed("canAmt", `500,"canAmt":500`), 400, []string{"body.canAmt"}},
		{"field thrice", changed("orgTrdNo", `"A","orgTrdNo":"B","orgTrdNo":"C"`), 400, []string{"body.orgTrdNo"}},
		{"other case", changed("CANAMT", "1"), 400, []string{`body["CANAMT"]`}},
		{"unknown field", changed("amount", "1"), 400, []string{`body["amount"]`}},
		{"unknown name of control characters", changed(`\u0000\n`, "1"), 400, []string{`body["\x00\n"]`}},
		{"account number to come", changed("operation", `"refund","method":"VA","refundBankCd":"004","refundAcntNo":"`+accountOfOne+`"`), 400,
			[]string{"body.method", "body.refundDpstrNm"}},
		{"many faults", `{"idempotencyKey":"a b","mchtId":"","orgTrdNo":5,"orgTrdDt":"20231315","canAmt":"x","method":"ZZ","colour":"red","size":1}`, 400,
			[]string{"body.canAmt", "body.idempotencyKey", "body.mchtId", "body.method", "body.orgMchtTrdNo", "body.orgTrdDt", "body.orgTrdNo", `body["colour"]`, `body["size"]`}},
		{"many unknown fields", "{" + strings.TrimSuffix(strings.Repeat(`"x":1,`, 500), ",") + "}", 400, nil},
		{"64 KiB and a byte", `{"reason":"` + strings.Repeat("x", maxOne) + `"}`, 413, nil},
		{"10 MB", `{"reason":"` + strings.Repeat("x", 10_000_000) + `"}`, 413, nil},
	}
}

// Whatever a body holds, it is refused with every fault at once, stored nowhere, and never the
// server's failure.
func TestMalformedBodies(t *testing.T) {
	t.Parallel()
	d := newDesk(t, Options{})
	for _, test := range malformedBodies() {
		for _, chunked := range []bool{false, true} {
			r := post(test.body)
			r.chunked = chunked
			res := d.send(r)
			if res.status != test.status {
				t.Errorf("%s: status %d, want %d: %.300s", test.name, res.status, test.status, res.body)
				continue
			}
			if test.status != 400 {
				continue
			}
			p := res.problem(t)
			if len(p.Errors) == 0 {
				t.Errorf("%s: names no fault: %s", test.name, res.body)
			}
			got := slices.Compact(slices.Sorted(slices.Values(p.locations())))
			if diff := cmp.Diff(test.want, got); test.want != nil && diff != "" {
				t.Errorf("%s: locations (-want +got):\n%s%s", test.name, diff, res.body)
			}
			if len(res.body) > 16<<10 {
				t.Errorf("%s: the answer has %d bytes", test.name, len(res.body))
			}
		}
	}
	if keys := d.rdb.Keys(t.Context(), "*").Val(); len(keys) > 0 {
		t.Errorf("stored %q", keys)
	}
}

// The same bodies are refused within a batch, each by itself, and so is whatever is no batch.
func TestMalformedBatches(t *testing.T) {
	t.Parallel()
	d := newDesk(t, Options{})
	for _, test := range malformedBodies() {
		body := `{"items":[` + cancellation("first") + "," + test.body + "," + cancellation("last") + "]}"
		r := post(body)
		r.path += ":batch"
		res := d.send(r)
		switch res.status {
		case http.StatusOK:
			var b batch
			decode(t, res.body, &b)
			if len(b.Items) != 3 || b.Items[0].Status != 202 || b.Items[1].Status != 400 || b.Items[2].Status != 202 || len(b.Items[1].Problem.Errors) == 0 {
				t.Errorf("%s: %s", test.name, res.body)
				continue
			}
			for _, at := range b.Items[1].Problem.locations() {
				if !strings.HasPrefix(at, "body.items[1]") {
					t.Errorf("%s: fault at %s", test.name, at)
				}
			}
		case http.StatusBadRequest, http.StatusRequestEntityTooLarge: // it broke the batch
		default:
			t.Errorf("%s: status %d: %.300s", test.name, res.status, res.body)
		}
	}
	for name, test := range map[string]struct{ body, want string }{
		"no items":            {`{}`, "body.items"},
		"none":                {`{"items":[]}`, "body.items"},
		"too many":            {`{"items":[` + strings.TrimSuffix(strings.Repeat("{},", maxItems+1), ",") + "]}", "body.items"},
		"null":                {`{"items":null}`, "body.items"},
		"an object":           {`{"items":{}}`, "body.items"},
		"twice":               {`{"items":[{}],"items":[{}]}`, "body.items"},
		"other case":          {`{"Items":[{}]}`, `body["Items"]`},
		"an array":            {`[{}]`, "body"},
		"breaks off":          {`{"items":[{}`, "body"},
		"empty":               {" ", "body"},
		"too many names":      {"{" + strings.TrimSuffix(strings.Repeat(`"x":1,`, 5000), ",") + "}", `body["x"]`},
		"nested out of sight": {`{"items":` + strings.Repeat("[", 20_000) + strings.Repeat("]", 20_000) + "}", "body"},
	} {
		r := post(test.body)
		r.path += ":batch"
		res := d.want(r, http.StatusBadRequest)
		if got := res.problem(t).locations(); len(got) == 0 || !slices.Contains(got, test.want) || len(res.body) > 16<<10 {
			t.Errorf("%s: faults at %q, want %s", name, got, test.want)
		}
	}
}

// What comes around the body is checked as well.
func TestMalformedRequests(t *testing.T) {
	t.Parallel()
	d := newDesk(t, Options{})
	header := func(name, value string) request {
		r := post(cancellation("k"))
		r.header = map[string]string{name: value}
		return r
	}
	query := func(q string) request {
		r := post(cancellation("k"))
		r.path += q
		return r
	}
	tests := []struct {
		name   string
		r      request
		status int
		want   []string
	}{
		{"form", header("Content-Type", "application/x-www-form-urlencoded"), 415, nil},
		{"text", header("Content-Type", "text/plain"), 415, nil},
		{"no type", header("Content-Type", ""), 415, nil},
		{"no media type", header("Content-Type", "json; ;"), 415, nil},
		{"XML", header("Content-Type", "application/xml"), 415, nil},
		{"Latin-1", header("Content-Type", "application/json; charset=iso-8859-1"), 415, nil},
		{"compressed", header("Content-Encoding", "gzip"), 415, nil},
		{"unknown queue", query("?queue=express"), 400, []string{"query.queue"}},
		{"queue twice", query("?queue=bulk&queue=bulk"), 400, []string{"query.queue"}},
		{"unknown parameter", query("?dryRun=1"), 400, []string{`query["dryRun"]`}},
		{"bad escape", query("?queue=%zz"), 400, []string{"query"}},
		{"semicolon", query("?queue=bulk;x=1"), 400, []string{"query"}},
		{"name not UTF-8", query("?%ff=1"), 400, []string{"query[\"\uFFFD\"]"}},
		{"key in the query of one", request{method: "GET", path: location("k") + "?verbose=1"}, 400, []string{`query["verbose"]`}},
		{"limit", get(pathCancellations + "?limit=0"), 400, []string{"query.limit"}},
		{"limit of text", get(pathCancellations + "?limit=ten"), 400, []string{"query.limit"}},
		{"limit too large", get(pathCancellations + "?limit=1001"), 400, []string{"query.limit"}},
		{"huge limit", get(pathCancellations + "?limit=" + strings.Repeat("9", 99)), 400, []string{"query.limit"}},
		{"signed limit", get(pathCancellations + "?limit=%2B5"), 400, []string{"query.limit"}},
		{"unknown status", get(pathCancellations + "?status=gone"), 400, []string{"query.status"}},
		{"status with NUL", get(pathCancellations + "?status=queued%00"), 400, []string{"query.status"}},
		{"cursor", get(pathCancellations + "?cursor=x"), 400, []string{"query.cursor"}},
		{"cursor of nothing", get(pathCancellations + "?cursor=" + sealCursor("x", (&listing{}).name())), 400, []string{"query.cursor"}},
		{"cursor of a set", get(pathCancellations + "?status=review&cursor=" + sealCursor("x", (&listing{Status: "review"}).name())), 400, []string{"query.cursor"}},
		{"cursor of another status", get(pathCancellations + "?status=queued&cursor=" + sealCursor("1 a b", (&listing{Status: "review"}).name())), 400, []string{"query.cursor"}},
		{"all at once", get(pathCancellations + "?status=gone&limit=0&page=2"), 400,
			[]string{"query.limit", "query.status", `query["page"]`}},
		{"query and body at once", request{method: "POST", path: pathCancellations + "?queue=express", body: changed("canAmt", "0")}, 400,
			[]string{"body.canAmt", "query.queue"}},
		{"key of a batch", request{method: "POST", path: pathCancellations + ":batch", body: `{"items":[` + cancellation("k") + `]}`,
			header: map[string]string{"Idempotency-Key": "k"}}, 400, []string{"header.Idempotency-Key"}},
	}
	for _, test := range tests {
		res := d.send(test.r)
		if res.status != test.status {
			t.Errorf("%s: status %d, want %d: %s", test.name, res.status, test.status, res.body)
			continue
		}
		if diff := cmp.Diff(test.want, slices.Sorted(slices.Values(res.problem(t).locations()))); diff != "" {
			t.Errorf("%s: locations (-want +got):\n%s%s", test.name, diff, res.body)
		}
	}
	for _, header := range []string{"application/json", "application/json; charset=utf-8", "APPLICATION/JSON;charset=\"UTF-8\""} {
		r := post(cancellation(fmt.Sprintf("k%d", len(header))))
		r.header = map[string]string{"Content-Type": header, "Content-Encoding": "identity"}
		d.want(r, http.StatusAccepted)
	}
}
