package gateway

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"settlecancel/gateway/settlebank"
)

// protocol0A19 is protocol 0A19: section "Protocol 0A19" of protocol.md.
type protocol0A19 struct{}

type message0A19 struct {
	Params params0A19 `json:"params"`
	Data   data0A19   `json:"data"`
}

type params0A19 struct {
	MchtID    string `json:"mchtId"`
	Ver       string `json:"ver"`
	Method    string `json:"method"`
	BizType   string `json:"bizType"`
	EncCd     string `json:"encCd"`
	MchtTrdNo string `json:"mchtTrdNo"`
	TrdDt     string `json:"trdDt"`
	TrdTm     string `json:"trdTm"`
}

// data0A19 has the fields of every operation; what one does not have is left out.
type data0A19 struct {
	PktHash  string `json:"pktHash"`
	OrgTrdNo string `json:"orgTrdNo"`

	CrcCd   string `json:"crcCd,omitempty"`
	CnclOrd string `json:"cnclOrd,omitempty"`
	CnclAmt string `json:"cnclAmt,omitempty"` // encrypted

	TaxTypeCd  string `json:"taxTypeCd,omitempty"`
	TaxAmt     string `json:"taxAmt,omitempty"`     // encrypted
	VatAmt     string `json:"vatAmt,omitempty"`     // encrypted
	TaxFreeAmt string `json:"taxFreeAmt,omitempty"` // encrypted
	SvcAmt     string `json:"svcAmt,omitempty"`     // encrypted

	CnclRsn string `json:"cnclRsn,omitempty"`

	RefundBankCd  string `json:"refundBankCd,omitempty"`
	RefundAcntNo  string `json:"refundAcntNo,omitempty"` // encrypted
	RefundDpstrNm string `json:"refundDpstrNm,omitempty"`

	VAcntNo string `json:"vAcntNo,omitempty"` // encrypted
}

// terms0A19 are what the answer to a request is held against.
type terms0A19 struct {
	params   params0A19
	orgTrdNo string
	amount   int64 // 0: none
	cipher   fieldCipher
	key      settlebank.Secret
}

func (protocol0A19) build(m *merchant, r CancelRequest, now time.Time) (request, []string) {
	var faults []string
	faults = checkText(faults, "mchtId", r.MchtID, settlebank.MaxMchtID)
	faults = checkText(faults, "orgTrdNo", r.OrgTrdNo, settlebank.MaxOrgTrdNo0A19)
	if !isPrintable(r.ID, settlebank.MaxMchtTrdNo) {
		faults = append(faults, "mchtTrdNo needs 1 to 100 printable ASCII characters without spaces")
	}
	op, fault := operationFor(r, now)
	if fault != "" {
		faults = append(faults, fault)
	} else {
		faults = checkOperation(op, faults, r)
	}
	c, err := newFieldCipher(m.AESKey)
	if err != nil {
		faults = append(faults, err.Error())
	}
	if len(faults) > 0 {
		return request{}, faults
	}
	now = now.In(settlebank.KST)
	params := params0A19{
		r.MchtID, string(Protocol0A19), r.Method, op.BizType, settlebank.EncCd, r.ID, now.Format(settlebank.DateLayout), now.Format(settlebank.ClockLayout),
	}
	hash := sign(m.HashKey, hashed(op, params, decimal(r.CanAmt))...)
	return request{
		path: op.Path, hash: hash,
		body:    render(message0A19{params, operationData(op, r, hash, c)}),
		terms:   &terms0A19{params, r.OrgTrdNo, r.CanAmt, c, m.HashKey},
		secrets: []settlebank.Secret{settlebank.NewSecret(r.RefundAcntNo), settlebank.NewSecret(r.RefundDpstrNm), settlebank.NewSecret(r.VAcntNo)},
	}, nil
}

// data renders the fields that op has.
func operationData(op settlebank.Operation, r CancelRequest, hash string, c fieldCipher) data0A19 {
	if op.Is(settlebank.NoMoney) {
		return data0A19{PktHash: hash, OrgTrdNo: r.OrgTrdNo, VAcntNo: c.encrypt(r.VAcntNo)}
	}
	d := data0A19{
		PktHash: hash, OrgTrdNo: r.OrgTrdNo, CrcCd: cmp.Or(r.Currency, settlebank.KRW), CnclOrd: fmt.Sprintf("%03d", r.Round),
		CnclAmt: c.encrypt(decimal(r.CanAmt)), CnclRsn: reason(r.Reason),
	}
	if op.Is(settlebank.Taxed) {
		optional := func(amount *int64) string {
			if amount == nil {
				return ""
			}
			return c.encrypt(decimal(*amount))
		}
		d.TaxTypeCd = r.TaxTypeCd
		d.TaxAmt, d.VatAmt, d.TaxFreeAmt = optional(r.TaxAmt), optional(r.VatAmt), optional(r.TaxFreeAmt)
		d.SvcAmt = optional(r.SvcAmt)
	}
	if op.Is(settlebank.ToAccount) {
		d.RefundBankCd, d.RefundAcntNo, d.RefundDpstrNm = r.RefundBankCd, c.encrypt(r.RefundAcntNo), r.RefundDpstrNm
	}
	return d
}

// check adds to faults what op does not allow, or lacks, in r.
func checkOperation(op settlebank.Operation, faults []string, r CancelRequest) []string {
	if op.Is(settlebank.NoMoney) {
		if r.CanAmt != 0 {
			faults = append(faults, "canAmt must be left out: operation withdraw moves no money")
		}
		return checkDigits(faults, "vAcntNo", r.VAcntNo, 1, settlebank.MaxVAcntNo)
	}
	faults = checkAmount(faults, "canAmt", r.CanAmt)
	if !slices.Contains(settlebank.Currencies(), cmp.Or(r.Currency, settlebank.KRW)) {
		faults = append(faults, "currency is neither KRW nor USD")
	}
	faults = checkPart(op, faults, r)
	if op.Is(settlebank.Taxed) {
		faults = checkTax(faults, r)
	}
	if op.Is(settlebank.ToAccount) {
		faults = checkDigits(faults, "refundBankCd", r.RefundBankCd, settlebank.RefundBankCdLen, settlebank.RefundBankCdLen)
		faults = checkDigits(faults, "refundAcntNo", r.RefundAcntNo, 1, settlebank.MaxRefundAcntNo)
		faults = checkText(faults, "refundDpstrNm", r.RefundDpstrNm, settlebank.MaxRefundDpstrNm)
	}
	return faults
}

// checkPart adds to faults that r cancels a part where only all can be cancelled, or is one round
// too many.
func checkPart(op settlebank.Operation, faults []string, r CancelRequest) []string {
	if r.Round < 1 || r.Round > settlebank.MaxRound {
		return append(faults, fmt.Sprintf("round is %d, want 1 to %d", r.Round, settlebank.MaxRound))
	}
	if op.Is(settlebank.Partial) {
		return faults
	}
	if r.Round > 1 {
		faults = append(faults, fmt.Sprintf("round is %d: method %s can be cancelled once only, in full", r.Round, r.Method))
	}
	if r.OrgTrdAmt > 0 && r.CanAmt < r.OrgTrdAmt {
		faults = append(faults, fmt.Sprintf("canAmt is below orgTrdAmt: method %s can be cancelled in full only", r.Method))
	}
	return faults
}

// checkTax adds to faults what is wrong with the tax fields.
func checkTax(faults []string, r CancelRequest) []string {
	if r.TaxTypeCd != "" && !slices.Contains(settlebank.TaxTypes(), r.TaxTypeCd) {
		faults = append(faults, "taxTypeCd is none of Y, N and G")
	}
	for _, part := range []struct {
		name     string
		amount   *int64
		compound bool
	}{{"taxAmt", r.TaxAmt, true}, {"vatAmt", r.VatAmt, true}, {"taxFreeAmt", r.TaxFreeAmt, true}, {"svcAmt", r.SvcAmt, false}} {
		switch {
		case part.amount == nil:
			if part.compound && r.TaxTypeCd == settlebank.TaxCompound {
				faults = append(faults, part.name+" is missing: taxTypeCd G needs it")
			}
		case *part.amount < 0 || *part.amount > settlebank.MaxAmount:
			faults = append(faults, fmt.Sprintf("%s is %d, want 0 to %d", part.name, *part.amount, int64(settlebank.MaxAmount)))
		}
	}
	return faults
}

// reason makes a reason fit cnclRsn: on one line, its first 255 characters.
func reason(s string) string {
	runes := []rune(s)
	runes = runes[:min(len(runes), settlebank.MaxReason)]
	for i, r := range runes {
		if isControl(r) {
			runes[i] = ' '
		}
	}
	return string(runes)
}
