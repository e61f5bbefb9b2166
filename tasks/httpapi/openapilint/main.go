// Command openapilint checks an OpenAPI document by the recommended rules of
// github.com/speakeasy-api/openapi, and fails for anything above a hint.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/speakeasy-api/openapi/linter"
	"github.com/speakeasy-api/openapi/openapi"
	rules "github.com/speakeasy-api/openapi/openapi/linter"
	"github.com/speakeasy-api/openapi/validation"
)

// exceptions are the rules that ask of the document what the one who runs a server decides.
var exceptions = map[string]string{
	"owasp-no-http-basic":             "people of ops have a password each; TLS is demanded where the server leaves the machine",
	"owasp-security-hosts-https-oas3": "the document names no host: whichever serves it",
	"style-oas3-host-trailing-slash":  "/ alone is what OpenAPI itself takes where no server is named",
}

func main() {
	if err := lint(context.Background(), os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "openapilint:", err)
		os.Exit(1)
	}
}

func lint(ctx context.Context, args []string) error {
	if len(args) != 1 {
		return errors.New("usage: openapilint FILE")
	}
	file, err := os.Open(args[0])
	if err != nil {
		return err
	}
	defer file.Close()
	document, faults, err := openapi.Unmarshal(ctx, file)
	if err != nil {
		return err
	}
	config := linter.NewConfig()
	config.Extends = []string{"recommended"}
	disabled := true
	for rule := range exceptions {
		config.Rules = append(config.Rules, linter.RuleEntry{ID: rule, Disabled: &disabled})
	}
	l, err := rules.NewLinter(config)
	if err != nil {
		return err
	}
	found, err := l.Lint(ctx, linter.NewDocumentInfo(document, args[0]), faults, nil)
	if err != nil {
		return err
	}
	fmt.Println(found.FormatText())
	for _, result := range found.Results {
		var fault *validation.Error
		if !errors.As(result, &fault) || fault.Severity != validation.SeverityHint {
			return errors.New("the document has faults: see above")
		}
	}
	return nil
}
