package main

import (
	"encoding/json"
	"os"

	"github.com/c9b5e2ae/rt/libcontainer/namespaces"
	"github.com/c9b5e2ae/rt/libcontainer/process"
	"github.com/c9b5e2ae/rt/libcontainer/rootfs"
	"github.com/c9b5e2ae/rt/seccomp"
	"github.com/opencontainers/runtime-spec/specs-go"
	"github.com/opencontainers/runtime-spec/specs-go/features"
	"github.com/urfave/cli/v2"
)

func featuresCommand() *cli.Command {
	return &cli.Command{
		Name:  "features",
		Usage: "print what rt can do as JSON",
		Description: `Prints the features document of the runtime specification: what this build
understands in a config.json. It needs no container and no privilege, and says
nothing about the host except for the seccomp flags that its kernel takes.`,
		Before: count(0, 0),
		Action: func(c *cli.Context) error {
			data, err := json.MarshalIndent(featureDocument(), "", "  ")
			if err != nil {
				return err
			}
			_, err = os.Stdout.Write(append(data, '\n'))
			return err
		},
	}
}

// featureDocument claims what works, and nothing else: engines decide by it
// (containerd offers recursive read-only mounts for "rro", and user namespaces
// for mountExtensions.idmap), and their containers fail where it isn't true.
func featureDocument() *features.Features {
	yes := true
	return &features.Features{
		OCIVersionMin: "1.0.0",
		OCIVersionMax: specs.Version,
		Hooks:         []string{"prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop"},
		MountOptions:  rootfs.MountOptions(),
		Linux: &features.Linux{
			Namespaces:      namespaces.Types(),
			Capabilities:    process.Capabilities(),
			Cgroup:          &features.Cgroup{V1: &yes, V2: &yes, Systemd: &yes, SystemdUser: &yes, Rdma: &yes},
			Seccomp:         seccomp.Features(),
			Apparmor:        &features.Apparmor{Enabled: &yes},
			Selinux:         &features.Selinux{Enabled: &yes},
			IntelRdt:        &features.IntelRdt{Enabled: &yes, Schemata: &yes, Monitoring: &yes},
			MemoryPolicy:    &features.MemoryPolicy{Modes: process.MemoryPolicyModes(), Flags: process.MemoryPolicyFlags()},
			MountExtensions: &features.MountExtensions{IDMap: &features.IDMap{Enabled: &yes}},
			NetDevices:      &features.NetDevices{Enabled: &yes},
		},
		Annotations: map[string]string{
			"com.github.c9b5e2ae.rt.version": version,
			// Docker and containerd look for runc's name.
			"org.opencontainers.runc.checkpoint.enabled": "false",
		},
		PotentiallyUnsafeConfigAnnotations: []string{"org.systemd.property."},
	}
}
