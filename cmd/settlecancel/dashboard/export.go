package dashboard

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"time"

	"settlecancel/cmd/settlecancel/records"
	"settlecancel/gateway/settlebank"
	"settlecancel/tasks/ledger"
	"settlecancel/tasks/report"
)

// A list as a file has the columns that the command line gives it, so that finance gets the same of
// both.

// show takes one line of a file.
type show = func(report.Record) error

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
	found, whole, err := d.fileOf(r.Context(), f)
	if err != nil {
		d.fail(w, r, err)
		return
	}
	if !whole {
		d.refuse(w, r, http.StatusConflict, "list.csv_incomplete", d.walk)
		return
	}
	columns := records.Columns()
	if f.SetName() == listDead {
		columns = records.DeadColumns()
	}
	var out bytes.Buffer // nothing is sent before all of it is known, so that no part is taken for the whole
	err = records.WriteCSV(&out, columns, func(show show) error {
		for _, c := range found {
			if err := show(c); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		d.fail(w, r, err)
		return
	}
	d.attach(w, f.Status+"-"+d.opts.Now().In(settlebank.KST).Format("20060102-1504"))
	_, _ = io.Copy(w, &out)
	d.log.InfoContext(r.Context(), "list downloaded", "who", who(r), "status", f.Status, "rows", len(found))
}

// fileOf returns what a list of open ones or of dead letters shows, in its order. It reports false
// where that is not all, because it is too much or cannot be read.
func (d *Dashboard) fileOf(ctx context.Context, f filter) (lines []report.Record, whole bool, err error) {
	set := ledger.DeadLetters
	if f.SetName() == listOpen {
		set = ledger.Open
	}
	var items []item
	byKey := map[string]report.Record{}
	damaged := false
	walked, err := d.each(ctx, set, func(r ledger.Record) {
		shown, err := report.New(r)
		damaged = damaged || err != nil
		i, _ := newItem(r)
		items = append(items, i)
		byKey[r.Key] = shown
	})
	if err != nil {
		return nil, false, err
	}
	for _, i := range f.sorted(items) {
		lines = append(lines, byKey[i.RawKey])
	}
	return lines, !walked.cut && !walked.damaged && !damaged, nil
}

// downloadEnded returns what has ended, however much it is. Where that breaks off, or a record
// cannot be read, the file's last line says that it is not whole.
func (d *Dashboard) downloadEnded(w http.ResponseWriter, r *http.Request, f filter) {
	if err := d.opts.Redis.Ping(r.Context()).Err(); err != nil {
		d.fail(w, r, err)
		return
	}
	d.attach(w, f.Status+"-"+f.From+"-"+f.To)
	rows := 0
	wait := unhurried(w)
	wait()
	err := records.WriteCSV(w, records.Columns(), func(show show) error {
		var failed, unreadable error
		damaged, err := d.eachEnded(r.Context(), f, func(i item, r ledger.Record) bool {
			wait()
			if !f.matches(i) {
				return true
			}
			line, err := report.New(r)
			if err != nil {
				unreadable = err
				return true
			}
			rows++
			failed = show(line)
			return failed == nil
		})
		if damaged {
			unreadable = errUnreadable
		}
		return errors.Join(failed, err, unreadable)
	})
	if err != nil {
		d.log.ErrorContext(r.Context(), "a list was not downloaded whole", "who", who(r), "status", f.Status, "error", err)
	}
	d.log.InfoContext(r.Context(), "list downloaded", "who", who(r), "status", f.Status, "from", f.From, "to", f.To, "rows", rows)
}

// How long a reader may take for the next part of a file, and how often that is said anew.
const (
	slowest  = time.Minute
	sayAgain = slowest / 6
)

// unhurried returns what lets an answer go on for as long as it is read: the server's own bound is for
// the whole of an answer, and would break a long file off. It is called again and again.
func unhurried(w http.ResponseWriter) func() {
	answer, said := http.NewResponseController(w), time.Time{}
	return func() {
		if now := time.Now(); now.Sub(said) > sayAgain {
			said = now
			_ = answer.SetWriteDeadline(now.Add(slowest)) // where it cannot be set, there is none
		}
	}
}

// errUnreadable breaks a file off: it would lack a line, and be taken for the whole.
var errUnreadable = errors.New("dashboard: a record of the list cannot be read")

// attach tells the browser that what comes is a file.
func (d *Dashboard) attach(w http.ResponseWriter, name string) {
	w.Header().Set("Content-Type", "text/csv; charset=utf-8")
	w.Header().Set("Content-Disposition", `attachment; filename="cancellations-`+name+`.csv"`)
}
