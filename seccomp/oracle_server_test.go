package seccomp

import (
	"encoding/gob"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"sync"
	"testing"
	"time"

	libseccomp "github.com/seccomp/libseccomp-golang"
	"golang.org/x/sys/unix"
)

// libseccomp runs in a process of its own, the test binary again, because it
// does not always come to an end: two rules with the same inequality first and
// different conditions after it make it turn in a circle.

// errHangs is the oracle's answer if it has none.
var errHangs = errors.New("libseccomp does not come to an end")

const oracleTimeout = 5 * time.Second

// An oracleOrder is a plan in a form that can be sent.
type oracleOrder struct {
	Default  uint32
	Archs    []string
	Optimize int
	Rules    []oracleRule
}

type oracleRule struct {
	Names      []string
	Action     uint32
	Conditions []oracleCondition
}

type oracleCondition struct {
	Index       uint8
	Op          operator
	Value, Want uint64
}

type oracleAnswer struct {
	Program []byte
	Error   string
	Exist   bool // the error is EEXIST
}

func newOracleOrder(p *Plan, archs []*arch, optimize int) oracleOrder {
	o := oracleOrder{Default: p.defaultAction, Optimize: optimize}
	for _, a := range archs {
		o.Archs = append(o.Archs, a.name)
	}
	for i := range p.rules {
		r := oracleRule{Names: p.rules[i].names, Action: p.rules[i].action}
		for _, c := range p.rules[i].conditions {
			r.Conditions = append(r.Conditions, oracleCondition{c.index, c.op, c.value, c.want})
		}
		o.Rules = append(o.Rules, r)
	}
	return o
}

// oracleServer is the running process.
var oracleServer struct {
	sync.Mutex
	cmd     *exec.Cmd
	in      io.Closer
	out     io.Closer
	encoder *gob.Encoder
	decoder *gob.Decoder
}

func startOracle(t testing.TB) {
	s := &oracleServer
	s.cmd = exec.Command("/proc/self/exe", "-test.run=^$")
	s.cmd.Env = append(os.Environ(), "SECCOMP_ORACLE=1")
	s.cmd.Stderr = os.Stderr
	in, err := s.cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := s.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	s.in, s.out, s.encoder, s.decoder = in, out, gob.NewEncoder(in), gob.NewDecoder(out)
}

// stopOracle ends the process, if there is one.
func stopOracle() {
	s := &oracleServer
	if s.cmd != nil {
		s.cmd.Process.Kill()
		s.cmd.Wait()
		s.cmd = nil
	}
}

func askOracle(t testing.TB, order oracleOrder) ([]byte, error) {
	t.Helper()
	s := &oracleServer
	s.Lock()
	defer s.Unlock()
	if s.cmd == nil {
		startOracle(t)
	}
	var answer oracleAnswer
	done := make(chan error, 1)
	go func() {
		err := s.encoder.Encode(order)
		if err == nil {
			err = s.decoder.Decode(&answer)
		}
		done <- err
	}()
	select {
	case err := <-done:
		if err != nil {
			stopOracle()
			t.Fatalf("the oracle has died: %v", err)
		}
	case <-time.After(oracleTimeout):
		stopOracle()
		<-done
		return nil, errHangs
	}
	switch {
	case answer.Exist:
		return nil, fmt.Errorf("%s: %w", answer.Error, unix.EEXIST)
	case answer.Error != "":
		t.Fatal(answer.Error)
	}
	return answer.Program, nil
}

// serveOracle is the main function of that process.
func serveOracle() {
	// If nobody is left to kill it, it ends by itself: with the orders, or if it
	// hangs. `go test -fuzz` waits for it, since it has its worker's stderr.
	decoder, encoder := gob.NewDecoder(os.Stdin), gob.NewEncoder(os.Stdout)
	for {
		var order oracleOrder
		if err := decoder.Decode(&order); err != nil {
			return
		}
		var answer oracleAnswer
		var err error
		end := time.AfterFunc(oracleTimeout+time.Second, func() { os.Exit(1) })
		answer.Program, err = order.compile()
		end.Stop()
		if err != nil {
			answer.Error, answer.Exist = err.Error(), errors.Is(err, unix.EEXIST)
		}
		if err := encoder.Encode(&answer); err != nil {
			return
		}
	}
}

// compile uses the binding as runc does.
func (o *oracleOrder) compile() ([]byte, error) {
	filter, err := libseccomp.NewFilter(oracleAction(o.Default))
	if err != nil {
		return nil, err
	}
	defer filter.Release()
	native, err := libseccomp.GetNativeArch()
	if err != nil {
		return nil, err
	}
	if err := filter.RemoveArch(native); err != nil {
		return nil, err
	}
	for _, name := range o.Archs {
		if err := filter.AddArch(oracleArchs[name]); err != nil {
			return nil, err
		}
	}
	if o.Optimize != 0 {
		if err := filter.SetOptimize(o.Optimize); err != nil {
			return nil, err
		}
	}
	for i := range o.Rules {
		if o.Rules[i].Action == o.Default {
			continue
		}
		for _, name := range o.Rules[i].Names {
			if err := o.Rules[i].add(filter, name); err != nil {
				return nil, fmt.Errorf("%s: %w", name, err)
			}
		}
	}
	fd, err := unix.MemfdCreate("bpf", unix.MFD_CLOEXEC)
	if err != nil {
		return nil, err
	}
	f := os.NewFile(uintptr(fd), "bpf")
	defer f.Close()
	if err := filter.ExportBPF(f); err != nil {
		return nil, err
	}
	return io.ReadAll(io.NewSectionReader(f, 0, 1<<24))
}

func (r *oracleRule) add(filter *libseccomp.ScmpFilter, name string) error {
	nr, err := libseccomp.GetSyscallFromName(name)
	if err != nil {
		return nil
	}
	if len(r.Conditions) == 0 {
		return filter.AddRule(nr, oracleAction(r.Action))
	}
	var count [6]int
	each := len(r.Conditions)
	var conditions []libseccomp.ScmpCondition
	for _, c := range r.Conditions {
		if count[c.Index]++; count[c.Index] > 1 {
			each = 1
		}
		cond, err := libseccomp.MakeCondition(uint(c.Index), oracleOperators[c.Op], c.Value, c.Want)
		if err != nil {
			return err
		}
		conditions = append(conditions, cond)
	}
	for ; len(conditions) > 0; conditions = conditions[each:] {
		if err := filter.AddRuleConditional(nr, oracleAction(r.Action), conditions[:each]); err != nil {
			return err
		}
	}
	return nil
}
