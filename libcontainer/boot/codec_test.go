package boot

import (
	"os"
	"reflect"
	"testing"
)

type inner struct {
	Name string
	Deep *inner
}

type sample struct {
	Yes     bool
	Small   int8
	Big     int64
	Mask    uint64
	Data    []byte
	Empty   []byte
	None    []string
	Names   []string
	Pair    [2]int
	By      map[string]int
	In      inner
	To      *inner
	File    *os.File
	Nothing *os.File
	hidden  func()
}

func TestCodecRoundTrip(t *testing.T) {
	in := sample{
		Yes: true, Small: -3, Big: -1 << 62, Mask: 1<<64 - 1, Data: []byte{0, 1}, Empty: []byte{},
		Names: []string{"a", ""}, Pair: [2]int{4, 5}, By: map[string]int{"x": 1, "y": -2},
		In: inner{"i", nil}, To: &inner{"j", &inner{Name: "k"}}, File: os.Stdout,
	}
	data, files, err := Encode(&in)
	if err != nil {
		t.Fatal(err)
	}
	if len(files) != 1 || files[0] != os.Stdout {
		t.Errorf("files %v, want stdout alone", files)
	}
	var out sample
	if err := Decode(data, files, &out); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(in, out) {
		t.Errorf("got  %+v\nwant %+v", out, in)
	}
}

// A torn plan must be an error, never a panic or a huge allocation.
func TestCodecTorn(t *testing.T) {
	in := sample{Data: make([]byte, 40), Names: []string{"abc"}, To: &inner{Name: "j"}, File: os.Stdout}
	data, files, err := Encode(&in)
	if err != nil {
		t.Fatal(err)
	}
	for n := range len(data) {
		if err := Decode(data[:n], files, new(sample)); err == nil {
			t.Errorf("%d of %d bytes were accepted", n, len(data))
		}
	}
	if err := Decode(append(data, 0), files, new(sample)); err == nil {
		t.Error("a byte too many was accepted")
	}
	if err := Decode(data, nil, new(sample)); err == nil {
		t.Error("a missing file was accepted")
	}
}

func TestCodecRefuses(t *testing.T) {
	_, _, err := Encode(&struct{ F any }{1})
	if want := "plan: a interface {} cannot cross to init"; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

// So must a plan of something else be.
func TestCodecUnknownField(t *testing.T) {
	for _, data := range [][]byte{{0x80, 0x80, 0x01}, {0x80, 0x80, 0x10}, {0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 1}} {
		if err := Decode(data, nil, new(sample)); err == nil {
			t.Errorf("% x was accepted", data)
		}
	}
}
