package simulator

import (
	"cmp"
	"io"
	"net/http"
	"strconv"
	"time"

	"settlecancel/gateway/settlebank"
)

// listing is what a collation found: the records in their order, to be written out while they are
// sent.
type listing struct {
	st      *state
	method  string
	records []record
}

// record is the approval of a transaction or, where it has an effect, that cancellation.
type record struct {
	tx     *transaction
	effect *Effect
}

// chunk is how many originals, effects or lines are worked through before others get the lock.
const chunk = 512

// collate finds the approvals, then the cancellations of a merchant, a method and a day, as they
// showed staleness ago. It takes the lock for a moment at a time, so that a long list holds nobody
// up.
func (x *exchange) collate(now time.Time) result {
	want, seen := x.call.terms, now.Add(-x.staleness())
	list := &listing{st: x.st, method: cmp.Or(want.provider, want.method)}
	for from, more := 0, true; more; from += chunk {
		more = x.st.collateApprovals(list, want, from)
	}
	for from, more := 0, true; more; from += chunk {
		more = x.st.collateEffects(list, want, seen, from)
	}
	return result{list: list}
}

// collateApprovals looks through a chunk of the originals and says whether there are more. It takes
// the lock.
func (st *state) collateApprovals(list *listing, want terms, from int) (more bool) {
	st.mu.Lock()
	defer st.mu.Unlock()
	to := min(from+chunk, len(st.bank.filed))
	for _, t := range st.bank.filed[min(from, to):to] {
		if t.MchtID == want.mchtID && t.collatesFor(want) && t.OrgTrdDt == want.orgTrdDt {
			list.records = append(list.records, record{tx: t})
		}
	}
	return to < len(st.bank.filed)
}

// collateEffects looks through a chunk of the effects and says whether there are more. It takes the
// lock.
func (st *state) collateEffects(list *listing, want terms, seen time.Time, from int) (more bool) {
	begin, _ := parseDate(want.orgTrdDt) // which was checked to be one
	end := begin.AddDate(0, 0, 1)
	st.mu.Lock()
	defer st.mu.Unlock()
	to := min(from+chunk, len(st.effects))
	for i := min(from, to); i < to; i++ {
		e := &st.effects[i]
		if e.MchtID != want.mchtID || e.Operation == OperationWithdraw || e.Time.Before(begin) || !e.Time.Before(end) {
			continue
		}
		t := st.bank.byTrdNo[name{e.MchtID, e.OrgTrdNo}]
		if t.collatesFor(want) && !t.changes[e.Round-1].visible.After(seen) {
			list.records = append(list.records, record{t, e})
		}
	}
	return to < len(st.effects)
}

// collatesFor reports whether a transaction is listed under the method that was asked for; in real
// temper, an easy payment is under its provider's alone.
func (t *transaction) collatesFor(want terms) bool {
	return t.collatesAs() == want.method && (!want.lax || t.Provider == want.provider)
}

// collatesAs is the method a transaction was paid by.
func (t *transaction) collatesAs() string {
	if t.Method == "" {
		return defaultMethod
	}
	return t.Method
}

// collationBody is the answer of a collation: a line with code, message and count, then one a
// record.
type collationBody struct {
	first refusal
	list  *listing // nil: none
	extra int      // told beyond the count
}

func (res result) extra() int {
	if res.wrongCount {
		return 1
	}
	return 0
}

func (b collationBody) head(w http.ResponseWriter) {
	writeHead(w, http.StatusOK, "text/plain; charset=UTF-8")
}

func (b collationBody) size() int {
	n, _ := b.WriteTo(io.Discard) // which takes everything
	return int(n)
}

func (b collationBody) WriteTo(w io.Writer) (int64, error) {
	var records []record
	if b.list != nil {
		records = b.list.records
	}
	line := appendLine(nil, b.first.code, b.first.message, strconv.Itoa(len(records)+b.extra))
	n, err := w.Write(line)
	written := int64(n)
	for len(records) > 0 && err == nil {
		some := records[:min(chunk, len(records))]
		records = records[len(some):]
		line = b.list.appendRecords(line[:0], some)
		n, err = w.Write(line)
		written += int64(n)
	}
	return written, err
}

// appendRecords takes the lock: some things about a transaction may still be learnt.
func (l *listing) appendRecords(b []byte, records []record) []byte {
	l.st.mu.Lock()
	defer l.st.mu.Unlock()
	for _, r := range records {
		b = l.appendRecord(b, r)
	}
	return b
}

// appendRecord appends the 16 fields of the page. A cancellation without an id of its own goes by
// the merchant's order number; what the simulator knows nothing of is the same in every record.
func (l *listing) appendRecord(b []byte, r record) []byte {
	const customer, product, approval, institution, instalments, interestFree = "홍길동", "상품", "00000000", "001", "00", "N"
	t := r.tx
	if r.effect == nil {
		at := t.OrgTrdTm
		if at == "" {
			at = "000000"
		}
		return appendLine(b, t.MchtID, l.method, t.OrgTrdNo, t.OrgMchtTrdNo, "0", t.OrgTrdDt, at,
			strconv.FormatInt(t.Amount, 10), "", "", customer, product, approval, institution, instalments, interestFree)
	}
	at, id := r.effect.Time.In(settlebank.KST), r.effect.idOf(t)
	return appendLine(b, t.MchtID, l.method, r.effect.CanTrdNo, id, "1", at.Format(settlebank.DateLayout), at.Format(settlebank.ClockLayout),
		strconv.FormatInt(r.effect.Amount, 10), t.OrgTrdNo, t.OrgTrdDt, customer, product, approval, institution, instalments, interestFree)
}

// idOf is the mchtTrdNo an effect goes by outside the cancellation itself.
func (e *Effect) idOf(t *transaction) string {
	if e.MchtTrdNo != "" {
		return e.MchtTrdNo
	}
	return t.OrgMchtTrdNo
}

// appendLine appends fields, each with a bar behind it. What would end a field or a line within one
// becomes a space.
func appendLine(b []byte, fields ...string) []byte {
	for _, f := range fields {
		for i := range len(f) {
			c := f[i]
			if c == '|' || c < ' ' {
				c = ' '
			}
			b = append(b, c)
		}
		b = append(b, '|')
	}
	return append(b, '\n')
}
