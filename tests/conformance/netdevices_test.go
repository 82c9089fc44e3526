package conformance

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"

	"github.com/c9b5e2ae/rt/tests/harness"
	"github.com/c9b5e2ae/rt/tests/needs"
)

// A link is what ip(8) tells of an interface.
type link struct {
	Name      string   `json:"ifname"`
	Flags     []string `json:"flags"`
	MTU       int      `json:"mtu"`
	Address   string   `json:"address"`
	Addresses []struct {
		Local    string `json:"local"`
		Length   int    `json:"prefixlen"`
		Scope    string `json:"scope"`
		Lifetime uint32 `json:"valid_life_time"`
	} `json:"addr_info"`
}

func (l link) up() bool { return strings.Contains(" "+strings.Join(l.Flags, " ")+" ", " UP ") }

// global are the permanent addresses of global scope.
func (l link) global() string {
	var all []string
	for _, a := range l.Addresses {
		if a.Scope == "global" && a.Lifetime == 1<<32-1 {
			all = append(all, fmt.Sprintf("%s/%d", a.Local, a.Length))
		}
	}
	return strings.Join(all, " ")
}

// links are the interfaces that ip(8) lists when run by enter.
func links(t *testing.T, enter ...string) map[string]link {
	t.Helper()
	var list []link
	text := harness.Must(t, append(enter, "ip", "-json", "address")...)
	if err := json.Unmarshal([]byte(text), &list); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	all := map[string]link{}
	for _, l := range list {
		all[l.Name] = l
	}
	return all
}

func linksOf(t *testing.T, pid int) map[string]link {
	t.Helper()
	return links(t, "nsenter", "--target", fmt.Sprint(pid), "--net")
}

// veth makes a pair of interfaces in the network namespace of the tests. The first
// has addresses, and both go when one does.
func veth(t *testing.T, name string) {
	t.Helper()
	for _, line := range []string{
		"link add NAME mtu 1400 address 02:00:00:00:00:07 type veth peer name NAMEp",
		"address add 10.9.9.1/24 dev NAME", "address add 2001:db8::1/64 dev NAME nodad",
		"address add 10.9.8.7/24 dev NAME valid_lft 1000 preferred_lft 1000", "link set NAMEp up",
	} {
		harness.Must(t, append([]string{"ip"}, strings.Fields(strings.ReplaceAll(line, "NAME", name))...)...)
	}
	t.Cleanup(func() { harness.Command{Args: []string{"ip", "link", "delete", name + "p"}}.Run(t) })
}

func devices(devices map[string]specs.LinuxNetDevice) harness.Change {
	return func(s *specs.Spec) { s.Linux.NetDevices = devices }
}

func TestNetDevices(t *testing.T) {
	needs.All(t, "CAP_NET_ADMIN", "command:ip")
	veth(t, "moved")
	veth(t, "kept")
	c := harness.New(t, devices(map[string]specs.LinuxNetDevice{"moved": {Name: "inside"}, "kept": {}}))
	r, ok := create(c)
	inside := map[string]link{}
	if ok {
		inside = linksOf(t, c.Init)
		c.Start()
	}
	sentence(t, "configLinuxNetworkDevices.1", func(t *testing.T) {
		if !ok {
			t.Fatal(r)
		}
		outside := links(t)
		for _, name := range []string{"inside", "kept"} {
			if inside[name].Name == "" {
				t.Errorf("%s is not in the container", name)
			}
			if outside[name].Name != "" {
				t.Errorf("%s is on the host", name)
			}
		}
	})
	sentence(t, "configLinuxNetworkDevices.5", func(t *testing.T) {
		for _, name := range []string{"inside", "kept"} {
			l := inside[name]
			if l.MTU != 1400 || l.Address != "02:00:00:00:00:07" || l.global() != "10.9.9.1/24 2001:db8::1/64" {
				t.Errorf("%+v", l)
			}
		}
	})
	sentence(t, "configLinuxNetworkDevices.6", func(t *testing.T) {
		if !inside["inside"].up() || !inside["kept"].up() {
			t.Errorf("%+v", inside)
		}
	})
	sentence(t, "namespace-lifecycle-and-container-termination.1", func(t *testing.T) {
		if !ok {
			t.Fatal(r)
		}
		c := on(t, c)
		in(t, c, "--net", "ip", "link", "set", "inside", "down")
		in(t, c, "--net", "ip", "address", "flush", "dev", "kept")
		c.Must("state", c.ID)
		c.Exec("true")
		c.Must("pause", c.ID)
		c.Must("resume", c.ID)
		if after := linksOf(t, c.Init); after["inside"].up() || after["kept"].global() != "" {
			t.Errorf("the runtime changed them back: %+v", after)
		}
	})
	sentence(t, "configLinuxNetworkDevices.2", func(t *testing.T) {
		c := harness.New(t, devices(map[string]specs.LinuxNetDevice{"nosuch0": {}}))
		refused(t, c, `linux.netDevices["nosuch0"]: the host has no such interface`)
		c = harness.New(t, devices(map[string]specs.LinuxNetDevice{"lo": {Name: "lo2"}}))
		refused(t, c, ``)
	})
}

// With a network namespace that was there before, and outlives the container.
func TestNetDevicesOfJoinedNamespace(t *testing.T) {
	needs.All(t, "CAP_NET_ADMIN", "command:ip")
	pid := holder(t)
	in := func(args ...string) {
		harness.Must(t, append([]string{"nsenter", "--target", fmt.Sprint(pid), "--net", "ip"}, args...)...)
	}
	in("link", "add", "taken", "type", "veth", "peer", "name", "takenp")
	join := harness.Namespace(specs.NetworkNamespace, fmt.Sprintf("/proc/%d/ns/net", pid))
	sentence(t, "configLinuxNetworkDevices.3", func(t *testing.T) {
		veth(t, "clash")
		c := harness.New(t, join, devices(map[string]specs.LinuxNetDevice{"clash": {Name: "taken"}}))
		refused(t, c, `linux.netDevices["clash"]: name: the container has an interface "taken" already`)
		if l := links(t)["clash"]; l.global() != "10.9.9.1/24 2001:db8::1/64" {
			t.Errorf("after it the interface is %+v", l)
		}
	})
	sentence(t, "configLinuxNetworkDevices.4", func(t *testing.T) {
		for i := range 2 {
			name := fmt.Sprint("many", i)
			veth(t, name)
			c := harness.New(t, join, devices(map[string]specs.LinuxNetDevice{name: {Name: "port%d"}}))
			if r, ok := create(c); !ok {
				t.Fatal(r)
			}
		}
		if all := linksOf(t, pid); all["port0"].Name == "" || all["port1"].Name == "" {
			t.Errorf("%+v", all)
		}
	})
	sentence(t, "namespace-lifecycle-and-container-termination.2", func(t *testing.T) {
		veth(t, "stays")
		c := harness.New(t, join, devices(map[string]specs.LinuxNetDevice{"stays": {}}))
		r, ok := create(c)
		if !ok {
			t.Fatal(r)
		}
		c.Start()
		c.Kill("KILL")
		c.Delete()
		if l := linksOf(t, pid)["stays"]; l.Name == "" || links(t)["stays"].Name != "" {
			t.Errorf("the interface left the namespace")
		}
	})
}
