package rootfs

import (
	"testing"

	"golang.org/x/sys/unix"

	"github.com/opencontainers/runtime-spec/specs-go"
)

// What a mount's options say of its propagation holds, whatever the root's is.
func TestOwnPropagation(t *testing.T) {
	if !inside(t, containerNamespaces|unix.CLONE_NEWCGROUP) {
		return
	}
	for _, root := range []string{"", "private", "slave", "shared", "unbindable", "rprivate", "rslave", "rshared", "runbindable"} {
		b := newBundle(t)
		b.mkdir("src")
		if err := unix.Mount("tmpfs", b.path("src"), "tmpfs", 0, ""); err != nil {
			t.Fatal(err)
		}
		b.mkdir("src/sub")
		if err := unix.Mount("tmpfs", b.path("src/sub"), "tmpfs", 0, ""); err != nil {
			t.Fatal(err)
		}
		b.spec.Linux.RootfsPropagation = root
		b.spec.Linux.Namespaces = append(b.spec.Linux.Namespaces, specs.LinuxNamespace{Type: specs.CgroupNamespace})
		// A private root cuts mounts off from the host's before they are cloned.
		master := "master"
		shared := "shared master"
		switch root {
		case "private", "rprivate", "unbindable", "runbindable":
			master, shared = "", "shared"
		}
		slave := master
		if root == "shared" || root == "rshared" {
			shared = "shared" // with the host as a peer
		}
		b.mount("/proc", "proc", "proc")
		want := map[string]string{}
		for option, peers := range map[string]string{
			"private": "", "rprivate": "", "shared": shared, "rshared": shared, "slave": slave, "rslave": slave,
			"unbindable": "unbindable", "runbindable": "unbindable",
		} {
			b.mount("/"+option, "none", "src", "rbind", option)
			want["/"+option] = peers
			if option[0] == 'r' {
				want["/"+option+"/sub"] = peers
			}
		}
		b.mount("/cgroup", "cgroup", "cgroup", "private", "ro")
		want["/cgroup"] = ""
		b.mount("/long", "tmpfs", "tmpfs", "silent", "private")
		want["/long"] = ""
		b.mount("/again", "tmpfs", "tmpfs")
		b.mount("/again", "none", "", "remount", "bind", "ro", "private")
		want["/again"] = ""
		b.mount("/both", "none", "src", "rbind", "rshared", "private")
		want["/both"] = ""
		p := b.must("")
		for path, peers := range want {
			if got := propagationOf(t, path); got != peers {
				t.Errorf("root %q: %s is %q, want %q", root, path, got, peers)
			}
		}
		if len(p.chosen) > 0 {
			t.Errorf("root %q: %d descriptors are left", root, len(p.chosen))
		}
	}
}
