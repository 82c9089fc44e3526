package conformance

import (
	"encoding/json"
	"path/filepath"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/c9b5e2ae/rt/tests/harness"
)

// compile reads a schema of the specification's module.
func compile(t *testing.T, name string) *jsonschema.Schema {
	t.Helper()
	schema, err := jsonschema.NewCompiler().Compile(filepath.Join(specification(t), "schema", name))
	if err != nil {
		t.Fatal(err)
	}
	return schema
}

// document runs the runtime and parses what it prints.
func document(t *testing.T, c *harness.Container, args ...string) any {
	t.Helper()
	var v any
	r := on(t, c).Must(args...)
	if err := json.Unmarshal([]byte(r.Stdout), &v); err != nil {
		t.Fatalf("%v: %v", err, r)
	}
	return v
}
