package dashboard

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"

	"settlecancel/tasks/ledger"
)

// How much one search shows and tries.
const (
	hitsShown      = 100
	merchantsTried = 100
	maxQuery       = 200
)

// hits is what a search found.
type hits struct {
	Items  []item
	Query  string
	Cut    bool // there are cancellations that were not looked at
	Walk   int
	More   bool // more were found than are shown
	Failed bool // some records cannot be read

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
	found := hits{Query: clean(query), Walk: d.walk, known: map[string]bool{}}
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

// find looks for a transaction number or an order number. The ledger leads from a merchant's
// transaction number to all that was ever asked of it; for the rest it looks at what is open and
// what is dead.
func (d *Dashboard) find(ctx context.Context, query string, found *hits) error {
	var merchants []string
	if mchtID, number, ok := strings.Cut(query, ":"); ok { // as the ledger names a transaction
		if err := d.findTransaction(ctx, mchtID, number, found); err != nil {
			return err
		}
	}
	for _, set := range []ledger.Set{ledger.DeadLetters, ledger.Open} {
		walked, err := d.each(ctx, set, func(r ledger.Record) {
			if _, x := newItem(r); r.OrgTrdNo == query || x.OrgMchtTrdNo == query {
				found.add(r)
			}
			if len(merchants) < merchantsTried && !slices.Contains(merchants, r.MchtID) {
				merchants = append(merchants, r.MchtID)
			}
		})
		if err != nil {
			return err
		}
		found.Cut, found.Failed = found.Cut || walked.cut, found.Failed || walked.damaged
	}
	for _, mchtID := range merchants {
		if err := d.findTransaction(ctx, mchtID, query, found); err != nil {
			return err
		}
	}
	return nil
}

// findTransaction adds every cancellation of a payment, the ended ones too.
func (d *Dashboard) findTransaction(ctx context.Context, mchtID, orgTrdNo string, found *hits) error {
	records, err := d.ledger.Transaction(ctx, mchtID, orgTrdNo)
	if errors.Is(err, ledger.ErrDamaged) {
		found.Failed, err = true, nil
	}
	for _, r := range records {
		found.add(r)
	}
	return err
}
