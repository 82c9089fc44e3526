package libcontainer

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"reflect"
	"testing"

	"github.com/c9b5e2ae/rt/libcontainer/config"
	"github.com/c9b5e2ae/rt/libcontainer/config/gen"
)

var update = flag.Bool("update", false, "write the generated decoder of state.json")

func TestStateDecoderIsGenerated(t *testing.T) {
	want, err := gen.Source(gen.Options{Package: "libcontainer", Roots: []any{saved{}}})
	if err != nil {
		t.Fatal(err)
	}
	const file = "state_gen.go"
	if *update {
		if err := os.WriteFile(file, want, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s is not up to date: run go test ./libcontainer -update", file)
	}
}

// fill sets every field of v to a value of its own, so that a field which the
// writer forgets is seen.
func fill(v reflect.Value, n *int) {
	*n++
	switch v.Kind() {
	case reflect.String:
		v.SetString("text " + string(rune('a'+*n)))
	case reflect.Int:
		v.SetInt(int64(*n))
	case reflect.Uint64:
		v.SetUint(uint64(*n))
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
		for _, key := range []string{"", "cpu,cpuacct", "quote\"/"} {
			value := reflect.New(v.Type().Elem()).Elem()
			fill(value, n)
			v.SetMapIndex(reflect.ValueOf(key), value)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			fill(v.Field(i), n)
		}
	default:
		panic(v.Type())
	}
}

func TestStateJSON(t *testing.T) {
	var in saved
	n := 0
	fill(reflect.ValueOf(&in).Elem(), &n)
	data := in.json()
	var byLibrary, byUs saved
	if err := json.Unmarshal(data, &byLibrary); err != nil {
		t.Fatalf("%v in %s", err, data)
	}
	if !reflect.DeepEqual(in, byLibrary) {
		t.Errorf("written %s\nread  %+v\nwant  %+v", data, byLibrary, in)
	}
	d := config.NewDecoder(data)
	decodeSaved(d, &byUs)
	if err := d.Finish(stateFile); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(in, byUs) {
		t.Errorf("read  %+v\nwant  %+v", byUs, in)
	}
}

func TestParseStat(t *testing.T) {
	line := "42 (a) R (b) S 1 42 42 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 987654 1000 5"
	got, err := parseStat([]byte(line))
	if want := (procStat{"a) R (b", 'S', 987654}); err != nil || got != want {
		t.Errorf("got %+v, %v, want %+v", got, err, want)
	}
	for _, bad := range []string{"", "42", "42 (x", "42 (x)", "42 (x) ", "42 (x) S 1 2"} {
		if got, err := parseStat([]byte(bad)); err == nil {
			t.Errorf("%q was read as %+v", bad, got)
		}
	}
}

func TestStatus(t *testing.T) {
	for name, tt := range map[string]struct {
		in   seen
		want string
	}{
		"create is at work":      {seen{alive: true, parked: true, newSock: true}, "creating"},
		"create was killed":      {seen{newSock: true}, "stopped"},
		"waits":                  {seen{alive: true, parked: true, sock: true}, "created"},
		"start was killed":       {seen{alive: true, sock: true}, "running"},
		"runs":                   {seen{alive: true}, "running"},
		"calls itself like init": {seen{alive: true, parked: true}, "running"},
		"frozen":                 {seen{alive: true, frozen: true}, "paused"},
		"frozen while it waits":  {seen{alive: true, parked: true, sock: true, frozen: true}, "paused"},
		"ended":                  {seen{}, "stopped"},
		"ended before start":     {seen{sock: true}, "stopped"},
	} {
		if got := string(status(tt.in)); got != tt.want {
			t.Errorf("%s: %s, want %s", name, got, tt.want)
		}
	}
}
