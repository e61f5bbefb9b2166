package dashboard

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"

	"settlecancel/tasks/ledger"
)

// How much one search shows and takes.
const (
	hitsShown = 100
	maxQuery  = 200
)

// hits is what a search found.
type hits struct {
	Items  []item
	Query  string
	Cut    bool // there are cancellations that were not looked at
	More   bool // more were found than are shown
	Failed bool // some records cannot be read
	Looked looked

	known map[string]bool
}

func (h *hits) add(r ledger.Record) {
	if h.known[r.Key] {
		return
	}
	if len(h.Items) == hitsShown {
		h.More = true
		return
	}
	h.known[r.Key] = true
	i, _ := newItem(r)
	h.Items = append(h.Items, i)
}

func (d *Dashboard) search(w http.ResponseWriter, r *http.Request) {
	query := strings.TrimSpace(r.URL.Query().Get("q"))
	if len(query) > maxQuery {
		query = strings.ToValidUTF8(query[:maxQuery], "")
	}
	if _, err := d.ledger.Get(r.Context(), query); err == nil {
		http.Redirect(w, r, storyURL(query), http.StatusSeeOther)
		return
	} else if !errors.Is(err, ledger.ErrNotFound) {
		d.fail(w, r, err)
		return
	}
	found := hits{Query: clean(query), known: map[string]bool{}}
	if query != "" {
		if err := d.find(r.Context(), query, &found); err != nil {
			d.fail(w, r, err)
			return
		}
	}
	if len(found.Items) == 1 && !found.Cut {
		http.Redirect(w, r, found.Items[0].URL(), http.StatusSeeOther)
		return
	}
	p := d.page(w, r, "search.title")
	p.Query, p.Body = found.Query, found
	d.render(w, r, http.StatusOK, "search", p)
}

// find looks for an order number, the number of a payment, and the gateway's number of a
// cancellation, in any status. The first two lead to what they name at once; the last one is looked
// for where they found nothing.
func (d *Dashboard) find(ctx context.Context, query string, found *hits) error {
	if mchtID, number, ok := strings.Cut(query, ":"); ok { // as the ledger names a payment
		if _, err := d.gather(ctx, ledger.Query{MchtID: mchtID, OrgTrdNo: number}, 1, found); err != nil {
			return err
		}
	}
	seen, err := d.look(ctx)
	if err != nil {
		return err
	}
	merchants := values(slices.Concat(seen.open, seen.dead), func(i item) string { return i.MchtID })
	merchants = append(merchants, d.opts.Merchants...)
	slices.Sort(merchants)
	for _, q := range []ledger.Query{{OrgMchtTrdNo: query}, {OrgTrdNo: query, MchtIDs: slices.Compact(merchants)}} {
		if _, err := d.gather(ctx, q, 1, found); err != nil {
			return err
		}
	}
	if len(found.Items) > 0 {
		return nil
	}
	return d.findNumber(ctx, query, found)
}

// gather adds what a query finds, at most so many pages of it, and reports whether there is more.
func (d *Dashboard) gather(ctx context.Context, q ledger.Query, pages int, found *hits) (more bool, err error) {
	q.Limit = hitsShown + 1
	for range pages {
		records, next, err := d.ledger.Search(ctx, q)
		if errors.Is(err, ledger.ErrDamaged) {
			found.Failed, err = true, nil
		}
		if err != nil {
			return false, err
		}
		for _, r := range records {
			found.add(r)
		}
		if q.Cursor = next; next == "" {
			return false, nil
		}
	}
	return true, nil
}
