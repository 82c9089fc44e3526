package config

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/c9b5e2ae/rt/libcontainer/config/gen"
)

func TestGenerated(t *testing.T) {
	want, err := gen.Specs()
	if err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile("decode_gen.go")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Error("decode_gen.go is not up to date: run go generate")
	}
}

// deep returns a document of n levels.
func deep(n int) string {
	return `{"x":` + strings.Repeat("[", n-1) + strings.Repeat("]", n-1) + "}"
}

// documents are also the first corpus of FuzzDecode.
var documents = map[string]struct {
	in   string
	want string // every problem, or "" for a good document
}{
	"empty object": {in: `{}`},
	"white space":  {in: " \t\r\n{ \"root\" : { } , \"mounts\":[ ] }\n"},
	"nulls": {in: `{"ociVersion":null,"process":null,"mounts":[null],"annotations":{"a":null},"linux":{"resources":null,"devices":[{"uid":null}]},
			"hooks":{"poststop":null},"root":{"readonly":null}}`},
	"unknown fields":    {in: `{"x":{"y":[1,-2.5e+3,true,false,null,"a\u00e9\/"]},"Process":5,"LINUX":[]}`},
	"other platforms":   {in: `{"windows":5,"vm":[],"solaris":{"a":1},"zos":"","freebsd":null}`},
	"depth 128":         {in: deep(128)},
	"umask":             {in: `{"process":{"user":{"umask":18,"uid":4294967294,"gid":0}}}`},
	"limits":            {in: `{"linux":{"resources":{"memory":{"limit":-9223372036854775808,"swap":9223372036854775807,"swappiness":18446744073709551615}}}}`},
	"surrogate pair":    {in: `{"hostname":"\ud83d\ude00"}`},
	"minus zero signed": {in: `{"process":{"oomScoreAdj":-0}}`},

	"empty":                  {in: "", want: "the document is empty (line 1:1, offset 0)"},
	"only space":             {in: " \n ", want: "the document is empty (line 2:2, offset 3)"},
	"NULs":                   {in: "\x00\x00", want: `unexpected "\x00", want an object (line 1:1, offset 0)`},
	"byte order mark":        {in: "\xef\xbb\xbf{}", want: "starts with a byte order mark (line 1:1, offset 0)"},
	"UTF-16":                 {in: "\xff\xfe{\x00}\x00", want: "is UTF-16, not UTF-8 (line 1:1, offset 0)"},
	"array":                  {in: `[]`, want: "is an array, not an object (line 1:1, offset 0)"},
	"string":                 {in: `"x"`, want: "is a string, not an object (line 1:1, offset 0)"},
	"null":                   {in: `null`, want: "is null, not an object (line 1:1, offset 0)"},
	"word":                   {in: `nil`, want: `unexpected "n", want a value (line 1:1, offset 0)`},
	"truncated":              {in: `{"process":{"args":["sh"`, want: `process.args[0]: unexpected end of the document, want "," or "]" (line 1:25, offset 24)`},
	"truncated in a string":  {in: `{"hostname":"a`, want: `hostname: unexpected end of the document, in a string (line 1:15, offset 14)`},
	"truncated in an escape": {in: `{"hostname":"a\`, want: `hostname: unexpected end of the document, in a string (line 1:16, offset 15)`},
	"truncated after a name": {in: `{"hostname"`, want: `hostname: unexpected end of the document, want ":" (line 1:12, offset 11)`},
	"trailing word":          {in: "{}\nx", want: `unexpected "x", want the end of the document (line 2:1, offset 3)`},
	"two documents":          {in: `{}{}`, want: `unexpected "{", want the end of the document (line 1:3, offset 2)`},
	"trailing NUL":           {in: "{}\x00", want: `unexpected "\x00", want the end of the document (line 1:3, offset 2)`},
	"comma in object":        {in: `{"hostname":"a",}`, want: `unexpected "}", want a name (line 1:17, offset 16)`},
	"comma in array":         {in: `{"mounts":[{},]}`, want: `mounts[1]: unexpected "]", want a value (line 1:15, offset 14)`},
	"no comma":               {in: `{"root":{"path":"a" "readonly":true}}`, want: `root.path: unexpected "\"", want "," or "}" (line 1:21, offset 20)`},
	"no colon":               {in: `{"root" {}}`, want: `root: unexpected "{", want ":" (line 1:9, offset 8)`},
	"name is a number":       {in: `{1:2}`, want: `unexpected "1", want a name (line 1:2, offset 1)`},
	"comment":                {in: "{\n  // é\n}", want: `unexpected "/", want a name (line 2:3, offset 4)`},
	"single quotes":          {in: `{"hostname":'a'}`, want: `hostname: unexpected "'", want a string (line 1:13, offset 12)`},
	"tab in a string":        {in: "{\"hostname\":\"a\tb\"}", want: `hostname: a control character (0x09) in a string (line 1:15, offset 14)`},
	"unknown escape":         {in: `{"hostname":"a\x41"}`, want: `hostname: an unknown escape in a string (line 1:15, offset 14)`},
	"short escape":           {in: `{"hostname":"\u12"}`, want: `hostname: four hexadecimal digits must follow "\u" (line 1:14, offset 13)`},
	"depth 129":              {in: deep(129), want: "x" + strings.Repeat("[0]", 127) + ": is nested deeper than 128 levels (line 1:133, offset 132)"},

	"uid is a string":    {in: `{"process":{"user":{"uid":"5"}}}`, want: "process.user.uid: is a string, not a number (line 1:27, offset 26)"},
	"uid is 2^32-1":      {in: `{"process":{"user":{"uid":4294967295}}}`, want: "process.user.uid: 4294967295 is not a valid id (line 1:27, offset 26)"},
	"uid is 2^32":        {in: `{"process":{"user":{"uid":4294967296}}}`, want: "process.user.uid: 4294967296 is not a valid id (line 1:27, offset 26)"},
	"uid is -1":          {in: `{"process":{"user":{"uid":-1}}}`, want: "process.user.uid: -1 is not a valid id (line 1:27, offset 26)"},
	"uid is -0":          {in: `{"process":{"user":{"uid":-0}}}`, want: "process.user.uid: -0 is not a valid id (line 1:27, offset 26)"},
	"uid is a fraction":  {in: `{"process":{"user":{"uid":0.5}}}`, want: "process.user.uid: 0.5 is not an integer (line 1:27, offset 26)"},
	"uid has exponent":   {in: `{"process":{"user":{"uid":1e3}}}`, want: "process.user.uid: 1e3 is not an integer (line 1:27, offset 26)"},
	"uid is very long":   {in: `{"process":{"user":{"uid":` + strings.Repeat("7", 100) + `}}}`, want: "process.user.uid: " + strings.Repeat("7", 40) + "... is not a valid id (line 1:27, offset 26)"},
	"leading zero":       {in: `{"process":{"user":{"uid":007}}}`, want: "process.user.uid: a number with a leading zero (line 1:27, offset 26)"},
	"plus":               {in: `{"process":{"user":{"uid":+7}}}`, want: `process.user.uid: unexpected "+", want a number (line 1:27, offset 26)`},
	"minus only":         {in: `{"process":{"user":{"uid":-}}}`, want: `process.user.uid: unexpected "}", want a digit (line 1:28, offset 27)`},
	"minus, new line":    {in: "{\"process\":{\"user\":{\"uid\":-\n}}}", want: `process.user.uid: unexpected "\n", want a digit (line 1:28, offset 27)`},
	"point only":         {in: `{"process":{"user":{"uid":1.}}}`, want: `process.user.uid: unexpected "}", want a digit (line 1:29, offset 28)`},
	"hexadecimal":        {in: `{"process":{"user":{"uid":0x10}}}`, want: `process.user.uid: unexpected "x", want "," or "}" (line 1:28, offset 27)`},
	"additional gid":     {in: `{"process":{"user":{"additionalGids":[0,4294967295]}}}`, want: "process.user.additionalGids[1]: 4294967295 is not a valid id (line 1:41, offset 40)"},
	"id mappings":        {in: `{"linux":{"uidMappings":[{"hostID":4294967295}],"gidMappings":[{"containerID":-1,"size":-1}]}}`, want: "linux.uidMappings[0].hostID: 4294967295 is not a valid id (line 1:36, offset 35); linux.gidMappings[0].containerID: -1 is not a valid id (line 1:79, offset 78); linux.gidMappings[0].size: -1 is out of range (0 to 4294967295) (line 1:89, offset 88)"},
	"device ids":         {in: `{"linux":{"devices":[{"uid":4294967295,"gid":4294967295}]}}`, want: "linux.devices[0].uid: 4294967295 is not a valid id (line 1:29, offset 28); linux.devices[0].gid: 4294967295 is not a valid id (line 1:46, offset 45)"},
	"int64 high":         {in: `{"linux":{"resources":{"pids":{"limit":9223372036854775808}}}}`, want: "linux.resources.pids.limit: 9223372036854775808 is out of range (-9223372036854775808 to 9223372036854775807) (line 1:40, offset 39)"},
	"int32 low":          {in: `{"process":{"scheduler":{"nice":-2147483649}}}`, want: "process.scheduler.nice: -2147483649 is out of range (-2147483648 to 2147483647) (line 1:33, offset 32)"},
	"uint16":             {in: `{"linux":{"resources":{"blockIO":{"weight":65536}}}}`, want: "linux.resources.blockIO.weight: 65536 is out of range (0 to 65535) (line 1:44, offset 43)"},
	"uint64":             {in: `{"process":{"rlimits":[{"hard":18446744073709551616}]}}`, want: "process.rlimits[0].hard: 18446744073709551616 is out of range (0 to 18446744073709551615) (line 1:32, offset 31)"},
	"file mode":          {in: `{"linux":{"devices":[{"fileMode":"0666"}]}}`, want: "linux.devices[0].fileMode: is a string, not a number (line 1:34, offset 33)"},
	"boolean is a word":  {in: `{"root":{"readonly":"true"}}`, want: "root.readonly: is a string, not a boolean (line 1:21, offset 20)"},
	"boolean is cut":     {in: `{"root":{"readonly":tru}}`, want: `root.readonly: unexpected "t", want a value (line 1:21, offset 20)`},
	"args is a string":   {in: `{"process":{"args":"sh"}}`, want: "process.args: is a string, not an array (line 1:20, offset 19)"},
	"args has a number":  {in: `{"process":{"args":["sh",1]}}`, want: "process.args[1]: is a number, not a string (line 1:26, offset 25)"},
	"linux is an array":  {in: `{"linux":[{"a":[1,{}]}],"hostname":1}`, want: "linux: is an array, not an object (line 1:10, offset 9); hostname: is a number, not a string (line 1:36, offset 35)"},
	"annotation":         {in: `{"annotations":{"a.b":{},"c":false}}`, want: `annotations["a.b"]: is an object, not a string (line 1:23, offset 22); annotations.c: is a boolean, not a string (line 1:30, offset 29)`},
	"empty key":          {in: `{"annotations":{"":1}}`, want: `annotations[""]: is a number, not a string (line 1:20, offset 19)`},
	"embedded struct":    {in: `{"linux":{"resources":{"blockIO":{"weightDevice":[{"major":"8"}]}}}}`, want: "linux.resources.blockIO.weightDevice[0].major: is a string, not a number (line 1:60, offset 59)"},
	"skipped is checked": {in: `{"windows":{"a":"\u0000","b":[{"c":1,"c":2}]}}`, want: "windows.a: has a NUL byte (line 1:17, offset 16); windows.b[0].c: is given twice (line 1:38, offset 37)"},

	"duplicate":                {in: `{"process":{},"process":{"user":{"uid":8}}}`, want: "process: is given twice (line 1:15, offset 14)"},
	"duplicate by escape":      {in: `{"process":{},"proc\u0065ss":{}}`, want: "process: is given twice (line 1:15, offset 14)"},
	"duplicate unknown":        {in: `{"x":1,"y":2,"x":3}`, want: "x: is given twice (line 1:14, offset 13)"},
	"duplicate annotation":     {in: `{"annotations":{"a":"","a":""}}`, want: "annotations.a: is given twice (line 1:24, offset 23)"},
	"duplicate of many":        {in: `{` + strings.Repeat(`"":1,`, 1) + manyKeys(40) + `,"k3":1,"k39":1}`, want: "k3: is given twice (line 1:317, offset 316); k39: is given twice (line 1:324, offset 323)"},
	"case is no duplicate":     {in: `{"hostname":"a","Hostname":"b"}`},
	"NUL in a name":            {in: `{"annotations":{"a\u0000":""}}`, want: `annotations["a\x00"]: the name has a NUL byte (line 1:17, offset 16)`},
	"NUL in args":              {in: `{"process":{"args":["a\u0000b"]}}`, want: "process.args[0]: has a NUL byte (line 1:21, offset 20)"},
	"raw NUL in args":          {in: "{\"process\":{\"args\":[\"a\x00b\"]}}", want: "process.args[0]: a control character (0x00) in a string (line 1:23, offset 22)"},
	"invalid UTF-8":            {in: "{\"process\":{\"env\":[\"A=\xff\"]}}", want: "process.env[0]: is not valid UTF-8 (line 1:20, offset 19)"},
	"invalid UTF-8, escape":    {in: "{\"process\":{\"env\":[\"A=\\n\xc0\x80\"]}}", want: "process.env[0]: is not valid UTF-8 (line 1:20, offset 19)"},
	"UTF-8 surrogate":          {in: "{\"process\":{\"env\":[\"A=\xed\xa0\x80\"]}}", want: "process.env[0]: is not valid UTF-8 (line 1:20, offset 19)"},
	"invalid UTF-8 in a name":  {in: "{\"\xff\":1}", want: `["\xff"]: the name is not valid UTF-8 (line 1:2, offset 1)`},
	"invalid UTF-8 outside":    {in: "{\xff}", want: `unexpected "\xff", want a name (line 1:2, offset 1)`},
	"no-break space":           {in: "{\u00a0}", want: `unexpected "\u00a0", want a name (line 1:2, offset 1)`},
	"high surrogate":           {in: `{"hostname":"\ud800"}`, want: "hostname: has half of a surrogate pair (line 1:13, offset 12)"},
	"low surrogate":            {in: `{"hostname":"\udc00\ud800"}`, want: "hostname: has half of a surrogate pair (line 1:13, offset 12)"},
	"surrogate, then a letter": {in: `{"hostname":"\ud800\u0041"}`, want: "hostname: has half of a surrogate pair (line 1:13, offset 12)"},
	"all of it": {in: "{\n\"hostname\": 1,\n\"mounts\": [{\"type\": 2}, {\"options\": [3]}],\n\"root\": ]", want: `hostname: is a number, not a string (line 2:13, offset 14); ` +
		`mounts[0].type: is a number, not a string (line 3:21, offset 37); mounts[1].options[0]: is a number, not a string (line 3:38, offset 54); root: unexpected "]", want an object (line 4:9, offset 68)`},
}

func TestDecode(t *testing.T) {
	for name, tt := range documents {
		t.Run(name, func(t *testing.T) {
			s, err := Decode("", []byte(tt.in))
			got := ""
			if err != nil {
				got = strings.TrimPrefix(err.Error(), "config.json: ")
			}
			if got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
			if (s == nil) != (err != nil) {
				t.Errorf("got the spec %v with the error %v", s, err)
			}
		})
	}
}

// manyKeys returns "k0":1,"k1":1 and so on.
func manyKeys(n int) string {
	keys := make([]string, n)
	for i := range keys {
		keys[i] = `"k` + strings.TrimLeft(string(rune('0'+i/10)), "0") + string(rune('0'+i%10)) + `":1`
	}
	return strings.Join(keys, ",")
}

func TestDecodeManyProblems(t *testing.T) {
	_, err := Decode("", []byte(`{"process":{"args":[`+strings.Repeat("1,", 99)+`1]},}`))
	ps := err.(*Problems)
	if len(ps.List) != maxMarks+1 {
		t.Fatalf("got %d problems", len(ps.List))
	}
	for i, want := range map[int]string{
		maxMarks - 1: "process.args[63]: is a number, not a string (line 1:147, offset 146)",
		maxMarks:     "process.args[64]: is the next of too many problems (line 1:149, offset 148)",
	} {
		if got := ps.List[i].String(); got != want {
			t.Errorf("%d: got  %s\nwant %s", i, got, want)
		}
	}
}

func TestDecodeManyValues(t *testing.T) {
	in := func(n int) []byte { return []byte(`{"mounts":[` + strings.Repeat("{},", n-1) + `{}]}`) }
	_, err := Decode("", in(maxValues))
	if want := "config.json: mounts[1048574]: the document has more than 1048576 values (line 1:3145736, offset 3145735)"; err == nil || err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
	if s, err := Decode("", in(100_000)); err != nil || len(s.Mounts) != 100_000 {
		t.Errorf("got %v", err)
	}
}

func TestDecodeTooLarge(t *testing.T) {
	_, err := Decode("big.json", make([]byte, MaxSize+1))
	if want := "big.json: is larger than 16777216 bytes (line 1:1, offset 0)"; err == nil || err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
}

func TestDecodeOthers(t *testing.T) {
	_, err := DecodeProcess("process.json", []byte(`{"args":[1],"user":{"gid":4294967295}}`))
	if want := "process.json: args[0]: is a number, not a string (line 1:10, offset 9); user.gid: 4294967295 is not a valid id (line 1:27, offset 26)"; err == nil || err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
	_, err = DecodeResources("-", []byte(`{"memory":{"limit":"x"}}`))
	if want := "-: memory.limit: is a string, not a number (line 1:20, offset 19)"; err == nil || err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
	r, err := DecodeResources("-", []byte(`{"memory":{"limit":-1},"unified":{}}`))
	if err != nil || *r.Memory.Limit != -1 || r.Unified == nil || r.CPU != nil {
		t.Errorf("got %+v, %v", r, err)
	}
}

func TestLoad(t *testing.T) {
	dir := t.TempDir()
	file := func(name string) string { return filepath.Join(dir, name) }
	write := func(name, text string) {
		if err := os.WriteFile(file(name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("config.json", `{"hostname":"a"}`)
	write("bad.json", `{"hostname":1}`)
	write("empty.json", "")
	if err := syscall.Mkfifo(file("fifo"), 0o600); err != nil {
		t.Fatal(err)
	}
	big, err := os.Create(file("big.json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := big.Truncate(MaxSize + 1); err != nil {
		t.Fatal(err)
	}
	big.Close()

	s, data, err := Load(file("config.json"))
	if err != nil || s.Hostname != "a" || string(data) != `{"hostname":"a"}` {
		t.Errorf("got %v, %q, %v", s, data, err)
	}
	for name, want := range map[string]string{
		"bad.json":   "bad.json: hostname: is a number, not a string (line 1:13, offset 12)",
		"empty.json": "empty.json: the document is empty (line 1:1, offset 0)",
		"none":       `open "DIR/none": no such file or directory`,
		".":          `open "DIR": is a directory`,
		"fifo":       `open "DIR/fifo": not a regular file`,
		"big.json":   `read "DIR/big.json": 16777217 bytes, more than the limit of 16777216`,
	} {
		_, _, err := Load(file(name))
		if want = strings.ReplaceAll(want, "DIR", dir); err == nil || err.Error() != want {
			t.Errorf("got  %v\nwant %s", err, want)
		}
	}
	if _, err := ReadFile("/dev/zero", MaxSize); err == nil || err.Error() != `open "/dev/zero": not a regular file` {
		t.Errorf("got %v", err)
	}
	if data, err := ReadFile("/proc/self/mountinfo", 1<<20); err != nil || len(data) == 0 {
		t.Errorf("got %d bytes, %v", len(data), err)
	}
	if _, err := ReadFile("/proc/self/mountinfo", 3); err == nil || err.Error() != `read "/proc/self/mountinfo": more than the limit of 3 bytes` {
		t.Errorf("got %v", err)
	}
}
