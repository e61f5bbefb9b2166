package dashboard

import (
	"cmp"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"settlecancel/cmd/settlecancel/deadletter"
	"settlecancel/gateway/settlebank"
	"settlecancel/tasks/ledger"
)

// What a list can be of, but a single status. Those that a person has given up are rejected like
// dead letters, and have a name of their own.
const (
	listOpen  = "open"
	listDead  = "dead"
	listEnded = "ended"
	givenUp   = "given_up"
)

// What a list can be of, in the order of the tabs.
var (
	deadLists  = []string{listDead, string(ledger.Review), string(ledger.Rejected), string(ledger.Exhausted)}
	openLists  = []string{listOpen, string(ledger.Unknown), string(ledger.Queued), string(ledger.Sending)}
	endedLists = []string{listEnded, string(ledger.Cancelled), string(ledger.AlreadyCancelled), string(ledger.RefundedElsewhere), givenUp}
)

// filter says which cancellations a list shows, and in which order.
type filter struct {
	Status   string
	Code     string // deadletter.NoCode: those without one
	Merchant string
	Method   string // deadletter.NoCode: those without one
	From, To string // Korean days, yyyy-mm-dd, both included
	Min, Max string // amount in won or cents, as typed
	Sort     string // name of a column, with - in front for the greatest first
	Page     int    // from 1

	from, before time.Time
	min, max     int64
}

// codeParam is a result code, or a method, as a filter names it, where an empty field means any.
func codeParam(code string) string { return cmp.Or(code, deadletter.NoCode) }

// columns are what a list can be sorted by.
var columns = map[string]func(a, b item) int{
	"due":    func(a, b item) int { return a.DueAt.Compare(b.DueAt) },
	"since":  func(a, b item) int { return a.Since.Compare(b.Since) },
	"amount": func(a, b item) int { return cmp.Compare(a.Amount, b.Amount) },
	"code":   func(a, b item) int { return cmp.Compare(a.Code, b.Code) },
	"mcht":   func(a, b item) int { return cmp.Compare(a.MchtID, b.MchtID) },
	"method": func(a, b item) int { return cmp.Compare(a.Method, b.Method) },
	"status": func(a, b item) int { return cmp.Compare(a.Status, b.Status) },
	"number": func(a, b item) int { return cmp.Compare(a.CanTrdNo, b.CanTrdNo) },
	"key":    func(a, b item) int { return cmp.Compare(a.Key, b.Key) },
	"order":  func(a, b item) int { return cmp.Compare(a.OrgMchtTrdNo, b.OrgMchtTrdNo) },
}

// readFilter reads a filter from the address of a list. What cannot be read is left out, and its
// field named.
func readFilter(q url.Values) (f filter, wrong []string) {
	text := func(name string) string { return strings.TrimSpace(q.Get(name)) }
	f = filter{Status: text("status"), Code: text("code"), Merchant: text("mcht"), Method: text("method"),
		From: text("from"), To: text("to"), Min: text("min"), Max: text("max"), Sort: text("sort")}
	if !slices.Contains(slices.Concat(deadLists, openLists, endedLists), f.Status) {
		f.Status = listDead
	}
	if columns[strings.TrimPrefix(f.Sort, "-")] == nil {
		f.Sort = f.usualSort()
	}
	f.Page, _ = strconv.Atoi(q.Get("page"))
	f.Page = max(f.Page, 1)
	amount := func(typed *string, name string) int64 {
		n, err := strconv.ParseInt(strings.ReplaceAll(*typed, ",", ""), 10, 64)
		if *typed != "" && (err != nil || n < 0) {
			*typed, n, wrong = "", 0, append(wrong, name)
		}
		return n
	}
	f.min, f.max = amount(&f.Min, "min"), amount(&f.Max, "max")
	day := func(typed *string, name string) time.Time {
		t, err := time.ParseInLocation(time.DateOnly, *typed, settlebank.KST)
		if *typed != "" && err != nil {
			*typed, wrong = "", append(wrong, name)
		}
		return t
	}
	f.from, f.before = day(&f.From, "from"), day(&f.To, "to")
	if f.To != "" {
		f.before = f.before.AddDate(0, 0, 1)
	}
	return f, wrong
}

// usualSort is by need: what died or ended last, what is due first.
func (f filter) usualSort() string {
	if f.SetName() == listOpen {
		return "due"
	}
	return "-since"
}

// Narrowed reports whether the list does not show all of its status.
func (f filter) Narrowed() bool {
	days := f.SetName() != listEnded && (f.From != "" || f.To != "") // what has ended is always of some days
	return f.Code != "" || f.Merchant != "" || f.Method != "" || days || f.Min != "" || f.Max != ""
}

// matches reports whether the list shows i.
func (f filter) matches(i item) bool {
	switch {
	case f.Status != f.SetName() && f.Status != string(i.Status) && (f.Status != givenUp || i.Status != ledger.Rejected),
		f.Code != "" && f.Code != codeParam(i.Code),
		f.Merchant != "" && f.Merchant != i.MchtID,
		f.Method != "" && f.Method != codeParam(i.Method),
		f.From != "" && i.Since.Before(f.from),
		f.To != "" && !i.Since.Before(f.before),
		f.Min != "" && i.Amount < f.min,
		f.Max != "" && i.Amount > f.max:
		return false
	}
	return true
}

// sorted returns those of items that the list shows, in its order.
func (f filter) sorted(items []item) []item {
	var shown []item
	for _, i := range items {
		if f.matches(i) {
			shown = append(shown, i)
		}
	}
	name, falling := strings.CutPrefix(f.Sort, "-")
	by := columns[name]
	slices.SortStableFunc(shown, func(a, b item) int {
		n := by(a, b)
		if falling {
			n = -n
		}
		return cmp.Or(n, cmp.Compare(a.Key, b.Key))
	})
	return shown
}

// query returns the filter as the address of a list has it.
func (f filter) query() url.Values {
	q := url.Values{"status": {f.Status}}
	for name, value := range map[string]string{"code": f.Code, "mcht": f.Merchant, "method": f.Method, "from": f.From, "to": f.To, "min": f.Min, "max": f.Max} {
		if value != "" {
			q.Set(name, value)
		}
	}
	if f.Sort != f.usualSort() && f.Sort != "" {
		q.Set("sort", f.Sort)
	}
	if f.Page > 1 {
		q.Set("page", strconv.Itoa(f.Page))
	}
	return q
}

// Tabs returns the statuses of the set, with the whole set first.
func (f filter) Tabs() []string {
	for _, lists := range [][]string{openLists, endedLists} {
		if slices.Contains(lists, f.Status) {
			return lists
		}
	}
	return deadLists
}

// SetName names the set in which the cancellations stand: of open ones, of dead letters, or of what
// has ended.
func (f filter) SetName() string { return f.Tabs()[0] }

// URL leads to the list.
func (f filter) URL() string { return cancellations + "list?" + f.query().Encode() }

// CSVURL leads to all that match, as a file.
func (f filter) CSVURL() string {
	f.Page = 1
	return cancellations + "list.csv?" + f.query().Encode()
}

// BulkURL leads to where all that match are decided on together, "" where that cannot be.
func (f filter) BulkURL() string {
	if f.SetName() != listDead {
		return ""
	}
	f.Page, f.Sort = 1, ""
	return cancellations + "bulk?" + f.query().Encode()
}

// All leads to all of the status; of what has ended, on the same days.
func (f filter) All() string {
	all := filter{Status: f.Status}
	if f.SetName() == listEnded {
		all.From, all.To = f.From, f.To
	}
	return all.URL()
}

// With returns the filter for another status, for the tabs.
func (f filter) With(status string) filter {
	f.Status, f.Page = status, 1
	f.Sort = f.usualSort()
	return f
}

// At leads to another page of the list.
func (f filter) At(page int) string {
	f.Page = page
	return f.URL()
}

// By leads to the list sorted by a column; where it is sorted by it, to the other way round.
func (f filter) By(column string) string {
	f.Page = 1
	if f.Sort == column || f.Sort == "-"+column {
		f.Sort = map[bool]string{true: column, false: "-" + column}[strings.HasPrefix(f.Sort, "-")]
	} else {
		f.Sort = column
	}
	return f.URL()
}

// Sorted returns how a column is sorted, as aria-sort has it.
func (f filter) Sorted(column string) string {
	switch f.Sort {
	case column:
		return "ascending"
	case "-" + column:
		return "descending"
	}
	return "none"
}
