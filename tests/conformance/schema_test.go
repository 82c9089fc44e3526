package conformance

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/c9b5e2ae/rt/tests/harness"
)

// compile reads a schema of the specification's module.
func compile(t *testing.T, name string) *jsonschema.Schema {
	t.Helper()
	compiler := jsonschema.NewCompiler()
	compiler.DefaultDraft(jsonschema.Draft4) // the files that others refer to name none
	compiler.UseLoader(schemas{})
	schema, err := compiler.Compile(filepath.Join(specification(t), "schema", name))
	if err != nil {
		t.Fatal(err)
	}
	return schema
}

// schemas loads them from files. One of their references lacks a slash.
type schemas struct{}

func (schemas) Load(url string) (any, error) {
	path, err := jsonschema.FileLoader{}.ToFile(url)
	if err != nil {
		return nil, err
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	return jsonschema.UnmarshalJSON(bytes.NewReader(bytes.ReplaceAll(text, []byte(`"#definitions`), []byte(`"#/definitions`))))
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

// What the runtime writes is valid by the schemas of the specification.
func TestSchemas(t *testing.T) {
	t.Run("spec", func(t *testing.T) {
		schema := compile(t, "config-schema.json")
		for _, args := range [][]string{{"spec"}, {"spec", "--rootless"}} {
			dir := harness.Dir(t)
			if r := (harness.Command{Args: append([]string{harness.Runtime(t)}, args...), Dir: dir}).Run(t); r.Code != 0 {
				t.Fatal(r)
			}
			if err := schema.Validate(parse(t, read(t, dir, "config.json"))); err != nil {
				t.Errorf("%v: %v", args, err)
			}
		}
	})
	t.Run("features", func(t *testing.T) {
		_, text := featuresOf(t)
		if err := compile(t, "features-schema.json").Validate(parse(t, text)); err != nil {
			t.Error(err)
		}
	})
	t.Run("state", func(t *testing.T) {
		c := harness.New(t)
		c.Create()
		if err := compile(t, "state-schema.json").Validate(document(t, c, "state", c.ID)); err != nil {
			t.Error(err)
		}
	})
}
