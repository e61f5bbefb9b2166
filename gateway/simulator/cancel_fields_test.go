package simulator

import (
	"strings"
	"testing"

	"settlecancel/gateway/settlebank"
)

func Test0A19CancelFields(t *testing.T) {
	t.Parallel()
	long := func(n int) string { return strings.Repeat("9", n) }
	tests := []struct {
		name         string
		params, data fields
		want         string
	}{
		{"OK", nil, nil, "0000"},
		{"OK everything", fields{"mobileYn": "Y", "osType": "A"}, fields{"cnclRsn": "고객 변심", "taxTypeCd": "N", "taxAmt": "364",
			"vatAmt": "36", "taxFreeAmt": "0", "svcAmt": "0"}, "0000"},
		{"OK empty optional fields", fields{"mobileYn": "", "osType": ""}, fields{"cnclRsn": "", "taxTypeCd": "", "taxAmt": ""}, "0000"},
		{"OK longest id", fields{"mchtTrdNo": long(100)}, nil, "0000"},
		{"OK longest reason", nil, fields{"cnclRsn": strings.Repeat("주", 85)}, "0000"},
		{"OK any date", fields{"trdDt": "19991231", "trdTm": "235959"}, nil, "0000"},
		{"OK leading zeros", nil, fields{"cnclAmt": "000000000400"}, "0000"},

		{"ErrNoMerchant", fields{"mchtId": "-"}, nil, "1001"},
		{"ErrLongMerchant", fields{"mchtId": long(13)}, nil, "1101"},
		{"ErrMerchant", fields{"mchtId": "nobody"}, nil, "ST47"},
		{"ErrNoVersion", fields{"ver": "-"}, nil, "6001"},
		{"ErrVersion", fields{"ver": "0A1M"}, nil, "6001"},
		{"ErrLongVersion", fields{"ver": "0A191"}, nil, "1126"},
		{"ErrNoMethod", fields{"method": "-"}, nil, "1002"},
		{"ErrMethod", fields{"method": "XX"}, nil, "6001"},
		{"ErrLongMethod", fields{"method": "CAR"}, nil, "1102"},
		{"ErrNoBizType", fields{"bizType": "-"}, nil, "6001"},
		{"ErrBizType", fields{"bizType": "B0"}, nil, "6001"},
		{"ErrOtherBizType", fields{"bizType": "C1"}, nil, "6001"},
		{"ErrNoEncCd", fields{"encCd": "-"}, nil, "6001"},
		{"ErrEncCd", fields{"encCd": "24"}, nil, "6001"},
		{"ErrNoID", fields{"mchtTrdNo": "-"}, nil, "1005"},
		{"ErrLongID", fields{"mchtTrdNo": long(101)}, nil, "1105"},
		{"ErrKoreanID", fields{"mchtTrdNo": "취소1"}, nil, "6001"},
		{"ErrNoDate", fields{"trdDt": "-"}, nil, "1003"},
		{"ErrDate", fields{"trdDt": "20230229"}, nil, "6001"},
		{"ErrLongDate", fields{"trdDt": "202312160"}, nil, "1103"},
		{"ErrNoTime", fields{"trdTm": "-"}, nil, "1004"},
		{"ErrTime", fields{"trdTm": "250000"}, nil, "6001"},
		{"ErrLongTime", fields{"trdTm": "0801010"}, nil, "1104"},
		{"ErrMobile", fields{"mobileYn": "X"}, nil, "6001"},
		{"ErrUnknownParam", fields{"orgTrdNo": testTrdNo}, nil, "6001"},

		{"ErrNoHash", nil, fields{"pktHash": ""}, "6001"},
		{"ErrHash", nil, fields{"pktHash": sum("x")}, "1901"},
		{"ErrUpperCaseHash", nil, fields{"pktHash": strings.ToUpper(sum("20231216", "080101", testMerchant, "C1", "400", settlebank.TestbedHashKey))}, "1901"},
		{"ErrHashOfCiphertext", nil, fields{"pktHash": sum("20231216", "080101", testMerchant, "C1", testbed.encrypt("400"), settlebank.TestbedHashKey)}, "1901"},
		{"ErrHashOfZero", nil, fields{"pktHash": sum("20231216", "080101", testMerchant, "C1", "0", settlebank.TestbedHashKey)}, "1901"},
		{"ErrLongHash", nil, fields{"pktHash": long(65)}, "1127"},
		{"ErrNoNumber", nil, fields{"orgTrdNo": "-"}, "6001"},
		{"ErrLongNumber", nil, fields{"orgTrdNo": long(41)}, "1120"},
		{"ErrNoSuchNumber", nil, fields{"orgTrdNo": "other"}, "CA10"},
		{"ErrNoCurrency", nil, fields{"crcCd": "-"}, "6001"},
		{"ErrCurrency", nil, fields{"crcCd": "EUR"}, "6001"},
		{"ErrOtherCurrency", nil, fields{"crcCd": "USD"}, "ST07"},
		{"ErrNoRound", nil, fields{"cnclOrd": "-"}, "6001"},
		{"ErrShortRound", nil, fields{"cnclOrd": "01"}, "6001"},
		{"ErrRoundZero", nil, fields{"cnclOrd": "000"}, "6001"},
		{"ErrRoundOfLetters", nil, fields{"cnclOrd": "00a"}, "6001"},
		{"ErrLongRound", nil, fields{"cnclOrd": "0001"}, "1126"},
		{"ErrNoAmount", nil, fields{"cnclAmt": "-"}, "1009"},
		{"ErrEmptyAmount", nil, fields{"cnclAmt": ""}, "1009"},
		{"ErrEncryptedNothing", nil, fields{"cnclAmt": "raw:" + testbed.encrypt("")}, "1009"},
		{"ErrAmountInPlain", nil, fields{"cnclAmt": "raw:400"}, "1902"},
		{"ErrAmountOfOtherKey", nil, fields{"cnclAmt": "raw:" + Merchant{AESKey: strings.Repeat("k", 32)}.encrypt("400")}, "1902"},
		{"ErrAmountZero", nil, fields{"cnclAmt": "0"}, "6001"},
		{"ErrAmountNegative", nil, fields{"cnclAmt": "-400"}, "6001"},
		{"ErrAmountWithPoint", nil, fields{"cnclAmt": "400.0"}, "6001"},
		{"ErrLongAmount", nil, fields{"cnclAmt": long(13)}, "1109"},
		{"ErrLongReason", nil, fields{"cnclRsn": long(256)}, "1126"},
		{"ErrUnknownData", nil, fields{"canAmt": "400"}, "6001"},
		{"ErrRefundFields", nil, refundFields, "6001"},
		{"ErrAccountNumber", nil, fields{"vAcntNo": "1"}, "6001"},

		{"ErrTaxType", nil, fields{"taxTypeCd": "X"}, "6001"},
		{"ErrTaxInPlain", nil, fields{"taxTypeCd": "N", "vatAmt": "raw:36"}, "1902"},
		{"ErrTaxOfLetters", nil, fields{"taxTypeCd": "N", "vatAmt": "x"}, "6001"},
		{"ErrLongTax", nil, fields{"taxTypeCd": "N", "vatAmt": long(13)}, "1126"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b := registered(t, Options{}, 1000)
			a := b.ask(cancelPath, cancel0A19("C1", "001", "400", tt.params, tt.data))
			if got := a.Params["outRsltCd"]; got != tt.want {
				t.Errorf("outRsltCd %s (%s), want %s", got, a.Params["outRsltMsg"], tt.want)
			}
			if applied := len(b.Effects()); (applied == 1) != (tt.want == "0000") {
				t.Errorf("%d effects with %s", applied, tt.want)
			}
			reachedBank := tt.want == "0000" || tt.want == "CA10" || tt.want == "ST07"
			if (len(a.Data) > 0) != reachedBank {
				t.Errorf("data %v with %s: what is not trusted is answered without", a.Data, tt.want)
			}
		})
	}
}

// TestMoneylessMethods: vouchers and points know no tax.
func TestMoneylessMethods(t *testing.T) {
	t.Parallel()
	for _, method := range []string{"CP", "TC", "HM", "CG", "SG", "BG", "TM"} {
		b := paidBy(t, Options{}, method, nil)
		if got := b.code(cancelPath, cancel0A19("C1", "001", "1000", fields{"method": method}, fields{"taxTypeCd": "N"})); got != "6001" {
			t.Errorf("%s with taxTypeCd: %s, want 6001", method, got)
		}
		if got := b.code(cancelPath, cancel0A19("C1", "001", "1000", fields{"method": method}, fields{"cnclRsn": "x"})); got != "0000" {
			t.Errorf("%s: %s, want 0000", method, got)
		}
	}
}

func TestCompoundTax(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name                               string
		taxAmt, vatAmt, taxFreeAmt, svcAmt string
		want                               string
	}{
		{"OK", "300", "30", "70", "-", "0000"},
		{"OK all exempt", "0", "0", "400", "-", "0000"},
		{"OK service charge within", "300", "30", "70", "36", "0000"},
		{"OK service charge beside", "300", "30", "60", "10", "0000"},
		{"ErrBelow", "300", "30", "69", "-", "ST55"},
		{"ErrAbove", "300", "30", "71", "-", "ST55"},
		{"ErrServiceCharge", "300", "30", "60", "11", "ST55"},
		{"ErrNoTaxAmt", "-", "30", "70", "-", "6001"},
		{"ErrNoVatAmt", "300", "-", "70", "-", "6001"},
		{"ErrNoTaxFreeAmt", "300", "30", "-", "-", "6001"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b := registered(t, Options{}, 1000)
			data := fields{"taxAmt": tt.taxAmt, "vatAmt": tt.vatAmt, "taxFreeAmt": tt.taxFreeAmt, "svcAmt": tt.svcAmt}
			if got := b.code(cancelPath, cancel0A19("C1", "001", "400", nil, with(data, fields{"taxTypeCd": "G"}))); got != tt.want {
				t.Errorf("outRsltCd %s, want %s", got, tt.want)
			}
			if tt.want == "0000" {
				return
			}
			if len(b.Effects()) != 0 {
				t.Error("a refused cancellation was applied")
			}
			if got := b.code(cancelPath, cancel0A19("C1", "001", "400", nil, with(data, fields{"taxTypeCd": "N"}))); got != "0000" {
				t.Errorf("the same without compound tax: %s, want 0000", got)
			}
		})
	}
}

func TestRefundAndWithdrawalFields(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		data fields
		want string
	}{
		{"OK", nil, "0000"},
		{"ErrNoBank", fields{"refundBankCd": "-"}, "6001"},
		{"ErrShortBank", fields{"refundBankCd": "04"}, "6001"},
		{"ErrBankOfLetters", fields{"refundBankCd": "KB1"}, "6001"},
		{"ErrNoAccount", fields{"refundAcntNo": "-"}, "6001"},
		{"ErrAccountInPlain", fields{"refundAcntNo": "raw:0000000000000000"}, "1902"},
		{"ErrAccountWithHyphens", fields{"refundAcntNo": "110-123-456789"}, "6001"},
		{"ErrLongAccount", fields{"refundAcntNo": strings.Repeat("1", 17)}, "1126"},
		{"ErrNoHolder", fields{"refundDpstrNm": "-"}, "6001"},
		{"ErrLongHolder", fields{"refundDpstrNm": strings.Repeat("김", 51)}, "1126"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b := paidBy(t, Options{Now: at(2024, 1, 1, 12, 0)}, "VA", nil)
			if got := b.code(refundPath, refund("VA", "C0", "C1", "001", "400", tt.data)); got != tt.want {
				t.Errorf("refund: %s, want %s", got, tt.want)
			}
		})
	}
	for _, tt := range []struct {
		name string
		data fields
		want string
	}{
		{"OK withdrawal", nil, "0000"},
		{"ErrNoNumber", fields{"orgTrdNo": "-"}, "6001"},
		{"ErrNoVirtualAccount", fields{"vAcntNo": "-"}, "6001"},
		{"ErrVirtualAccountInPlain", fields{"vAcntNo": "raw:79012345678901"}, "1902"},
		{"ErrLongVirtualAccount", fields{"vAcntNo": strings.Repeat("1", 21)}, "1126"},
		{"ErrOtherVirtualAccount", fields{"vAcntNo": "79012345678902"}, "ST07"},
		{"ErrAmount", fields{"cnclAmt": "1000"}, "6001"},
		{"ErrHashWithAmount", fields{"pktHash": sum("20231216", "080101", testMerchant, "C1", "1000", settlebank.TestbedHashKey)}, "1901"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b := paidBy(t, Options{}, "VA", func(o *Original) { o.VAcntNo = "79012345678901" })
			if got := b.code(vbankPath, withdrawal("C1", tt.data)); got != tt.want {
				t.Errorf("withdrawal: %s, want %s", got, tt.want)
			}
			if state, _ := b.Original(testMerchant, testTrdNo); state.VAcntNo != "" || state.Withdrawn != (tt.want == "0000") {
				t.Errorf("original %+v: must not show the account number, and be withdrawn with success alone", state)
			}
		})
	}
}

func Test0A19Shape(t *testing.T) {
	t.Parallel()
	flat := encode(t, flatFields("500", nil))
	for _, path := range []string{refundPath, vbankPath} {
		for name, body := range map[string]string{
			"ErrFlat": flat, "ErrNoJSON": "x", "ErrNoData": `{"params":{}}`, "ErrThird": `{"params":{},"data":{},"more":{}}`,
		} {
			b := registered(t, Options{}, 1000)
			r := b.post(path, body)
			if r.status != 200 || !strings.Contains(string(r.body), `"outRsltCd":"5001"`) || len(b.Effects()) != 0 {
				t.Errorf("%s%s: status %d, body %s, %d effects; want 5001 and none", name, path, r.status, r.body, len(b.Effects()))
			}
		}
	}
}
