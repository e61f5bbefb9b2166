package tasks

import "slices"

// A field is one field of a Cancellation. Faults are named in this order.
type field uint8

const (
	fieldKey field = iota
	fieldMchtID
	fieldOrgTrdNo
	fieldOrgMchtTrdNo
	fieldOrgTrdDt
	fieldCanAmt
	fieldOrgTrdAmt
	fieldMethod
	fieldCancelledSoFar
	fieldReason
	fieldOperation
	fieldCurrency
	fieldTaxTypeCd
	fieldTaxAmt
	fieldVatAmt
	fieldTaxFreeAmt
	fieldSvcAmt
	fieldRefundBankCd
	fieldRefundAcntNo
	fieldRefundDpstrNm
	fieldVAcntNo
	fieldCount
)

// fieldNames holds the names as they stand in JSON and in the header of a CSV file.
var fieldNames = [fieldCount]string{
	fieldKey:            "idempotencyKey",
	fieldMchtID:         "mchtId",
	fieldOrgTrdNo:       "orgTrdNo",
	fieldOrgMchtTrdNo:   "orgMchtTrdNo",
	fieldOrgTrdDt:       "orgTrdDt",
	fieldCanAmt:         "canAmt",
	fieldOrgTrdAmt:      "orgTrdAmt",
	fieldMethod:         "method",
	fieldCancelledSoFar: "cancelledSoFar",
	fieldReason:         "reason",
	fieldOperation:      "operation",
	fieldCurrency:       "currency",
	fieldTaxTypeCd:      "taxTypeCd",
	fieldTaxAmt:         "taxAmt",
	fieldVatAmt:         "vatAmt",
	fieldTaxFreeAmt:     "taxFreeAmt",
	fieldSvcAmt:         "svcAmt",
	fieldRefundBankCd:   "refundBankCd",
	fieldRefundAcntNo:   "refundAcntNo",
	fieldRefundDpstrNm:  "refundDpstrNm",
	fieldVAcntNo:        "vAcntNo",
}

func (f field) String() string { return fieldNames[f] }

// fieldByName finds a field; names are case-sensitive.
func fieldByName(name string) (field, bool) {
	i := slices.Index(fieldNames[:], name)
	return field(max(i, 0)), i >= 0
}

// text returns where c keeps the text of f, nil where f is an amount.
func (c *Cancellation) text(f field) *string {
	switch f {
	case fieldKey:
		return &c.IdempotencyKey
	case fieldMchtID:
		return &c.MchtID
	case fieldOrgTrdNo:
		return &c.OrgTrdNo
	case fieldOrgMchtTrdNo:
		return &c.OrgMchtTrdNo
	case fieldOrgTrdDt:
		return &c.OrgTrdDt
	case fieldMethod:
		return &c.Method
	case fieldReason:
		return &c.Reason
	case fieldOperation:
		return &c.Operation
	case fieldCurrency:
		return &c.Currency
	case fieldTaxTypeCd:
		return &c.TaxTypeCd
	case fieldRefundBankCd:
		return &c.RefundBankCd
	case fieldRefundAcntNo:
		return &c.RefundAcntNo
	case fieldRefundDpstrNm:
		return &c.RefundDpstrNm
	case fieldVAcntNo:
		return &c.VAcntNo
	}
	return nil
}

// setAmount stores an amount; fields of text are left alone.
func (c *Cancellation) setAmount(f field, amount int64) {
	switch f {
	case fieldCanAmt:
		c.CanAmt = amount
	case fieldOrgTrdAmt:
		c.OrgTrdAmt = amount
	case fieldCancelledSoFar:
		c.CancelledSoFar = &amount
	case fieldTaxAmt:
		c.TaxAmt = &amount
	case fieldVatAmt:
		c.VatAmt = &amount
	case fieldTaxFreeAmt:
		c.TaxFreeAmt = &amount
	case fieldSvcAmt:
		c.SvcAmt = &amount
	}
}

// A fieldSet is a set of fields.
type fieldSet uint32

func (s fieldSet) has(f field) bool { return s&(1<<f) != 0 }
func (s *fieldSet) add(f field)     { *s |= 1 << f }
