package gateway

import "settlecancel/gateway/settlebank"

// parseNested reads what the answers of 0A19 and 0A1M have in common; data may be missing. False:
// the body is no complete answer.
func parseNested(body []byte) (a answer, params, data object, ok bool) {
	fields, ok := parseBody(body)
	if !ok {
		return answer{}, nil, nil, false
	}
	if params, ok = parseObject(fields.get("params")); !ok {
		return answer{}, nil, nil, false
	}
	if a.code, ok = resultCode(params.get("outRsltCd")); !ok {
		return answer{}, nil, nil, false
	}
	a.message, _ = text(params.get("outRsltMsg"))
	a.class, a.listed = settlebank.Classify(a.code)
	data, _ = parseObject(fields.get("data"))
	return a, params, data, true
}

// parse reads the body of an answer to q. A success counts only with all that proves it to be q's;
// a failure may come without data, but with nothing of another request.
func (standard) parse(q request, body []byte) (answer, bool) {
	a, params, data, ok := parseNested(body)
	if !ok {
		return answer{}, false
	}
	stat, _ := text(params.get("outStatCd"))
	succeeded := stat == settlebank.StatDone && a.code == settlebank.CodeOK
	switch foreign := q.terms.foreign(q.hash, params, data); {
	case foreign != "":
		a.doubt = "the answer carries another request's " + foreign
	case succeeded:
		a.doubt = q.terms.unproven(q.hash, params, data)
	case stat != settlebank.StatRefused || a.class == OK:
		a.doubt = "outStatCd and outRsltCd do not go together"
	}
	if a.doubt != "" {
		a.class = Unknown
		return a, true
	}
	if succeeded {
		a.canTrdNo, _ = text(params.get("trdNo"))
		a.detail = q.terms.amounts(data)
	}
	a.detail.RefundPossible = refundPossible(data)
	return a, true
}

// foreign names a field in which the answer repeats something else than the request had; "": none.
func (t *standardTerms) foreign(hash string, params, data object) string {
	p := t.params
	for _, f := range []struct {
		in         object
		name, want string
	}{
		{params, "mchtId", p.MchtID}, {params, "ver", p.Ver}, {params, "method", p.Method}, {params, "bizType", p.BizType},
		{params, "encCd", p.EncCd}, {params, "mchtTrdNo", p.MchtTrdNo}, {params, "trdDt", p.TrdDt}, {params, "trdTm", p.TrdTm},
		{data, "orgTrdNo", t.orgTrdNo}, {data, "pktHash", hash},
	} {
		raw := f.in.get(f.name)
		if value, ok := text(raw); given(raw) && (!ok || value != f.want) {
			return f.name
		}
	}
	return ""
}

// unproven says what a success lacks that every success has; "": nothing.
func (t *standardTerms) unproven(hash string, params, data object) string {
	if echo, _ := text(data.get("pktHash")); echo != hash {
		return "a success that does not repeat the request's pktHash"
	}
	if number, _ := text(params.get("trdNo")); !isPrintable(number, 100) {
		return "a success without trdNo"
	}
	if raw := data.get("cnclAmt"); given(raw) {
		if n := t.cipher.amount(raw); n == nil || *n != t.amount {
			return "a success whose cnclAmt is not the amount asked for"
		}
	}
	return ""
}

// amounts decrypts the amounts of a success, each where that is possible.
func (t *standardTerms) amounts(data object) Detail {
	return Detail{
		CancelledAmt: t.cipher.amount(data.get("cnclAmt")),
		BalanceAmt:   t.cipher.amount(data.get("blcAmt")),
		CardAmt:      t.cipher.amount(data.get("cardCnclAmt")),
		PointAmt:     t.cipher.amount(data.get("pntCnclAmt")),
		CouponAmt:    t.cipher.amount(data.get("coupCnclAmt")),
	}
}

// refundPossible reads rfdPsblCd.
func refundPossible(data object) string {
	switch s, _ := text(data.get("rfdPsblCd")); s {
	case RefundOpen, RefundNotRegistered, RefundNotMet:
		return s
	}
	return ""
}

// given says that a field is there and not left blank.
func given(raw []byte) bool {
	s := string(raw)
	return s != "" && s != "null" && s != `""`
}
