package settlebank

// The longest values of the fields of a cancellation, in characters.
//
// protocol.md gives two lengths for some, by message. What is accepted must be fit to be asked
// after, so the shorter one counts wherever both messages carry the field:
//
//   - mchtId has 10 in flat and 12 in 0A19 and 0A1M. Only flat's own message is held to 10.
//   - orgTrdNo has 50 in flat and 40 in 0A19. The inquiry (0A1M) belongs to the same specification
//     as 0A19, and is sent with either protocol; it may be left out there. So up to 50 are
//     accepted, 0A19 takes 40, and an inquiry after a longer one goes by the order number alone
//     (package gateway leaves the longer one out).
const (
	MaxMchtID        = 12
	MaxMchtIDFlat    = 10
	MaxMchtTrdNo     = 100 // an id of a cancellation or an inquiry, and the order number
	MaxOrgTrdNo      = 50
	MaxOrgTrdNo0A19  = 40
	MaxReason        = 255 // cnclRsn
	MaxRound         = 999 // cnclOrd has three digits
	MaxRefundAcntNo  = 16
	MaxRefundDpstrNm = 50
	MaxVAcntNo       = 20 // protocol.md names no length; longer than any Korean account number
	RefundBankCdLen  = 3
	AESKeyLen        = 32 // bytes: AES-256
)

// Amounts have up to twelve digits.
const (
	AmountDigits = 12
	MaxAmount    = 999_999_999_999
)

// FirstDate is a day before any payment: before it there was no such gateway.
const FirstDate = "20000101"
