package dashboard

import (
	"net/http"
	"net/url"

	"settlecancel/tasks/ledger"
)

// tile is one status on the overview.
type tile struct {
	Status ledger.Status
	URL    string
	sum
}

// overviewBody is what the overview shows.
type overviewBody struct {
	tally
	OpenTiles, DeadTiles []tile
	Walk                 int
	Restful              bool // nothing waits, nothing lies, nothing was given up
}

func (d *Dashboard) overview(w http.ResponseWriter, r *http.Request) {
	t, err := d.count(r.Context())
	if err != nil {
		d.fail(w, r, err)
		return
	}
	p := d.page(w, r, "overview.title")
	p.Section = "overview"
	body := overviewBody{tally: t, Walk: d.walk, Restful: t.Open == 0 && t.Dead == 0 && t.Hooks.GivenUp == 0}
	for _, s := range []ledger.Status{ledger.Queued, ledger.Sending, ledger.Unknown} {
		body.OpenTiles = append(body.OpenTiles, tile{Status: s, URL: listURL(string(s), ""), sum: t.By[s]})
	}
	for _, s := range []ledger.Status{ledger.Review, ledger.Rejected, ledger.Exhausted} {
		body.DeadTiles = append(body.DeadTiles, tile{Status: s, URL: listURL(string(s), ""), sum: t.By[s]})
	}
	p.Body = body
	d.render(w, r, http.StatusOK, "overview", p)
}

// ListURL leads to the dead letters of the code.
func (c codeSum) ListURL() string { return listURL(listDead, codeParam(c.Code)) }

// BulkURL leads to where they are retried together.
func (c codeSum) BulkURL() string { return office + "bulk?code=" + url.QueryEscape(codeParam(c.Code)) }

func listURL(status, code string) string {
	q := url.Values{"status": {status}}
	if code != "" {
		q.Set("code", code)
	}
	return office + "list?" + q.Encode()
}
