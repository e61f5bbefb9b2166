// Package gateway is a client of SettleBank, the payment gateway: it cancels payments and inquires
// after them.
//
// Money hangs on one question after every request: was it applied? So no call returns an error.
// Each ends in an
// [Outcome] whose [Class] answers that question, and only what is proven counts as proof:
//
//	what happened                                        class
//	no byte of the request was written                   Transient
//	complete, valid answer with status 200               the class of its code; no such row: Unknown
//	  success, but not all a success must carry          Unknown
//	429                                                  Transient
//	4xx with a valid answer and a listed failing code    the class of that code
//	4xx with a success code, or a damaged answer         Unknown
//	401, 403, 404 from something in front                Misconfigured
//	408                                                  Unknown
//	any other 4xx from something in front                Transient
//	any other status, whatever the body                  Unknown
//	written, then time-out, reset, cut, foreign, > 1 MiB Unknown
//	refused here, before any request                     Rejected or Misconfigured, Code "local"
//
// [Outcome.Written] is exact because it is not inferred from errors: every connection counts what
// is written to it, before it is written, and can be sealed, after which nothing is written any
// more (conn.go). net/http repeats no request on its own here: requests carry no GetBody and no
// Idempotency-Key, connections speak HTTP/1.1 only. A request is repeated by this package alone,
// and only where a kept-alive connection had ended before a byte was written to it.
//
// Requests go out in a merchant's [Protocol]. The inquiry (message 0A1M) is the same for each. What
// is required of an answer, what is tolerated and what is concluded is a table in conclude.go, and
// in "How answers are read" of protocol.md. An answer in another protocol than the request's says
// so in its message, with what to set. [Hold] is the part
// of what a payment method allows that needs waiting. The messages follow protocol.md in package
// settlebank, which has all that is known of SettleBank: methods, operations, result codes, hosts.
package gateway
