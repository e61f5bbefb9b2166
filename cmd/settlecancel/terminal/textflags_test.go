package terminal

import (
	"errors"
	"strings"
	"testing"

	"github.com/spf13/pflag"
)

func TestCheckTexts(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		args []string
		want string // "": nothing is wrong
		left string // of --order
	}{
		"not given":    {nil, "", ""},
		"given":        {[]string{"--order", "A 1"}, "", "A 1"},
		"empty":        {[]string{"--order", ""}, "--order is empty; leave it out to list any", ""},
		"a line feed":  {[]string{"--order", "A\n1"}, "--order holds characters that cannot be printed", ""},
		"not UTF-8":    {[]string{"--order", "A\xff"}, "--order holds characters that cannot be printed", ""},
		"two at once":  {[]string{"--order", "", "--code", "\t"}, "list any\n--code holds", ""},
		"another flag": {[]string{"--code", ""}, "--code is empty", ""},
	} {
		var order, code string
		all := []TextFlag{Text("order", &order, "an order"), Text("code", &code, "a code")}
		flags := pflag.NewFlagSet(name, pflag.ContinueOnError)
		DefineTexts(flags, all)
		if err := flags.Parse(c.args); err != nil {
			t.Fatal(err)
		}
		err := errors.Join(CheckTexts(flags, all, "list")...)
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) || order != c.left {
			t.Errorf("%s: %v, --order left as %q; want %q and %q", name, err, order, c.want, c.left)
		}
	}
}
