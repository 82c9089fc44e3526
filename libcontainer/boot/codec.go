package boot

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"math/bits"
	"os"
	"reflect"
)

// The codec writes the exported fields of a struct that are not zero one after the
// other, and before them which these are, without names or types: both sides are
// the same binary, so they agree. It costs a tenth of encoding/json's first use,
// and a plan is used once.

// Encode returns the bytes of v, a pointer to a struct, and the files in it in
// the order of their numbers.
func Encode(v any) ([]byte, []*os.File, error) {
	e := encoder{data: make([]byte, 0, 16<<10)}
	if err := e.value(reflect.ValueOf(v).Elem()); err != nil {
		return nil, nil, err
	}
	return e.data, e.files, nil
}

// Decode fills v, a pointer to a zero struct of the type that was encoded.
func Decode(data []byte, files []*os.File, v any) error {
	d := decoder{data: data, files: files}
	d.value(reflect.ValueOf(v).Elem())
	if d.err == nil && len(d.data) > 0 {
		d.err = fmt.Errorf("plan: %d bytes are left over", len(d.data))
	}
	return d.err
}

var fileType = reflect.TypeFor[*os.File]()

type encoder struct {
	data  []byte
	files []*os.File
}

func (e *encoder) uint(n uint64) { e.data = binary.AppendUvarint(e.data, n) }

func (e *encoder) value(v reflect.Value) error {
	switch v.Kind() {
	case reflect.Bool:
		if v.Bool() {
			e.uint(1)
		} else {
			e.uint(0)
		}
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		e.data = binary.AppendVarint(e.data, v.Int())
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64, reflect.Uintptr:
		e.uint(v.Uint())
	case reflect.Float64:
		e.uint(math.Float64bits(v.Float()))
	case reflect.String:
		e.uint(uint64(v.Len()))
		e.data = append(e.data, v.String()...)
	case reflect.Slice:
		if v.IsNil() {
			e.uint(0)
			return nil
		}
		e.uint(uint64(v.Len()) + 1)
		if v.Type().Elem().Kind() == reflect.Uint8 {
			e.data = append(e.data, v.Bytes()...)
			return nil
		}
		return e.elements(v)
	case reflect.Array:
		return e.elements(v)
	case reflect.Map:
		e.uint(uint64(v.Len()))
		for it := v.MapRange(); it.Next(); {
			if err := e.value(it.Key()); err != nil {
				return err
			}
			if err := e.value(it.Value()); err != nil {
				return err
			}
		}
	case reflect.Pointer:
		if v.IsNil() {
			e.uint(0)
			return nil
		}
		if v.Type() == fileType {
			e.files = append(e.files, v.Interface().(*os.File))
			e.uint(uint64(len(e.files)))
			return nil
		}
		e.uint(1)
		return e.value(v.Elem())
	case reflect.Struct:
		return e.fields(v)
	default:
		return fmt.Errorf("plan: a %s cannot cross to init", v.Type())
	}
	return nil
}

// fields writes which fields are not zero (most of a mount's are), and those.
func (e *encoder) fields(v reflect.Value) error {
	if v.NumField() > 64 {
		return fmt.Errorf("plan: a %s has too many fields", v.Type())
	}
	var set uint64
	for i := range v.NumField() {
		// CanInterface: it is exported. Type.Field would build the name, and more, to tell.
		if f := v.Field(i); f.CanInterface() && !f.IsZero() {
			set |= 1 << i
		}
	}
	e.uint(set)
	for ; set != 0; set &= set - 1 {
		if err := e.value(v.Field(bits.TrailingZeros64(set))); err != nil {
			return err
		}
	}
	return nil
}

func (e *encoder) elements(v reflect.Value) error {
	for i := range v.Len() {
		if err := e.value(v.Index(i)); err != nil {
			return err
		}
	}
	return nil
}

type decoder struct {
	data  []byte
	files []*os.File
	err   error
}

var errShort = errors.New("plan: it ends too early")

func (d *decoder) uint() uint64 {
	n, size := binary.Uvarint(d.data)
	if size <= 0 {
		d.fail(errShort)
		return 0
	}
	d.data = d.data[size:]
	return n
}

// length reads the number of elements to come; each takes a byte at least.
func (d *decoder) length(n uint64) int {
	if n > uint64(len(d.data)) {
		d.fail(errShort)
		return 0
	}
	return int(n)
}

func (d *decoder) fail(err error) {
	if d.err == nil {
		d.err = err
	}
	d.data = nil
}

func (d *decoder) bytes(n int) []byte {
	b := d.data[:n:n]
	d.data = d.data[n:]
	return b
}

func (d *decoder) value(v reflect.Value) {
	if d.err != nil {
		return
	}
	switch v.Kind() {
	case reflect.Bool:
		v.SetBool(d.uint() == 1)
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		n, size := binary.Varint(d.data)
		if size <= 0 {
			d.fail(errShort)
			return
		}
		d.data = d.data[size:]
		v.SetInt(n)
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64, reflect.Uintptr:
		v.SetUint(d.uint())
	case reflect.Float64:
		v.SetFloat(math.Float64frombits(d.uint()))
	case reflect.String:
		v.SetString(string(d.bytes(d.length(d.uint()))))
	case reflect.Slice:
		n := d.uint()
		if n == 0 {
			return
		}
		length := d.length(n - 1)
		if v.Type().Elem().Kind() == reflect.Uint8 {
			v.SetBytes(d.bytes(length))
			return
		}
		v.Set(reflect.MakeSlice(v.Type(), length, length))
		d.elements(v)
	case reflect.Array:
		d.elements(v)
	case reflect.Map:
		d.mapOf(v)
	case reflect.Pointer:
		d.pointer(v)
	case reflect.Struct:
		d.fields(v)
	}
}

func (d *decoder) fields(v reflect.Value) {
	for set := d.uint(); set != 0; set &= set - 1 {
		i := bits.TrailingZeros64(set)
		if i >= v.NumField() || !v.Field(i).CanSet() {
			d.fail(fmt.Errorf("plan: a %s has no field %d", v.Type(), i))
			return
		}
		d.value(v.Field(i))
	}
}

func (d *decoder) elements(v reflect.Value) {
	for i := range v.Len() {
		d.value(v.Index(i))
	}
}

func (d *decoder) mapOf(v reflect.Value) {
	n := d.length(d.uint())
	if n == 0 {
		return
	}
	t := v.Type()
	v.Set(reflect.MakeMapWithSize(t, n))
	for range n {
		key, value := reflect.New(t.Key()).Elem(), reflect.New(t.Elem()).Elem()
		d.value(key)
		d.value(value)
		v.SetMapIndex(key, value)
	}
}

func (d *decoder) pointer(v reflect.Value) {
	n := d.uint()
	if n == 0 || d.err != nil {
		return
	}
	if v.Type() == fileType {
		if n > uint64(len(d.files)) {
			d.fail(errors.New("plan: a file did not arrive"))
			return
		}
		v.Set(reflect.ValueOf(d.files[n-1]))
		return
	}
	v.Set(reflect.New(v.Type().Elem()))
	d.value(v.Elem())
}
