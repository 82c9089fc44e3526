package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"
	"github.com/urfave/cli/v2"
)

func specCommand() *cli.Command {
	return &cli.Command{
		Name:      "spec",
		Usage:     "write a config.json to begin with",
		ArgsUsage: "[program [argument...]]",
		Description: `Writes a config.json that runs a shell on a terminal, or the given program,
below the directory rootfs beside it, which the container can't change: in
namespaces of its own, with few capabilities, without new privileges. An
existing file is left alone.

   rt spec -b mybundle --terminal=false sleep 3600`,
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "bundle", Aliases: []string{"b"}, Usage: "`DIR` the bundle: where to write (default: the current directory)"},
			&cli.BoolFlag{Name: "rootless", Usage: "for a user who is not root: in a user namespace where that user is root"},
			&cli.BoolFlag{Name: "terminal", Value: true, Usage: "run on a terminal (default: true)"},
		},
		Action: func(c *cli.Context) error {
			s := defaultSpec()
			if c.NArg() > 0 {
				s.Process.Args = c.Args().Slice()
			}
			s.Process.Terminal = c.Bool("terminal")
			if c.Bool("rootless") {
				makeRootless(s, os.Geteuid(), os.Getegid())
			}
			data, err := json.MarshalIndent(s, "", "\t")
			if err != nil {
				return err
			}
			path := filepath.Join(c.String("bundle"), "config.json")
			f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
			if errors.Is(err, os.ErrExist) {
				return fmt.Errorf("%s exists already, and is left as it is", path)
			}
			if err != nil {
				return err
			}
			_, err = f.Write(append(data, '\n'))
			return errors.Join(err, f.Close())
		},
	}
}

func defaultSpec() *specs.Spec {
	caps := []string{"CAP_AUDIT_WRITE", "CAP_KILL", "CAP_NET_BIND_SERVICE"}
	return &specs.Spec{
		Version: specs.Version,
		Process: &specs.Process{
			Args:            []string{"sh"},
			Env:             []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "TERM=xterm"},
			Cwd:             "/",
			NoNewPrivileges: true,
			Capabilities:    &specs.LinuxCapabilities{Bounding: caps, Effective: caps, Permitted: caps},
			Rlimits:         []specs.POSIXRlimit{{Type: "RLIMIT_NOFILE", Hard: 1024, Soft: 1024}},
		},
		Root:     &specs.Root{Path: "rootfs", Readonly: true},
		Hostname: "rt",
		Mounts: []specs.Mount{
			{Destination: "/proc", Type: "proc", Source: "proc", Options: []string{"nosuid", "noexec", "nodev"}},
			{Destination: "/dev", Type: "tmpfs", Source: "tmpfs", Options: []string{"nosuid", "strictatime", "mode=755", "size=65536k"}},
			{Destination: "/dev/pts", Type: "devpts", Source: "devpts", Options: []string{"nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"}},
			{Destination: "/dev/shm", Type: "tmpfs", Source: "shm", Options: []string{"nosuid", "noexec", "nodev", "mode=1777", "size=65536k"}},
			{Destination: "/dev/mqueue", Type: "mqueue", Source: "mqueue", Options: []string{"nosuid", "noexec", "nodev"}},
			{Destination: "/sys", Type: "sysfs", Source: "sysfs", Options: []string{"nosuid", "noexec", "nodev", "ro"}},
			{Destination: "/sys/fs/cgroup", Type: "cgroup", Source: "cgroup", Options: []string{"nosuid", "noexec", "nodev", "relatime", "ro"}},
		},
		Linux: &specs.Linux{
			Namespaces: []specs.LinuxNamespace{
				{Type: specs.PIDNamespace}, {Type: specs.NetworkNamespace}, {Type: specs.IPCNamespace},
				{Type: specs.UTSNamespace}, {Type: specs.MountNamespace}, {Type: specs.CgroupNamespace},
			},
			Resources:     &specs.LinuxResources{Devices: []specs.LinuxDeviceCgroup{{Allow: false, Access: "rwm"}}},
			MaskedPaths:   maskedPaths(),
			ReadonlyPaths: []string{"/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"},
		},
	}
}

// maskedPaths tell about, or act on, the whole machine and not the container: each
// was a leak or a way to harm the host once (/proc/scsi is CVE-2017-16539,
// /proc/acpi CVE-2018-10892). The power and heat of a CPU give away what others
// compute on it. A path that a host doesn't have does no harm.
func maskedPaths() []string {
	paths := []string{
		"/proc/acpi", "/proc/asound", "/proc/interrupts", "/proc/kcore", "/proc/keys", "/proc/latency_stats", "/proc/timer_list",
		"/proc/timer_stats", "/proc/sched_debug", "/proc/scsi", "/sys/firmware", "/sys/devices/virtual/powercap",
	}
	thermal, _ := filepath.Glob("/sys/devices/system/cpu/cpu[0-9]*/thermal_throttle") // the error is about the pattern alone
	return append(paths, thermal...)
}

// makeRootless changes s to what a user can have without root: a user namespace
// in which uid is root and nobody else exists. A new network namespace would
// have no way out, and sysfs can be mounted only by its owner, so the host's is
// bound. Limits need a cgroup that a user has only by delegation.
func makeRootless(s *specs.Spec, uid, gid int) {
	namespaces := []specs.LinuxNamespace{{Type: specs.UserNamespace}}
	for _, n := range s.Linux.Namespaces {
		if n.Type != specs.NetworkNamespace {
			namespaces = append(namespaces, n)
		}
	}
	s.Linux.Namespaces = namespaces
	s.Linux.UIDMappings = []specs.LinuxIDMapping{{ContainerID: 0, HostID: uint32(uid), Size: 1}}
	s.Linux.GIDMappings = []specs.LinuxIDMapping{{ContainerID: 0, HostID: uint32(gid), Size: 1}}
	s.Linux.Resources = nil
	for i := range s.Mounts {
		m := &s.Mounts[i]
		if m.Destination == "/sys" {
			*m = specs.Mount{Destination: "/sys", Type: "none", Source: "/sys", Options: []string{"rbind", "nosuid", "noexec", "nodev", "ro"}}
		}
		var options []string
		for _, o := range m.Options {
			if !strings.HasPrefix(o, "gid=") {
				options = append(options, o)
			}
		}
		m.Options = options
	}
}
