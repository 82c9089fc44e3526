package conformance

import (
	"encoding/json"
	"strconv"
	"strings"
	"testing"

	"github.com/c9b5e2ae/rt/tests/harness"
)

// plain returns the config that tests start from as a tree, which can hold what
// the Go types of the specification can't.
func plain(t *testing.T) map[string]any {
	t.Helper()
	text, err := json.Marshal(harness.Plain())
	if err != nil {
		t.Fatal(err)
	}
	return parse(t, string(text)).(map[string]any)
}

func parse(t *testing.T, text string) any {
	t.Helper()
	var v any
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	return v
}

// set puts a value, in JSON, at a path as in "linux.namespaces[0].type", and makes
// the objects on the way. An empty value takes the property away; the index one
// past the end appends.
func set(t *testing.T, tree any, path, value string) any {
	t.Helper()
	name, rest := cutPath(path)
	if index, err := strconv.Atoi(name); err == nil {
		list, _ := tree.([]any)
		if index == len(list) {
			list = append(list, nil)
		}
		list[index] = below(t, list[index], rest, value)
		return list
	}
	object, _ := tree.(map[string]any)
	if object == nil {
		object = map[string]any{}
	}
	if rest == "" && value == "" {
		delete(object, name)
	} else {
		object[name] = below(t, object[name], rest, value)
	}
	return object
}

func below(t *testing.T, tree any, rest, value string) any {
	t.Helper()
	if rest == "" {
		return parse(t, value)
	}
	return set(t, tree, rest, value)
}

// cutPath cuts the first name or index off.
func cutPath(path string) (name, rest string) {
	path = strings.TrimLeft(path, "[.")
	i := strings.IndexAny(path, "].[")
	if i < 0 {
		return path, ""
	}
	return path[:i], strings.TrimLeft(path[i:], "].")
}

// write writes config.json from a tree.
func write(t *testing.T, c *harness.Container, tree any) {
	t.Helper()
	text, err := json.MarshalIndent(tree, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	on(t, c).WriteConfig(text)
}

// with writes the plain config with changes: pairs of path and value.
func with(t *testing.T, c *harness.Container, changes ...string) {
	t.Helper()
	var tree any = plain(t)
	for i := 0; i < len(changes); i += 2 {
		tree = set(t, tree, changes[i], changes[i+1])
	}
	write(t, c, tree)
}

func TestSet(t *testing.T) {
	var tree any = map[string]any{"a": []any{map[string]any{"b": 1.0}}, "c": 2.0}
	tree = set(t, tree, "a[0].b", `"x"`)
	tree = set(t, tree, "a[1].b", `3`)
	tree = set(t, tree, "c", "")
	tree = set(t, tree, "d.e", `[1]`)
	text, _ := json.Marshal(tree)
	if want := `{"a":[{"b":"x"},{"b":3}],"d":{"e":[1]}}`; string(text) != want {
		t.Errorf("got  %s\nwant %s", text, want)
	}
}
