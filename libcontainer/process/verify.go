package process

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/c9b5e2ae/rt/libcontainer/config"
	"github.com/c9b5e2ae/rt/libcontainer/procfs"
	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// Verify reads back from the kernel what the process pid, the first one of the
// container that s configures, really has, and returns every difference. It is
// for a process that was executed, or waits to be.
func Verify(pid int, s *specs.Spec) []config.Problem {
	var ps config.Problems
	proc, err := procfs.OpenHost()
	if err != nil {
		return []config.Problem{{Path: "process", Text: err.Error()}}
	}
	defer proc.Close()
	facts, err := config.ReadFacts("auto")
	if err != nil {
		return []config.Problem{{Path: "process", Text: err.Error()}}
	}
	var ignored config.Problems
	plan := PlanProcess(s, s.Process, false, facts, &ignored)
	if plan == nil {
		return nil
	}
	v := verifier{plan: plan, dir: strconv.Itoa(pid), pid: pid, proc: proc, ps: &ps}
	v.status = fields(v.read("status"))
	v.ids()
	v.capabilities()
	v.equal("process.noNewPrivileges", v.status["NoNewPrivs"], map[bool]string{false: "0", true: "1"}[plan.NoNewPrivileges])
	v.equal("process.user.umask", v.status["Umask"], fmt.Sprintf("%04o", plan.Umask))
	v.rlimits()
	v.scheduling()
	v.memory()
	if plan.oomScoreAdj != nil {
		v.equal("process.oomScoreAdj", v.read("oom_score_adj"), strconv.Itoa(*plan.oomScoreAdj))
	}
	if cwd, err := v.link("cwd"); err == nil {
		v.equal("process.cwd", cwd, plan.Cwd)
	}
	v.labels()
	return ps.List
}

type verifier struct {
	plan   *Plan
	dir    string
	pid    int
	proc   *procfs.Proc
	status map[string]string
	ps     *config.Problems
}

func (v *verifier) equal(path, is, want string) {
	if is != want {
		v.ps.Addf(path, "is %s, not %s", is, want)
	}
}

func (v *verifier) read(file string) string {
	data, err := v.proc.ReadFile(v.dir + "/" + file)
	if err != nil {
		v.ps.Addf("process", "%v", err)
	}
	return strings.TrimRight(data, "\n\x00")
}

// link reads a link of the process without following it.
func (v *verifier) link(file string) (string, error) {
	f, err := v.proc.Open(v.dir+"/"+file, unix.O_PATH|unix.O_NOFOLLOW)
	if err != nil {
		return "", err
	}
	defer f.Close()
	buf := make([]byte, unix.PathMax)
	n, err := unix.Readlinkat(int(f.Fd()), "", buf)
	if err != nil {
		return "", os.NewSyscallError("readlink", err)
	}
	return string(buf[:n]), nil
}

// fields reads a file of lines like "Umask:\t0022".
func fields(data string) map[string]string {
	out := map[string]string{}
	for line := range strings.Lines(data) {
		name, value, _ := strings.Cut(line, ":")
		out[name] = strings.TrimSpace(value)
	}
	return out
}

// ids compares user and groups. The kernel shows them as this user namespace
// knows them, so they are looked up in the maps of the process.
func (v *verifier) ids() {
	uids, gids := v.read("uid_map"), v.read("gid_map")
	uid, gid := outer(v.plan.UID, uids), outer(v.plan.GID, gids)
	v.equal("process.user.uid", v.status["Uid"], strings.Join([]string{uid, uid, uid, uid}, "\t"))
	v.equal("process.user.gid", v.status["Gid"], strings.Join([]string{gid, gid, gid, gid}, "\t"))
	var want []int
	for _, g := range v.plan.Groups {
		n, _ := strconv.Atoi(outer(g, gids))
		want = append(want, n)
	}
	slices.Sort(want)
	v.equal("process.user.additionalGids", "["+v.status["Groups"]+"]", fmt.Sprint(want))
}

// outer maps an id of the process to one of ours (user_namespaces(7)).
func outer(id uint32, idmap string) string {
	for line := range strings.Lines(idmap) {
		var inside, outside, count uint32
		if n, _ := fmt.Sscan(line, &inside, &outside, &count); n == 3 && id-inside < count {
			return strconv.FormatUint(uint64(outside+id-inside), 10)
		}
	}
	return "unmapped"
}

// capabilities compares the five sets, before execve or after it: execve gives
// root what it may inherit and what the bounding set allows, and another user the
// ambient set (capabilities(7), "Transformation of capabilities during execve").
func (v *verifier) capabilities() {
	c := v.plan.Caps
	permitted := c.Ambient
	if v.plan.UID == 0 {
		permitted = c.Inheritable | c.Bounding
	}
	for _, set := range []struct {
		name, field   string
		before, after uint64
	}{
		{"bounding", "CapBnd", c.Bounding, c.Bounding},
		{"effective", "CapEff", c.Effective, permitted},
		{"inheritable", "CapInh", c.Inheritable, c.Inheritable},
		{"permitted", "CapPrm", c.Permitted, permitted},
		{"ambient", "CapAmb", c.Ambient, c.Ambient},
	} {
		is, _ := strconv.ParseUint(v.status[set.field], 16, 64)
		if is != set.before && is != set.after {
			v.ps.Addf("process.capabilities."+set.name, "is %s, not %s", capabilityList(is), capabilityList(set.before))
		}
	}
}

func capabilityList(mask uint64) string {
	var names []string
	for n := range 64 {
		if mask&(1<<n) != 0 {
			names = append(names, capabilityName(n))
		}
	}
	return "[" + strings.Join(names, " ") + "]"
}

func (v *verifier) rlimits() {
	text := func(n uint64) string {
		if n == infinity {
			return "unlimited"
		}
		return strconv.FormatUint(n, 10)
	}
	limits := v.read("limits") // prlimit(2) reads nobody else's without privileges
	for i, r := range v.plan.Rlimits {
		_, rest, _ := strings.Cut(limits, limitLabels[r.Resource]+"  ")
		columns := append(strings.Fields(rest), "absent", "absent")
		v.equal(fmt.Sprintf("process.rlimits[%d].soft", i), columns[0], text(r.Soft))
		v.equal(fmt.Sprintf("process.rlimits[%d].hard", i), columns[1], text(r.Hard))
	}
}

// limitLabels are the names of the resources in /proc/pid/limits.
var limitLabels = [...]string{
	unix.RLIMIT_AS:         "Max address space",
	unix.RLIMIT_CORE:       "Max core file size",
	unix.RLIMIT_CPU:        "Max cpu time",
	unix.RLIMIT_DATA:       "Max data size",
	unix.RLIMIT_FSIZE:      "Max file size",
	unix.RLIMIT_LOCKS:      "Max file locks",
	unix.RLIMIT_MEMLOCK:    "Max locked memory",
	unix.RLIMIT_MSGQUEUE:   "Max msgqueue size",
	unix.RLIMIT_NICE:       "Max nice priority",
	unix.RLIMIT_NOFILE:     "Max open files",
	unix.RLIMIT_NPROC:      "Max processes",
	unix.RLIMIT_RSS:        "Max resident set",
	unix.RLIMIT_RTPRIO:     "Max realtime priority",
	unix.RLIMIT_RTTIME:     "Max realtime timeout",
	unix.RLIMIT_SIGPENDING: "Max pending signals",
	unix.RLIMIT_STACK:      "Max stack size",
}

func (v *verifier) scheduling() {
	if s := v.plan.Scheduler; s != nil {
		now, err := unix.SchedGetAttr(v.pid, 0)
		if err != nil {
			v.ps.Addf("process.scheduler", "sched_getattr: %v", err)
			return
		}
		is := Scheduler{now.Policy, now.Flags, now.Nice, now.Priority, now.Runtime, now.Deadline, now.Period}
		want := *s
		if want.Policy == unix.SCHED_DEADLINE && want.Period == 0 {
			want.Period = want.Deadline
		}
		// The kernel has no niceness where it has a priority, and does not show
		// which parameters it was told to keep.
		is.Flags &= want.Flags
		want.Flags &= unix.SCHED_FLAG_RESET_ON_FORK | unix.SCHED_FLAG_RECLAIM | unix.SCHED_FLAG_DL_OVERRUN
		if want.Priority != 0 || want.Policy == unix.SCHED_DEADLINE {
			is.Nice = want.Nice
		}
		if is.Policy != unix.SCHED_DEADLINE {
			is.Runtime, is.Deadline, is.Period = 0, 0, 0 // since 6.12 the slice of others
		}
		v.equal("process.scheduler", fmt.Sprint(is), fmt.Sprint(want))
	}
	if want := v.plan.IOPriority; want != 0 {
		is, _, errno := unix.Syscall(unix.SYS_IOPRIO_GET, 1, uintptr(v.pid), 0)
		if errno != 0 {
			v.ps.Addf("process.ioPriority", "ioprio_get: %v", errno)
			return
		}
		v.equal("process.ioPriority.class", fmt.Sprint(is>>ioprioClassShift), fmt.Sprint(want>>ioprioClassShift))
		v.equal("process.ioPriority.priority", fmt.Sprint(is&7), fmt.Sprint(want&7))
	}
	if p := v.plan.Personality; p != nil {
		v.equal("linux.personality.domain", v.read("personality"), fmt.Sprintf("%08x", p.Domain))
	}
}

// memory compares the memory policy, which the kernel shows for every mapping
// that has none of its own (numa_maps, proc(5)).
func (v *verifier) memory() {
	m := v.plan.MemoryPolicy
	if m == nil {
		return
	}
	names := [...]string{"default", "prefer", "bind", "interleave", "local", "prefer (many)", "weighted interleave"}
	first, _, _ := strings.Cut(v.read("numa_maps"), "\n")
	_, rest, _ := strings.Cut(first, " ")
	is := rest
	for _, name := range names {
		if after, ok := strings.CutPrefix(rest, name); ok && strings.IndexAny(after, "=: ") == 0 {
			is = name
		}
	}
	v.equal("linux.memoryPolicy.mode", is, names[m.Mode&0xff])
}

func (v *verifier) labels() {
	if want := v.plan.SELinux; want != "" {
		v.equal("process.selinuxLabel", v.read("attr/current"), want)
	}
	if want := v.plan.AppArmor; want != "" {
		is := v.read("attr/current")
		if f, err := v.proc.Open(v.dir+"/attr/apparmor/current", unix.O_RDONLY); err == nil {
			f.Close()
			is = v.read("attr/apparmor/current")
		}
		if end := strings.LastIndex(is, " ("); end >= 0 { // "docker-default (enforce)"
			is = is[:end]
		}
		v.equal("process.apparmorProfile", is, want)
	}
}
