package dashboard

import (
	"context"
	"errors"
	"net/http"

	"settlecancel/tasks/ledger"
)

// How much of a list one answer looks at and shows.
const (
	pageRecords = 50    // read at a time; a page shows as many at least, where there are
	pageScan    = 2_000 // looked at for one page of a narrowed list
)

// listBody is what a list shows.
type listBody struct {
	filter
	Ages    []string
	Items   []item
	Shown   sum
	Next    string // address of the next page
	Cut     bool   // the page may lack some: so many had to be looked at
	Scan    int
	Damaged bool
}

func (d *Dashboard) list(w http.ResponseWriter, r *http.Request) {
	f, wrong := readFilter(r.URL.Query())
	body, err := d.listed(r.Context(), f)
	if errors.Is(err, errBadCursor) {
		d.refuse(w, r, http.StatusBadRequest, "message.bad_cursor")
		return
	}
	if err != nil {
		d.fail(w, r, err)
		return
	}
	p := d.page(w, r, "list.of."+f.Status)
	p.Section = f.SetName()
	for _, field := range wrong {
		p.Faults = append(p.Faults, p.T("list.wrong", p.T("filter."+field)))
	}
	p.Body = body
	d.render(w, r, http.StatusOK, "list", p)
}

var errBadCursor = errors.New("dashboard: no such place in the list")

// listed reads one page of a list.
func (d *Dashboard) listed(ctx context.Context, f filter) (listBody, error) {
	body := listBody{filter: f, Scan: pageScan}
	for _, a := range ages {
		body.Ages = append(body.Ages, a.Name)
	}
	selected := f.selects(d.opts.Now())
	o := ledger.Listing{Newest: f.Newest, Cursor: f.Cursor, Limit: pageRecords}
	if f.set() == ledger.DeadLetters {
		o.Until = selected.Before
	}
	for seen := 0; ; {
		records, next, err := d.ledger.List(ctx, f.set(), o)
		if errors.Is(err, ledger.ErrDamaged) {
			body.Damaged, err = true, nil
		}
		if err != nil {
			return body, d.cursorFault(ctx, o, err)
		}
		for _, r := range records {
			if selected.Matches(r) {
				i, _ := newItem(r)
				body.Items = append(body.Items, i)
				body.Shown.add(i)
			}
		}
		seen += pageRecords
		if next == "" {
			return body, nil
		}
		body.Next = f.After(next)
		if len(body.Items) >= pageRecords {
			return body, nil
		}
		if seen >= pageScan {
			body.Cut = true
			return body, nil
		}
		body.Next, o.Cursor = "", next
	}
}

// cursorFault tells a cursor that no list answered from a Redis that does not answer.
func (d *Dashboard) cursorFault(ctx context.Context, o ledger.Listing, err error) error {
	if o.Cursor == "" {
		return err
	}
	if _, _, broken := d.ledger.Counts(ctx); broken == nil {
		return errBadCursor
	}
	return err
}
