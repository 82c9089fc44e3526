package libcontainer

import (
	"strings"
	"testing"
)

func TestCheckID(t *testing.T) {
	for _, id := range []string{"a", "Z9", "_", "+", "-", "-f", "--help", "a.b", "a..", "c1_+-.", "state.json", strings.Repeat("x", 128)} {
		if err := CheckID(id); err != nil {
			t.Errorf("%q is refused: %v", id, err)
		}
	}
	const rule = ": only letters, digits and _ + - . are allowed, at most 128, not starting with a dot"
	for id, quoted := range map[string]string{
		"":                       `""`,
		".":                      `"."`,
		"..":                     `".."`,
		"...":                    `"..."`,
		".hidden":                `".hidden"`,
		"a/b":                    `"a/b"`,
		"../x":                   `"../x"`,
		"a b":                    `"a b"`,
		"a\n":                    `"a\n"`,
		"a\x00":                  `"a\x00"`,
		"$(id)":                  `"$(id)"`,
		"a%20":                   `"a%20"`,
		"ä":                      `"ä"`,
		"\xff":                   `"\xff"`,
		"a:b":                    `"a:b"`,
		strings.Repeat("x", 129): `"` + strings.Repeat("x", 129) + `"`,
		strings.Repeat("x", 999): `"` + strings.Repeat("x", 160) + `"`,
	} {
		err := CheckID(id)
		if want := "container id " + quoted + rule; err == nil || err.Error() != want {
			t.Errorf("got  %v\nwant %s", err, want)
		}
	}
}
