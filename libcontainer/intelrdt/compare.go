package intelrdt

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"

	"github.com/c9b5e2ae/rt/libcontainer/config"
)

// compare holds the schemas of the config against a group that exists. What a
// schema leaves out, as the other caches, is not compared.
func (p *Plan) compare() error {
	for _, l := range p.Lines {
		if !l.Compare {
			continue
		}
		for line := range strings.Lines(l.Line) {
			if why := p.differs(strings.TrimSpace(line), p.before); why != "" {
				return fmt.Errorf("%s: the group %q exists, and %s", l.Path, p.Name, why)
			}
		}
	}
	return nil
}

func (p *Plan) differs(line, schemata string) string {
	resource, want := parseSchema(line)
	for have := range strings.Lines(schemata) {
		name, values := parseSchema(have)
		if name != resource {
			continue
		}
		for id, v := range want {
			if has, ok := values[id]; !ok || !p.sameValue(resource, v, has) {
				return fmt.Sprintf("has %q", strings.TrimSpace(have))
			}
		}
		return ""
	}
	return fmt.Sprintf("has no resource %q", resource)
}

// parseSchema splits "L3:0=7f0;1=1f" into the resource and the value of each
// cache. The kernel pads with spaces and zeros.
func parseSchema(line string) (resource string, values map[string]string) {
	resource, list, _ := strings.Cut(strings.TrimSpace(line), ":")
	values = map[string]string{}
	for item := range strings.SplitSeq(list, ";") {
		if id, value, ok := strings.Cut(item, "="); ok {
			values[number(id)] = strings.TrimSpace(value)
		}
	}
	return strings.TrimSpace(resource), values
}

// number writes a number, decimal or of hexadecimal digits, in one way.
func number(text string) string {
	text = strings.TrimPrefix(strings.ToLower(strings.TrimSpace(text)), "0x")
	return strings.TrimLeft(text, "0")
}

func (p *Plan) sameValue(resource, want, has string) bool {
	if number(want) == number(has) {
		return true
	}
	if !strings.HasPrefix(resource, "MB") {
		return false
	}
	// The kernel has rounded percentages up when it took them.
	text, err := readFile(p.Root, "info/MB/bandwidth_gran")
	if err != nil {
		return false
	}
	step, err := strconv.Atoi(strings.TrimSpace(text))
	n, err2 := strconv.Atoi(want)
	if err != nil || err2 != nil || step <= 0 {
		return false
	}
	return strconv.Itoa((n+step-1)/step*step) == number(has)
}

// Verify asks the kernel whether pid is in the groups of the container id, and
// whether these have the schemata of the config.
func Verify(pid int, id string, s *specs.Spec) []config.Problem {
	var ps config.Problems
	p := PlanIntelRdt(s, id, &config.Facts{}, &ps)
	if p == nil || len(ps.List) > 0 {
		return ps.List
	}
	p.verify(pid, &ps)
	return ps.List
}

func (p *Plan) verify(pid int, ps *config.Problems) {
	s, err := p.Intent()
	if err != nil {
		ps.Addf("linux.intelRdt", "%v", err)
		return
	}
	for _, dir := range []string{s.Group, s.Monitor} {
		if dir == "" {
			continue
		}
		tasks, err := readFile(dir, "tasks")
		if err != nil {
			ps.Addf("linux.intelRdt", "%v", err)
		} else if !strings.Contains("\n"+tasks, "\n"+strconv.Itoa(pid)+"\n") {
			ps.Addf("linux.intelRdt", "the process is not in %q", dir)
		}
	}
	schemata, err := readFile(s.Group, "schemata")
	if err != nil {
		ps.Addf("linux.intelRdt", "%v", err)
		return
	}
	for _, l := range p.Lines {
		for line := range strings.Lines(l.Line) {
			if why := p.differs(strings.TrimSpace(line), schemata); why != "" {
				ps.Addf(l.Path, "the group %s", why)
			}
		}
	}
}
