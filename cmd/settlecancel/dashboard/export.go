package dashboard

import (
	"bytes"
	"encoding/csv"
	"net/http"
	"regexp"
	"strconv"
	"strings"

	"settlecancel/gateway/settlebank"
)

// bom tells spreadsheets that the file is UTF-8: without it they take Korean for something else.
const bom = "\uFEFF"

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

// download returns all that a list shows as a file that spreadsheets read. Nothing is written
// before all of it is known, so that no part is taken for the whole.
func (d *Dashboard) download(w http.ResponseWriter, r *http.Request) {
	f, wrong := readFilter(r.URL.Query())
	if len(wrong) > 0 { // a page says so and shows more; a file would be taken for what was asked for
		p := d.page(w, r, "message.title")
		d.refuse(w, r, http.StatusBadRequest, "list.wrong", p.T("filter."+wrong[0]))
		return
	}
	s, err := d.look(r.Context())
	if err != nil {
		d.fail(w, r, err)
		return
	}
	items, incomplete := s.items(f.set())
	if incomplete || s.Damaged {
		d.refuse(w, r, http.StatusConflict, "list.csv_incomplete", d.walk)
		return
	}
	var out bytes.Buffer
	out.WriteString(bom)
	file := csv.NewWriter(&out)
	file.UseCRLF = true
	line := make([]string, len(cells))
	for n, c := range cells {
		line[n] = c.name
	}
	_ = file.Write(line) // into memory
	for _, i := range f.sorted(items) {
		for n, c := range cells {
			line[n] = harmless(c.cell(i))
		}
		_ = file.Write(line)
	}
	file.Flush()
	name := "cancellations-" + f.Status + "-" + d.opts.Now().In(settlebank.KST).Format("20060102-1504") + ".csv"
	w.Header().Set("Content-Type", "text/csv; charset=utf-8")
	w.Header().Set("Content-Disposition", `attachment; filename="`+name+`"`)
	_, _ = w.Write(out.Bytes())
	d.log.InfoContext(r.Context(), "list downloaded", "who", who(r), "status", f.Status, "rows", len(items))
}

var plainNumber = regexp.MustCompile(`^[+-]?[0-9]+(\.[0-9]+)?$`)

// harmless puts an apostrophe before what a spreadsheet would take for a formula.
func harmless(text string) string {
	start := strings.TrimLeft(text, " ")
	if start != "" && strings.ContainsRune("=+-@＝＋－＠", []rune(start)[0]) && !plainNumber.MatchString(text) {
		return "'" + text
	}
	return text
}
