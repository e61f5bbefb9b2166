// Package simulator is a SettleBank cancellation gateway in one process, for development, tests and benchmarks: strict
// about what it takes, honest in its books, and as unreliable on the wire as one asks it to be.
//
// It is written from the vendor's protocol alone and shares no code with the client: it decodes, checks and signs by
// itself, proven with golden vectors, so that an error in the one does not hide in the other.
//
// # What it speaks
//
//   - POST /spay/APICancel.do: protocol flat, full and partial cancellation.
//   - POST /spay/APITrdcheck.do: inquiry 0A1M, its outRsltMsg URL-encoded.
//   - POST /spay/APITrdStatInq.do: inquiry 0A1M, its outRsltMsg plain, or flat; the body's shape tells which.
//
// A request must be a POST with Content-Type "application/json; charset=UTF-8" and one JSON object of strings; lengths
// are bytes of UTF-8. Fields, merchant and hash are checked before anything else; what fails there moves no money,
// whatever fault it suffers. A flat cancellation has nothing to be told from its repetition by: a repeated partial one
// is applied again. Where the result codes name no code for a field, a missing one is 6001, as is an unknown one.
//
// # How a request goes
//
//	read, check ─► journal ─► fault chosen ─► latency ─► applied ─► answered
//	                              │                         ▲           ▲
//	                              └── delay, leave out, apply late ─────┴── drop, hang, maim, lie
//
// One short lock guards the books; nobody holds it while waiting, reading or writing. A fault takes away or spoils the
// answer, never the truth behind it: no answer claims success for what was not applied.
//
// # Control interface
//
// Below /_sim/ stands a control interface, JSON both ways; GET /_sim/ lists its calls. Bad input is answered with 400
// and {"errors":["…"]}, every fault named. Durations are text. It has no login: bind it to loopback.
//
// Register originals, one or a list (all or none):
//
//	POST /_sim/originals
//	{"mchtId":"nxca_jt_bi","orgTrdNo":"T1","orgMchtTrdNo":"O1","orgTrdDt":"20231215","amount":1000,"method":"CA"}
//	→ 201 {"registered":1}
//
//	GET /_sim/originals/nxca_jt_bi/T1
//	→ 200 {"mchtId":"nxca_jt_bi",…,"cancelledAmount":500,"remaining":500,"effects":[…],"inProgress":0,"maxConcurrent":1}
//
// Script faults, one rule or a list. The second cancellation of T1 is applied, but its answer lost:
//
//	POST /_sim/faults
//	{"path":"cancel","orgTrdNo":"T1","skip":1,"times":1,"fault":{"kind":"drop","apply":"yes"}}
//	→ 201 {"ids":[1]}
//
// Each inquiry shows what there was half a second ago; every cancellation hangs, and is applied when its client has
// long gone:
//
//	[{"path":"inquiry","fault":{"kind":"stale","delay":"500ms"}},
//	 {"path":"cancel","fault":{"kind":"hang","apply":"late","delay":"250ms","bound":"30s"}}]
//
// GET /_sim/faults shows the rules, how often each was met, and the random faults; DELETE /_sim/faults ends both,
// DELETE /_sim/faults/1 removes one rule. Rules are tried in order, the first with uses left wins.
//
// Random faults; a kind alone stands for those of that kind in the default mix:
//
//	POST /_sim/chaos
//	{"rate":0.3,"seed":1,"inquiries":true,"kinds":["drop","hang",{"kind":"status","status":503,"apply":"yes"}]}
//
// Look:
//
//	GET /_sim/received?orgTrdNo=T1&limit=10
//	GET /_sim/effects?mchtId=nxca_jt_bi&after=100&format=ndjson
//	GET /_sim/stats
//	→ {"requests":3,"cancels":2,"inquiries":1,"effects":1,"cancelledAmount":500,…,"maxConcurrent":1,"overlaps":[]}
//
// Begin anew:
//
//	POST /_sim/reset
//	→ 204
package simulator
