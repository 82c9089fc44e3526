// Residue tells what a test run left on the machine.
//
//	residue save FILE     before the run: note what is there
//	residue check FILE    after it: fail and list what is there now and was not
//
// It looks at mounts, cgroups, network interfaces and namespaces with a name,
// keyrings, files in the places for temporary ones, and processes: those that live
// in other namespaces than this program, or run a program of a test.
package main

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: residue save|check FILE")
		os.Exit(2)
	}
	if err := run(os.Args[1], os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, "residue:", err)
		os.Exit(1)
	}
}

func run(verb, file string) error {
	if verb == "save" {
		text, err := json.Marshal(machine())
		if err != nil {
			return err
		}
		return os.WriteFile(file, text, 0o644)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	var before []string
	if err := json.Unmarshal(text, &before); err != nil {
		return err
	}
	// What is on its way out gets a little time.
	var left []string
	for deadline := time.Now().Add(5 * time.Second); time.Now().Before(deadline); time.Sleep(100 * time.Millisecond) {
		left = slices.DeleteFunc(machine(), func(s string) bool { return slices.Contains(before, s) })
		if len(left) == 0 {
			fmt.Println("nothing was left behind: no mount, cgroup, process, file, keyring or network")
			return nil
		}
	}
	return fmt.Errorf("left behind:\n  %s", strings.Join(left, "\n  "))
}

// machine lists what can be left behind.
func machine() []string {
	all := mounts()
	all = append(all, cgroups()...)
	all = append(all, keyrings()...)
	all = append(all, processes()...)
	for _, dir := range []string{"/tmp", "/var/tmp", "/run", "/dev/shm", "/dev/mqueue", "/run/netns", "/run/lock", "/sys/class/net"} {
		entries, _ := os.ReadDir(dir)
		for _, e := range entries {
			if !ofACompiler(e.Name()) {
				all = append(all, "file "+filepath.Join(dir, e.Name()))
			}
		}
	}
	return all
}

// ofACompiler tells whether Go's or C's compiler makes such files: one may run now.
func ofACompiler(name string) bool {
	return strings.HasPrefix(name, "go-") || strings.HasPrefix(name, "cc") && len(name) >= 8
}

func mounts() []string {
	var found []string
	for line := range strings.Lines(read("/proc/self/mountinfo")) {
		fields := strings.Fields(line)
		found = append(found, "mount "+strings.Join(fields[3:], " "))
	}
	return found
}

func cgroups() []string {
	var found []string
	filepath.WalkDir("/sys/fs/cgroup", func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() {
			found = append(found, "cgroup "+path)
		}
		return nil // one that vanishes meanwhile is fine
	})
	return found
}

// keyrings lists those that can be seen, without the counts that change.
func keyrings() []string {
	var found []string
	for line := range strings.Lines(read("/proc/keys")) {
		fields := strings.Fields(line)
		if len(fields) > 8 && fields[7] == "keyring" {
			found = append(found, "keyring "+fields[8])
		}
	}
	return found
}

// ownPrograms are those that only tests start.
var ownPrograms = []string{"rt", "rt-faults", "busybox", "nginx", "dockerd", "containerd", "containerd-shim", "conmon", "qemu-system-x86"}

func processes() []string {
	var found []string
	entries, _ := os.ReadDir("/proc")
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil || pid == os.Getpid() {
			continue
		}
		comm := strings.TrimSpace(read(fmt.Sprintf("/proc/%d/comm", pid)))
		if !slices.Contains(ownPrograms, comm) && !elsewhere(pid) {
			continue
		}
		args := strings.ReplaceAll(read(fmt.Sprintf("/proc/%d/cmdline", pid)), "\x00", " ")
		found = append(found, fmt.Sprintf("process %d (%s) %s", pid, comm, args))
	}
	return found
}

// elsewhere tells whether a process is in a namespace that this program is not in.
func elsewhere(pid int) bool {
	for _, kind := range []string{"mnt", "pid", "net", "ipc", "uts", "user"} {
		theirs, err := os.Readlink(fmt.Sprintf("/proc/%d/ns/%s", pid, kind))
		ours, _ := os.Readlink("/proc/self/ns/" + kind)
		if err == nil && theirs != ours {
			return true
		}
	}
	return false
}

// read returns the text of a file, and "" for one that is gone.
func read(path string) string {
	data, _ := os.ReadFile(path)
	return string(data)
}
