package config

import (
	"fmt"
	"strings"
	"testing"
)

// engineConfig is a config.json like the ones engines write: some environment,
// capability lists, mounts, and a seccomp profile of 400 names.
func engineConfig() []byte {
	list := func(n int, format string) string {
		words := make([]string, n)
		for i := range words {
			words[i] = fmt.Sprintf(format, i)
		}
		return strings.Join(words, ",")
	}
	return []byte(`{"ociVersion":"1.3.0","process":{"user":{"uid":0,"gid":0,"additionalGids":[0,1,2]},"args":["sh"],"cwd":"/",` +
		`"env":[` + list(20, `"VARIABLE_%d=some value"`) + `],"capabilities":{"bounding":[` + list(14, `"CAP_%d"`) + `],"effective":[` + list(14, `"CAP_%d"`) + `]},` +
		`"oomScoreAdj":0},"root":{"path":"rootfs"},"hostname":"h","mounts":[` +
		list(9, `{"destination":"/mnt/%d","type":"tmpfs","source":"tmpfs","options":["nosuid","noexec","nodev","mode=755"]}`) +
		`],"linux":{"sysctl":{"net.ipv4.ip_unprivileged_port_start":"0"},"resources":{"devices":[{"allow":false,"access":"rwm"},` +
		list(8, `{"allow":true,"type":"c","major":1,"minor":%d,"access":"rwm"}`) + `],"memory":{"limit":268435456},"cpu":{"shares":1024}},` +
		`"namespaces":[{"type":"mount"},{"type":"network"},{"type":"pid"}],"seccomp":{"defaultAction":"SCMP_ACT_ERRNO","defaultErrnoRet":1,"syscalls":[{"names":[` +
		list(400, `"call_%d"`) + `],"action":"SCMP_ACT_ALLOW"},` +
		list(12, `{"names":["personality"],"action":"SCMP_ACT_ALLOW","args":[{"index":0,"value":%d,"op":"SCMP_CMP_EQ"}]}`) + `]}}}`)
}

func BenchmarkDecode(b *testing.B) {
	data := engineConfig()
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Decode("", data); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkHostile has the worst that 16 MiB can ask for.
func BenchmarkHostile(b *testing.B) {
	var names strings.Builder
	for names.Len() < MaxSize-100 {
		fmt.Fprintf(&names, `"%x":0,`, names.Len())
	}
	for name, in := range map[string]string{
		"problems": `{"process":{"args":[` + strings.Repeat("1,", MaxSize/2-20) + `1]}}`,
		"elements": `{"mounts":[` + strings.Repeat("{},", MaxSize/3-20) + `{}]}`,
		"names":    `{` + names.String() + `"x":0}`,
		"text":     `{"hostname":"` + strings.Repeat(`\u00e9`, MaxSize/6-20) + `"}`,
		"lines":    strings.Repeat("\n", MaxSize-2) + "{",
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				_, _ = Decode("", []byte(in))
			}
		})
	}
}
