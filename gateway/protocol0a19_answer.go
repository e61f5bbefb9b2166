package gateway

import "settlecancel/gateway/settlebank"

// advice0A19 is what helps where a gateway does not know 0A19.
const advice0A19 = "for the gateway does not know protocol 0A19: set SETTLEBANK_PROTOCOL=flat"

// parse reads the body of an answer to q. The time, version and encryption of an answer are the
// gateway's own and are not compared; what names the request is.
func (protocol0A19) parse(q request, body []byte) (answer, bool) {
	w, ok := readWords(body)
	if !ok {
		return answer{}, false
	}
	t := q.terms
	r := reading{words: w, want: shapeNested, advice: advice0A19,
		done:    w.stat == settlebank.StatDone && w.code == settlebank.CodeOK,
		refused: w.stat == settlebank.StatRefused && w.code != settlebank.CodeOK}
	r.class, r.listed = settlebank.Classify(w.code)
	id, _ := w.head.member("mchtTrdNo")
	r.named = id == t.params.MchtTrdNo
	r.foreign = t.foreign(w)
	r.hash = t.checkHash(w, q.hash)
	number, _ := w.head.member("trdNo")
	if !isPrintable(number, maxTrdNo) {
		r.unproven = "a success without trdNo"
	}
	a := r.conclude()
	if a.class == OK {
		a.canTrdNo, a.detail = number, t.amounts(w.data)
	}
	if !r.otherProtocol() && a.doubt == "" {
		a.detail.RefundPossible = refundPossible(w.data)
	}
	return a, true
}

// foreign names a member in which the answer repeats something else than the request had; "": none.
// What is cancelled of a refusal says nothing, and an amount that cannot be read neither.
func (t *terms0A19) foreign(w words) string {
	head := echo{{"mchtId", t.params.MchtID}, {"mchtTrdNo", t.params.MchtTrdNo}}
	if name := head.foreign(w.head); name != "" {
		return name
	}
	if name := (echo{{"orgTrdNo", t.orgTrdNo}}).foreign(w.data); name != "" {
		return name
	}
	if n := t.cipher.amount(w.data, "cnclAmt"); w.code == settlebank.CodeOK && n != nil && *n != t.amount {
		return "cnclAmt"
	}
	return ""
}

// checkHash tries the request's amount, and for a refusal none and zero: the documents do not say
// what a refusal hashes in the amount's place.
func (t *terms0A19) checkHash(w words, request string) hashState {
	amounts := []string{decimal(t.amount)}
	if w.code != settlebank.CodeOK {
		amounts = append(amounts, "", "0")
	}
	return w.checkHash(t.key, request, t.params.MchtID, t.params.MchtTrdNo, amounts...)
}

// amounts reads the amounts of a success, each where that is possible.
func (t *terms0A19) amounts(data object) Detail {
	return Detail{
		CancelledAmt: t.cipher.amount(data, "cnclAmt"),
		BalanceAmt:   t.cipher.amount(data, "blcAmt"),
		CardAmt:      t.cipher.amount(data, "cardCnclAmt"),
		PointAmt:     t.cipher.amount(data, "pntCnclAmt"),
		CouponAmt:    t.cipher.amount(data, "coupCnclAmt"),
	}
}

// refundPossible reads rfdPsblCd.
func refundPossible(data object) string {
	switch s, _ := data.member("rfdPsblCd"); s {
	case RefundOpen, RefundNotRegistered, RefundNotMet:
		return s
	}
	return ""
}
