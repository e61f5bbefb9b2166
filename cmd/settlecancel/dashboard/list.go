package dashboard

import (
	"context"
	"net/http"
)

// pageRows is how many cancellations a page of a list shows.
const pageRows = 50

// listBody is what a list shows.
type listBody struct {
	filter
	Statuses, Merchants, Methods, Codes []string // that can be chosen
	Days                                []days   // that are one click away

	Items       []item // of this page
	Sum         sum    // of all that match
	First, Last int    // place of the page's first and last one, from 1
	Pages       []int  // that are linked; 0 is a gap
	LastPage    int
	Cut         bool // there are some that were not looked at
	Walk        int
	Damaged     bool
	Selectable  bool // rows can be chosen, and decided on together
}

func (d *Dashboard) list(w http.ResponseWriter, r *http.Request) {
	f, wrong := d.readFilter(r.URL.Query())
	found, err := d.matching(r.Context(), f)
	if err != nil {
		d.fail(w, r, err)
		return
	}
	p := d.page(w, r, "list.of."+f.Status)
	p.Section = f.SetName()
	for _, field := range wrong {
		p.Faults = append(p.Faults, p.wrong(field))
	}
	body := d.listed(f, found)
	body.Selectable = f.BulkURL() != "" && !p.ReadOnly
	p.Body = body
	d.render(w, r, http.StatusOK, "list", p)
}

// wrong says of a field of a filter that it does not count as it was given.
func (p *page) wrong(field string) string {
	if field == tooLong {
		return p.T("list.too_long", p.N(mostDays), p.N(mostDays))
	}
	return p.T("list.wrong", p.T("filter."+field))
}

// matching returns what a list is made from: the set that its filter looks at.
func (d *Dashboard) matching(ctx context.Context, f filter) (found, error) {
	if f.SetName() == listEnded {
		return d.ended(ctx, f)
	}
	s, err := d.look(ctx)
	return s.of(f.SetName()), err
}

// listed returns one page of a list.
func (d *Dashboard) listed(f filter, of found) listBody {
	shown := f.sorted(of.items)
	body := listBody{filter: f, Statuses: f.Tabs(), Cut: of.cut, Walk: d.walk, Damaged: of.damaged, Days: d.days(f),
		Merchants: values(of.items, func(i item) string { return i.MchtID }),
		Methods:   values(of.items, func(i item) string { return codeParam(i.Method) }),
		Codes:     values(of.items, func(i item) string { return codeParam(i.Code) })}
	for _, i := range shown {
		body.Sum.add(i)
	}
	body.LastPage = max(1, (len(shown)+pageRows-1)/pageRows)
	body.Page = min(f.Page, body.LastPage)
	from := (body.Page - 1) * pageRows
	body.Items = shown[from:min(from+pageRows, len(shown))]
	body.First, body.Last = from+1, from+len(body.Items)
	body.Pages = pagesAround(body.Page, body.LastPage)
	return body
}

// Filter is what heads of columns are made from.
func (b listBody) Filter() filter { return b.filter }

// NextPage is 0 on the last page.
func (b listBody) NextPage() int {
	if b.Page == b.LastPage {
		return 0
	}
	return b.Page + 1
}

// pagesAround returns the pages that a pager links: the first, the last, and those about this one.
func pagesAround(page, last int) (all []int) {
	for n := 1; n <= last; n++ {
		switch {
		case n == 1, n == last, n >= page-2 && n <= page+2:
			all = append(all, n)
		case all[len(all)-1] != 0:
			all = append(all, 0)
		}
	}
	return all
}
