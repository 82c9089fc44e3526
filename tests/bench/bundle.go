package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/c9b5e2ae/rt/tests/data"
	"github.com/opencontainers/runtime-spec/specs-go"
)

// The bundles that most measurements use. All share one root filesystem, a static
// busybox, so that the page cache is as warm for each.
const (
	dockerName = "docker bundle"
	plainName  = "plain bundle"
)

// bundles are directories by name: "docker bundle", "plain bundle", and the same
// with " asleep" for a program that goes on.
var bundles = map[string]string{}

const asleep = " asleep"

// makeBundles makes the usual ones. plain is what `rt spec` writes, but for the
// terminal; docker what Docker gave to its runtime, seccomp profile and all.
func makeBundles(rt string) error {
	root := filepath.Join(base, "rootfs")
	if err := makeRoot(root); err != nil {
		return fmt.Errorf("root filesystem: %w", err)
	}
	plainDir := filepath.Join(base, "spec")
	if err := os.Mkdir(plainDir, 0o755); err != nil {
		return err
	}
	if out, err := exec.Command(rt, "spec", "--bundle", plainDir, "--terminal=false").CombinedOutput(); err != nil {
		return fmt.Errorf("%s spec: %w: %s", rt, err, out)
	}
	plainText, err := os.ReadFile(filepath.Join(plainDir, "config.json"))
	if err != nil {
		return err
	}
	for name, text := range map[string][]byte{dockerName: data.DockerBundle, plainName: plainText} {
		s, err := decode(text)
		if err != nil {
			return err
		}
		if bundles[name], err = writeBundle(name, s); err != nil {
			return err
		}
		s.Process.Args = []string{"sleep", "100000"}
		if bundles[name+asleep], err = writeBundle(name+asleep, s); err != nil {
			return err
		}
	}
	return nil
}

// decode reads a config and makes it run `true` in the common root.
func decode(text []byte) (*specs.Spec, error) {
	s := &specs.Spec{}
	if err := json.Unmarshal(text, s); err != nil {
		return nil, err
	}
	s.Root.Path = filepath.Join(base, "rootfs")
	s.Process.Args = []string{"true"}
	s.Version = "1.0.2"      // older runtimes refuse newer ones
	s.Linux.CgroupsPath = "" // by the id, so that parallel containers have their own
	return s, nil
}

func docker() *specs.Spec {
	s, err := decode(data.DockerBundle)
	if err != nil {
		panic(err) // it is part of this program
	}
	return s
}

// unconfined is the docker bundle without its seccomp profile.
func unconfined() *specs.Spec {
	s := docker()
	s.Linux.Seccomp = nil
	return s
}

// writeBundle makes a bundle; the name may hold blanks.
func writeBundle(name string, s *specs.Spec) (string, error) {
	dir := filepath.Join(base, strings.ReplaceAll(name, " ", "-"))
	text, err := json.Marshal(s)
	if err != nil {
		return "", err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	return dir, os.WriteFile(filepath.Join(dir, "config.json"), text, 0o644)
}

func makeRoot(dir string) error {
	for _, d := range strings.Fields("bin dev etc proc root sys tmp m") {
		if err := os.MkdirAll(filepath.Join(dir, d), 0o755); err != nil {
			return err
		}
	}
	busybox, err := exec.LookPath("busybox")
	if err != nil {
		return fmt.Errorf("%w (tests/install-deps installs busybox-static)", err)
	}
	program, err := os.ReadFile(busybox)
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, "bin/busybox"), program, 0o755); err != nil {
		return err
	}
	for _, name := range []string{"true", "sleep", "sh"} {
		if err := os.Symlink("busybox", filepath.Join(dir, "bin", name)); err != nil {
			return err
		}
	}
	return nil
}

// withMounts has n read-only bind mounts more.
func withMounts(n int) (*specs.Spec, error) {
	s := docker()
	source := filepath.Join(base, "source")
	for i := range n {
		target := fmt.Sprintf("/m/%d", i)
		if err := os.MkdirAll(filepath.Join(s.Root.Path, target), 0o755); err != nil {
			return nil, err
		}
		s.Mounts = append(s.Mounts, specs.Mount{Destination: target, Type: "bind", Source: source, Options: []string{"bind", "ro"}})
	}
	return s, os.MkdirAll(source, 0o755)
}

// withEnv has n variables.
func withEnv(n int) *specs.Spec {
	s := unconfined()
	for i := len(s.Process.Env); i < n; i++ {
		s.Process.Env = append(s.Process.Env, fmt.Sprintf("VARIABLE_NUMBER_%d=some value that is %d characters long", i, 40))
	}
	return s
}

// needed are the system calls that the runtimes and `true` make under the filter.
var needed = strings.Fields(`access arch_prctl brk capget capset chdir clock_gettime close dup3 epoll_create1
	epoll_ctl epoll_pwait execve execveat exit exit_group faccessat faccessat2 fchdir fcntl fstat fstatfs futex
	getcwd getdents64 getpid getppid getrandom gettid getuid ioctl lseek madvise mmap mprotect munmap nanosleep
	newfstatat open openat pipe2 prctl pread64 prlimit64 read readlink recvmsg rseq rt_sigaction rt_sigprocmask
	rt_sigreturn sched_yield sendmsg set_robust_list set_tid_address setgid setgroups setresgid setresuid setuid
	sigaltstack stat statfs tgkill umask uname write writev`)

// withSeccomp allows n system calls by name: those that are needed, then Docker's.
// Docker's whole profile, with its rules on arguments, is the docker bundle.
func withSeccomp(n int) *specs.Spec {
	s := docker()
	names := slices.Clone(needed)
	for _, name := range s.Linux.Seccomp.Syscalls[0].Names {
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	s.Linux.Seccomp.Syscalls = []specs.LinuxSyscall{{Names: names[:n], Action: specs.ActAllow}}
	return s
}
