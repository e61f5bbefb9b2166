package settlebank

import "slices"

// The payment methods, as cancellations and notifications name them.
const (
	Card           = "CA" // Samsung Pay too
	Transfer       = "RA" // account transfer
	Phone          = "MP" // carrier billing
	VirtualAccount = "VA"
	EasyPay        = "PZ" // PAYCO, Kakao Pay, Naver Pay
	Point          = "CP" // POINTDAMOA
)

// Methods returns every payment method that can be cancelled, two letters each.
func Methods() []string {
	return []string{Card, Transfer, Phone, "TC", "HM", "CG", "SG", "BG", "TM", Point, EasyPay, VirtualAccount}
}

// InquiryMethods returns the names under which the gateway may know a payment of a method in an
// inquiry and in a daily list, the likeliest first. An easy payment bears its provider's there:
// Kakao Pay, Naver Pay, PAYCO (which occurs under two names).
func InquiryMethods(method string) []string {
	if method == EasyPay {
		return []string{EasyPay, "KP", "NP", "PC", "WL"}
	}
	return []string{method}
}

// PaidBy returns the method of a payment that an inquiry or a daily list has under a name, one of
// [InquiryMethods].
func PaidBy(name string) string {
	if slices.Contains(InquiryMethods(EasyPay), name) {
		return EasyPay
	}
	return name
}

// The operations on a payment.
const (
	OpCancel   = "cancel"   // gives money back the way it came
	OpRefund   = "refund"   // transfers it to a bank account instead
	OpWithdraw = "withdraw" // takes back a virtual account's number that nobody has paid into
)

// Ops returns the operations.
func Ops() []string { return []string{OpCancel, OpRefund, OpWithdraw} }

// MethodsOf returns the methods that have an operation.
func MethodsOf(op string) (methods []string) {
	for _, row := range operations {
		if row.Name == op {
			methods = append(methods, row.Methods...)
		}
	}
	return methods
}

// The currencies of an amount.
const (
	KRW = "KRW" // whole won
	USD = "USD" // cents, of cards paid abroad; 0A19 alone has them
)

// Currencies returns the currencies.
func Currencies() []string { return []string{KRW, USD} }

// TaxCompound is the tax type that needs the amount's parts; TaxTypes are all there are: exempt,
// taxable and compound.
const TaxCompound = "G"

// TaxTypes returns the values of taxTypeCd.
func TaxTypes() []string { return []string{"Y", "N", TaxCompound} }

// Traits are what protocol.md says of an operation.
type Traits uint8

const (
	Partial   Traits = 1 << iota // a part can be cancelled; else the round is always 1
	Taxed                        // has the tax fields
	SameMonth                    // only in the payment's calendar month
	ToAccount                    // pays to a bank account, which the request names
	BankHours                    // fails while the banks are in maintenance
	NoMoney                      // moves none: its hash has "0" in the amount's place
)

// Operation is a row of the table of operations in "Protocol 0A19".
type Operation struct {
	Name    string
	Methods []string
	Path    string
	BizType string
	Traits  Traits
}

// Is reports whether the operation has a trait.
func (op Operation) Is(t Traits) bool { return op.Traits&t != 0 }

var operations = []Operation{
	{OpCancel, []string{Card, Transfer, EasyPay}, PathCancel, BizCancel, Partial | Taxed},
	{OpCancel, []string{Phone}, PathCancel, BizCancel, Partial | Taxed | SameMonth},
	{OpCancel, []string{Point}, PathCancel, BizCancel, Partial},
	{OpCancel, []string{"TC", "HM", "CG", "SG", "BG", "TM"}, PathCancel, BizCancel, 0},
	{OpRefund, []string{Phone}, PathRefund, BizRefund, Partial | Taxed | ToAccount},
	{OpRefund, []string{VirtualAccount}, PathRefund, BizCancel, Partial | Taxed | ToAccount | BankHours},
	{OpWithdraw, []string{VirtualAccount}, PathWithdraw, BizWithdraw, NoMoney},
}

// Operations returns the table, which is not to be changed.
func Operations() []Operation { return operations }

// PartsPossible reports whether a part of a payment can be given back by any operation. It is true
// of a method that is not known.
func PartsPossible(method string) bool {
	known := false
	for _, op := range operations {
		if slices.Contains(op.Methods, method) {
			if op.Is(Partial) {
				return true
			}
			known = true
		}
	}
	return !known
}
