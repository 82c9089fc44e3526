package gen

import specs "github.com/opencontainers/runtime-spec/specs-go"

// Specs returns libcontainer/config/decode_gen.go: the documents of the
// runtime-spec that rt reads. The blocks of other platforms are skipped, which is
// what config.md asks for ("Platform-specific configuration").
func Specs() ([]byte, error) {
	return Source(Options{
		Package: "config",
		Roots:   []any{specs.Spec{}, specs.Process{}, specs.LinuxResources{}},
		Skip:    []string{"Spec.Solaris", "Spec.Windows", "Spec.VM", "Spec.ZOS", "Spec.FreeBSD"},
		Rooms: []Room{
			{"Spec", 1}, {"Process", 1}, {"LinuxCapabilities", 1}, {"POSIXRlimit", 4}, {"Root", 1}, {"Mount", 12}, {"Hooks", 1}, {"Hook", 2},
			{"Linux", 1}, {"LinuxIDMapping", 4}, {"LinuxNamespace", 8}, {"LinuxDevice", 4},
			{"LinuxResources", 1}, {"LinuxDeviceCgroup", 16}, {"LinuxMemory", 1}, {"LinuxCPU", 1}, {"LinuxPids", 1}, {"LinuxBlockIO", 1},
			{"LinuxSeccomp", 1}, {"LinuxSyscall", 32}, {"LinuxSeccompArg", 24}, {"Arch", 8},
			{"bool", 4}, {"int", 4}, {"uint", 8}, {"uint16", 4}, {"uint32", 20}, {"int64", 40}, {"uint64", 8}, {"FileMode", 4},
		},
		IDs: []string{
			"User.UID", "User.GID", "User.AdditionalGids",
			"LinuxIDMapping.ContainerID", "LinuxIDMapping.HostID",
			"LinuxDevice.UID", "LinuxDevice.GID",
		},
	})
}
