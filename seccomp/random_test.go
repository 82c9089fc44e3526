package seccomp

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"flag"
	"math/rand/v2"
	"os"
	"slices"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// A test of all sizes: `go test -run Random -profiles 200000 -timeout 5h`.
var profiles = flag.Int("profiles", 1500, "random profiles for TestCompileRandom")
var seed = flag.Uint64("seed", 1, "of TestCompileRandom")

// A source makes choices: a random one, or a fuzzer's bytes.
type source interface {
	IntN(int) int
	Uint64() uint64
}

// randomPlan makes a profile that provokes: few calls, many rules for each,
// values that meet. It names only calls that all of archs have, because
// libseccomp can go wrong where one has not (TestDifferences).
func randomPlan(r source, archs []*arch) *Plan {
	pick := func(list ...uint32) uint32 { return list[r.IntN(len(list))] }
	actionsHere := []uint32{unix.SECCOMP_RET_ALLOW, unix.SECCOMP_RET_ERRNO | 1, unix.SECCOMP_RET_ERRNO | 38, unix.SECCOMP_RET_KILL_PROCESS,
		unix.SECCOMP_RET_KILL_THREAD, unix.SECCOMP_RET_LOG, unix.SECCOMP_RET_TRACE | 7, unix.SECCOMP_RET_TRAP}
	p := &Plan{defaultAction: pick(actionsHere...)}
	common := pick(actionsHere...)
	variety := r.IntN(8) // how often a rule's action is another than common
	hot := []string{"personality", "clone", "ioctl", "socket", "shmat", "socketcall", "ipc", "read", "breakpoint", "setup", "call_of_the_future"}
	hot = slices.DeleteFunc(hot, func(name string) bool { return !everywhere(name, archs) })
	hot = hot[:1+r.IntN(len(hot))]
	anyName := func() string {
		for i := r.IntN(nameCount); ; i = (i + 1) % nameCount {
			if name := nameAt(i); everywhere(name, archs) {
				return name
			}
		}
	}
	value := func() uint64 {
		v := uint64(r.IntN(4))
		switch r.IntN(6) {
		case 0:
			v |= uint64(r.IntN(3)) << 32
		case 1:
			v = ^v
		case 2:
			v = r.Uint64()
		case 3:
			v <<= 31
		}
		return v
	}
	for range r.IntN(12) {
		rule := rule{action: common}
		if r.IntN(8) < variety {
			rule.action = pick(actionsHere...)
		}
		for range 1 + r.IntN(3) {
			if r.IntN(4) == 0 {
				rule.names = append(rule.names, anyName())
			} else {
				rule.names = append(rule.names, hot[r.IntN(len(hot))])
			}
		}
		if r.IntN(8) > 0 {
			arguments := 1 + r.IntN(3)
			for range 1 + r.IntN(3) {
				rule.conditions = append(rule.conditions, condition{index: uint8(r.IntN(arguments)), op: operator(1 + r.IntN(7)), value: value(), want: value()})
			}
		}
		if r.IntN(8) == 0 { // a long list of calls
			for range r.IntN(200) {
				rule.names = append(rule.names, anyName())
			}
			rule.conditions = nil
		}
		p.rules = append(p.rules, rule)
	}
	return p
}

func nameAt(i int) string {
	start := 0
	if i > 0 {
		start = int(word(nameEnds, i-1))
	}
	return nameText[start:word(nameEnds, i)]
}

// everywhere tells whether all of archs have a call, or none.
func everywhere(name string, archs []*arch) bool {
	if lookup(name) < 0 {
		return true
	}
	return !slices.ContainsFunc(archs, func(a *arch) bool { return len(cachedNumbers(name, a)) == 0 })
}

// A tally counts what checkPlan saw.
type tally struct {
	cases, own, fallback, refused, hung int
	known                               map[string]int // profiles with each of the known differences
}

// checkPlan compiles a profile and compares the program with the reference and
// with libseccomp's.
func checkPlan(t *testing.T, r *rand.Rand, p *Plan, archs []*arch, tries int, sum *tally) {
	t.Helper()
	program, err := compileOwn(p, archs)
	own := err == nil
	switch {
	case !own && err != errOrder:
		t.Error(err)
		return
	case !own && archs[0] != nativeArch():
		return // libseccomp has the native one in every filter
	}
	optimize := 0
	if own && len(p.rules)%2 == 1 || !own && p.libseccompTree() {
		optimize = 2
	}
	o, err := newOracle(t, p, archs, optimize)
	switch {
	case err == errHangs:
		sum.hung++
	case err != nil:
		// Rules that contradict each other. If another one decides without
		// conditions, rt doesn't mind.
		sum.refused++
	}
	ref := newReference(p, archs)
	may := []string{differDirect, differGap}
	if own {
		sum.own++
		may = append(may, differRanges, differDebug, differLoad)
	} else {
		ref = nil // it knows no order of rules that overlap
		sum.fallback++
		if err == errHangs {
			return
		}
		b, ownErr := p.compile(archs)
		switch {
		case err != nil && ownErr != nil && !errors.Is(ownErr, unix.EEXIST), err == nil && ownErr != nil:
			t.Errorf("got %v, and from libseccomp %v", ownErr, err)
			return
		case err != nil:
			return
		}
		program = instructions(b)
	}
	cases, diffs := compare(t, r, p, program, o, ref, archs, tries)
	sum.cases += cases
	seen := map[string]bool{}
	for _, d := range diffs {
		if !slices.Contains(may, d.why) && len(seen) < 10 {
			t.Errorf("%s: %v", d.why, d)
		}
		if !seen[d.why] {
			seen[d.why] = true
			sum.known[d.why]++
		}
	}
	if t.Failed() {
		t.Logf("default %#x", p.defaultAction)
		for _, r := range p.rules {
			t.Logf("   %#x %v %+v", r.action, r.names, r.conditions)
		}
	}
}

func TestCompileRandom(t *testing.T) {
	r := rand.New(rand.NewPCG(*seed, 4))
	sum := tally{known: map[string]int{}}
	for i := range *profiles {
		archs := sets[i%len(sets)]
		checkPlan(t, r, randomPlan(r, archs), archs, 50, &sum)
		if t.Failed() {
			t.Fatalf("profile %d", i)
		}
	}
	t.Logf("%d cases, %d profiles compiled, %d by libseccomp, %d refused by it, %d make it hang; known differences: %v", sum.cases, sum.own, sum.fallback, sum.refused, sum.hung, sum.known)
}

// bytesSource makes choices from a fuzzer's bytes, and the first choice when
// they have come to their end.
type bytesSource struct{ data []byte }

func (s *bytesSource) IntN(n int) int {
	if len(s.data) == 0 {
		return 0
	}
	b := int(s.data[0])
	s.data = s.data[1:]
	if n > 256 && len(s.data) > 0 {
		b |= int(s.data[0]) << 8
		s.data = s.data[1:]
	}
	return b % n
}

func (s *bytesSource) Uint64() uint64 {
	var b [8]byte
	s.data = s.data[copy(b[:], s.data):]
	return binary.LittleEndian.Uint64(b[:])
}

// FuzzCompile is TestCompileRandom with a fuzzer's profiles.
func FuzzCompile(f *testing.F) {
	for i := range len(sets) {
		f.Add(uint8(i), []byte("\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f\x10"))
	}
	f.Fuzz(func(t *testing.T, set uint8, data []byte) {
		archs := sets[int(set)%len(sets)]
		sum := tally{known: map[string]int{}}
		checkPlan(t, rand.New(rand.NewPCG(uint64(len(data)), 1)), randomPlan(&bytesSource{data}, archs), archs, 20, &sum)
	})
}

// FuzzProfile gives Plan and Compile whole documents.
func FuzzProfile(f *testing.F) {
	data, err := os.ReadFile("testdata/docker.json")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	f.Add([]byte(`{"defaultAction":"SCMP_ACT_ERRNO","defaultErrnoRet":38,"architectures":["SCMP_ARCH_S390X","SCMP_ARCH_ARM"],"flags":[],"listenerPath":"/a",` +
		`"syscalls":[{"names":["socket","ipc"],"action":"SCMP_ACT_NOTIFY","args":[{"index":1,"op":"SCMP_CMP_MASKED_EQ","value":18446744073709551615,"valueTwo":1}]}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		var in specs.LinuxSeccomp
		if json.Unmarshal(data, &in) != nil {
			return
		}
		p, ps := plan(t, in)
		if ps.Err() != nil {
			return
		}
		if f, err := p.Compile(); err == nil {
			c := call{nr: uint32(len(data)), arch: auditX86_64}
			b := c.bytes(byteOrder(nativeArch().little()))
			emulate(instructions(f.Program), &b, byteOrder(nativeArch().little()))
		}
	})
}
