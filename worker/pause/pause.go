// Package pause keeps which merchants people have stopped. Workers look at it every second; what is
// paused stays accepted and waits.
package pause

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"
)

// AllMerchants stands for every merchant where one is named.
const AllMerchants = "*"

// key holds who is paused: a hash from merchant id, or AllMerchants, to a Pause.
const key = "settlecancel:paused"

// Pause says who stopped a merchant's requests, when and why.
type Pause struct {
	MchtID string    `json:"mchtId"` // or AllMerchants
	Who    string    `json:"who"`
	Note   string    `json:"note,omitempty"`
	At     time.Time `json:"at"`
}

// Begin stops all workers from sending for a merchant, or for AllMerchants, within two seconds;
// requests on the wire end. What is paused waits, accepted and without spending anything, until
// End. It replaces a pause that the merchant has already.
func Begin(ctx context.Context, rdb redis.UniversalClient, p Pause) error {
	p.At = p.At.UTC()
	raw, err := json.Marshal(p)
	if err == nil {
		err = rdb.HSet(ctx, key, p.MchtID, raw).Err()
	}
	if err != nil {
		return fmt.Errorf("pause %s: %w", p.MchtID, err)
	}
	return nil
}

// End ends a pause and reports whether there was one.
func End(ctx context.Context, rdb redis.UniversalClient, mchtID string) (bool, error) {
	n, err := rdb.HDel(ctx, key, mchtID).Result()
	if err != nil {
		return false, fmt.Errorf("resume %s: %w", mchtID, err)
	}
	return n > 0, nil
}

// All returns the pauses by merchant id or AllMerchants.
func All(ctx context.Context, rdb redis.UniversalClient) (map[string]Pause, error) {
	raw, err := rdb.HGetAll(ctx, key).Result()
	if err != nil {
		return nil, fmt.Errorf("read what is paused: %w", err)
	}
	paused := make(map[string]Pause, len(raw))
	for id, text := range raw {
		p := Pause{MchtID: id}
		if err := json.Unmarshal([]byte(text), &p); err != nil {
			p = Pause{MchtID: id, Note: "(unreadable)"} // it still counts
		}
		paused[id] = p
	}
	return paused, nil
}
