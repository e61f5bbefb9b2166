package reconcile

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"time"

	"settlecancel/cmd/settlecancel/spreadsheet"
)

// Writer writes the rows of a comparison as they come, then what it came to.
type Writer interface {
	Row(Row) error
	Close(Summary) error // not called where the comparison failed: then what was written is not whole
}

// columns are those of the CSV form; the JSON form names its fields so.
var columns = []string{"category", "mchtId", "method", "orgTrdNo", "idempotencyKey", "status", "canTrdNo", "amount", "currency",
	"endedAt", "listedTrdNo", "listedAmount", "listedAt", "note"}

// categoryFailure is the category of a CSV line that tells what could not be looked at.
const categoryFailure = "failure"

type csvWriter struct {
	out   *spreadsheet.Writer
	begun bool
}

// NewCSV returns a Writer of CSV: a line a row, below a line of names. Failures are lines too, with
// their text as note.
func NewCSV(out io.Writer) Writer { return &csvWriter{out: spreadsheet.NewWriter(out)} }

func (w *csvWriter) Row(r Row) error {
	amount, listed := "", ""
	if r.Key != "" {
		amount = strconv.FormatInt(r.Amount, 10)
	}
	if r.ListedTrdNo != "" {
		listed = strconv.FormatInt(r.ListedAmount, 10)
	}
	return w.line(string(r.Category), r.MchtID, r.Method, r.OrgTrdNo, r.Key, string(r.Status), r.CanTrdNo, amount, r.Currency,
		timeText(r.EndedAt), r.ListedTrdNo, listed, timeText(r.ListedAt), r.Note)
}

func (w *csvWriter) line(cells ...string) error {
	if !w.begun {
		w.begun = true
		if err := w.out.Write(columns...); err != nil {
			return err
		}
	}
	return w.out.Write(cells...)
}

func (w *csvWriter) Close(s Summary) error {
	if !w.begun {
		w.begun = true
		if err := w.out.Write(columns...); err != nil {
			return err
		}
	}
	for _, f := range s.Failures {
		cells := make([]string, len(columns))
		cells[0], cells[len(cells)-1] = categoryFailure, f
		if err := w.line(cells...); err != nil {
			return err
		}
	}
	return w.out.Flush()
}

func timeText(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.Format(time.RFC3339)
}

type jsonRow struct {
	Category     Category   `json:"category"`
	MchtID       string     `json:"mchtId"`
	Method       string     `json:"method,omitempty"`
	OrgTrdNo     string     `json:"orgTrdNo"`
	Key          string     `json:"idempotencyKey,omitempty"`
	Status       string     `json:"status,omitempty"`
	CanTrdNo     string     `json:"canTrdNo,omitempty"`
	Amount       *int64     `json:"amount,omitempty"`
	Currency     string     `json:"currency"`
	EndedAt      *time.Time `json:"endedAt,omitempty"`
	ListedTrdNo  string     `json:"listedTrdNo,omitempty"`
	ListedAmount *int64     `json:"listedAmount,omitempty"`
	ListedAt     *time.Time `json:"listedAt,omitempty"`
	Note         string     `json:"note,omitempty"`
}

type jsonWriter struct {
	out  *bufio.Writer
	rows int
	q    Query
}

// NewJSON returns a Writer of one JSON object: date, dryRun, rows (a list), totals (by category),
// failures, agrees.
func NewJSON(out io.Writer, q Query) Writer { return &jsonWriter{out: bufio.NewWriter(out), q: q} }

func (w *jsonWriter) Row(r Row) error {
	row := jsonRow{Category: r.Category, MchtID: r.MchtID, Method: r.Method, OrgTrdNo: r.OrgTrdNo, Key: r.Key, Status: string(r.Status),
		CanTrdNo: r.CanTrdNo, Currency: r.Currency, ListedTrdNo: r.ListedTrdNo, Note: r.Note}
	if r.Key != "" {
		row.Amount = &r.Amount
	}
	if !r.EndedAt.IsZero() {
		row.EndedAt = &r.EndedAt
	}
	if r.ListedTrdNo != "" {
		row.ListedAmount, row.ListedAt = &r.ListedAmount, &r.ListedAt
	}
	raw, err := json.Marshal(row)
	if err != nil {
		return err
	}
	if err := w.begin(); err != nil {
		return err
	}
	if w.rows > 0 {
		_ = w.out.WriteByte(',')
	}
	w.rows++
	_, err = fmt.Fprintf(w.out, "\n%s", raw)
	return err
}

// begin writes what stands before the rows, once.
func (w *jsonWriter) begin() error {
	if w.rows > 0 {
		return nil
	}
	_, err := fmt.Fprintf(w.out, `{"date":%q,"dryRun":%t,"rows":[`, w.q.Date, w.q.DryRun)
	return err
}

func (w *jsonWriter) Close(s Summary) error {
	if err := w.begin(); err != nil {
		return err
	}
	totals := make(map[Category]Total, len(Categories()))
	for _, c := range Categories() {
		totals[c] = s.Totals[c]
	}
	raw, err := json.Marshal(struct {
		Totals   map[Category]Total `json:"totals"`
		Failures []string           `json:"failures"`
		Agrees   bool               `json:"agrees"`
	}{totals, append([]string{}, s.Failures...), s.Agrees()})
	if err != nil {
		return err
	}
	if _, err := fmt.Fprintf(w.out, "\n],%s\n", raw[1:]); err != nil {
		return err
	}
	return w.out.Flush()
}
