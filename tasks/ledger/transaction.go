package ledger

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/redis/go-redis/v9"
)

// Transaction returns all cancellations of an original transaction that the ledger keeps, in the
// order in which they were accepted, and none where it knows none. With ErrDamaged, which names
// what cannot be read, the others are valid nevertheless.
func (l *Ledger) Transaction(ctx context.Context, mchtID, orgTrdNo string) ([]Record, error) {
	at := locate("", mchtID, orgTrdNo)
	raw, err := l.rdb.Get(ctx, at.txnKey()).Bytes()
	if errors.Is(err, redis.Nil) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("ledger: read transaction %s: %w", at.txn, err)
	}
	var doc document
	if err := json.Unmarshal(raw, &doc); err != nil {
		return nil, fmt.Errorf("ledger: %w: transaction %s: %w", ErrDamaged, at.txn, err)
	}
	var records []Record
	var damaged []error
	for key, s := range doc.C {
		r, err := s.record(placeOf(key, at.txn), doc.Sum, doc.Round)
		if err != nil {
			damaged = append(damaged, err)
			continue
		}
		records = append(records, r)
	}
	slices.SortFunc(records, func(a, b Record) int {
		return cmp.Or(a.AcceptedAt.Compare(b.AcceptedAt), cmp.Compare(a.Key, b.Key))
	})
	return records, errors.Join(damaged...)
}
