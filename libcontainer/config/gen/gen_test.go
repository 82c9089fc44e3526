package gen

import (
	"bytes"
	"flag"
	"os"
	"reflect"
	"testing"
	"time"

	"github.com/c9b5e2ae/rt/libcontainer/config"
)

var update = flag.Bool("update", false, "write the generated files")

type embedded struct{ Inner string }

type kind string

// sample is a document of another package than config.
type sample struct {
	embedded
	Name   string            `json:"name"`
	Paths  map[string]string `json:"paths,omitempty"`
	Inodes map[kind]uint64
	Kinds  []kind
	Deep   [][]int
	Next   *embedded
	Small  *int8
	Owner  uint32
	hidden int
	Ignore int `json:"-"`
	Other  float64
}

// TestOtherPackage is also how a package generates its own decoder.
func TestOtherPackage(t *testing.T) {
	want, err := Source(Options{Package: "gen", Roots: []any{sample{}}, Skip: []string{"sample.Other"}, IDs: []string{"sample.Owner"}})
	if err != nil {
		t.Fatal(err)
	}
	const file = "sample_gen_test.go"
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
		t.Errorf("%s is not up to date: run go test -update", file)
	}

	d := config.NewDecoder([]byte(`{"Inner":"i","name":"n","paths":{"a":"b"},"Inodes":{"c":7},"Kinds":["k"],"Deep":[[1],[]],"Next":{"Inner":"j"},"Small":-128,"Owner":5,"hidden":1,"Ignore":2,"Other":[]}`))
	var v sample
	decodeSample(d, &v)
	if err := d.Finish("sample.json"); err != nil {
		t.Fatal(err)
	}
	small := int8(-128)
	if want := (sample{embedded: embedded{"i"}, Name: "n", Paths: map[string]string{"a": "b"}, Inodes: map[kind]uint64{"c": 7}, Kinds: []kind{"k"},
		Deep: [][]int{{1}, {}}, Next: &embedded{"j"}, Small: &small, Owner: 5}); !reflect.DeepEqual(v, want) {
		t.Errorf("got  %+v\nwant %+v", v, want)
	}

	d = config.NewDecoder([]byte(`{"Small":128,"Deep":[[],["x"]],"Owner":4294967295}`))
	decodeSample(d, &v)
	if err, want := d.Finish("sample.json"), "sample.json: Small: 128 is out of range (-128 to 127) (line 1:10, offset 9); "+
		"Deep[1][0]: is a string, not a number (line 1:26, offset 25); Owner: 4294967295 is not a valid id (line 1:40, offset 39)"; err == nil || err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
}

func TestRefused(t *testing.T) {
	type inner struct{ A, B string }
	for want, o := range map[string]Options{
		"gen: float64 is not supported (float.F)":                   {Roots: []any{float{}}},
		"gen: interface {} has no name (dynamic.X)":                 {Roots: []any{dynamic{}}},
		"gen: time.Time decodes itself (clock.T)":                   {Roots: []any{clock{}}},
		"gen: map[int]string: the keys are not strings (numbers.M)": {Roots: []any{numbers{}}},
		"gen: gen.quoted.N: the option string is not supported":     {Roots: []any{quoted{}}},
		`gen: gen.twice has two fields with the key "Inner"`:        {Roots: []any{twice{}}},
		"gen: []string is not a struct with a name":                 {Roots: []any{[]string{}}},
		"gen: no field inner.C":                                     {Roots: []any{inner{}}, Skip: []string{"inner.C"}},
		"gen: string is not an id (inner.B)":                        {Roots: []any{inner{}}, IDs: []string{"inner.B"}},
		"gen: nobody needs a room for Mount":                        {Roots: []any{inner{}}, Rooms: []Room{{"Mount", 1}}},
	} {
		o.Package = "gen"
		if _, err := Source(o); err == nil || err.Error() != want {
			t.Errorf("got  %v\nwant %s", err, want)
		}
	}
}

type (
	float   struct{ F float64 }
	dynamic struct{ X any }
	clock   struct{ T time.Time }
	numbers struct{ M map[int]string }
	quoted  struct {
		N int `json:",string"`
	}
	twice struct {
		embedded
		B int `json:"Inner"`
	}
)
