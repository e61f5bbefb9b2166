package tasks

import (
	"context"
	"encoding/json"
	"fmt"
	"time"
)

// Everything names all merchants to Pause and Resume.
const Everything = "*"

// pausedKey holds who is paused: a hash from merchant id, or Everything, to a Pause.
const pausedKey = "settlecancel:paused"

// Pause says who stopped a merchant's requests, when and why.
type Pause struct {
	MchtID string    `json:"mchtId"` // or Everything
	Who    string    `json:"who"`
	Note   string    `json:"note,omitempty"`
	At     time.Time `json:"at"`
}

// Pause stops all workers from sending for a merchant, or for Everything, within two seconds;
// requests on the wire end. What is paused waits, accepted and without spending anything, until
// Resume.
func (c *Client) Pause(ctx context.Context, p Pause) error {
	p.At = c.now().UTC()
	raw, err := json.Marshal(p)
	if err == nil {
		err = c.rdb.HSet(ctx, pausedKey, p.MchtID, raw).Err()
	}
	if err != nil {
		return fmt.Errorf("pause %s: %w", p.MchtID, err)
	}
	return nil
}

// Resume ends a pause and tells whether there was one.
func (c *Client) Resume(ctx context.Context, mchtID string) (bool, error) {
	n, err := c.rdb.HDel(ctx, pausedKey, mchtID).Result()
	if err != nil {
		return false, fmt.Errorf("resume %s: %w", mchtID, err)
	}
	return n > 0, nil
}

// Paused returns who is paused, by merchant id or Everything.
func (c *Client) Paused(ctx context.Context) (map[string]Pause, error) {
	raw, err := c.rdb.HGetAll(ctx, pausedKey).Result()
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
