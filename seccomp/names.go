package seccomp

import "golang.org/x/sys/unix"

// The names of config-linux.md ("Seccomp"), which are libseccomp's. Each table
// is in the order in which the features document lists them.

// An action's value is what a filter returns (linux/seccomp.h), with the
// errno or the tracer's message in the low 16 bits.
var actions = [...]struct {
	name  string
	value uint32
}{
	{"SCMP_ACT_ALLOW", unix.SECCOMP_RET_ALLOW},
	{"SCMP_ACT_ERRNO", unix.SECCOMP_RET_ERRNO},
	{"SCMP_ACT_KILL", unix.SECCOMP_RET_KILL_THREAD},
	{"SCMP_ACT_KILL_PROCESS", unix.SECCOMP_RET_KILL_PROCESS},
	{"SCMP_ACT_KILL_THREAD", unix.SECCOMP_RET_KILL_THREAD},
	{"SCMP_ACT_LOG", unix.SECCOMP_RET_LOG},
	{"SCMP_ACT_NOTIFY", unix.SECCOMP_RET_USER_NOTIF},
	{"SCMP_ACT_TRACE", unix.SECCOMP_RET_TRACE},
	{"SCMP_ACT_TRAP", unix.SECCOMP_RET_TRAP},
}

// An operator compares a system call's argument with a value, both unsigned.
type operator uint8

const (
	opNE operator = iota + 1
	opLT
	opLE
	opEQ
	opGE
	opGT
	opMaskedEQ // argument & value == valueTwo & value
)

var operators = [...]struct {
	name string
	op   operator
}{
	{"SCMP_CMP_EQ", opEQ},
	{"SCMP_CMP_GE", opGE},
	{"SCMP_CMP_GT", opGT},
	{"SCMP_CMP_LE", opLE},
	{"SCMP_CMP_LT", opLT},
	{"SCMP_CMP_MASKED_EQ", opMaskedEQ},
	{"SCMP_CMP_NE", opNE},
}

// flagTSync is known and not passed on: the other threads of init are rt's own
// and end with execve, and the kernel refuses it beside a listener.
const flagTSync = unix.SECCOMP_FILTER_FLAG_TSYNC

var flags = [...]struct {
	name  string
	value uint32
}{
	{"SECCOMP_FILTER_FLAG_LOG", unix.SECCOMP_FILTER_FLAG_LOG},
	{"SECCOMP_FILTER_FLAG_SPEC_ALLOW", unix.SECCOMP_FILTER_FLAG_SPEC_ALLOW},
	{"SECCOMP_FILTER_FLAG_TSYNC", flagTSync},
	{"SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV", unix.SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV},
}

func actionValue(name string) (uint32, bool) {
	for i := range actions {
		if actions[i].name == name {
			return actions[i].value, true
		}
	}
	return 0, false
}

func operatorValue(name string) (operator, bool) {
	for i := range operators {
		if operators[i].name == name {
			return operators[i].op, true
		}
	}
	return 0, false
}

func flagValue(name string) (uint32, bool) {
	for i := range flags {
		if flags[i].name == name {
			return flags[i].value, true
		}
	}
	return 0, false
}

func actionName(value uint32) string {
	for i := range actions {
		if actions[i].value == value&unix.SECCOMP_RET_ACTION_FULL {
			return actions[i].name
		}
	}
	return "action"
}
