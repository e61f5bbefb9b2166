package terminal

import (
	"errors"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// NoArgs refuses arguments, and says which command may have been meant.
func NoArgs(c *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	names := []string{}
	for _, sub := range c.Commands() {
		if sub.IsAvailableCommand() {
			names = append(names, sub.Name())
		}
	}
	return Usagef("%s takes no %q%s; see %[1]s --help", c.CommandPath(), args[0], DidYouMean(args[0], names))
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

// FlagError says which flag may have been meant.
func FlagError(c *cobra.Command, err error) error {
	var unknown *pflag.NotExistError
	hint := ""
	if errors.As(err, &unknown) {
		var names []string
		c.Flags().VisitAll(func(f *pflag.Flag) { names = append(names, "--"+f.Name) })
		hint = DidYouMean("--"+unknown.GetSpecifiedName(), names)
	}
	return Usagef("%w%s\nsee %s --help", err, hint, c.CommandPath())
}

// DidYouMean returns a part of a sentence that names what a word may have been meant for, "" where
// nothing is like it. How like is cobra's to say.
func DidYouMean(word string, among []string) string {
	judge := &cobra.Command{SuggestionsMinimumDistance: 2}
	for _, name := range among {
		judge.AddCommand(&cobra.Command{Use: name, Run: func(*cobra.Command, []string) {}})
	}
	found := judge.SuggestionsFor(word)
	if word == "" || len(found) == 0 {
		return ""
	}
	return " (did you mean " + strings.Join(found, " or ") + "?)"
}

// Choices completes the values of a flag.
func Choices(c *cobra.Command, flag string, values ...string) {
	if err := c.RegisterFlagCompletionFunc(flag, cobra.FixedCompletions(values, cobra.ShellCompDirectiveNoFileComp)); err != nil {
		panic("no flag " + flag + ": " + err.Error()) // the command is built wrongly
	}
}
