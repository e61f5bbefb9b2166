package simulator

import "strconv"

// readStandardCancel checks a request of protocol 0A19: params, method and bizType, merchant,
// encryption, data, hash over trdDt + trdTm + mchtId + mchtTrdNo + amount, and last the tax
// amounts.
func (s *Simulator) readStandardCancel(url string, m message) call {
	q := &standardCancel{standardReply: standardReply{m}}
	c := call{protocol: q, path: PathCancel, terms: terms{
		mchtID:   m.params.get("mchtId"),
		orgTrdNo: m.data.get("orgTrdNo"),
		method:   m.params.get("method"),
		currency: m.data.get("crcCd"),
		id:       m.params.get("mchtTrdNo"),
		round:    m.data.get("cnclOrd"),
	}}
	if c.refused = checkFields(m.params, standardParams); c.refused.code != "" {
		return c
	}
	op := operationOf(url, c.terms.method, m.params.get("bizType"))
	if op == nil {
		c.refused = refusal{refusedValue.code, refusedValue.message + " method, bizType"}
		return c
	}
	known := false
	if q.merchant, known = s.merchants[c.terms.mchtID]; !known {
		c.refused = refusedMerchant
		return c
	}
	c.terms.operation, q.operation = op.name, op.name
	c.refused = s.readStandardData(&c.terms, q, op)
	q.trusted = c.refused.code == ""
	c.echoes = q.trusted
	return c
}

// readStandardData checks the data of a request whose params are right, and reads from it what is
// encrypted.
func (s *Simulator) readStandardData(t *terms, q *standardCancel, op *standardOperation) refusal {
	plain, refused := open(q.data, op.data, q.merchant)
	amount := plain.get("cnclAmt")
	t.amount, t.vAcntNo = parseAmount(amount), plain.get("vAcntNo")
	if refused.code == "" {
		refused = checkFields(plain, op.data)
	}
	if refused.code == "" && t.currency == "USD" && t.method != "CA" {
		refused = refusal{refusedValue.code, refusedValue.message + " crcCd"}
	}
	if refused.code == "" {
		refused = s.authenticate(t.mchtID, q.data.get("pktHash"),
			q.params.get("trdDt"), q.params.get("trdTm"), t.mchtID, t.id, op.hashed(amount))
	}
	if refused.code == "" {
		refused = checkTax(plain)
	}
	return refused
}

// open returns data with what comes encrypted in plain text, and the refusal of the first field
// that does not.
func open(data object, specs []fieldSpec, m Merchant) (object, refusal) {
	out := append(object(nil), data...)
	var refused refusal
	for i := range out {
		spec := findSpec(specs, out[i].name)
		if spec == nil || !spec.secret || out[i].value == "" {
			continue
		}
		plain, ok := m.decrypt(out[i].value)
		if !ok && refused.code == "" {
			refused = refusal{refusedCipher.code, refusedCipher.message + " " + out[i].name}
		}
		out[i].value = plain
	}
	return out, refused
}

// checkTax reports whether the amounts of a compound tax are all there and add up: taxable amount,
// VAT and exempt amount are the whole. Whether the service charge is among them the protocol leaves
// open, so both are taken.
func checkTax(plain object) refusal {
	if plain.get("taxTypeCd") != "G" {
		return refusal{}
	}
	var sum int64
	for _, name := range []string{"taxAmt", "vatAmt", "taxFreeAmt"} {
		if plain.get(name) == "" {
			return refusal{"6001", "필수 항목이 누락되었습니다: " + name}
		}
		sum += parseAmount(plain.get(name))
	}
	whole := parseAmount(plain.get("cnclAmt"))
	if sum != whole && sum+parseAmount(plain.get("svcAmt")) != whole {
		return refusedTax
	}
	return refusal{}
}

// standardCancel returns a request of protocol 0A19. A request that is not to be trusted is
// answered without data.
type standardCancel struct {
	standardReply
	merchant  Merchant
	operation Operation
	trusted   bool
}

// explain knows a duplicate refund from a duplicate cancellation.
func (q *standardCancel) explain(v verdict, method string) refusal {
	if v == alreadyApplied && q.operation == OperationRefund {
		return refusal{"ST39", "중복된 환불 요청입니다."}
	}
	return standardRefusal(v, method)
}

func (q *standardCancel) reply(res result) (string, body) {
	var data object
	if q.trusted {
		data = object{{"pktHash", echo(q.data.get("pktHash"), res.wrongEcho)}, {"orgTrdNo", q.data.get("orgTrdNo")}}
	}
	if res.code != "" {
		if res.rfdPsblCd != "" {
			data = append(data, field{"rfdPsblCd", res.rfdPsblCd})
		}
		return res.code, appendStandard(q.params, "", "0031", res.refusal, true, data)
	}
	data = append(data, q.amounts(res)...)
	return "0000", appendStandard(q.params, res.canTrdNo, "0021", refusal{"0000", okMessage}, true, data)
}

// amounts are what a success tells: what was cancelled, of what it was made up where the method
// tells that, and what is left to cancel.
func (q *standardCancel) amounts(res result) object {
	if q.operation == OperationWithdraw {
		return nil
	}
	sealed := func(amount int64) string { return q.merchant.encrypt(strconv.FormatInt(amount, 10)) }
	out := object{{"cnclAmt", sealed(res.amount)}}
	switch q.params.get("method") {
	case "CA", "PZ":
		out = append(out, field{"cardCnclAmt", sealed(res.amount)}, field{"pntCnclAmt", sealed(0)}, field{"coupCnclAmt", sealed(0)})
	case "CP":
		out = append(out, field{"pntCnclAmt", sealed(res.amount)})
	}
	return append(out, field{"blcAmt", sealed(res.original.Amount - res.cancelled)})
}
