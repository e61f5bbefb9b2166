package settlebank

// Protocol names a way to ask for a cancellation.
type Protocol string

const (
	// Flat is the page "cancel a payment": one flat JSON object, full and partial cancellation of
	// every method. It carries no id of its own, so the gateway cannot tell a repeated partial
	// cancellation from a second one.
	Flat Protocol = "flat"
	// Protocol0A19 is the standard specification's 0A19, which every public integration speaks. A
	// cancellation has an id and a round of its own, by which the gateway refuses a duplicate.
	Protocol0A19 Protocol = "0A19"
)

// Inquiry0A1M is the version of the message that asks what became of a payment. It goes with either
// protocol.
const Inquiry0A1M = "0A1M"

// The paths of the messages on the host of the API.
const (
	PathCancel   = "/spay/APICancel.do"
	PathRefund   = "/spay/APIRefund.do"
	PathWithdraw = "/spay/APIVBank.do"
	// PathInquiry is that of the specification of 2024, PathInquiry2025 that of the developer site
	// of 2025, for the same message.
	PathInquiry     = "/spay/APITrdcheck.do"
	PathInquiry2025 = "/spay/APITrdStatInq.do"
)

// EncCd reports whether fields are encrypted with AES-256 (params.encCd).
const EncCd = "23"

// The values of outStatCd.
const (
	StatDone    = "0021" // done
	StatRefused = "0031"
	StatWaiting = "0051" // a virtual account's number was issued; notifications alone
)

// The result codes that a reading of an answer turns on.
const (
	CodeOK          = "0000" // in an inquiry: the payment stands
	CodeCancelled   = "0001" // in an inquiry: the payment is cancelled
	CodeRoundWrong  = "ST56"
	CodeHashWrong   = "1901"
	CodeCipherWrong = "1902"
)

// The values of bizType.
const (
	BizCancel   = "C0"
	BizRefund   = "C1"
	BizWithdraw = "A2"
)
