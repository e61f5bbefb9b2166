// Package reconcile compares the ledger with SettleBank's lists of a day: one list a merchant and
// payment method, with every cancellation that was carried out, whoever asked for it. Easy payments
// stand in lists of their providers, of which a merchant may have some only; all are asked for.
//
// # What is compared
//
// Of the ledger: what ended as cancelled or already cancelled on the day, Korean time, and what was
// sent on the day and has an outcome that is not known (unknown, review). Of SettleBank: the
// cancellations in the day's lists. A line and a record belong together by the cancellation's
// number; else, by the payment and the amount, one line to one record, as package evidence tells.
//
// # Midnight
//
// SettleBank dates a cancellation when it carries it out, the ledger when it learns of it: a moment
// later, or, where the answer was lost, hours or days later. So neither side is said to lack
// something before
//
//   - for a line: all records of its payment were looked at, whatever day they ended on;
//   - for a record: the lists of the day before and the day after were looked at too, and those of
//     the days on which its requests were sent.
//
// A day is over when it is over in Korea. While it is not, and where a list could not be had that
// may hold the line, nothing is said to be missing at SettleBank: it is undecided. The list of a
// day that has begun only, tomorrow's of yesterday when it is compared this morning, may be
// refused: it is missed only for what ended within ten minutes of midnight.
//
// # What is settled
//
// A line that can only be a certain record, whose outcome is not known, settles it: it is resolved
// as cancelled, with a note that names the line. So is one that waits for people because Redis
// forgot writes: its line may be of up to a day before it was asked for again. That a line is not
// there settles nothing, whichever days are over: such a record is undecided, with advice. Nothing
// is settled of payments in other currencies than KRW, for SettleBank's documents do not say in
// which unit they are listed.
//
// # Size
//
// Lists and ledger are read as streams. Of a day's cancellations the keys, numbers and amounts are
// held, some 200 bytes each. What is held of the neighbouring days is what may still explain
// something.
package reconcile
