package httpapi

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/pb33f/libopenapi/generator/typescript"

	"settlecancel/tasks/ledger"
)

// A client whose types a generator made from the document compiles strictly, and does all that the
// API does.
func TestOpenAPITypeScript(t *testing.T) {
	t.Parallel()
	compiler, err := exec.LookPath("tsc")
	node, errNode := exec.LookPath("node")
	if err != nil || errNode != nil {
		t.Log("tsc or node is not here: NOBODY HAS COMPILED testdata/client.ts")
		return
	}
	d := newDesk(t, closed())
	doc, _ := d.document()
	types, err := typescript.RenderSchemas(doc.Components.Schemas)
	if err != nil {
		t.Fatal(err)
	}
	client, err := os.ReadFile("testdata/client.ts")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for name, text := range map[string][]byte{"types.ts": types.Source, "client.ts": client} {
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	run := func(name string, args ...string) {
		t.Helper()
		c := exec.CommandContext(ctx, name, args...)
		c.Dir, c.Env = dir, append(os.Environ(), "SETTLECANCEL_URL="+d.url, "API_TOKEN="+shopToken, "OPS_PASSWORD="+opsPassword)
		if out, err := c.CombinedOutput(); err != nil {
			t.Fatalf("%s: %v:\n%s", filepath.Base(name), err, out)
		}
	}
	run(compiler, "--strict", "--exactOptionalPropertyTypes", "--noUncheckedIndexedAccess", "--noImplicitReturns", "--noUnusedLocals",
		"--noEmitOnError", "--target", "es2022", "--module", "commonjs", "--lib", "es2022,dom", "client.ts")
	d.reach("at-rejected", ledger.Rejected)
	d.reach("at-review", ledger.Review)
	run(node, "client.js")
}
