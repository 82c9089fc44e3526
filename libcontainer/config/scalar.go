package config

import (
	"math/bits"
	"strings"
	"unicode/utf8"
)

// Null skips a null, and tells whether there was one.
func (d *Decoder) Null() bool {
	if d.peek() != 'n' {
		return false
	}
	d.literal("null")
	return true
}

// Bool reads true or false.
func (d *Decoder) Bool() bool {
	switch d.peek() {
	case 't':
		d.literal("true")
		return !d.ended
	case 'f':
		d.literal("false")
	case 'n':
		d.literal("null")
	default:
		d.mismatch("a boolean")
	}
	return false
}

func (d *Decoder) literal(word string) {
	if !strings.HasPrefix(d.doc[d.pos:], word) {
		d.unexpected("a value")
		return
	}
	d.pos += len(word)
}

// Int reads a signed integer of 8, 16, 32 or 64 bits.
func (d *Decoder) Int(size uint) int64 {
	at, s := d.integer()
	if s == "" {
		return 0
	}
	digits, negative := strings.CutPrefix(s, "-")
	n, ok := decimal(digits)
	limit := uint64(1) << (size - 1) // of the negative numbers; the others have one less
	switch {
	case ok && negative && n <= limit:
		return -int64(n)
	case ok && !negative && n < limit:
		return int64(n)
	}
	d.problem(at, "%s is out of range (%d to %d)", short(s), -int64(limit-1)-1, limit-1)
	return 0
}

// Uint reads an unsigned integer of 8, 16, 32 or 64 bits.
func (d *Decoder) Uint(size uint) uint64 {
	at, s := d.integer()
	if s == "" {
		return 0
	}
	n, ok := decimal(s)
	highest := ^uint64(0) >> (64 - size)
	if !ok || n > highest {
		d.problem(at, "%s is out of range (0 to %d)", short(s), highest)
		return 0
	}
	return n
}

// ID reads a user or group id. 2^32-1 is none: setresuid(2) and chown(2) take it
// for "leave it as it is", which would be root.
func (d *Decoder) ID() uint32 {
	at, s := d.integer()
	if s == "" {
		return 0
	}
	n, ok := decimal(s)
	if !ok || n >= 1<<32-1 {
		d.problem(at, "%s is not a valid id", short(s))
		return 0
	}
	return uint32(n)
}

// integer reads a number without fraction and exponent. It returns "" for
// everything else, after having skipped it.
func (d *Decoder) integer() (at int, s string) {
	switch c := d.peek(); {
	case c == '-' || '0' <= c && c <= '9':
	case c == 'n':
		d.literal("null")
		return d.pos, ""
	default:
		d.mismatch("a number")
		return d.pos, ""
	}
	at = d.pos
	if !d.number() {
		d.problem(at, "%s is not an integer", short(d.doc[at:d.pos]))
		return at, ""
	}
	if d.ended {
		return at, ""
	}
	return at, d.doc[at:d.pos]
}

// number checks a number of any kind, and tells whether it is an integer.
func (d *Decoder) number() bool {
	at, integer := d.pos, true
	d.sign("-")
	if zero := d.pos; d.digits() && d.doc[zero] == '0' && d.pos > zero+1 {
		d.fail(at, "a number with a leading zero")
	}
	if d.byteIs(".") {
		integer = false
		d.pos++
		d.digits()
	}
	if d.byteIs("eE") {
		integer = false
		d.pos++
		d.sign("+-")
		d.digits()
	}
	return integer
}

func (d *Decoder) byteIs(set string) bool {
	return d.pos < len(d.doc) && strings.IndexByte(set, d.doc[d.pos]) >= 0
}

func (d *Decoder) sign(set string) {
	if d.byteIs(set) {
		d.pos++
	}
}

// digits reads at least one.
func (d *Decoder) digits() bool {
	i := d.pos
	for i < len(d.doc) && d.doc[i]-'0' <= 9 {
		i++
	}
	if i == d.pos {
		d.unexpected("a digit")
		return false
	}
	d.pos = i
	return true
}

// decimal is false for what does not fit, and for a sign.
func decimal(s string) (uint64, bool) {
	var n uint64
	for i := range len(s) {
		digit := s[i] - '0'
		if digit > 9 {
			return 0, false
		}
		hi, lo := bits.Mul64(n, 10)
		sum, carry := bits.Add64(lo, uint64(digit), 0)
		if hi != 0 || carry != 0 {
			return 0, false
		}
		n = sum
	}
	return n, true
}

// Text reads a string.
func (d *Decoder) Text() string {
	switch d.peek() {
	case '"':
		return d.text("")
	case 'n':
		d.literal("null")
	default:
		d.mismatch("a string")
	}
	return ""
}

// text reads the string that starts here. who begins the text of its problems.
func (d *Decoder) text(who string) string {
	doc, start := d.doc, d.pos+1
	i := plain(doc, start)
	ascii := true
	for ; i < len(doc); i++ {
		switch c := doc[i]; {
		case c == '"':
			s := doc[start:i]
			if !ascii && !utf8.ValidString(s) {
				d.problem(d.pos, "%sis not valid UTF-8", who)
			}
			d.pos = i + 1
			return s
		case c == '\\':
			return d.escaped(who, i)
		case c < ' ':
			d.fail(i, "a control character (%#02x) in a string", c)
			return ""
		case c >= utf8.RuneSelf:
			ascii = false
		}
	}
	d.unterminated()
	return ""
}

const ones = 0x0101010101010101 // times a byte: eight of it

// plain skips ASCII in steps of eight bytes. It stops, at the latest, at the first
// byte that text has to look at: a quote, a backslash, a control character, and
// whatever is not ASCII.
func plain(doc string, i int) int {
	for i+8 <= len(doc) {
		// The subtraction x-ones sets the high bit of the lowest byte that is 0 in
		// x, w-' '*ones that of the lowest one below the space; the borrow reaches
		// only bytes above it.
		w := load8(doc[i:])
		quote := w ^ '"'*ones
		back := w ^ '\\'*ones
		found := ((quote-ones)&^quote | (back-ones)&^back | (w-' '*ones)&^w | w) & (0x80 * ones)
		if found != 0 {
			return i + bits.TrailingZeros64(found)/8
		}
		i += 8
	}
	return i
}

// load8 is one load instruction.
func load8(s string) uint64 {
	_ = s[7]
	return uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24 |
		uint64(s[4])<<32 | uint64(s[5])<<40 | uint64(s[6])<<48 | uint64(s[7])<<56
}

func (d *Decoder) unterminated() {
	d.fail(len(d.doc), "unexpected end of the document, in a string")
}

// escaped goes on with text at the first backslash.
func (d *Decoder) escaped(who string, i int) string {
	at, doc := d.pos, d.doc
	out := append(make([]byte, 0, i-at+64), doc[at+1:i]...)
	nul, lone := false, false
	for i < len(doc) {
		c := doc[i]
		switch {
		case c == '"':
			d.pos = i + 1
			if nul {
				d.problem(at, "%shas a NUL byte", who)
			}
			if lone {
				d.problem(at, "%shas half of a surrogate pair", who)
			}
			if !utf8.Valid(out) {
				d.problem(at, "%sis not valid UTF-8", who)
			}
			return string(out)
		case c < ' ':
			d.fail(i, "a control character (%#02x) in a string", c)
			return ""
		case c != '\\':
			out = append(out, c)
			i++
			continue
		}
		if i+1 == len(doc) {
			break
		}
		e := doc[i+1]
		if e != 'u' {
			n := strings.IndexByte(`"\/bfnrt`, e)
			if n < 0 {
				d.fail(i, "an unknown escape in a string")
				return ""
			}
			out = append(out, "\"\\/\b\f\n\r\t"[n])
			i += 2
			continue
		}
		r, ok := hex4(doc, i)
		if !ok {
			d.fail(i, `four hexadecimal digits must follow "\u"`)
			return ""
		}
		i += 6
		if 0xd800 <= r && r < 0xe000 { // UTF-16, RFC 8259 section 7
			low, ok := hex4(doc, i)
			if r < 0xdc00 && ok && 0xdc00 <= low && low < 0xe000 {
				r = (r-0xd800)<<10 + (low - 0xdc00) + 0x10000
				i += 6
			} else {
				lone = true
			}
		}
		nul = nul || r == 0
		out = utf8.AppendRune(out, r)
	}
	d.unterminated()
	return ""
}

// hex4 reads the escape \uXXXX at i.
func hex4(doc string, i int) (rune, bool) {
	if len(doc)-i < 6 || doc[i] != '\\' || doc[i+1] != 'u' {
		return 0, false
	}
	var r rune
	for _, c := range []byte(doc[i+2 : i+6]) {
		switch {
		case '0' <= c && c <= '9':
			c -= '0'
		case 'a' <= c && c <= 'f':
			c -= 'a' - 10
		case 'A' <= c && c <= 'F':
			c -= 'A' - 10
		default:
			return 0, false
		}
		r = r<<4 | rune(c)
	}
	return r, true
}

// short is a value for an error text.
func short(s string) string {
	const enough = 40
	if len(s) > enough {
		return s[:enough] + "..."
	}
	return s
}
