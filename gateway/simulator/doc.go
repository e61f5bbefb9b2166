// Package simulator is a SettleBank cancellation gateway in one process, for development, tests and
// benchmarks: as strict or as liberal about what it takes as one asks it to be, honest in its
// books, and as unreliable on the wire.
//
// It is written from the vendor's protocol alone. It shares the vendor's plain facts with the
// client (package settlebank) and no code: it decodes, checks and signs by itself, proven with
// golden vectors, so that an error in the one does not hide in the other.
//
// # What it speaks
//
//   - POST /spay/APICancel.do: protocol flat, full and partial cancellation; protocol 0A19,
//     cancellation by every method but virtual account; the body's shape tells which.
//   - POST /spay/APIRefund.do: 0A19, refund of phone payments and virtual accounts.
//   - POST /spay/APIVBank.do: 0A19, withdrawal of a virtual account number.
//   - POST /spay/APITrdcheck.do: inquiry 0A1M, its outRsltMsg URL-encoded.
//   - POST /spay/APITrdStatInq.do: inquiry 0A1M, its outRsltMsg plain, or flat; the body's shape
//     tells which.
//   - GET or POST /api/pg/{mchtId}/transInfo.do: daily collation.
//
// And it sends cancellation notifications where it is told to (Options.NotiURL, SetNoti).
//
// It can be told to know one protocol only (Options.Protocol, SetConduct). What moves money in the
// other is then refused with 5001 in the form that it knows, and so is a flat inquiry where flat is
// not known; inquiry 0A1M and collation go with either.
//
// # Two tempers
//
// Strict takes what the documents describe and answers to the letter, so that every slip of our own
// client shows: tests that are about what the client sends are for it, and the zero Options are it.
// Real is what is known of the gateway behind the documents; the command's default is it.
//
//	                     strict                         real
//	Content-Type         application/json with UTF-8    JSON bare or with any charset, in any letters;
//	                                                    a form's, whose body is JSON
//	members              known ones, strings            unknown ones overlooked; numbers too
//	ver                  0A19                           0A10 to 0A19
//	cnclOrd              the next, three digits         any number above the last, or blank: the next
//	mchtTrdNo            one a cancellation             one may serve all parts of a payment
//	cancelled before     the method's code              ST25, for a fresh id too
//	inquiry's id         one an inquiry                 any
//	easy payments        inquired after as PZ           by provider, KP NP PC WL; PZ is not found;
//	                                                    in collations too
//	trdDt, trdTm         the request's                  the gateway's
//	pktHash              the request's                  the request's, or one over the answer (status,
//	                                                    date, time, merchant, id, amount), now and then
//	                                                    in capital letters
//	refusals             with the hash                  with it, without it, without data, or bare
//	amounts of answers   encrypted                      now and then in plain, or numbers
//	codes, body          as documented                  now and then padded; a byte order mark
//	inquiry              0001 with 0021                 0001 with 0021 or 0031; a sum that is zero may
//	                                                    be left out; not found is the method's code or
//	                                                    ST06
//	cancelled elsewhere  the order number as its id     an id of its own
//
// In which of its ways an answer of real temper is written follows from Options.Seed, the payment,
// and how many requests of its kind it had before. Hashes are checked in both tempers.
//
// # What strict takes
//
// A message must be a POST with Content-Type "application/json; charset=UTF-8" and one JSON object
// of strings; lengths are characters. Fields, merchant and hash are checked before anything else;
// what fails there moves no money, whatever fault it suffers. Where the result codes name no code
// for a field, a missing one is 6001, as is an unknown one, and one that is too long 1126.
//
// # What it decides
//
// In strict temper, and in real where the table above says nothing else:
//
// A flat cancellation has nothing to be told from its repetition by: a repeated partial one is
// applied again. One of 0A19 has an id and a round, whose books all protocols, and CancelElsewhere,
// share:
//
//   - An id that was applied is refused with ST25, a refund's with ST39, where it comes with the
//     same transaction, operation, amount and round, else with ST50. A request that was refused
//     does not use its id up.
//   - The round is the number of the transaction's cancellations plus one: else ST56.
//   - Nothing left: the method's own code. Too much: ST57. A part of a voucher: ST54. Another
//     method, currency, order number or virtual account number than the original's: ST07.
//   - A phone payment is cancelled in its calendar month, by Korean time, else MP81 with rfdPsblCd.
//     A refund is open where that says Y; N is answered ST69, C ST19. Flat knows no month.
//   - A virtual account is refunded except from 23:30 to 00:35: ST11. Whether its money was paid in
//     is not modelled: its number can be withdrawn until something was refunded (ST19), and nothing
//     refunded once it was withdrawn.
//   - The amounts of a compound tax must add up to what is cancelled, with or without the service
//     charge: else ST55.
//
// A request that is not to be trusted is answered without data, a refusal of the books with pktHash
// and orgTrdNo.
//
// A collation lists approvals by the original's date and cancellations by the day they took effect,
// refunds among them, withdrawals not. In it and in notifications, a cancellation without an id
// goes by the merchant's order number. The authentication key of its hash is the hash key.
//
// # How a request goes
//
//	read, check ─► journal ─► fault chosen ─► latency ─► applied ─► answered
//	                              │                         ▲           ▲
//	                              └── delay, leave out, apply late ─────┴── drop, hang, maim, lie
//
// One short lock guards the books; nobody holds it while waiting, reading or writing. A fault takes
// away or spoils the answer, never the truth behind it: no answer claims success for what was not
// applied.
//
// # Control interface
//
// Below /_sim/ stands a control interface, JSON both ways; GET /_sim/ lists its calls. Bad input is
// answered with 400 and {"errors":["…"]}, every fault named. Durations are text. It has no login:
// bind it to loopback.
//
// Register originals, one or a list (all or none):
//
//	POST /_sim/originals
//	{"mchtId":"nxca_jt_bi","orgTrdNo":"T1","orgMchtTrdNo":"O1","orgTrdDt":"20231215","amount":1000,"method":"CA"}
//	→ 201 {"registered":1}
//
//	GET /_sim/originals/nxca_jt_bi/T1
//	→ 200 {"mchtId":"nxca_jt_bi",…,"cancelledAmount":500,"remaining":500,"nextRound":"002","effects":[…],…}
//
// Beside "method" an original may have "provider", "currency", "noPartial", "cancelUntil",
// "rfdPsblCd" and "vAcntNo"; see Original.
//
// Cancel an amount as somebody does on the vendor's own site:
//
//	POST /_sim/elsewhere
//	{"mchtId":"nxca_jt_bi","orgTrdNo":"T1","amount":300}
//	→ 201 {"seq":2,…,"amount":300,"round":2,"elsewhere":true}
//
// Be taken and answered otherwise from now on; GET shows how it is:
//
//	POST /_sim/conduct
//	{"temper":"strict","protocol":"0A19"}
//	→ 200 {"temper":"strict","protocol":"0A19"}
//
// Have effects told from now on; an empty url ends that:
//
//	POST /_sim/noti
//	{"url":"http://127.0.0.1:8080/noti"}
//	→ 204
//
// Script faults, one rule or a list. The second cancellation of T1 is applied, but its answer lost:
//
//	POST /_sim/faults
//	{"path":"cancel","orgTrdNo":"T1","skip":1,"times":1,"fault":{"kind":"drop","apply":"yes"}}
//	→ 201 {"ids":[1]}
//
// Each inquiry shows what there was half a second ago; every cancellation hangs, and is applied
// when its client has long gone:
//
//	[{"path":"inquiry","fault":{"kind":"stale","delay":"500ms"}},
//	 {"path":"cancel","fault":{"kind":"hang","apply":"late","delay":"250ms","bound":"30s"}}]
//
// A rule may hit a share of the requests, by the seed, and so many of one original; "upTo" makes a
// delay the longest of those that are drawn. Here every third answer is lost, its cancellation
// applied up to ten seconds later, at most twice a payment:
//
//	{"path":"cancel","rate":0.33,"perOriginal":2,"fault":{"kind":"drop","apply":"late","delay":"10s","upTo":true}}
//
// Somebody cancels 7 won on the vendor's own site before the bank looks at a payment's first
// request; "after" is when it has looked, before the answer; no amount is up to a tenth:
//
//	{"perOriginal":1,"elsewhere":{"when":"before","amount":7}}
//
// Inquiries say 0001 as soon as a part is cancelled, or tell no sum of a whole; every request
// reaches the bank twice:
//
//	[{"path":"inquiry","rate":0.5,"fault":{"kind":"early"}},{"path":"inquiry","fault":{"kind":"sumless"}},
//	 {"path":"cancel","fault":{"kind":"twice"}}]
//
// Path "collation" is for daily lists; half of one, or a count that is wrong:
//
//	[{"path":"collation","times":1,"fault":{"kind":"truncated"}},{"path":"collation","fault":{"kind":"wrongCount"}}]
//
// GET /_sim/faults shows the rules, how often each was met, and the random faults; DELETE
// /_sim/faults ends both, DELETE /_sim/faults/1 removes one rule. Rules are tried in order, the
// first with uses left wins.
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
