package terminal

import "github.com/spf13/cobra"

// NoArgs refuses arguments.
func NoArgs(c *cobra.Command, args []string) error {
	if len(args) > 0 {
		return Usagef("%s takes no %q; see settlecancel --help", c.CommandPath(), args[0])
	}
	return nil
}

// OneArg takes one argument.
func OneArg(what string) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		if len(args) != 1 {
			return Usagef("%s takes one %s", c.CommandPath(), what)
		}
		return nil
	}
}
