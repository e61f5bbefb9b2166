package dashboard

import (
	"cmp"
	"net/http"
	"net/url"

	"settlecancel/cmd/settlecancel/pulse"
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
	Open, Dead           int64
	OpenCut, DeadCut     bool
	OpenTiles, DeadTiles []tile
	Walk                 int
	Damaged              bool
	Past                 *past
	Merchants            bool // there are several
	Gateway              pulse.Gateway
}

// FailedPercent returns how many of a hundred calls to the gateway failed of late.
func (b overviewBody) FailedPercent() int { return b.Gateway.Failed * 100 / max(b.Gateway.Calls, 1) }

func (d *Dashboard) overview(w http.ResponseWriter, r *http.Request) {
	s, err := d.look(r.Context())
	if err != nil {
		d.fail(w, r, err)
		return
	}
	p := d.page(w, r, "overview.title")
	p.Section, p.Live = "overview", true
	body := overviewBody{tally: s.tally(), Open: s.Open, Dead: s.Dead, OpenCut: s.OpenCut, DeadCut: s.DeadCut, Walk: d.walk, Damaged: s.Damaged,
		Past: d.past(r.Context(), p), Merchants: len(values(s.dead, func(i item) string { return i.MchtID })) > 1}
	for _, said := range d.stand(r.Context()).pulses {
		body.Gateway = body.Gateway.Add(said.Gateway)
	}
	for _, s := range []ledger.Status{ledger.Unknown, ledger.Queued, ledger.Sending} {
		body.OpenTiles = append(body.OpenTiles, tile{Status: s, URL: listURL(string(s), ""), sum: body.By[s]})
	}
	for _, s := range deadStatuses {
		body.DeadTiles = append(body.DeadTiles, tile{Status: s, URL: listURL(string(s), ""), sum: body.By[s]})
	}
	p.Body = body
	d.render(w, r, http.StatusOK, "overview", p)
}

func (c codeSum) query() string {
	return url.Values{"status": {listDead}, "code": {codeParam(c.Code)}, "mcht": {c.MchtID}}.Encode()
}

// ListURL leads to the dead letters of the code and the merchant.
func (c codeSum) ListURL() string { return cancellations + "list?" + c.query() }

// BulkURL leads to where they are retried together.
func (c codeSum) BulkURL() string { return cancellations + "bulk?" + c.query() }

func listURL(status, code string) string {
	q := url.Values{"status": {cmp.Or(status, listDead)}}
	if code != "" {
		q.Set("code", code)
	}
	return cancellations + "list?" + q.Encode()
}
