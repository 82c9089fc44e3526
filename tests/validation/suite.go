package main

import (
	"crypto/sha256"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// The suite is a Go module without a go.mod. The one that stands in for it names the
// versions of its time.
var (
	//go:embed suite.mod
	suiteMod []byte
	//go:embed suite.sum
	suiteSum []byte
)

const (
	module  = "github.com/opencontainers/runtime-tools"
	version = "v0.9.0"
	sum     = "h1:FYgwVsKRI/H9hU32MJ/4MLOzXWodKK5zsQavY8NPMkU=" // of the module, in sum.golang.org
)

// toolchain builds the suite, which is of 2019. Since Go 1.19 every Go program raises
// its soft RLIMIT_NOFILE when it starts (syscall/rlimit.go), and runtimetest, which
// compares its own limits with config.json, would find its own doing.
const toolchain = "go1.18.10"

// programs is the number of programs below validation/.
const programs = 58

// A suite is the built module: root is its copy, where the archive of the root
// filesystem lies, and where the programs look for runtimetest.
type suite struct {
	root, bin string
	names     []string // of the programs, sorted
	lock      *os.File
}

// openSuite opens the suite that was built in root; for "" it fetches and builds it,
// unless the cache has it. The suite's cgroups have fixed names, so that one run at a
// time is possible on a machine.
func openSuite(root string) (*suite, error) {
	if root != "" {
		s := &suite{root: root, bin: filepath.Join(root, "bin")}
		return s, s.list()
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return nil, err
	}
	cache = filepath.Join(cache, "rt-validation")
	if err := os.MkdirAll(cache, 0o755); err != nil {
		return nil, err
	}
	lock, err := os.OpenFile(filepath.Join(cache, "lock"), os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(lock.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		fmt.Fprintln(os.Stderr, "validation: waiting for another run")
		if err := unix.Flock(int(lock.Fd()), unix.LOCK_EX); err != nil {
			return nil, fmt.Errorf("lock %s: %w", lock.Name(), err)
		}
	}
	key := sha256.Sum256(slices.Concat(suiteMod, suiteSum, []byte(version+toolchain)))
	root = filepath.Join(cache, fmt.Sprintf("%s-%x", version, key[:6]))
	s := &suite{root: root, bin: filepath.Join(root, "bin"), lock: lock}
	if _, err := os.Stat(root); err != nil {
		if err := build(root); err != nil {
			lock.Close()
			return nil, err
		}
	}
	if err := s.list(); err != nil {
		lock.Close()
		return nil, err
	}
	return s, nil
}

func (s *suite) close() {
	if s.lock != nil {
		s.lock.Close()
	}
}

// build makes root, all of it or nothing.
func build(root string) error {
	work := root + ".new"
	if err := os.RemoveAll(work); err != nil {
		return err
	}
	source, err := download()
	if err != nil {
		return err
	}
	fmt.Fprintln(os.Stderr, "validation: building the suite")
	if err := os.CopyFS(work, os.DirFS(source)); err != nil {
		return err
	}
	if err := errors.Join(
		os.WriteFile(filepath.Join(work, "go.mod"), suiteMod, 0o644),
		os.WriteFile(filepath.Join(work, "go.sum"), suiteSum, 0o644),
		os.MkdirAll(filepath.Join(work, "bin"), 0o755)); err != nil {
		return err
	}
	chain := toolchain
	if out, err := goCommand(work, chain, "version").CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "validation: %s can't be had, and process_rlimits will fail for its lack: %s", toolchain, out)
		chain = "local"
	}
	compile := goCommand(work, chain, "build", "-mod=readonly", "-o", "bin/", "./validation/...", "./cmd/runtimetest")
	if out, err := compile.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w\n%s", compile, err, out)
	}
	if err := os.Rename(filepath.Join(work, "bin", "runtimetest"), filepath.Join(work, "runtimetest")); err != nil {
		return err
	}
	return os.Rename(work, root)
}

// download has the go command fetch the module, and returns where it lies.
func download() (string, error) {
	dir, err := os.MkdirTemp("", "validation")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(dir)
	if err := os.WriteFile(filepath.Join(dir, "go.mod"), []byte("module download\n"), 0o644); err != nil {
		return "", err
	}
	get := goCommand(dir, "local", "mod", "download", "-json", module+"@"+version)
	out, err := get.Output()
	var got struct{ Dir, Sum, Error string }
	if jsonErr := json.Unmarshal(out, &got); err != nil || jsonErr != nil || got.Error != "" {
		return "", fmt.Errorf("%s: %w %s", get, errors.Join(err, jsonErr), got.Error)
	}
	if got.Sum != sum {
		return "", fmt.Errorf("%s %s has the sum %s, not %s", module, version, got.Sum, sum)
	}
	return got.Dir, nil
}

func goCommand(dir, chain string, args ...string) *exec.Cmd {
	cmd := exec.Command("go", args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GOTOOLCHAIN="+chain, "CGO_ENABLED=0", "GOFLAGS=", "GOWORK=off")
	return cmd
}

// list finds the programs, and is sure that they are all there.
func (s *suite) list() error {
	entries, err := os.ReadDir(s.bin)
	if err != nil {
		return err
	}
	for _, e := range entries {
		s.names = append(s.names, e.Name())
	}
	if len(s.names) != programs {
		return fmt.Errorf("%s has %d programs, not %d", s.bin, len(s.names), programs)
	}
	return nil
}

// fixedCgroup tells whether a program uses the cgroups with a fixed name, so that
// two of its kind can't run at once.
func (s *suite) fixedCgroup(name string) (bool, error) {
	text, err := os.ReadFile(filepath.Join(s.root, "validation", name, name+".go"))
	return strings.Contains(string(text), "CgroupPath") || strings.Contains(string(text), "cgrouptest"), err
}
