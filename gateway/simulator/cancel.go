package simulator

import "strconv"

// readCancel0A19 checks a request of protocol 0A19: params, method and bizType, merchant,
// encryption, data, hash over trdDt + trdTm + mchtId + mchtTrdNo + amount, and last the tax
// amounts.
func (s *Simulator) readCancel0A19(conduct Conduct, url string, m message) call {
	q := &cancel0A19Call{nestedReply: nestedReply{m}, conduct: conduct}
	c := call{protocol: q, path: PathCancel, conduct: conduct, terms: terms{
		mchtID:   m.params.get("mchtId"),
		orgTrdNo: m.data.get("orgTrdNo"),
		method:   m.params.get("method"),
		currency: m.data.get("crcCd"),
		id:       m.params.get("mchtTrdNo"),
		round:    m.data.get("cnclOrd"),
		lax:      conduct.real(),
	}}
	if c.refused = checkFields(m.params, params0A19, conduct); c.refused.code != "" {
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
	c.refused = s.readData0A19(&c.terms, q, op)
	q.trusted = c.refused.code == ""
	c.echoes = q.trusted
	return c
}

// readData0A19 checks the data of a request whose params are right, and reads from it what is
// encrypted.
func (s *Simulator) readData0A19(t *terms, q *cancel0A19Call, op *operation0A19) refusal {
	plain, refused := open(q.data, op.data, q.merchant)
	amount := plain.get("cnclAmt")
	t.amount, t.vAcntNo = parseAmount(amount), plain.get("vAcntNo")
	q.hashed = op.hashed(amount)
	if refused.code == "" {
		refused = checkFields(plain, op.data, q.conduct)
	}
	if refused.code == "" && t.currency == "USD" && t.method != "CA" {
		refused = refusal{refusedValue.code, refusedValue.message + " crcCd"}
	}
	if refused.code == "" {
		refused = s.authenticate(t.mchtID, q.data.get("pktHash"),
			q.params.get("trdDt"), q.params.get("trdTm"), t.mchtID, t.id, q.hashed)
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

// cancel0A19Call returns a request of protocol 0A19. A request that is not to be trusted is
// answered without data.
type cancel0A19Call struct {
	nestedReply
	conduct   Conduct
	merchant  Merchant
	operation Operation
	hashed    string // the amount in the hash
	trusted   bool
}

// explain knows a duplicate refund from a duplicate cancellation. In real temper, a payment that
// was cancelled before is a duplicate cancellation too, whoever cancelled it.
func (q *cancel0A19Call) explain(v verdict, method string) refusal {
	switch {
	case v == alreadyApplied && q.operation == OperationRefund:
		return refusal{"ST39", "중복된 환불 요청입니다."}
	case v == alreadyCancelled && q.operation == OperationCancel && q.conduct.real():
		return nestedRefusal(alreadyApplied, method)
	default:
		return nestedRefusal(v, method)
	}
}

func (q *cancel0A19Call) reply(res result) (string, body) {
	a := answer{params: q.params, outStatCd: "0031", code: res.refusal, escaped: true, manner: res.manner}
	if res.code == "" {
		a.trdNo, a.outStatCd, a.code = res.canTrdNo, "0021", refusal{"0000", okMessage}
	}
	if q.trusted {
		hash := pktHash(q.merchant, q.message, a.outStatCd, q.hashed, res)
		a.data = object{{"pktHash", hash}, {"orgTrdNo", q.data.get("orgTrdNo")}}
	}
	if res.code != "" {
		if res.rfdPsblCd != "" {
			a.data = append(a.data, field{"rfdPsblCd", res.rfdPsblCd})
		}
		return res.code, a.refuse()
	}
	a.data = append(a.data, q.amounts(res)...)
	return "0000", a.write()
}

// amounts are what a success tells: what was cancelled, of what it was made up where the method
// tells that, and what is left to cancel.
func (q *cancel0A19Call) amounts(res result) object {
	if q.operation == OperationWithdraw {
		return nil
	}
	written := func(amount int64) string {
		text := strconv.FormatInt(amount, 10)
		if res.manner.amounts != amountsSealed {
			return text
		}
		return q.merchant.encrypt(text)
	}
	out := object{{"cnclAmt", written(res.amount)}}
	switch q.params.get("method") {
	case "CA", "PZ":
		out = append(out, field{"cardCnclAmt", written(res.amount)}, field{"pntCnclAmt", written(0)}, field{"coupCnclAmt", written(0)})
	case "CP":
		out = append(out, field{"pntCnclAmt", written(res.amount)})
	}
	return append(out, field{"blcAmt", written(res.original.Amount - res.cancelled)})
}
