package dashboard

import (
	"cmp"
	"net/url"
	"time"

	"settlecancel/tasks"
	"settlecancel/tasks/ledger"
)

// item is a cancellation as a row shows it. Its texts are clean; RawKey alone is not.
type item struct {
	Key, MchtID, OrgTrdNo, OrgMchtTrdNo string
	Code, Message                       string
	Status                              ledger.Status
	Closed                              bool
	Amount                              int64
	Currency                            string
	Method, CanTrdNo                    string
	AcceptedAt, DueAt, EndedAt          time.Time
	Since                               time.Time // dead or ended since, or accepted
	RawKey                              string    // as it is, for forms and links
	Version                             string    // of what was seen
	Verifies                            bool      // a retry asks the gateway before anything is sent
}

// State is the name of the status in our texts. A dead letter that a person has closed as rejected
// would look like one that waits for people.
func (i item) State() string {
	if i.Closed && i.Status == ledger.Rejected {
		return givenUp
	}
	return string(i.Status)
}

// URL leads to the cancellation's own page.
func (i item) URL() string { return storyURL(i.RawKey) }

// DecideURL leads to the form of one decision.
func (i item) DecideURL(as string) string {
	return cancellations + "decide?" + url.Values{"key": {i.RawKey}, "as": {as}}.Encode()
}

// longest message in a row; the whole one stands on the cancellation's own page.
const rowMessage = 140

// newItem returns a record and its parameters as a row. Damaged parameters leave it with less,
// never without its key.
func newItem(r ledger.Record) (item, tasks.Cancellation) {
	x, err := tasks.FromRecord(r)
	if err != nil {
		x = tasks.Cancellation{}
	}
	since := r.EndedAt
	if since.IsZero() {
		since = r.AcceptedAt
	}
	return item{
		Key: clean(r.Key), MchtID: clean(r.MchtID), OrgTrdNo: clean(r.OrgTrdNo), OrgMchtTrdNo: clean(x.OrgMchtTrdNo),
		Code: clean(r.Code), Message: cut(clean(r.Message), rowMessage), Status: r.Status, Closed: r.Closed,
		Amount: r.Amount, Currency: cmp.Or(x.Currency, tasks.CurrencyKRW), Method: clean(x.Method), CanTrdNo: clean(r.CanTrdNo),
		AcceptedAt: r.AcceptedAt, DueAt: r.DueAt, EndedAt: r.EndedAt, Since: since, RawKey: r.Key, Version: version(r), Verifies: ledger.AfterRetry(r).Verifies,
	}, x
}
