package config

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// otherPlatforms are the fields of specs.Spec that rt does not read.
var otherPlatforms = []string{"solaris", "windows", "vm", "zos", "freebsd"}

// refused are texts of problems that encoding/json does not see: what rt refuses
// and other readers of the same document take, each in its own way.
var refused = []string{
	"is given twice", "has a NUL byte", "is not valid UTF-8", "half of a surrogate pair",
	"is not a valid id", "is nested deeper", "is null, not an object", "has more than", "too many problems",
}

// FuzzDecode compares with encoding/json. It is given the document without the
// fields that only it would take: those of other platforms, and those in another
// letter case. Run it with -fuzzminimizetime 10x: minimizing the larger documents
// takes all the time otherwise.
func FuzzDecode(f *testing.F) {
	for _, d := range documents {
		f.Add([]byte(d.in))
	}
	f.Add(engineConfig())
	f.Add(full(f))
	f.Fuzz(func(t *testing.T, data []byte) {
		before := bytes.Clone(data)
		got, err := Decode("", data)
		if !bytes.Equal(data, before) {
			t.Fatal("the input was changed")
		}
		if err != nil {
			checkProblems(t, data, err)
		}
		if !json.Valid(data) {
			if err == nil {
				t.Fatal("accepted what is not JSON")
			}
			return
		}
		for _, text := range refused {
			if err != nil && strings.Contains(err.Error(), text) {
				return
			}
		}
		var want specs.Spec
		jsonErr := json.Unmarshal(exact(t, data), &want)
		switch {
		case (err != nil) != (jsonErr != nil):
			t.Fatalf("got %v, encoding/json %v", err, jsonErr)
		case err == nil && !reflect.DeepEqual(got, &want):
			t.Fatalf("got  %s\nwant %s", show(got), show(&want))
		}
	})
}

// checkProblems checks that each problem is in the document.
func checkProblems(t *testing.T, data []byte, err error) {
	for _, p := range err.(*Problems).List {
		at := strings.LastIndex(p.Text, " (line ")
		if at < 0 {
			t.Fatalf("no place: %s", p)
		}
		var line, column, offset int
		if _, err := fmt.Sscanf(p.Text[at:], " (line %d:%d, offset %d)", &line, &column, &offset); err != nil {
			t.Fatalf("%s: %v", p, err)
		}
		if offset > len(data) {
			t.Fatalf("%s: behind the end", p)
		}
		head := data[:offset]
		if line != 1+bytes.Count(head, []byte("\n")) || column != offset-bytes.LastIndexByte(head, '\n') {
			t.Fatalf("%s: the line is wrong", p)
		}
	}
}

// exact drops what rt ignores.
func exact(t *testing.T, data []byte) []byte {
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		t.Fatal(err)
	}
	out, err := json.Marshal(exactly(v, reflect.TypeFor[specs.Spec]()))
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func exactly(v any, t reflect.Type) any {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch v := v.(type) {
	case []any:
		for i := range v {
			if t.Kind() == reflect.Slice {
				v[i] = exactly(v[i], t.Elem())
			}
		}
	case map[string]any:
		fields := map[string]reflect.Type{}
		if t.Kind() == reflect.Struct {
			for _, f := range reflect.VisibleFields(t) {
				key, _, _ := strings.Cut(f.Tag.Get("json"), ",")
				fields[key] = f.Type
			}
		}
		for key := range v {
			ft := fields[key]
			switch {
			case t.Kind() == reflect.Map:
				v[key] = exactly(v[key], t.Elem())
			case t.Kind() == reflect.Struct && (ft == nil || key == "" || t == reflect.TypeFor[specs.Spec]() && slices.Contains(otherPlatforms, key)):
				delete(v, key)
			case ft != nil:
				v[key] = exactly(v[key], ft)
			}
		}
	}
	return v
}

func show(s *specs.Spec) string {
	text, _ := json.Marshal(s)
	return string(text)
}

// full is a config.json that has every field that rt reads, twice where it can.
func full(t testing.TB) []byte {
	var s specs.Spec
	n := uint64(0)
	fill(reflect.ValueOf(&s).Elem(), &n)
	s.Solaris, s.Windows, s.VM, s.ZOS, s.FreeBSD = nil, nil, nil, nil, nil
	data, err := json.MarshalIndent(s, "", "\t")
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// fill gives every scalar below v another value.
func fill(v reflect.Value, n *uint64) {
	*n++
	switch v.Kind() {
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem(), n)
	case reflect.Struct:
		for i := range v.NumField() {
			fill(v.Field(i), n)
		}
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		fill(v.Index(0), n)
		fill(v.Index(1), n)
	case reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
		for range 2 {
			key, value := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
			fill(key, n)
			fill(value, n)
			v.SetMapIndex(key, value)
		}
	case reflect.Bool:
		v.SetBool(true)
	case reflect.String:
		v.SetString(fmt.Sprintf("text \"%d\"\té", *n))
	case reflect.Int, reflect.Int32, reflect.Int64:
		v.SetInt(-int64(*n))
	case reflect.Uint, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		v.SetUint(*n)
	}
}

func TestEveryField(t *testing.T) {
	data := full(t)
	var want specs.Spec
	if err := json.Unmarshal(data, &want); err != nil {
		t.Fatal(err)
	}
	got, err := Decode("", data)
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got, &want) {
		t.Errorf("got  %s\nwant %s", show(got), show(&want))
	}
	p, err := json.Marshal(want.Process)
	if err != nil {
		t.Fatal(err)
	}
	if process, err := DecodeProcess("", p); err != nil || !reflect.DeepEqual(process, want.Process) {
		t.Errorf("got %v, %v", process, err)
	}
	r, err := json.Marshal(want.Linux.Resources)
	if err != nil {
		t.Fatal(err)
	}
	if resources, err := DecodeResources("", r); err != nil || !reflect.DeepEqual(resources, want.Linux.Resources) {
		t.Errorf("got %v, %v", resources, err)
	}
}

// TestRooms outgrows the memory that the first elements come from.
func TestRooms(t *testing.T) {
	var want specs.Spec
	want.Process, want.Linux = &specs.Process{}, &specs.Linux{Seccomp: &specs.LinuxSeccomp{}}
	want.Linux.Resources = &specs.LinuxResources{}
	for i := range 300 {
		want.Process.User.AdditionalGids = append(want.Process.User.AdditionalGids, uint32(i))
		options := slices.Repeat([]string{fmt.Sprint("o", i)}, i%7)
		if len(options) == 0 {
			options = nil
		}
		want.Mounts = append(want.Mounts, specs.Mount{Destination: fmt.Sprint("/", i), Options: options})
		errno := uint(i)
		syscall := specs.LinuxSyscall{Names: []string{fmt.Sprint("call", i)}, ErrnoRet: &errno}
		for j := range i % 3 {
			syscall.Args = append(syscall.Args, specs.LinuxSeccompArg{Index: uint(j), Value: math.MaxUint64})
		}
		want.Linux.Seccomp.Syscalls = append(want.Linux.Seccomp.Syscalls, syscall)
		minor := int64(i)
		want.Linux.Resources.Devices = append(want.Linux.Resources.Devices, specs.LinuxDeviceCgroup{Minor: &minor})
	}
	data, err := json.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	got, err := Decode("", data)
	if err != nil || !reflect.DeepEqual(got, &want) {
		t.Errorf("got  %s, %v\nwant %s", show(got), err, show(&want))
	}
	// A list must not grow into the next one's memory.
	for _, m := range got.Mounts {
		_ = append(m.Options, "x")
	}
	_ = append(got.Process.User.AdditionalGids, 1)
	_ = append(got.Linux.Seccomp.Syscalls[1].Args, specs.LinuxSeccompArg{Index: 9})
	if !reflect.DeepEqual(got, &want) {
		t.Error("lists share memory")
	}
}
