package simulator

import (
	"math/rand/v2"
	"strings"
	"time"

	"settlecancel/gateway/settlebank"
)

// manner is how one answer in the nested form is written in real temper: what the
// documents leave open, or describe in two ways. The zero value writes it to the letter, with the
// request's own time and hash.
type manner struct {
	now     time.Time // trdDt and trdTm, the gateway's own; zero: the request's
	newer   bool      // ver and encCd are the gateway's own too
	hash    hashManner
	upper   bool // the hash in capital letters
	padded  bool // a space behind the codes
	marked  bool // a byte order mark in front of the body
	amounts amountManner
	refusal refusalManner
	// An inquiry's: contrary tells a cancelled payment with outStatCd 0031, brief leaves out a sum
	// that is zero, lost says ST06 for a transaction that does not exist.
	contrary, brief, lost bool
}

// hashManner is what the pktHash of an answer is.
type hashManner uint8

const (
	hashReturned hashManner = iota // the request's
	hashOwn                        // over what the answer says
)

// amountManner is how a cancellation's answer writes amounts.
type amountManner uint8

const (
	amountsSealed amountManner = iota
	amountsPlain
	amountsNumeric
)

// refusalManner is how much a refusal tells beside its code.
type refusalManner uint8

const (
	refusalFull    refusalManner = iota
	refusalNoHash                // data without a hash
	refusalNoData                // data is empty
	refusalBare                  // neither params nor data
	refusalManners               // how many there are
)

// drawManner draws how an answer is written. Every draw is made, so that each is the same whatever
// the others come to.
func drawManner(random *rand.Rand, now time.Time) manner {
	seldom := func() bool { return random.IntN(8) == 0 }
	m := manner{now: now, newer: seldom(), hash: hashManner(random.IntN(2)), upper: seldom(), padded: seldom(), marked: seldom()}
	if seldom() {
		m.amounts = amountsPlain + amountManner(random.IntN(2))
	}
	m.refusal = refusalManner(random.IntN(int(refusalManners)))
	m.contrary, m.brief, m.lost = random.IntN(4) == 0, random.IntN(2) == 0, random.IntN(2) == 0
	return m
}

// clock returns the trdDt and trdTm that an answer to params tells.
func (m manner) clock(params object) (date, clock string) {
	if m.now.IsZero() {
		return params.get("trdDt"), params.get("trdTm")
	}
	now := m.now.In(settlebank.KST)
	return now.Format(settlebank.DateLayout), now.Format(settlebank.ClockLayout)
}

// code writes a code or a status.
func (m manner) code(code string) string {
	if m.padded {
		return code + " "
	}
	return code
}

// letters writes a hash.
func (m manner) letters(hash string) string {
	if m.upper {
		return strings.ToUpper(hash)
	}
	return hash
}
