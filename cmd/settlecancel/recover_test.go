package main

import "testing"

func TestRecover(t *testing.T) {
	t.Parallel()
	c := newCLI(t)
	before, err := c.ledger().Epochs(t.Context())
	if err != nil || before.Raised != 0 || before.Cautious {
		t.Fatalf("at first %+v, %v", before, err)
	}
	c.run("recover").want(t, exitUsage, nil, []string{"say with --note what was put in place"})
	if e, err := c.ledger().Epochs(t.Context()); err != nil || e != before {
		t.Errorf("without a note, %+v, %v", e, err)
	}
	c.run("recover", "--note", "the backup of 03:00", "--by", "kim").want(t, exitDone, []string{"recorded: ", "is asked for anew", "settlecancel reconcile"}, nil)
	e, err := c.leased().Epochs(t.Context())
	if err != nil || e.Raised == 0 || e.Since.IsZero() || !e.Cautious || e.Forgotten != 0 {
		t.Errorf("it left %+v, %v", e, err)
	}
}
