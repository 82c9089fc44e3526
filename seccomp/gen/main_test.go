package main

import (
	"bytes"
	"fmt"
	"os"
	"testing"

	libseccomp "github.com/seccomp/libseccomp-golang"
)

// TestTables makes the tables anew. Another libseccomp knows other calls, which
// is no fault of the tables.
func TestTables(t *testing.T) {
	have, err := os.ReadFile("../" + file)
	if err != nil {
		t.Fatal(err)
	}
	major, minor, micro := libseccomp.GetLibraryVersion()
	version := fmt.Sprintf("libseccomp %d.%d.%d;", major, minor, micro)
	if first, _, _ := bytes.Cut(have, []byte("\n")); !bytes.Contains(first, []byte(version)) {
		t.Skipf("the tables come from another libseccomp: %s", first)
	}
	want, err := generate()
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(have, want) {
		t.Errorf("%s is not what the generator makes now; run go generate ./seccomp", file)
	}
}
