// Package config reads every setting of settlecancel from the environment,
// checks all of them before anything starts, and holds what the commands need
// in one value.
//
// The rules, in the order [Load] applies them:
//
//   - An empty variable counts as one that is not set.
//   - A secret is read from the file that NAME_FILE names where NAME is not
//     set, so that it need not stand in the environment. Both is a fault.
//   - A secret of the environment that begins or ends with white space or a
//     quote is a fault, and so is a key of a merchant that holds one, whichever
//     way it came; of a file, the line end at its end is no part of it.
//   - A variable that begins like a setting of ours and is none is a fault: a
//     mistyped RETRY_MAXX must not leave its default in force unnoticed.
//   - Every fault is reported, not only the first, each with its setting's
//     name, what was wrong and what is allowed. A secret's value is never
//     part of a message.
//
// Beside the Go files lie the configuration files that ship: redis.conf is
// what the promise needs of Redis.
//
// config imports no other package of this module but the vendor's facts, and only cmd/settlecancel
// imports it: the other packages take plain values, and can be used and tested
// without an environment.
package config
