package settlebank

import (
	"strconv"
	"strings"
)

// cancelPrefix begins every id that this program gives to a cancellation. One that was made
// elsewhere, at the vendor's admin site say, carries another.
const cancelPrefix = "CNCL"

// CancelID returns the id that a cancellation bears at the gateway (0A19 mchtTrdNo): the nth that
// was derived from its idempotency key, counted from 1; n below 1 counts as 1. A cancellation gets
// its next id only after a definite refusal. For a key of at most 64 characters an id has at most
// 100.
//
// The number stands before the key: behind it, the second id of the key "refund-7" would be the
// first of the key "refund-7-2", and shops do give such keys to two cancellations of one payment.
func CancelID(key string, n int) string {
	if n <= 1 {
		return cancelPrefix + "-" + key
	}
	return cancelPrefix + strconv.Itoa(n) + "-" + key
}

// ParseCancelID returns the idempotency key and the number that an id was derived from, or false:
// it is not of this program's making.
func ParseCancelID(id string) (key string, n int, ok bool) {
	rest, ours := strings.CutPrefix(id, cancelPrefix)
	digits, key, found := strings.Cut(rest, "-")
	if !ours || !found || key == "" {
		return "", 0, false
	}
	if digits == "" {
		return key, 1, true
	}
	n, err := strconv.Atoi(digits)
	if err != nil || CancelID(key, n) != id {
		return "", 0, false
	}
	return key, n, true
}
