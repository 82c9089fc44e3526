package seccomp

//go:generate go run ./gen

// The tables are constant strings: they cost nothing at program start, and
// only the pages that a lookup touches are read.

const (
	absent    = 0xffff // the number of a call that an architecture lacks
	hashSlots = len(nameSlots) / 2
)

func word(table string, i int) uint16 {
	return uint16(table[2*i]) | uint16(table[2*i+1])<<8
}

// lookup is the index of a call's name in the tables, or -1.
func lookup(name string) int {
	h := uint32(len(name))
	for i := 0; i < len(name); i++ {
		h = h*31 + uint32(name[i])
	}
	h ^= h >> 10
	for {
		h %= uint32(hashSlots)
		i := int(word(nameSlots, int(h)))
		if i == absent {
			return -1
		}
		start := 0
		if i > 0 {
			start = int(word(nameEnds, i-1))
		}
		if nameText[start:word(nameEnds, i)] == name {
			return i
		}
		h++
	}
}

// Numbers from 0xf000 on in the tables stand for ARM's own calls, which have
// the numbers from 0xf0000 on.
const (
	armCode    = 0xf000
	armPrivate = 0xf0000
)

// number is the system call number of a table's entry.
func number(code uint16) uint32 {
	if code >= armCode {
		return armPrivate + uint32(code-armCode)
	}
	return uint32(code)
}
