package config

import (
	"strings"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// PlanDocument checks what config.md says about the document as a whole. process
// is optional here: only start needs it (runtime.md, "Start").
func PlanDocument(s *specs.Spec, ps *Problems) {
	major, ok := semanticVersion(s.Version)
	switch {
	case s.Version == "":
		ps.Addf("ociVersion", "is required")
	case !ok:
		ps.Addf("ociVersion", "%q is not a semantic version", short(s.Version))
	case major != "1": // "retains forward and backward compatibility within major versions"
		ps.Addf("ociVersion", "%q is not supported (1.0.0 to 1.3.x)", short(s.Version))
	}
	if _, ok := s.Annotations[""]; ok {
		ps.Addf("annotations", "a key is empty")
	}
}

// semanticVersion checks MAJOR.MINOR.PATCH[-PRE-RELEASE][+BUILD] (semver.org,
// 2.0.0) and returns the first number.
func semanticVersion(v string) (major string, ok bool) {
	v, build, hasBuild := strings.Cut(v, "+")
	v, pre, hasPre := strings.Cut(v, "-")
	numbers := strings.Split(v, ".")
	if len(numbers) != 3 {
		return "", false
	}
	for _, n := range numbers {
		if !isNumber(n) {
			return "", false
		}
	}
	if hasPre && !identifiers(pre, false) || hasBuild && !identifiers(build, true) {
		return "", false
	}
	return numbers[0], true
}

// identifiers checks a dotted list. Only in build metadata may a number start
// with zeros.
func identifiers(list string, zeros bool) bool {
	for s := range strings.SplitSeq(list, ".") {
		digits := s != ""
		for _, c := range []byte(s) {
			switch {
			case '0' <= c && c <= '9':
			case c == '-', 'A' <= c && c <= 'Z', 'a' <= c && c <= 'z':
				digits = false
			default:
				return false
			}
		}
		if s == "" || digits && !zeros && !isNumber(s) {
			return false
		}
	}
	return true
}

// isNumber is true for digits without a leading zero.
func isNumber(s string) bool {
	for _, c := range []byte(s) {
		if c < '0' || c > '9' {
			return false
		}
	}
	return s == "0" || s != "" && s[0] != '0'
}
