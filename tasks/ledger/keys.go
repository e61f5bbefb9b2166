package ledger

import (
	"hash/fnv"
	"strconv"
	"strings"
	"time"

	"settlecancel/gateway/settlebank"
)

// shards is into how many parts the ledger is cut. All keys of a part share a hash tag, so that one
// write of a payment, with its places in the sets, the outbox and the indexes, stays within one
// slot of a Redis Cluster. It is part of the stored format: changing it orphans what is stored.
const shards = 16

// buckets is how many parts an order index of one month and shard has: few enough that a bucket of
// a large shop still fits Redis's compact encoding (128 members of 64 bytes).
const buckets = 1024

const prefix = "settlecancel:"

// place is where one cancellation is kept.
type place struct {
	shard            int
	key              string // idempotency key
	mchtID, orgTrdNo string
}

func locate(key, mchtID, orgTrdNo string) place {
	h := fnv.New32a()
	h.Write([]byte(mchtID + ":" + orgTrdNo))
	return place{shard: int(h.Sum32() % shards), key: key, mchtID: mchtID, orgTrdNo: orgTrdNo}
}

// placeOf reads the name of a payment back; merchant ids hold no colon.
func placeOf(key, name string) place {
	mchtID, orgTrdNo, _ := strings.Cut(name, ":")
	return locate(key, mchtID, orgTrdNo)
}

// placeOfMember reads a member of a set back; idempotency keys hold no space.
func placeOfMember(member string) (place, bool) {
	key, name, ok := strings.Cut(member, " ")
	return placeOf(key, name), ok
}

// name is that of the payment.
func (p place) name() string { return p.mchtID + ":" + p.orgTrdNo }

// member is how sets and streams name the cancellation.
func (p place) member() string { return p.key + " " + p.name() }

func (p place) paymentKey() string { return shardKey(p.shard, "p:") + p.name() }

func openKey(shard int) string { return shardKey(shard, "open") }
func deadKey(shard int) string { return shardKey(shard, "dead") }

// shardStateKey holds how often the shard was written, and its epoch: see store.lua.
func shardStateKey(shard int) string { return shardKey(shard, "state") }

// outboxKey holds what has to be told, until it has been.
func outboxKey(shard int) string { return shardKey(shard, "out") }

// damagedKey holds what stood in the outbox and cannot be read, for people.
func damagedKey(shard int) string { return shardKey(shard, "out-damaged") }

// dayKey is the index of what was accepted, or ended, on a Korean day.
func dayKey(shard int, day string) string { return shardKey(shard, "d:") + day }

// countersKey counts what ended, or became a dead letter, on a Korean day.
func countersKey(shard int, day string) string { return shardKey(shard, "n:") + day }

// orderKey is the index of order numbers of a Korean month, of which each bucket is a set:
// orderMember.
func orderKey(shard int, month, order string) string {
	return shardKey(shard, "o:") + month + ":" + strconv.FormatUint(orderHash(order)%buckets, 36)
}

// orderMember is a payment under the hash of an order number. It fits 64 bytes.
func orderMember(order string, p place) string {
	return orderPrefix(order) + p.name()
}

func orderPrefix(order string) string {
	return strconv.FormatUint(orderHash(order)/buckets%(1<<40), 36) + "|"
}

func orderHash(order string) uint64 {
	h := fnv.New64a()
	h.Write([]byte(order))
	return h.Sum64()
}

// indexKey leads from an idempotency key to its payment.
func indexKey(key string) string { return prefix + "k:" + key }

func shardKey(shard int, name string) string {
	return prefix + "{" + strconv.Itoa(shard) + "}:" + name
}

const (
	dayLayout   = "20060102"
	monthLayout = "200601"
)

func dayOf(ms int64) string   { return time.UnixMilli(ms).In(settlebank.KST).Format(dayLayout) }
func monthOf(ms int64) string { return time.UnixMilli(ms).In(settlebank.KST).Format(monthLayout) }
