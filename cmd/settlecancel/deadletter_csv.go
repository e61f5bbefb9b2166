package main

import (
	"cmp"
	"context"
	"encoding/csv"
	"errors"
	"io"
	"regexp"
	"strconv"
	"strings"

	"settlecancel/tasks"
	"settlecancel/tasks/ledger"
	"settlecancel/tasks/report"
)

// columns are those of an export, named as in JSON. Amounts are in the smallest unit of the
// currency.
var columns = []struct {
	name string
	cell func(report.Record) string
}{
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
	{"acceptedAt", func(c report.Record) string { return korean(c.AcceptedAt) }},
	{"acceptedBy", func(c report.Record) string { return c.AcceptedBy }},
	{"diedAt", func(c report.Record) string { return koreanOrNone(c.EndedAt) }},
	{"attempts", func(c report.Record) string { return strconv.Itoa(c.OlderDropped + len(c.Attempts)) }},
	{"retriesSpent", func(c report.Record) string { return strconv.Itoa(c.RetriesSpent) }},
	{"queue", func(c report.Record) string { return c.Queue }},
	{"reason", func(c report.Record) string { return c.Reason }},
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

// brokenOff is the last line of a list that is not whole: one cell, where any reader expects as
// many as the first line has.
const brokenOff = "THIS EXPORT BROKE OFF AND IS NOT COMPLETE"

// csv writes the list after RFC 4180, below a line of names.
func (l lister) csv(ctx context.Context, out io.Writer) error {
	w := csv.NewWriter(out)
	w.UseCRLF = true
	line := make([]string, len(columns))
	for i, column := range columns {
		line[i] = column.name
	}
	if err := w.Write(line); err != nil {
		return err
	}
	err := l.each(ctx, func(c report.Record) error {
		for i, column := range columns {
			line[i] = harmless(column.cell(c))
		}
		return w.Write(line)
	})
	if err != nil && !errors.Is(err, ledger.ErrDamaged) {
		_ = w.Write([]string{brokenOff})
	}
	w.Flush()
	return cmp.Or(err, w.Error())
}

var plainNumber = regexp.MustCompile(`^[+-]?[0-9]+(\.[0-9]+)?$`)

// harmless makes foreign text fit for a cell: on one line, without what a terminal acts on, and
// behind an apostrophe where a spreadsheet would take it for a formula.
func harmless(text string) string {
	start := strings.TrimLeft(text, " ")
	if start != "" && strings.ContainsRune("=+-@\t\r\n＝＋－＠", []rune(start)[0]) && !plainNumber.MatchString(text) {
		text = "'" + text
	}
	return clean(text)
}
