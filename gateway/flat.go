package gateway

import (
	"time"

	"settlecancel/gateway/settlebank"
)

// flat is the protocol of that name: table "Protocol flat" of protocol.md.
type flat struct{}

type flatCancel struct {
	MchtID       string `json:"mchtId"`
	OrgTrdNo     string `json:"orgTrdNo"`
	OrgMchtTrdNo string `json:"orgMchtTrdNo"`
	OrgTrdDt     string `json:"orgTrdDt"`
	CanAmt       string `json:"canAmt"`
	PktHash      string `json:"pktHash"`
}

func (flat) build(m *merchant, r CancelRequest, _ time.Time) (request, []string) {
	var faults []string
	faults = checkText(faults, "mchtId", r.MchtID, settlebank.MaxMchtIDFlat)
	faults = checkText(faults, "orgTrdNo", r.OrgTrdNo, settlebank.MaxOrgTrdNo)
	faults = checkText(faults, "orgMchtTrdNo", r.OrgMchtTrdNo, settlebank.MaxMchtTrdNo)
	faults = checkDate(faults, "orgTrdDt", r.OrgTrdDt)
	faults = checkAmount(faults, "canAmt", r.CanAmt)
	if r.Operation != "" && r.Operation != settlebank.OpCancel {
		faults = append(faults, "operation "+r.Operation+" needs SETTLEBANK_PROTOCOL=0A19: flat knows only cancel")
	}
	if r.Currency != "" && r.Currency != settlebank.KRW {
		faults = append(faults, "currency "+r.Currency+" needs SETTLEBANK_PROTOCOL=0A19: flat knows only won")
	}
	if len(faults) > 0 {
		return request{}, faults
	}
	canAmt := decimal(r.CanAmt)
	hash := sign(m.HashKey, r.OrgTrdNo, r.OrgMchtTrdNo, r.OrgTrdDt, canAmt)
	body := render(flatCancel{r.MchtID, r.OrgTrdNo, r.OrgMchtTrdNo, r.OrgTrdDt, canAmt, hash})
	return request{path: settlebank.PathCancel, body: body, hash: hash}, nil
}

// parse reads resultCode, resultMsg and canTrdNo, which a success must have.
func (flat) parse(_ request, body []byte) (answer, bool) {
	fields, ok := parseBody(body)
	if !ok {
		return answer{}, false
	}
	var a answer
	if a.code, ok = resultCode(fields.get("resultCode")); !ok {
		return answer{}, false
	}
	a.message, _ = text(fields.get("resultMsg"))
	a.class, a.listed = settlebank.Classify(a.code)
	if a.class != OK {
		return a, true
	}
	if a.canTrdNo, _ = text(fields.get("canTrdNo")); !isPrintable(a.canTrdNo, 100) {
		a.canTrdNo, a.class, a.doubt = "", Unknown, "a success without canTrdNo"
	}
	return a, true
}
