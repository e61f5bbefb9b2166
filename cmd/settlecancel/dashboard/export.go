package dashboard

import (
	"bytes"
	"io"
	"net/http"
	"strconv"

	"settlecancel/cmd/settlecancel/records"
	"settlecancel/cmd/settlecancel/spreadsheet"
	"settlecancel/gateway/settlebank"
)

// cells are the columns of a list as a file, named as in JSON. Amounts are in the smallest unit of
// the currency.
var cells = []struct {
	name string
	cell func(item) string
}{
	{"idempotencyKey", func(i item) string { return i.Key }},
	{"status", func(i item) string { return string(i.Status) }},
	{"mchtId", func(i item) string { return i.MchtID }},
	{"orgMchtTrdNo", func(i item) string { return i.OrgMchtTrdNo }},
	{"orgTrdNo", func(i item) string { return i.OrgTrdNo }},
	{"method", func(i item) string { return i.Method }},
	{"canAmt", func(i item) string { return strconv.FormatInt(i.Amount, 10) }},
	{"currency", func(i item) string { return i.Currency }},
	{"canTrdNo", func(i item) string { return i.CanTrdNo }},
	{"code", func(i item) string { return i.Code }},
	{"message", func(i item) string { return i.Message }},
	{"acceptedAt", func(i item) string { return clock(i.AcceptedAt) }},
	{"endedAt", func(i item) string { return clock(i.EndedAt) }},
}

// table is a list as a file that spreadsheets read.
type table struct {
	*spreadsheet.Writer
	rows int
}

func newTable(out io.Writer) (*table, error) {
	t := &table{Writer: spreadsheet.NewWriter(out)}
	line := make([]string, len(cells))
	for n, c := range cells {
		line[n] = c.name
	}
	return t, t.Write(line...)
}

func (t *table) add(i item) error {
	t.rows++
	line := make([]string, len(cells))
	for n, c := range cells {
		line[n] = c.cell(i)
	}
	return t.Write(line...)
}

// download returns all that a list shows as a file.
func (d *Dashboard) download(w http.ResponseWriter, r *http.Request) {
	f, wrong := d.readFilter(r.URL.Query())
	if len(wrong) > 0 { // a page says so and shows more; a file would be taken for what was asked for
		p := d.page(w, r, "message.title")
		p.Body = p.wrong(wrong[0])
		d.render(w, r, http.StatusBadRequest, "message", p)
		return
	}
	if f.SetName() == listEnded {
		d.downloadEnded(w, r, f)
		return
	}
	s, err := d.look(r.Context())
	if err != nil {
		d.fail(w, r, err)
		return
	}
	of := s.of(f.SetName())
	if of.cut || of.damaged {
		d.refuse(w, r, http.StatusConflict, "list.csv_incomplete", d.walk)
		return
	}
	var out bytes.Buffer // nothing is sent before all of it is known, so that no part is taken for the whole
	file, _ := newTable(&out)
	for _, i := range f.sorted(of.items) {
		_ = file.add(i)
	}
	_ = file.Flush()
	d.attach(w, f.Status+"-"+d.opts.Now().In(settlebank.KST).Format("20060102-1504"))
	_, _ = w.Write(out.Bytes())
	d.log.InfoContext(r.Context(), "list downloaded", "who", who(r), "status", f.Status, "rows", file.rows)
}

// downloadEnded returns what has ended, however much it is. Where that breaks off, or a record
// cannot be read, the file's last line says that it is not whole.
func (d *Dashboard) downloadEnded(w http.ResponseWriter, r *http.Request, f filter) {
	if err := d.opts.Redis.Ping(r.Context()).Err(); err != nil {
		d.fail(w, r, err)
		return
	}
	d.attach(w, f.Status+"-"+f.From+"-"+f.To)
	file, failed := newTable(w)
	damaged, err := d.eachEnded(r.Context(), f, func(i item) bool {
		if f.matches(i) {
			failed = file.add(i)
		}
		return failed == nil
	})
	if err != nil || damaged {
		_ = file.Write(records.BrokenOff)
		d.log.ErrorContext(r.Context(), "a list was not downloaded whole", "who", who(r), "status", f.Status, "error", err)
	}
	_ = file.Flush()
	d.log.InfoContext(r.Context(), "list downloaded", "who", who(r), "status", f.Status, "from", f.From, "to", f.To, "rows", file.rows)
}

// attach tells the browser that what comes is a file.
func (d *Dashboard) attach(w http.ResponseWriter, name string) {
	w.Header().Set("Content-Type", "text/csv; charset=utf-8")
	w.Header().Set("Content-Disposition", `attachment; filename="cancellations-`+name+`.csv"`)
}
