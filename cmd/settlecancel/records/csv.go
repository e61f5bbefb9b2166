package records

import (
	"cmp"
	"errors"
	"io"
	"slices"
	"strconv"

	"settlecancel/cmd/settlecancel/spreadsheet"
	"settlecancel/cmd/settlecancel/terminal"
	"settlecancel/tasks"
	"settlecancel/tasks/ledger"
	"settlecancel/tasks/report"
)

// Column is one of a file for spreadsheets. Columns are named as in JSON; amounts are in the
// smallest unit of the currency.
type Column struct {
	Name string
	Cell func(report.Record) string
}

// DeadColumns are those of an export of dead letters.
func DeadColumns() []Column { return columns("diedAt") }

// Columns are those of a list of cancellations of any status.
func Columns() []Column {
	all := columns("endedAt")
	code := slices.IndexFunc(all, func(c Column) bool { return c.Name == "code" })
	return slices.Insert(all, code,
		Column{"canTrdNo", func(c report.Record) string { return c.CanTrdNo }},
		Column{"closed", func(c report.Record) string { return strconv.FormatBool(c.Closed) }})
}

// columns returns what every list has; ended is the name of the time at which a cancellation ended.
func columns(ended string) []Column {
	return []Column{
		{"idempotencyKey", func(c report.Record) string { return c.IdempotencyKey }},
		{"status", func(c report.Record) string { return string(c.Status) }},
		{"mchtId", func(c report.Record) string { return c.MchtID }},
		{"orgTrdNo", func(c report.Record) string { return c.OrgTrdNo }},
		{"orgMchtTrdNo", func(c report.Record) string { return c.OrgMchtTrdNo }},
		{"orgTrdDt", func(c report.Record) string { return c.OrgTrdDt }},
		{"canAmt", func(c report.Record) string { return strconv.FormatInt(c.CanAmt, 10) }},
		{"orgTrdAmt", func(c report.Record) string { return numberOrNone(c.OrgTrdAmt) }},
		{"currency", func(c report.Record) string { return cmp.Or(c.Currency, tasks.CurrencyKRW) }},
		{"method", func(c report.Record) string { return c.Method }},
		{"operation", func(c report.Record) string { return cmp.Or(c.Operation, tasks.OperationCancel) }},
		{"taxTypeCd", func(c report.Record) string { return c.TaxTypeCd }},
		{"taxAmt", func(c report.Record) string { return numberIfGiven(c.TaxAmt) }},
		{"vatAmt", func(c report.Record) string { return numberIfGiven(c.VatAmt) }},
		{"taxFreeAmt", func(c report.Record) string { return numberIfGiven(c.TaxFreeAmt) }},
		{"svcAmt", func(c report.Record) string { return numberIfGiven(c.SvcAmt) }},
		{"code", func(c report.Record) string { return c.Code }},
		{"message", func(c report.Record) string { return c.Message }},
		{"acceptedAt", func(c report.Record) string { return terminal.Korean(c.AcceptedAt) }},
		{"acceptedBy", func(c report.Record) string { return c.AcceptedBy }},
		{ended, func(c report.Record) string { return terminal.KoreanOrNone(c.EndedAt) }},
		{"attempts", func(c report.Record) string { return strconv.Itoa(c.OlderDropped + len(c.Attempts)) }},
		{"retriesSpent", func(c report.Record) string { return strconv.Itoa(c.RetriesSpent) }},
		{"queue", func(c report.Record) string { return c.Queue }},
		{"reason", func(c report.Record) string { return c.Reason }},
	}
}

// BrokenOff is the last line of a list that is not whole: one cell, where any reader expects as
// many as the first line has.
const BrokenOff = "THIS EXPORT BROKE OFF AND IS NOT COMPLETE"

// WriteCSV writes what each shows, below a line of names. If the showing breaks off, the last line
// says so. Damage alone, an ErrDamaged, does not break it off.
func WriteCSV(out io.Writer, columns []Column, each func(show func(report.Record) error) error) error {
	w := spreadsheet.NewWriter(out)
	line := make([]string, len(columns))
	for i, column := range columns {
		line[i] = column.Name
	}
	if err := w.Write(line...); err != nil {
		return err
	}
	err := each(func(c report.Record) error {
		for i, column := range columns {
			line[i] = column.Cell(c)
		}
		return w.Write(line...)
	})
	if err != nil && !errors.Is(err, ledger.ErrDamaged) {
		_ = w.Write(BrokenOff)
	}
	return cmp.Or(err, w.Flush())
}

func numberOrNone(n int64) string {
	if n == 0 {
		return ""
	}
	return strconv.FormatInt(n, 10)
}

func numberIfGiven(n *int64) string {
	if n == nil {
		return ""
	}
	return strconv.FormatInt(*n, 10)
}
