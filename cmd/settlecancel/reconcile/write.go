package reconcile

import (
	"context"
	"fmt"
)

// Write compares, as Run does, and has each writer write what it comes to.
func (r *Reconciler) Write(ctx context.Context, q Query, writers ...Writer) (Summary, error) {
	s, err := r.Run(ctx, q, func(row Row) error {
		for _, w := range writers {
			if err := w.Row(row); err != nil {
				return fmt.Errorf("write the report: %w", err)
			}
		}
		return nil
	})
	if err != nil {
		return s, err
	}
	for _, w := range writers {
		if err := w.Close(s); err != nil {
			return s, fmt.Errorf("write the report: %w", err)
		}
	}
	return s, nil
}
