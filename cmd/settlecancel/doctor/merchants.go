package doctor

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"

	"settlecancel/gateway"
	"settlecancel/gateway/settlebank"
)

// merchantsAtOnce bounds in how many merchants' names is asked at a time: SettleBank limits who
// asks.
const merchantsAtOnce = 4

// methods are those in whose name is inquired, until one is not refused for the merchant's
// registration: not every merchant is registered for each.
var methods = []string{settlebank.Card, settlebank.Transfer, settlebank.VirtualAccount, settlebank.Phone, settlebank.EasyPay}

// merchants asks, in each merchant's name, about a payment that does not exist: to cancel it, which
// shows the protocol that SettleBank speaks, and what became of it. That SettleBank says that there
// is none proves that address, registration and keys are right.
func (x *examiner) merchants(ctx context.Context, s *sheet) {
	if x.Gateway == nil {
		return
	}
	if !x.Settings.Inquiry {
		s.note("SETTLEBANK_INQUIRY=0A1M, where the merchants may inquire", "inquiries are off: whether SettleBank answers them was not asked")
	}
	merchants := x.Settings.Merchants
	found := make([][]Finding, len(merchants))
	slots := make(chan struct{}, merchantsAtOnce)
	var all sync.WaitGroup
	for i, m := range merchants {
		all.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			found[i] = x.merchant(ctx, m)
		})
	}
	all.Wait()
	s.findings = append(s.findings, together(merchants, found)...)
}

// together tells what is found of several merchants once, and names them.
func together(merchants []gateway.Merchant, found [][]Finding) (told []Finding) {
	var bare []Finding // those of told, without the names
	for _, findings := range found {
		for _, f := range findings {
			if slices.Contains(bare, f) {
				continue
			}
			bare = append(bare, f)
			var ids []string
			for i, others := range found {
				if slices.Contains(others, f) {
					ids = append(ids, merchants[i].ID)
				}
			}
			f.Text = plurals(len(ids), "merchant") + " " + strings.Join(ids, ", ") + ": " + f.Text
			told = append(told, f)
		}
	}
	return told
}

// merchant asks in one merchant's name. The findings do not name it, so that those of several can
// be told at once. Where something is wrong, nothing is called well; what one cause brings about is
// told once.
func (x *examiner) merchant(ctx context.Context, m gateway.Merchant) []Finding {
	found := []Finding{}
	answered := true
	for _, f := range x.protocol(ctx, m) {
		answered = answered && f.Mend != mendAway
		found = append(found, f)
	}
	if x.Settings.Inquiry && answered {
		f := x.inquiry(ctx, m.ID)
		f.Check = "merchants"
		if !slices.ContainsFunc(found, func(other Finding) bool { return f.Mend != "" && other.Mend == f.Mend }) {
			found = append(found, f)
		}
	}
	if slices.ContainsFunc(found, func(f Finding) bool { return f.Level == Danger }) {
		found = slices.DeleteFunc(found, func(f Finding) bool { return f.Level == OK })
	}
	return found
}

func plurals(n int, thing string) string {
	if n == 1 {
		return thing
	}
	return thing + "s"
}

// inquiry inquires after nothing. Where the path that is set does not answer, the documented ones
// are tried.
func (x *examiner) inquiry(ctx context.Context, id string) Finding {
	set := x.Settings.InquiryPath
	q, f := x.inquireAt(ctx, id, set)
	if !pathMayBeWrong(q.Outcome) {
		if f.Level == OK {
			f.Text = fmt.Sprintf("known to SettleBank, and the hash key is right (an inquiry at %s finds nothing where there is nothing)", set)
		}
		return f
	}
	documented := []string{settlebank.PathInquiry, settlebank.PathInquiry2025}
	var answer []string
	for _, path := range documented {
		if path == set {
			continue
		}
		if other, _ := x.inquireAt(ctx, id, path); other.Code != "" && !pathMayBeWrong(other.Outcome) {
			answer = append(answer, path)
		}
	}
	f.Level, f.Text = Danger, fmt.Sprintf("inquiries go to %s (SETTLEBANK_INQUIRY_PATH), and are not answered there: %s", set, said(q.Outcome))
	switch {
	case len(answer) > 0:
		f.Text += "; they are at " + strings.Join(answer, " and at ")
		f.Mend = "SETTLEBANK_INQUIRY_PATH=" + answer[0]
	case q.HTTPStatus >= http.StatusInternalServerError:
		f.Text += "; no other documented path answers"
		f.Mend = "see whether SettleBank, and what stands in front of it, is up; run it again then"
	default:
		f.Text += "; neither of the documented paths answers (" + strings.Join(documented, ", ") + ")"
		f.Mend = "see that SETTLEBANK_BASE_URL is right, and ask SettleBank for the path of message 0A1M (SETTLEBANK_INQUIRY_PATH)"
	}
	return f
}

// inquireAt inquires at a path, by one method after the other until one is not refused for its
// registration.
func (x *examiner) inquireAt(ctx context.Context, id, path string) (q gateway.Inquiry, f Finding) {
	for i, method := range methods {
		unique := "doctor-" + rand.Text()
		now := x.Gateway.Inquire(ctx, gateway.InquiryRequest{ID: unique, MchtID: id, OrgMchtTrdNo: unique,
			OrgTrdDt: settlebank.Date(x.Now()), Method: method, OrgTrdAmt: 1, Path: path})
		if answer := judge("an inquiry", now.Outcome); i == 0 || answer.Level != Danger {
			q, f = now, answer
		}
		if !unregistered(now.Outcome) {
			break
		}
	}
	return q, f
}

// pathMayBeWrong reports whether the answer to an inquiry is what a path gives that does not know
// it: none of SettleBank's, or one in another form.
func pathMayBeWrong(o gateway.Outcome) bool {
	switch {
	case o.HTTPStatus == 0:
		return false
	case o.Code == "":
		return o.HTTPStatus != http.StatusUnauthorized && o.HTTPStatus != http.StatusForbidden && o.HTTPStatus != http.StatusTooManyRequests
	}
	class, _ := settlebank.ClassifyInquiry(o.Code)
	return o.Class == gateway.Misconfigured && class != gateway.Misconfigured
}

// unregistered reports whether a refusal may be of the payment method, and not of the merchant.
func unregistered(o gateway.Outcome) bool {
	class, _ := settlebank.Classify(o.Code)
	return class == gateway.Misconfigured && o.Class == class && o.Code != settlebank.CodeHashWrong && o.Code != settlebank.CodeCipherWrong
}

func said(o gateway.Outcome) string { return strings.TrimSpace(o.Code + " " + o.Message) }

// mendAway is what helps where nothing can be asked at all.
const mendAway = "see that SettleBank can be reached from here, and that SETTLEBANK_BASE_URL is right"

// judge returns what the answer to a question about nothing says of the merchant; what names the
// question.
func judge(what string, o gateway.Outcome) Finding {
	class, _ := settlebank.Classify(o.Code)
	said := said(o)
	switch {
	case o.Code == gateway.Local:
		return Finding{Level: Danger, Text: what + " could not be made: " + o.Message, Mend: "correct the merchant's id and keys"}
	case o.Class == gateway.Misconfigured:
		return Finding{Level: Danger, Text: what + " is refused: " + said, Mend: mendRefusal(o)}
	case o.HTTPStatus == 0:
		return Finding{Level: Danger, Text: what + " is not answered: " + said, Mend: mendAway}
	case o.Class == gateway.Transient && (o.Code != "" || o.HTTPStatus == http.StatusTooManyRequests):
		return Finding{Level: Note, Text: "SettleBank is busy: " + said, Mend: "run it again later; set SETTLEBANK_RATE where it stays so"}
	case o.Code == "":
		return Finding{Level: Danger, Text: what + " gets no answer of SettleBank: " + said, Mend: "see that SETTLEBANK_BASE_URL is right, what stands in front of SettleBank, and that it is up"}
	case o.Class == gateway.OK, settlebank.NoSuchPayment(o.Code) && (o.Class == class || o.Class == gateway.Rejected):
		return Finding{Level: OK, Text: what + " is answered with " + o.Code}
	}
	return Finding{Level: Note, Text: what + " says " + said + ", where \"no such transaction\" was expected",
		Mend: "ask SettleBank what it means, if cancellations of this merchant fail too"}
}

// mendRefusal returns what helps where SettleBank refuses everything of a merchant.
func mendRefusal(o gateway.Outcome) string {
	const keys = "SETTLEBANK_HASH_KEY and SETTLEBANK_AES_KEY, or SETTLEBANK_MERCHANTS_FILE"
	switch {
	case o.Code == settlebank.CodeHashWrong:
		return "the hash key is not the one that SettleBank has for this merchant: correct it (" + keys + "), and look for a space or a line end at its end"
	case o.Code == settlebank.CodeCipherWrong:
		return "SettleBank cannot decrypt: correct the AES key (" + keys + ")"
	case o.Code == "" && o.HTTPStatus == http.StatusNotFound:
		return "correct SETTLEBANK_BASE_URL: there is no SettleBank"
	case o.Code == "":
		return "have this machine's outgoing address registered at SettleBank, which refuses unknown ones"
	}
	return "SettleBank does not know the merchant here: correct its id (SETTLEBANK_MCHT_ID, or SETTLEBANK_MERCHANTS_FILE); see that SETTLEBANK_ENV is the environment " +
		"that it belongs to; have it registered at SettleBank, with this machine's outgoing address"
}
