package config

import (
	"fmt"
	"math/bits"
	"strings"
	"unicode/utf8"
	"unsafe"
)

// Bounds of a document. A config.json with 5000 variables has 550 KB, and the
// types of the spec nest nine deep.
const (
	MaxSize   = 16 << 20 // bytes
	maxDepth  = 128      // objects and arrays in each other
	maxValues = 1 << 20  // elements and fields, or "{}," becomes sixty times its size
	maxMarks  = 64       // problems, then nobody reads on
)

// A Decoder reads one JSON document from front to back for the generated
// functions. They walk it like this:
//
//	if !d.Object() {
//		return
//	}
//	var seen Fields
//	for d.NextKey() {
//		switch d.Key {
//		case "uid":
//			d.Once(&seen, 0)
//			v.UID = d.ID()
//		default:
//			d.Unknown(&seen)
//		}
//	}
//
// It accepts what RFC 8259 calls a JSON text, less: duplicate names (glossary.md
// of the runtime-spec, "JSON"), a byte order mark, invalid UTF-8 and lone
// surrogate escapes, NUL in any string, and what exceeds the bounds above. Names are compared exactly. Fields of other names are skipped, but their
// syntax and their names are checked.
//
// A value of the wrong kind or range is remembered and skipped; a syntax error
// ends the reading. Only offsets are remembered: nothing is spent on paths, lines
// and columns before there is something to report (see locate).
//
// null leaves the zero value, as encoding/json does.
type Decoder struct {
	Key string // the name that NextKey read

	doc   string
	pos   int  // of the next byte
	keyAt int  // of Key
	depth int  // open objects and arrays
	count int  // elements and fields so far
	fresh bool // the innermost one has just been opened
	ended bool // by a syntax error; pos is at the end then, so that all loops end

	marks []mark
	arena []string // Strings cuts its results from this
	rooms *rooms   // of the generated code of this package; nil in others
}

// A mark is a problem before anyone asked where it is.
type mark struct {
	at   int
	text string
}

// Fields remembers the names that an object has had so far.
type Fields struct {
	known uint64 // a bit for each field of the type
	names []string
	set   map[string]struct{} // names, once they are many
}

// NewDecoder returns a decoder for data, which must not be changed any more: the
// decoded strings are in it.
func NewDecoder(data []byte) *Decoder {
	d := new(Decoder)
	d.begin(unsafe.String(unsafe.SliceData(data), len(data)))
	return d
}

func (d *Decoder) begin(doc string) {
	d.doc = doc
	switch {
	case len(doc) > MaxSize:
		d.fail(0, "is larger than %d bytes", MaxSize)
	case strings.HasPrefix(doc, "\xef\xbb\xbf"):
		d.fail(0, "starts with a byte order mark")
	case strings.HasPrefix(doc, "\xff\xfe"), strings.HasPrefix(doc, "\xfe\xff"):
		d.fail(0, "is UTF-16, not UTF-8")
	case d.peek() == 0 && d.pos == len(doc):
		d.fail(len(doc), "the document is empty")
	}
}

// Finish checks that the document ends here, and returns all problems that file
// has, or nil.
func (d *Decoder) Finish(file string) error {
	if d.peek(); d.pos < len(d.doc) {
		d.unexpected("the end of the document")
	}
	if len(d.marks) == 0 {
		return nil
	}
	return &Problems{File: file, List: locate(d.doc, d.marks)}
}

// Object enters an object. It returns false if the value is something else, which
// it has skipped; only null is no problem.
func (d *Decoder) Object() bool { return d.open('{', "an object") }

// Array enters an array; else as Object.
func (d *Decoder) Array() bool { return d.open('[', "an array") }

func (d *Decoder) open(c byte, kind string) bool {
	if d.peek() != c {
		if !d.Null() {
			d.mismatch(kind)
		}
		return false
	}
	if d.depth == maxDepth {
		d.fail(d.pos, "is nested deeper than %d levels", maxDepth)
		return false
	}
	d.pos++
	d.depth++
	d.fresh = true
	return true
}

// Next moves to the next element of the array, or behind the array.
func (d *Decoder) Next() bool { return d.next(']', `"," or "]"`, "a value") }

// NextKey moves to the next value of the object and puts its name into Key, or
// moves behind the object.
func (d *Decoder) NextKey() bool {
	if !d.next('}', `"," or "}"`, "a name") {
		return false
	}
	if d.doc[d.pos] != '"' {
		d.unexpected("a name")
		return false
	}
	d.keyAt = d.pos
	d.Key = d.text("the name ")
	if d.peek() != ':' {
		d.unexpected(`":"`)
		return false
	}
	d.pos++
	return true
}

// next is true if there is another byte, to be read as an element.
func (d *Decoder) next(end byte, between, after string) bool {
	c := d.peek()
	fresh := d.fresh
	d.fresh = false
	if c == end {
		d.pos++
		d.depth--
		return false
	}
	if d.count++; d.count > maxValues {
		d.fail(d.pos, "the document has more than %d values", maxValues)
		return false
	}
	switch {
	case fresh && c != 0:
		return true
	case fresh:
		d.unexpected(after)
		return false
	case c != ',':
		d.unexpected(between)
		return false
	}
	d.pos++
	if c = d.peek(); c == end || c == 0 {
		d.unexpected(after)
		return false
	}
	return true
}

// Once notes that the object has the field of that number, and refuses it the
// second time.
func (d *Decoder) Once(f *Fields, number uint) {
	if f.known&(1<<number) != 0 {
		d.duplicate()
	}
	f.known |= 1 << number
}

// Unknown skips the value of a name that the type does not have.
func (d *Decoder) Unknown(f *Fields) {
	const many = 16
	if f.set == nil {
		for _, name := range f.names {
			if name == d.Key {
				d.duplicate()
			}
		}
		f.names = append(f.names, d.Key)
		if len(f.names) == many {
			f.set = make(map[string]struct{}, 4*many)
			for _, name := range f.names {
				f.set[name] = struct{}{}
			}
		}
	} else {
		if _, ok := f.set[d.Key]; ok {
			d.duplicate()
		}
		f.set[d.Key] = struct{}{}
	}
	d.skip()
}

const twice = "is given twice"

func (d *Decoder) duplicate() { d.problem(d.keyAt, twice) }

// skip checks a value that nobody wants.
func (d *Decoder) skip() {
	switch c := d.peek(); {
	case c == '{':
		var seen Fields
		if d.Object() {
			for d.NextKey() {
				d.Unknown(&seen)
			}
		}
	case c == '[':
		if d.Array() {
			for d.Next() {
				d.skip()
			}
		}
	case c == '"':
		d.text("")
	case c == '-' || '0' <= c && c <= '9':
		d.number()
	case c == 't':
		d.literal("true")
	case c == 'f':
		d.literal("false")
	case c == 'n':
		d.literal("null")
	default:
		d.unexpected("a value")
	}
}

// peek returns the next byte that is not white space, 0 at the end. It leaves pos
// there. A NUL in the document is 0 too, and has no more place in JSON than the
// end has.
func (d *Decoder) peek() byte {
	if i := d.pos; i < len(d.doc) {
		if c := d.doc[i]; c > ' ' {
			return c
		}
	}
	return d.space()
}

func (d *Decoder) space() byte {
	doc, i := d.doc, d.pos
	for i < len(doc) {
		switch c := doc[i]; {
		case c == ' ' && i+8 <= len(doc): // an indented line starts with many
			i += bits.TrailingZeros64(load8(doc[i:])^(' '*ones)) / 8
		case c == ' ', c == '\n', c == '\t', c == '\r':
			i++
		default:
			d.pos = i
			return c
		}
	}
	d.pos = i
	return 0
}

// problem remembers that the value (or name) at an offset is wrong.
func (d *Decoder) problem(at int, format string, args ...any) {
	switch {
	case d.ended:
	case len(d.marks) == maxMarks:
		d.fail(at, "is the next of too many problems")
	default:
		d.marks = append(d.marks, mark{at, fmt.Sprintf(format, args...)})
	}
}

// fail is for what makes the rest of the document unreadable. It is always told.
func (d *Decoder) fail(at int, format string, args ...any) {
	if !d.ended {
		d.marks = append(d.marks, mark{at, fmt.Sprintf(format, args...)})
	}
	d.ended = true
	d.pos = len(d.doc)
}

func (d *Decoder) unexpected(want string) {
	if d.pos >= len(d.doc) {
		d.fail(len(d.doc), "unexpected end of the document, want %s", want)
		return
	}
	_, size := utf8.DecodeRuneInString(d.doc[d.pos:])
	d.fail(d.pos, "unexpected %q, want %s", d.doc[d.pos:d.pos+size], want)
}

// mismatch skips a value that is not of the wanted kind.
func (d *Decoder) mismatch(want string) {
	kind := ""
	switch c := d.peek(); {
	case c == '{':
		kind = "an object"
	case c == '[':
		kind = "an array"
	case c == '"':
		kind = "a string"
	case c == '-' || '0' <= c && c <= '9':
		kind = "a number"
	case c == 't', c == 'f':
		kind = "a boolean"
	case c == 'n':
		kind = "null"
	default:
		d.unexpected(want)
		return
	}
	d.problem(d.pos, "is %s, not %s", kind, want)
	d.skip()
}
