package conformance

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"

	"github.com/c9b5e2ae/rt/tests/harness"
)

// A mountOption is one of the table in config.md, "Linux mount options", with a
// mount that shows what it does.
type mountOption struct {
	option string
	give   string // all options of the mount; the option alone if empty
	from   string // a tree that is bound: "soft", "hard" or "strict"; a new tmpfs if empty
	has    string // of mountinfo's options
	lacks  string
	super  string // of the filesystem's options; "-x" for one that it must lack
	peers  string // the propagation: "shared", "master", "unbindable" or "none"
	sub    string // the tree's inner mount: "bound", "absent", or "same", for has, lacks and peers hold of it too
}

// mountOptions are all that must or should be there. What an option takes away is
// there before it: given, or set on the tree.
var mountOptions = []mountOption{
	{option: "async", give: "sync async", super: "-sync"},
	{option: "atime", give: "noatime atime", lacks: "noatime"},
	{option: "bind", from: "soft", sub: "absent"},
	{option: "defaults", has: "rw relatime", lacks: "ro nosuid nodev noexec", super: "-sync"},
	{option: "dev", give: "nodev dev", lacks: "nodev"},
	{option: "diratime", give: "nodiratime diratime", lacks: "nodiratime"},
	{option: "dirsync", super: "dirsync"},
	{option: "exec", give: "noexec exec", lacks: "noexec"},
	{option: "iversion"}, // the kernel shows neither these
	{option: "noiversion", give: "iversion noiversion"},
	{option: "loud", give: "silent loud"}, // nor these
	{option: "silent"},
	{option: "lazytime", super: "lazytime"},
	{option: "nolazytime", give: "lazytime nolazytime", super: "-lazytime"},
	{option: "noatime", has: "noatime"},
	{option: "nodev", has: "nodev"},
	{option: "nodiratime", has: "nodiratime"},
	{option: "noexec", has: "noexec"},
	{option: "norelatime", give: "relatime norelatime", lacks: "noatime"}, // which is the kernel's default again
	{option: "nostrictatime", give: "strictatime nostrictatime", has: "relatime"},
	{option: "nosuid", has: "nosuid"},
	{option: "nosymfollow", has: "nosymfollow"},
	{option: "symfollow", give: "nosymfollow symfollow", lacks: "nosymfollow"},
	{option: "relatime", give: "bind relatime", from: "strict", has: "relatime"},
	{option: "remount", give: "remount ro", has: "ro"},
	{option: "ro", has: "ro"},
	{option: "rw", give: "ro rw", has: "rw", lacks: "ro"},
	{option: "strictatime", lacks: "relatime noatime"},
	{option: "suid", give: "nosuid suid", lacks: "nosuid"},
	{option: "sync", super: "sync"},

	{option: "rbind", from: "soft", sub: "bound"},
	{option: "private", give: "bind private", from: "soft", peers: "none"},
	{option: "rprivate", give: "rbind rprivate", from: "soft", peers: "none", sub: "same"},
	{option: "shared", give: "bind shared", from: "soft", peers: "shared"},
	{option: "rshared", give: "rbind rshared", from: "soft", peers: "shared", sub: "same"},
	{option: "slave", give: "bind slave", from: "soft", peers: "master"},
	{option: "rslave", give: "rbind rslave", from: "soft", peers: "master", sub: "same"},
	{option: "unbindable", give: "bind unbindable", from: "soft", peers: "unbindable"},
	{option: "runbindable", give: "rbind runbindable", from: "soft", peers: "unbindable", sub: "same"},

	{option: "ratime", give: "rbind ratime", from: "hard", lacks: "noatime", sub: "same"},
	{option: "rnoatime", give: "rbind rnoatime", from: "soft", has: "noatime", sub: "same"},
	{option: "rdev", give: "rbind rdev", from: "hard", lacks: "nodev", sub: "same"},
	{option: "rdiratime", give: "rbind rdiratime", from: "hard", lacks: "nodiratime", sub: "same"},
	{option: "rnodiratime", give: "rbind rnodiratime", from: "soft", has: "nodiratime", sub: "same"},
	{option: "rexec", give: "rbind rexec", from: "hard", lacks: "noexec", sub: "same"},
	{option: "rnoexec", give: "rbind rnoexec", from: "soft", has: "noexec", sub: "same"},
	{option: "rrelatime", give: "rbind rrelatime", from: "strict", has: "relatime", sub: "same"},
	{option: "rnorelatime", give: "rbind rnorelatime", from: "soft", lacks: "noatime", sub: "same"},
	{option: "rstrictatime", give: "rbind rstrictatime", from: "soft", lacks: "relatime noatime", sub: "same"},
	{option: "rnostrictatime", give: "rbind rnostrictatime", from: "strict", has: "relatime", sub: "same"},
	{option: "rsuid", give: "rbind rsuid", from: "hard", lacks: "nosuid", sub: "same"},
	{option: "rnosuid", give: "rbind rnosuid", from: "soft", has: "nosuid", sub: "same"},
	{option: "rsymfollow", give: "rbind rsymfollow", from: "hard", lacks: "nosymfollow", sub: "same"},
	{option: "rnosymfollow", give: "rbind rnosymfollow", from: "soft", has: "nosymfollow", sub: "same"},
	{option: "rro", give: "rbind rro", from: "soft", has: "ro", sub: "same"},
	{option: "rrw", give: "rbind rrw", from: "hard", has: "rw", sub: "same"},
}

// trees makes shared mounts with another mount inside, at DIR/soft, DIR/hard and
// DIR/strict. They differ in their options.
func trees(t *testing.T) string {
	t.Helper()
	dir := harness.Dir(t)
	for name, options := range map[string]string{
		"soft": "relatime", "strict": "strictatime",
		"hard": "ro,nosuid,nodev,noexec,noatime,nodiratime,nosymfollow",
	} {
		top := filepath.Join(dir, name)
		if err := os.Mkdir(top, 0o755); err != nil {
			t.Fatal(err)
		}
		harness.Must(t, "mount", "-t", "tmpfs", "top", top)
		t.Cleanup(func() { harness.Must(t, "umount", "--recursive", top) })
		if err := os.Mkdir(filepath.Join(top, "sub"), 0o755); err != nil {
			t.Fatal(err)
		}
		harness.Must(t, "mount", "-t", "tmpfs", "sub", filepath.Join(top, "sub"))
		for _, m := range []string{top, filepath.Join(top, "sub")} {
			harness.Must(t, "mount", "-o", "remount,bind,"+options, m)
		}
		harness.Must(t, "mount", "--make-rshared", top)
	}
	return dir
}

// mounts are those that the option needs, at /opt/NAME.
func (o mountOption) mounts(dir string) []specs.Mount {
	at := "/opt/" + o.option
	options := strings.Fields(o.give)
	if o.give == "" {
		options = []string{o.option}
	}
	m := specs.Mount{Destination: at, Type: "tmpfs", Source: "tmpfs", Options: options}
	if o.from != "" {
		m.Type, m.Source = "none", filepath.Join(dir, o.from)
	}
	if o.option == "remount" {
		return []specs.Mount{{Destination: at, Type: "tmpfs", Source: "tmpfs"}, m}
	}
	return []specs.Mount{m}
}

// wrong tells what is not as the option wants it.
func (o mountOption) wrong(all []mountLine) string {
	at := "/opt/" + o.option
	var top, sub *mountLine
	for i := range all {
		switch all[i].point {
		case at:
			top = &all[i]
		case at + "/sub":
			sub = &all[i]
		}
	}
	switch {
	case top == nil:
		return "no mount"
	case o.sub == "absent" && sub != nil:
		return fmt.Sprintf("the inner mount came too: %v", *sub)
	case o.sub != "" && o.sub != "absent" && sub == nil:
		return "the inner mount is missing"
	}
	text := o.wrongMount(*top)
	if text == "" && o.sub == "same" {
		text = o.wrongMount(*sub)
	}
	return text
}

func (o mountOption) wrongMount(m mountLine) string {
	for option := range strings.FieldsSeq(o.has) {
		if !m.has(option) {
			return fmt.Sprintf("%s is missing: %v", option, m)
		}
	}
	for option := range strings.FieldsSeq(o.lacks) {
		if m.has(option) {
			return fmt.Sprintf("%s is there: %v", option, m)
		}
	}
	if option, lack := strings.CutPrefix(o.super, "-"); option != "" && slices.Contains(m.super, option) == lack {
		return fmt.Sprintf("filesystem's %s: %v", o.super, m)
	}
	if o.peers == "none" && m.propagation != "" || o.peers != "none" && !strings.Contains(m.propagation, o.peers) {
		return fmt.Sprintf("propagation is not %s: %v", o.peers, m)
	}
	return ""
}

func TestMountOptions(t *testing.T) {
	dir := trees(t)
	wrong := map[string]string{}
	c := harness.New(t)
	for _, o := range mountOptions {
		c.Edit(func(s *specs.Spec) { s.Mounts = append(s.Mounts, o.mounts(dir)...) })
	}
	if _, ok := create(c); ok {
		all := mounts(t, c)
		for _, o := range mountOptions {
			wrong[o.option] = o.wrong(all)
		}
		c.Delete("--force")
	} else {
		// One by one, for a runtime that knows not all.
		for _, o := range mountOptions {
			c.Spec = harness.Plain()
			c.Edit(func(s *specs.Spec) { s.Mounts = append(s.Mounts, o.mounts(dir)...) })
			if r, ok := create(c); !ok {
				wrong[o.option] = "refused: " + strings.TrimSpace(r.Stderr)
				continue
			}
			wrong[o.option] = o.wrong(mounts(t, c))
			c.Delete("--force")
		}
	}
	for _, o := range mountOptions {
		sentence(t, "configLinuxMountOptions."+o.option, func(t *testing.T) {
			if text := wrong[o.option]; text != "" {
				t.Error(text)
			}
		})
	}
	sentence(t, "configLinuxMountOptions.1", func(t *testing.T) {
		for _, o := range mountOptions {
			if text := wrong[o.option]; text != "" {
				t.Errorf("%s: %s", o.option, text)
			}
		}
	})
}
