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
		IDs: []string{
			"User.UID", "User.GID", "User.AdditionalGids",
			"LinuxIDMapping.ContainerID", "LinuxIDMapping.HostID",
			"LinuxDevice.UID", "LinuxDevice.GID",
		},
	})
}
