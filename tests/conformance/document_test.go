package conformance

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"

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

func TestDocument(t *testing.T) {
	c := harness.New(t)
	text, err := json.Marshal(harness.Plain())
	if err != nil {
		t.Fatal(err)
	}
	edit := func(t *testing.T, old, new, says string) {
		t.Helper()
		if !strings.Contains(string(text), old) {
			t.Fatalf("the config has no %s", old)
		}
		on(t, c).WriteConfig([]byte(strings.Replace(string(text), old, new, 1)))
		refused(t, c, says)
	}
	sentence(t, "glossaryJson.1", func(t *testing.T) {
		edit(t, `"harness"`, "\"har\xffness\"", `config.json: hostname: is not valid UTF-8 (line L:C, offset N)`)
		edit(t, `{"ociVersion"`, "\xff\xfe{\"ociVersion\"", ``) // the mark of UTF-16
	})
	sentence(t, "glossaryJson.2", func(t *testing.T) {
		edit(t, `"hostname":`, `"hostname":"first","hostname":`, `config.json: hostname: is given twice (line L:C, offset N)`)
		edit(t, `"cwd":`, `"cwd":"/","cwd":`, `config.json: process.cwd: is given twice (line L:C, offset N)`)
	})
	sentence(t, "containerFormat.1", func(t *testing.T) {
		c := harness.New(t)
		config := filepath.Join(c.Bundle, "config.json")
		for _, other := range []string{"Config.json", "config", "rootfs/config.json"} {
			if err := os.Rename(config, filepath.Join(c.Bundle, other)); err != nil {
				t.Fatal(err)
			}
			refused(t, c, `plan: open "{bundle}/config.json": no such file or directory`)
			if err := os.Rename(filepath.Join(c.Bundle, other), config); err != nil {
				t.Fatal(err)
			}
		}
	})
}

// unknown are properties that no version has, at every level of the config. One
// differs from a real one by its case, which makes it another name (RFC 8259).
var unknown = []string{
	"x-unknown", `{"a": [1, null, {"b": "c"}]}`, "HostName", `"not-me"`, "root.unknown", `1`, "process.unknown", `"x"`,
	"process.user.unknown", `[]`, "process.capabilities.unknown", `["CAP_FOO"]`, "mounts[0].unknown", `{}`,
	"hooks.unknown", `[{"path": "relative"}]`, "linux.unknown", `null`, "linux.namespaces[0].unknown", `true`,
	"linux.resources.unknown", `1.5`, "linux.resources.memory.unknown", `-3`, "linux.resources.devices[0].unknown", `"x"`,
}

func TestUnknownIsIgnored(t *testing.T) {
	sentence(t, "configExtensibility.1", func(t *testing.T) {
		c := harness.New(t)
		with(t, c, unknown...)
		r, ok := create(c)
		if !ok {
			t.Fatal(r)
		}
		c.Start()
		if name := in(t, c, "--uts", "hostname"); name != "harness" {
			t.Errorf("hostname is %q", name)
		}
	})
	keys := map[string]string{
		"org.opencontainers.nobody.knows.this": "1", "a": "", "com.example/slash": "x y", "ключ": "ё", "org.example.\"quote\"": "\\",
	}
	annotated := func(t *testing.T) specs.State {
		t.Helper()
		c := harness.New(t, func(s *specs.Spec) { s.Annotations = keys })
		r, ok := create(c)
		if !ok {
			t.Fatal(r)
		}
		return c.State()
	}
	sentence(t, "configAnnotations.7", func(t *testing.T) { annotated(t) })
	sentence(t, "configAnnotations.2", func(t *testing.T) {
		if got := annotated(t).Annotations; !maps.Equal(got, keys) {
			t.Errorf("the state has %q, want %q", got, keys)
		}
	})
	sentence(t, "configAnnotations.org.opencontainers.image.stopSignal", func(t *testing.T) {
		c := harness.New(t, harness.Shell(program), func(s *specs.Spec) {
			s.Annotations = map[string]string{"org.opencontainers.image.stopSignal": "SIGUSR2"}
		})
		c.Up()
		harness.Eventually(t, "the program is ready", func() bool { return strings.Contains(c.Read("log"), "ready") })
		c.Must("kill", c.ID)
		harness.Eventually(t, "a signal arrived", func() bool { return !strings.HasSuffix(c.Read("log"), "ready\n") || c.State().Status == "stopped" })
		if log := c.Read("log"); !strings.HasSuffix(log, "USR2\n") {
			t.Errorf("kill without a signal sent another one: %q", log)
		}
	})
}

// The config that the runtime itself writes.
func TestSpec(t *testing.T) {
	dir := harness.Dir(t)
	command := harness.Command{Args: []string{harness.Runtime(t), "spec"}, Dir: dir}
	if r := command.Run(t); r.Code != 0 {
		t.Fatal(r)
	}
	var s specs.Spec
	if err := json.Unmarshal([]byte(read(t, dir, "config.json")), &s); err != nil {
		t.Fatal(err)
	}
	sentence(t, "configRoot.6", func(t *testing.T) {
		if s.Root == nil || s.Root.Path != "rootfs" {
			t.Errorf("root is %+v", s.Root)
		}
	})
	sentence(t, "configLinuxDefaultFilesystems.1", func(t *testing.T) {
		s.Process.Terminal = false
		s.Process.Args = []string{"sleep", "1000"}
		c := harness.NewFrom(t, &s)
		c.Create()
		for path, kind := range map[string]string{"/proc": "proc", "/sys": "sysfs", "/dev/pts": "devpts", "/dev/shm": "tmpfs"} {
			if m := mountAt(t, c, path); m.fs != kind {
				t.Errorf("%s is %v", path, m)
			}
		}
	})
}
