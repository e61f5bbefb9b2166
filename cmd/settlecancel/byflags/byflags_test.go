package byflags

import (
	"errors"
	"strings"
	"testing"

	"github.com/spf13/pflag"

	"settlecancel/tasks"
)

func parse(t *testing.T, args ...string) (tasks.Cancellation, error) {
	t.Helper()
	flags := pflag.NewFlagSet("enqueue", pflag.ContinueOnError)
	Add(flags)
	if err := flags.Parse(args); err != nil {
		t.Fatal(err)
	}
	return Parse(Given(flags), "shop")
}

func TestParse(t *testing.T) {
	t.Parallel()
	given := []string{"--key", "refund-1", "--org-trd-no", "TRD-1", "--org-mcht-trd-no", "ORDER-1", "--org-trd-dt", "20260105",
		"--amount", "500", "--org-amount", "1000", "--method", "CA", "--reason", `said "no"`}
	x, err := parse(t, given...)
	want := tasks.Cancellation{IdempotencyKey: "refund-1", MchtID: "shop", OrgTrdNo: "TRD-1", OrgMchtTrdNo: "ORDER-1", OrgTrdDt: "20260105",
		CanAmt: 500, OrgTrdAmt: 1000, Method: "CA", Reason: `said "no"`}
	if err != nil || x.String() != want.String() {
		t.Errorf("%s, %v; want %s", x, err, want)
	}
}

// Faults name flags, also where the message speaks of another field; what no flag gives is told
// apart.
func TestFaults(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ args, want []string }{
		"all that is missing": {nil, []string{"--key is required", "--org-trd-no is required", "--amount is required"}},
		"another field":       {[]string{"--amount", "1001", "--org-amount", "1000"}, []string{"--amount is above orgTrdAmt (--org-amount)"}},
		"an account":          {[]string{"--operation", "refund"}, []string{"refundAcntNo", "(by --file only)"}},
		"not UTF-8":           {[]string{"--reason", "\xff"}, []string{"--reason holds bytes that are not UTF-8"}},
		"a line feed":         {[]string{"--key", "a\nb"}, []string{"--key"}},
	} {
		_, err := parse(t, c.args...)
		var invalid *tasks.InvalidError
		if !errors.As(err, &invalid) {
			t.Errorf("%s: %v", name, err)
			continue
		}
		for _, want := range c.want {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%s: %v, want %q in it", name, err, want)
			}
		}
	}
}
