package settlebank

import "time"

// KST is Korean time, in which SettleBank tells every date and time. A fixed zone needs no zone
// data on the machine, and is right for every payment there is: Korea has had no daylight saving
// time since 1988.
var KST = time.FixedZone("KST", 9*60*60)

// How SettleBank writes dates and times, as layouts of package time.
const (
	DateLayout     = "20060102"       // trdDt, orgTrdDt
	ClockLayout    = "150405"         // trdTm
	DateTimeLayout = "20060102150405" // trdDtm
)

// The banks' daily maintenance, in which a virtual account's refund fails: from and to, since
// midnight in Korea. It goes over midnight.
const (
	BanksClose = 23*time.Hour + 30*time.Minute
	BanksOpen  = 35 * time.Minute
)

// Date returns the Korean day of t, yyyyMMdd.
func Date(t time.Time) string { return t.In(KST).Format(DateLayout) }

// Midnight returns when the Korean day of t began.
func Midnight(t time.Time) time.Time {
	y, m, d := t.In(KST).Date()
	return time.Date(y, m, d, 0, 0, 0, 0, KST)
}
