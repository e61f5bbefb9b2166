package doctor

import (
	"context"
	"crypto/rand"
	"net/http"
	"slices"
	"strings"
	"sync"

	"settlecancel/gateway"
	"settlecancel/gateway/settlebank"
)

// inquiriesAtOnce bounds how many merchants are inquired for at a time: SettleBank limits
// inquiries.
const inquiriesAtOnce = 4

// methods are those in whose name is asked, until one is not refused for the merchant's
// registration: not every merchant is registered for each.
var methods = []string{"CA", "RA", "VA", "MP", "PZ"}

// merchants inquires, in each merchant's name, after a transaction that does not exist. That
// SettleBank says so proves that address, registration and hash key are right.
func (x *examiner) merchants(ctx context.Context, s *sheet) {
	switch {
	case x.Gateway == nil:
		return
	case !x.Settings.Inquiry:
		s.note("SETTLEBANK_INQUIRY=0A1M, where the merchants may inquire", "inquiries are off: whether SettleBank knows the merchants and their keys was not asked")
		return
	}
	merchants := x.Settings.Merchants
	found := make([]Finding, len(merchants))
	slots := make(chan struct{}, inquiriesAtOnce)
	var all sync.WaitGroup
	for i, m := range merchants {
		all.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			found[i] = x.merchant(ctx, m.ID)
		})
	}
	all.Wait()
	for i, f := range found {
		if slices.Contains(found[:i], f) {
			continue // said with the first one
		}
		var ids []string
		for j, other := range found {
			if other == f {
				ids = append(ids, merchants[j].ID)
			}
		}
		f.Check, f.Text = s.check, plurals(len(ids), "merchant")+" "+strings.Join(ids, ", ")+": "+f.Text
		s.findings = append(s.findings, f)
	}
}

func plurals(n int, thing string) string {
	if n == 1 {
		return thing
	}
	return thing + "s"
}

// merchant asks in one merchant's name. The finding does not name it, so that those of several can
// be told at once.
func (x *examiner) merchant(ctx context.Context, id string) (f Finding) {
	for i, method := range methods {
		unique := "doctor-" + rand.Text()
		q := x.Gateway.Inquire(ctx, gateway.InquiryRequest{ID: unique, MchtID: id, OrgMchtTrdNo: unique,
			OrgTrdDt: settlebank.Date(x.Now()), Method: method, OrgTrdAmt: 1})
		if answer := judge(q.Outcome); i == 0 || answer.Level != Danger {
			f = answer
		}
		if q.Class != gateway.Misconfigured || q.Code == "" || q.Code == "1901" || q.Code == "1902" {
			break
		}
	}
	return f
}

// judge returns what the answer to an inquiry after nothing says of the merchant.
func judge(o gateway.Outcome) Finding {
	said := strings.TrimSpace(o.Code + " " + o.Message)
	switch {
	case o.Code == gateway.Local:
		return Finding{Level: Danger, Text: "the inquiry could not be made: " + o.Message, Mend: "correct the merchant's id and keys"}
	case o.Class == gateway.Misconfigured:
		return Finding{Level: Danger, Text: "an inquiry is refused: " + said, Mend: mendRefusal(o)}
	case o.HTTPStatus == 0:
		return Finding{Level: Danger, Text: "an inquiry is not answered: " + said, Mend: "see that SettleBank can be reached from here, and that SETTLEBANK_BASE_URL is right"}
	case o.Class == gateway.Transient && (o.Code != "" || o.HTTPStatus == http.StatusTooManyRequests):
		return Finding{Level: Note, Text: "SettleBank is busy: " + said, Mend: "run it again later; set SETTLEBANK_RATE where it stays so"}
	case o.Code == "":
		return Finding{Level: Danger, Text: "an inquiry gets no answer of SettleBank: " + said, Mend: "see that SETTLEBANK_BASE_URL and SETTLEBANK_INQUIRY_PATH are right, what stands in front of SettleBank, and that it is up"}
	case o.Class == gateway.OK || settlebank.NoSuchPayment(o.Code):
		return Finding{Level: OK, Text: "known to SettleBank, and the hash key is right (an inquiry after nothing says " + o.Code + ")"}
	}
	return Finding{Level: Note, Text: "an inquiry after nothing says " + said + ", where \"no such transaction\" was expected",
		Mend: "ask SettleBank what it means, if cancellations of this merchant fail too"}
}

// mendRefusal returns what helps where SettleBank refuses everything of a merchant.
func mendRefusal(o gateway.Outcome) string {
	const keys = "SETTLEBANK_HASH_KEY and SETTLEBANK_AES_KEY, or SETTLEBANK_MERCHANTS_FILE"
	switch {
	case o.Code == "1901":
		return "the hash key is not the one that SettleBank has for this merchant: correct it (" + keys + "), and look for a space or a line end at its end"
	case o.Code == "1902":
		return "SettleBank cannot decrypt: correct the AES key (" + keys + ")"
	case o.Code == "" && o.HTTPStatus == http.StatusNotFound:
		return "correct SETTLEBANK_INQUIRY_PATH (SettleBank's 2025 site has /spay/APITrdStatInq.do) or SETTLEBANK_BASE_URL"
	case o.Code == "":
		return "have this machine's outgoing address registered at SettleBank, which refuses unknown ones"
	}
	return "have the merchant registered at SettleBank, with this machine's outgoing address; see that SETTLEBANK_ENV is the environment that the merchant belongs to"
}
