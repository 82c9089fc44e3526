package config

import (
	"encoding/json"
	"strings"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

func TestPlanDocument(t *testing.T) {
	root := &specs.Root{Path: "rootfs"}
	for name, tt := range map[string]struct {
		in   specs.Spec
		want string
	}{
		"good":             {in: specs.Spec{Version: "1.3.0", Root: root}},
		"empty annotation": {in: specs.Spec{Version: "1.0.0", Root: root, Annotations: map[string]string{"a": ""}}},
		"nothing":          {want: "ociVersion: is required"},
		"empty key":        {in: specs.Spec{Version: "1.0.0", Root: root, Annotations: map[string]string{"": "a"}}, want: "annotations: a key is empty"},
		"not a version":    {in: specs.Spec{Version: "banana", Root: root}, want: `ociVersion: "banana" is not a semantic version`},
		"too new":          {in: specs.Spec{Version: "2.0.0", Root: root}, want: `ociVersion: "2.0.0" is not supported (1.0.0 to 1.3.x)`},
		"too old":          {in: specs.Spec{Version: "0.9.0-dev", Root: root}, want: `ociVersion: "0.9.0-dev" is not supported (1.0.0 to 1.3.x)`},
		"enormous":         {in: specs.Spec{Version: strings.Repeat("1", 99) + ".0.0", Root: root}, want: `ociVersion: "` + strings.Repeat("1", 40) + `..." is not supported (1.0.0 to 1.3.x)`},
	} {
		t.Run(name, func(t *testing.T) {
			var ps Problems
			PlanDocument(&tt.in, &ps)
			if got := strings.TrimPrefix(ps.Error(), "config.json: "); got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
		})
	}
}

func TestSemanticVersion(t *testing.T) {
	for _, v := range []string{"1.0.0", "1.0.2-dev", "1.99.7", "1.0.0-rc.1", "1.0.0-0.a-b.1x", "1.0.0-01a", "1.0.0+007", "1.0.0-a+b.c-d", "0.0.0"} {
		if _, ok := semanticVersion(v); !ok {
			t.Errorf("%q was refused", v)
		}
	}
	for _, v := range []string{"", "1", "1.0", "1.0.0.0", "v1.0.0", "1.0.0-", "1.0.0+", "01.0.0", "1.00.0", "1.0.x", "1..0", " 1.0.0", "1.0.0 ",
		"1.0.0-01", "1.0.0-a..b", "1.0.0-a_b", "1.0.0+a+b", "1.-1.0", "1.0.0-é"} {
		if _, ok := semanticVersion(v); ok {
			t.Errorf("%q was accepted", v)
		}
	}
}

func TestJoin(t *testing.T) {
	for _, tt := range []struct{ path, key, want string }{
		{"", "linux", "linux"},
		{"linux", "maskedPaths", "linux.maskedPaths"},
		{"linux.sysctl", "net.core", `linux.sysctl["net.core"]`},
		{"annotations", "", `annotations[""]`},
		{"", "a\n", `["a\n"]`},
		{"a", strings.Repeat("x", 200), `a["` + strings.Repeat("x", 128) + `..."]`},
	} {
		if got := Join(tt.path, tt.key); got != tt.want {
			t.Errorf("got %s, want %s", got, tt.want)
		}
	}
}

func TestAppendString(t *testing.T) {
	for in, want := range map[string]string{
		"":                `""`,
		"/a/b<&>é\u2028":  `"/a/b<&>é` + "\u2028" + `"`,
		"\"\\\b\f\n\r\t":  `"\"\\\b\f\n\r\t"`,
		"\x00\x1f\x7f":    `"\u0000\u001f` + "\x7f" + `"`,
		"a\xffb\xed\xa0c": "\"a\uFFFDb\uFFFD\uFFFDc\"",
		"\uFFFD":          "\"\uFFFD\"",
	} {
		if got := string(AppendString([]byte("x"), in)); got != "x"+want {
			t.Errorf("%q: got %s, want %s", in, got[1:], want)
		}
	}
}

func FuzzAppendString(f *testing.F) {
	f.Add("a\xff\"\\\x00é")
	f.Fuzz(func(t *testing.T, s string) {
		text := AppendString(nil, s)
		var got string
		if err := json.Unmarshal(text, &got); err != nil || got != string([]rune(s)) {
			t.Fatalf("%q became %s: %q, %v", s, text, got, err)
		}
		d := NewDecoder(text)
		own := d.Text()
		if err := d.Finish(""); own != got || (err != nil) != strings.Contains(s, "\x00") {
			t.Fatalf("%q became %s: %q, %v", s, text, own, err)
		}
	})
}
