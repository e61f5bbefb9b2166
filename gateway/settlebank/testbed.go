package settlebank

// The testbed's keys, which the vendor publishes. Whoever meets them in production has forgotten to
// set the merchant's own.
const (
	TestbedHashKey = "ST1009281328226982205"
	TestbedAESKey  = "pgSettle30y739r82jtd709yOfZ2yK5K"
)

// The testbed's public merchants.
const (
	TestbedCard        = "nxca_jt_bi" // cards without authentication
	TestbedCardAuth    = "nxca_jt_il" // cards with authentication
	TestbedCardOldAuth = "nxca_ks_gu" // cards, old authentication
	TestbedMisc        = "nx_mid_il"  // vouchers, account transfer, virtual accounts, Tmoney
	TestbedPhone       = "nxhp_pl_il" // carrier billing
	TestbedPoint       = "nxpt_kt_il" // POINTDAMOA
)

// TestbedMerchants returns the testbed's public merchants, the usual one first.
func TestbedMerchants() []string {
	return []string{TestbedCard, TestbedCardAuth, TestbedCardOldAuth, TestbedMisc, TestbedPhone, TestbedPoint}
}
