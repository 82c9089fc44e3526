package process

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// FuzzProgram reads arbitrary files as a program: hostile images hold any.
func FuzzProgram(f *testing.F) {
	f.Add([]byte("#!/bin/sh -e\n"))
	f.Add(elfFile(62, "/lib64/ld-linux-x86-64.so.2", []byte{0xf4}))
	f.Add(elfFile(183, "", nil))
	f.Add([]byte("\x7fELF\x01\x01"))
	fd, err := unix.MemfdCreate("program", unix.MFD_CLOEXEC) // no disk: ext4 would flush every one
	if err != nil {
		f.Fatal(err)
	}
	path := fmt.Sprintf("/proc/self/fd/%d", fd)
	f.Fuzz(func(t *testing.T, data []byte) {
		if err := errors.Join(unix.Ftruncate(fd, 0), func() error { _, err := unix.Pwrite(fd, data, 0); return err }()); err != nil {
			t.Fatal(err)
		}
		name, _ := interpreter(path)
		if strings.ContainsRune(name, 0) || len(name) > 4096 {
			t.Errorf("interpreter %q", name)
		}
		if reason := formatReason(path); strings.ContainsRune(reason, '\n') {
			t.Errorf("reason %q", reason)
		}
		(&Plan{}).missingInterpreter(path)
	})
}

// FuzzHome holds homeOf against a plain reading of passwd(5).
func FuzzHome(f *testing.F) {
	f.Add(uint32(7), []byte("root:x:0:0:root:/root:/bin/sh\na:x:7:7::/home/a:\n"))
	f.Add(uint32(0), []byte("x:x:0:0::\n"))
	f.Fuzz(func(t *testing.T, uid uint32, passwd []byte) {
		want := "/"
		for line := range bytes.SplitSeq(passwd, []byte("\n")) {
			part := strings.Split(string(line), ":")
			if len(part) > 2 && part[2] == strings.TrimLeft(outer(uid, "0 0 4294967295"), " ") {
				if len(part) > 5 && part[5] != "" && !strings.ContainsRune(part[5], 0) {
					want = part[5]
				}
				break
			}
		}
		if uid == noID { // in no map, and no user
			return
		}
		if got := homeOf(uid, passwd); got != want {
			t.Errorf("%d in %q: got %q, want %q", uid, passwd, got, want)
		}
	})
}
