package seccomp

import (
	"encoding/json"
	"fmt"
	"os"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
)

// docker is the profile of a container that Docker 20.10 made on x86_64.
func docker(t testing.TB) *Plan {
	t.Helper()
	data, err := os.ReadFile("testdata/docker.json")
	if err != nil {
		t.Fatal(err)
	}
	var in specs.LinuxSeccomp
	if err := json.Unmarshal(data, &in); err != nil {
		t.Fatal(err)
	}
	p, ps := plan(t, in)
	if err := ps.Err(); err != nil {
		t.Fatal(err)
	}
	return p
}

// TestTablesAreLibseccomps looks every name up on every architecture.
func TestTablesAreLibseccomps(t *testing.T) {
	start := 0
	for i := range nameCount {
		end := int(word(nameEnds, i))
		name := nameText[start:end]
		start = end
		if lookup(name) != i {
			t.Fatalf("%s: not found", name)
		}
		for k := range archs {
			a := &archs[k]
			if a.numbers == "" {
				continue
			}
			var got []uint32
			if s := nameMux[i]; s != 0 && a.mux {
				outer := socketcallName
				if s >= 200 {
					outer = ipcName
				}
				got = append(got, number(word(a.numbers, outer)))
			}
			if code := word(a.numbers, i); code != absent {
				nr := number(code)
				if a.name == nameX32 {
					nr |= x32Bit
				}
				got = append(got, nr)
				if s := a.slot(code); s < 0 || s >= tableSize || (s >= tablePrivate) != (code >= armCode) {
					t.Errorf("%s: %s does not fit into the table", a.name, name)
				}
			}
			if want := oracleNumbers(name, a); fmt.Sprint(got) != fmt.Sprint(want) {
				t.Errorf("%s: %s: got %v, want %v", a.name, name, got, want)
			}
		}
	}
	for _, name := range []string{"", "read ", "reaD", "call_of_the_future"} {
		if lookup(name) != -1 {
			t.Errorf("%q is found", name)
		}
	}
}
