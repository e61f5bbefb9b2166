package ledger

import (
	"hash/fnv"
	"strconv"
	"strings"
)

// shards is into how many parts the ledger is cut. All keys of a part share a hash tag, so that a
// script that moves a transaction together with the open set and the dead letters stays within one
// slot of a Redis Cluster. It is part of the stored format: changing it orphans what is stored.
const shards = 16

const prefix = "settlecancel:"

// place is where one cancellation is kept.
type place struct {
	shard  int
	key    string // idempotency key
	txn    string // "mchtId:orgTrdNo"
	member string // how the sets of the shard name it: "key mchtId:orgTrdNo"
}

func locate(key, mchtID, orgTrdNo string) place {
	return placeOf(key, mchtID+":"+orgTrdNo)
}

func placeOf(key, txn string) place {
	h := fnv.New32a()
	h.Write([]byte(txn))
	return place{shard: int(h.Sum32() % shards), key: key, txn: txn, member: key + " " + txn}
}

// placeOfMember reads a member of a set back; idempotency keys hold no space.
func placeOfMember(member string) (place, bool) {
	key, txn, ok := strings.Cut(member, " ")
	return placeOf(key, txn), ok
}

func (p place) txnKey() string  { return shardKey(p.shard, "t:") + p.txn }
func (p place) openKey() string { return openKey(p.shard) }
func (p place) deadKey() string { return deadKey(p.shard) }

func openKey(shard int) string { return shardKey(shard, "open") }
func deadKey(shard int) string { return shardKey(shard, "dead") }

// outboxKey holds what has to be told, until it has been.
func outboxKey(shard int) string { return shardKey(shard, "out") }

// damagedKey holds what stood in the outbox and cannot be read, for people.
func damagedKey(shard int) string { return shardKey(shard, "out-damaged") }

// indexKey leads from an idempotency key to its transaction.
func indexKey(key string) string { return prefix + "k:" + key }

func shardKey(shard int, name string) string {
	return prefix + "{" + strconv.Itoa(shard) + "}:" + name
}
