package dashboard

import (
	"cmp"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"settlecancel/cmd/settlecancel/deadletter"
	"settlecancel/tasks/ledger"
)

// What a list can be of, besides a single status.
const (
	listOpen = "open"
	listDead = "dead"
)

// codeParam is a result code as a filter names it, where an empty field means any.
func codeParam(code string) string { return cmp.Or(code, deadletter.NoCode) }

// ages are what a list can be narrowed to: the age, and whether it is the least or the most.
var ages = []struct {
	Name    string
	Age     time.Duration
	Younger bool
}{
	{"lt1h", time.Hour, true}, {"lt24h", 24 * time.Hour, true},
	{"gt1h", time.Hour, false}, {"gt24h", 24 * time.Hour, false}, {"gt7d", 7 * 24 * time.Hour, false}, {"gt30d", 30 * 24 * time.Hour, false},
}

// filter says which cancellations a list shows.
type filter struct {
	Status   string
	Code     string // deadletter.NoCode: those without one
	Merchant string
	Age      string // name of one of ages
	Min, Max string // amount in won or cents, as typed
	Newest   bool
	Cursor   string

	min, max int64
}

// readFilter reads a filter from the address of a list. What cannot be read is left out, and its
// field named.
func readFilter(q url.Values) (f filter, wrong []string) {
	text := func(name string) string { return strings.TrimSpace(q.Get(name)) }
	f = filter{Status: text("status"), Code: text("code"), Merchant: text("mcht"), Age: text("age"),
		Min: text("min"), Max: text("max"), Cursor: q.Get("cursor")}
	if !slices.Contains(deadLists, f.Status) && !slices.Contains(openLists, f.Status) {
		f.Status = listDead
	}
	f.Newest = q.Get("order") == "newest" || q.Get("order") == "" && f.set() == ledger.DeadLetters
	if f.Age != "" && f.age() < 0 {
		f.Age, wrong = "", append(wrong, "age")
	}
	amount := func(typed *string, name string) int64 {
		n, err := strconv.ParseInt(strings.ReplaceAll(*typed, ",", ""), 10, 64)
		if *typed != "" && (err != nil || n < 0) {
			*typed, n, wrong = "", 0, append(wrong, name)
		}
		return n
	}
	f.min, f.max = amount(&f.Min, "min"), amount(&f.Max, "max")
	return f, wrong
}

// What a list can be of, in the order of the tabs.
var (
	deadLists = []string{listDead, string(ledger.Review), string(ledger.Rejected), string(ledger.Exhausted)}
	openLists = []string{listOpen, string(ledger.Unknown), string(ledger.Queued), string(ledger.Sending)}
)

// set returns in which set of the ledger the cancellations stand.
func (f filter) set() ledger.Set {
	if slices.Contains(openLists, f.Status) {
		return ledger.Open
	}
	return ledger.DeadLetters
}

func (f filter) age() int {
	for i, a := range ages {
		if a.Name == f.Age {
			return i
		}
	}
	return -1
}

// Narrowed reports whether the list does not show all of its status.
func (f filter) Narrowed() bool {
	return f.Code != "" || f.Merchant != "" || f.Age != "" || f.Min != "" || f.Max != ""
}

// selects returns the filter as it stands now.
func (f filter) selects(now time.Time) deadletter.Filter {
	s := deadletter.Filter{Code: f.Code, MchtID: f.Merchant}
	if f.Status != listOpen && f.Status != listDead {
		s.Status = ledger.Status(f.Status)
	}
	if i := f.age(); i >= 0 && ages[i].Younger {
		s.From = now.Add(-ages[i].Age)
	} else if i >= 0 {
		s.Before = now.Add(-ages[i].Age)
	}
	if f.Min != "" {
		s.Min = &f.min
	}
	if f.Max != "" {
		s.Max = &f.max
	}
	return s
}

// query returns the filter as the address of a list has it, without the cursor.
func (f filter) query() url.Values {
	q := url.Values{"status": {f.Status}}
	for name, value := range map[string]string{"code": f.Code, "mcht": f.Merchant, "age": f.Age, "min": f.Min, "max": f.Max} {
		if value != "" {
			q.Set(name, value)
		}
	}
	if f.Newest != (f.set() == ledger.DeadLetters) {
		q.Set("order", map[bool]string{true: "newest", false: "oldest"}[f.Newest])
	}
	return q
}

// Tabs returns the statuses of the set, with the whole set first.
func (f filter) Tabs() []string {
	if f.set() == ledger.Open {
		return openLists
	}
	return deadLists
}

// SetName names the set, for texts.
func (f filter) SetName() string {
	if f.set() == ledger.Open {
		return listOpen
	}
	return listDead
}

// URL leads to the first page of the list.
func (f filter) URL() string { return office + "list?" + f.query().Encode() }

// With returns the filter for another status, for the tabs.
func (f filter) With(status string) filter {
	f.Status, f.Cursor = status, ""
	f.Newest = f.set() == ledger.DeadLetters
	return f
}

// Turned returns the filter in the other order.
func (f filter) Turned() filter {
	f.Newest, f.Cursor = !f.Newest, ""
	return f
}

// After leads to the page behind a cursor.
func (f filter) After(cursor string) string {
	q := f.query()
	q.Set("cursor", cursor)
	return office + "list?" + q.Encode()
}

// BulkURL leads to where the dead letters of the code are retried together, "" where that cannot
// be.
func (f filter) BulkURL() string {
	if f.Code == "" || f.set() != ledger.DeadLetters {
		return ""
	}
	q := url.Values{"code": {f.Code}}
	if f.Merchant != "" {
		q.Set("mcht", f.Merchant)
	}
	if f.Status != listDead {
		q.Set("status", f.Status)
	}
	return office + "bulk?" + q.Encode()
}
