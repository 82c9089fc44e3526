package conformance

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
	"github.com/opencontainers/runtime-spec/specs-go/features"

	"github.com/c9b5e2ae/rt/tests/harness"
)

// featuresOf asks the runtime, which need not answer (features.md).
func featuresOf(t *testing.T) (features.Features, string) {
	t.Helper()
	r := harness.Command{Args: []string{harness.Runtime(t), "features"}}.Run(t)
	if r.Code != 0 {
		t.Skip("has no features structure, which it need not have")
	}
	var f features.Features
	if err := json.Unmarshal([]byte(r.Stdout), &f); err != nil {
		t.Fatalf("%v: %s", err, r.Stdout)
	}
	return f, r.Stdout
}

func mountOptionsOfFeatures(t *testing.T) []string {
	t.Helper()
	f, _ := featuresOf(t)
	return f.MountOptions
}

// accepted wants a config with changes to be accepted.
func accepted(t *testing.T, c *harness.Container, changes ...string) {
	t.Helper()
	with(t, c, changes...)
	if r, ok := create(c); ok {
		c.Delete("--force")
	} else {
		t.Errorf("%q: %s", changes, r.Stderr)
	}
}

func quoted(list []string) string {
	text, _ := json.Marshal(list)
	return string(text)
}

func TestFeatures(t *testing.T) {
	of := func(check func(t *testing.T, f features.Features, c *harness.Container)) func(*testing.T) {
		return func(t *testing.T) {
			f, _ := featuresOf(t)
			check(t, f, harness.New(t))
		}
	}
	sentence(t, "features.1", func(t *testing.T) {
		_, want := featuresOf(t)
		// Without a view of this host, as another user, it is the same.
		script := `mount -t tmpfs none /sys && mount -t tmpfs none /run && mount -t tmpfs none /etc && exec setpriv --reuid=65534 --clear-groups "$0" features`
		path := filepath.Join(harness.Dir(t), "runtime")
		harness.Must(t, "cp", harness.Runtime(t), path)
		r := harness.Command{Args: []string{"unshare", "--mount", "sh", "-c", script, path}}.Run(t)
		if r.Stdout != want {
			t.Errorf("got\n%v\nwant\n%s", r, want)
		}
	})
	sentence(t, "featuresSpecificationVersion.1 featuresSpecificationVersion.2", of(func(t *testing.T, f features.Features, c *harness.Container) {
		accepted(t, c, "ociVersion", fmt.Sprintf("%q", f.OCIVersionMin))
	}))
	sentence(t, "featuresSpecificationVersion.3 featuresSpecificationVersion.4", of(func(t *testing.T, f features.Features, c *harness.Container) {
		accepted(t, c, "ociVersion", fmt.Sprintf("%q", f.OCIVersionMax))
	}))
	sentence(t, "featuresSpecificationVersion.5", of(func(t *testing.T, f features.Features, _ *harness.Container) {
		if number(t, f.OCIVersionMax) < number(t, f.OCIVersionMin) {
			t.Errorf("from %s to %s", f.OCIVersionMin, f.OCIVersionMax)
		}
	}))
	sentence(t, "featuresSpecificationVersion.6", func(t *testing.T) {
		f, text := featuresOf(t)
		strict := json.NewDecoder(strings.NewReader(text))
		strict.DisallowUnknownFields()
		if err := strict.Decode(new(features.Features)); err != nil {
			t.Errorf("not of 1.3.0: %v", err)
		}
		if f.OCIVersionMax != specs.Version && isRT(t) {
			t.Errorf("up to %s", f.OCIVersionMax)
		}
	})
	sentence(t, "featuresHooks.1", of(func(t *testing.T, f features.Features, c *harness.Container) {
		for _, kind := range f.Hooks {
			log := filepath.Join(harness.Dir(t), "log")
			c := harness.New(t, harness.Bind(filepath.Dir(log), filepath.Dir(log)))
			c.Edit(addHook(kind, specs.Hook{Path: "/bin/sh", Args: []string{"sh", "-c", "echo >>" + log}}))
			c.Up()
			c.Delete("--force")
			if _, err := os.Stat(log); err != nil {
				t.Errorf("%s: %v", kind, err)
			}
		}
	}))
	sentence(t, "featuresMountOptions.1", of(func(t *testing.T, f features.Features, c *harness.Container) {
		// All at once; by one mount each, if that fails.
		var changes []string
		for i, option := range f.MountOptions {
			options := []string{option}
			mount := fmt.Sprintf(`{"destination": "/opt/%s", "type": "tmpfs", "source": "tmpfs", "options": %s}`, option, quoted(options))
			if bindOnly := strings.HasPrefix(option, "r") && option != "ro" && option != "rw" && option != "relatime" && option != "remount"; bindOnly {
				mount = fmt.Sprintf(`{"destination": "/opt/%s", "type": "none", "source": "/usr/share", "options": %s}`, option, quoted([]string{"rbind", option}))
			}
			switch option {
			case "bind":
				mount = `{"destination": "/opt/bind", "type": "none", "source": "/usr/share", "options": ["bind"]}`
			case "remount":
				mount = `{"destination": "/proc", "type": "none", "source": "proc", "options": ["remount", "nosuid"]}`
			case "idmap", "ridmap":
				mount = fmt.Sprintf(`{"destination": "/opt/%s", "type": "none", "source": %q, "options": ["rbind", %q], "uidMappings": [{"containerID": 0, "hostID": 7000, "size": 10}], "gidMappings": [{"containerID": 0, "hostID": 7000, "size": 10}]}`,
					option, harness.Dir(t), option)
			}
			changes = append(changes, fmt.Sprintf("mounts[%d]", 6+i), mount)
		}
		with(t, c, changes...)
		if _, ok := create(c); ok {
			return
		}
		for i := range f.MountOptions {
			accepted(t, c, "mounts[6]", changes[2*i+1])
		}
	}))
	sentence(t, "featuresMountOptions.2", of(func(t *testing.T, f features.Features, _ *harness.Container) {
		for _, option := range strings.Fields("size mode uid gid nr_inodes nr_blocks mpol huge newinstance ptmxmode hidepid subset data lowerdir upperdir workdir xino context fscontext defcontext rootcontext") {
			if slices.Contains(f.MountOptions, option) {
				t.Errorf("%s is a filesystem's", option)
			}
		}
	}))
	sentence(t, "featuresAnnotations.1", func(t *testing.T) {
		f, text := featuresOf(t)
		var raw struct{ Annotations map[string]any }
		if err := json.Unmarshal([]byte(text), &raw); err != nil {
			t.Fatal(err)
		}
		if _, empty := f.Annotations[""]; empty {
			t.Error("a key is empty")
		}
		for key, value := range raw.Annotations {
			if _, ok := value.(string); !ok {
				t.Errorf("%s is %v", key, value)
			}
		}
	})
	sentence(t, "linuxFeaturesNamespaces.1", of(func(t *testing.T, f features.Features, _ *harness.Container) {
		for _, name := range f.Linux.Namespaces {
			c := harness.New(t, func(s *specs.Spec) { s.Hostname = "" }, harness.Namespace(specs.LinuxNamespaceType(name), ""))
			if name == "user" {
				c.Edit(harness.UserNamespace(100000))
			}
			if r, ok := create(c); !ok {
				t.Errorf("%s: %s", name, r.Stderr)
			}
		}
	}))
	sentence(t, "linuxFeaturesCapabilities.1", of(func(t *testing.T, f features.Features, c *harness.Container) {
		with(t, c, "process.capabilities.bounding", quoted(f.Linux.Capabilities))
		r, ok := create(c)
		if !ok || strings.Contains(r.Stderr, "unknown capability") {
			t.Error(r)
		}
	}))
}

// number makes versions comparable: 1.2.3 is 1002003.
func number(t *testing.T, version string) int {
	t.Helper()
	var a, b, c int
	if _, err := fmt.Sscanf(version, "%d.%d.%d", &a, &b, &c); err != nil {
		t.Fatalf("%q: %v", version, err)
	}
	return (a*1000+b)*1000 + c
}

func TestFeaturesOfSeccomp(t *testing.T) {
	of := func(t *testing.T) (*features.Seccomp, *harness.Container) {
		t.Helper()
		f, _ := featuresOf(t)
		if f.Linux == nil || f.Linux.Seccomp == nil {
			t.Skip("seccomp is not in the structure")
		}
		return f.Linux.Seccomp, harness.New(t)
	}
	rule := func(rest string) string {
		return `{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["swapoff"], ` + rest + `}]}`
	}
	sentence(t, "linuxFeaturesSeccomp.1", func(t *testing.T) {
		f, c := of(t)
		for _, action := range f.Actions {
			if action == "SCMP_ACT_NOTIFY" {
				a := newAgent(t)
				c := harness.New(t, notify(a.path))
				go a.receive()
				if r, ok := create(c); !ok {
					t.Error(r)
				}
				continue
			}
			accepted(t, c, "linux.seccomp", rule(fmt.Sprintf(`"action": %q`, action)))
		}
	})
	sentence(t, "linuxFeaturesSeccomp.2", func(t *testing.T) {
		f, c := of(t)
		for _, op := range f.Operators {
			accepted(t, c, "linux.seccomp", rule(fmt.Sprintf(`"action": "SCMP_ACT_ERRNO", "args": [{"index": 0, "value": 1, "op": %q}]`, op)))
		}
	})
	sentence(t, "linuxFeaturesSeccomp.3", func(t *testing.T) {
		f, c := of(t)
		for _, arch := range f.Archs {
			with(t, c, "linux.seccomp", fmt.Sprintf(`{"defaultAction": "SCMP_ACT_ALLOW", "architectures": ["SCMP_ARCH_X86_64", %q], "syscalls": [{"names": ["swapoff"], "action": "SCMP_ACT_ERRNO"}]}`, arch))
			r, ok := create(c)
			if ok {
				c.Delete("--force")
			} else if isRT(t) || !strings.Contains(r.Stderr, "out of domain") { // by libseccomp, of another byte order
				t.Errorf("%s: %s", arch, r.Stderr)
			}
		}
	})
	flags := func(t *testing.T, c *harness.Container, list []string) {
		t.Helper()
		for _, flag := range list {
			accepted(t, c, "linux.seccomp", fmt.Sprintf(`{"defaultAction": "SCMP_ACT_ALLOW", "flags": [%q], "syscalls": [{"names": ["swapoff"], "action": "SCMP_ACT_ERRNO"}]}`, flag))
		}
	}
	sentence(t, "linuxFeaturesSeccomp.4", func(t *testing.T) {
		f, c := of(t)
		flags(t, c, f.KnownFlags)
	})
	sentence(t, "linuxFeaturesSeccomp.5", func(t *testing.T) {
		f, c := of(t)
		flags(t, c, f.SupportedFlags)
	})
}

func TestFeaturesOfMemoryPolicy(t *testing.T) {
	of := func(t *testing.T) (*features.MemoryPolicy, *harness.Container) {
		t.Helper()
		f, _ := featuresOf(t)
		if f.Linux == nil || f.Linux.MemoryPolicy == nil {
			t.Skip("memoryPolicy is not in the structure")
		}
		return f.Linux.MemoryPolicy, harness.New(t)
	}
	sentence(t, "linuxFeaturesMemoryPolicy.1", func(t *testing.T) {
		f, c := of(t)
		for _, mode := range f.Modes {
			nodes := `, "nodes": "0"`
			if mode == "MPOL_DEFAULT" || mode == "MPOL_LOCAL" {
				nodes = ""
			}
			with(t, c, "linux.memoryPolicy", fmt.Sprintf(`{"mode": %q%s}`, mode, nodes))
			r, ok := create(c)
			if ok {
				c.Delete("--force")
			} else if strings.Contains(r.Stderr, "nknown") { // the kernel may lack it
				t.Errorf("%s: %s", mode, r.Stderr)
			}
		}
	})
	sentence(t, "linuxFeaturesMemoryPolicy.2", func(t *testing.T) {
		f, c := of(t)
		for _, flag := range f.Flags {
			accepted(t, c, "linux.memoryPolicy", fmt.Sprintf(`{"mode": "MPOL_BIND", "nodes": "0", "flags": [%q]}`, flag))
		}
	})
}

func TestFeaturesOfMounts(t *testing.T) {
	sentence(t, "linuxFeaturesMountExtensions.1", func(t *testing.T) {
		f, _ := featuresOf(t)
		claimed := f.Linux != nil && f.Linux.MountExtensions != nil && f.Linux.MountExtensions.IDMap != nil &&
			f.Linux.MountExtensions.IDMap.Enabled != nil && *f.Linux.MountExtensions.IDMap.Enabled
		dir := owned(t)
		c := harness.New(t, harness.Mount(specs.Mount{Destination: "/mnt", Source: dir, Type: "none", Options: []string{"rbind", "idmap"},
			UIDMappings: ids(0, 7000, 1000), GIDMappings: ids(0, 8000, 1000)}))
		_, ok := create(c)
		if works := ok && owner(t, c, "/mnt/file") == "7005:8006"; works != claimed {
			t.Errorf("idmap is said to be %v, and is %v", claimed, works)
		}
	})
}
