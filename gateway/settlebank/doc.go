// Package settlebank holds what is known of SettleBank (Hecto Financial PG), the payment gateway,
// as facts and nothing else: its hosts and paths, the payment methods and what each allows, result
// codes and what they mean for the money, field lengths, Korean time, the testbed's public keys and
// golden vectors. Each fact stands here once; whoever needs one takes it from here.
//
// protocol.md, in this folder, describes the messages in words, with what real merchants and the
// real gateway do beside it. "protocol.md" in a comment of this module means that file.
//
// The package imports nothing of ours. It sends nothing, decides nothing and keeps no state.
package settlebank
