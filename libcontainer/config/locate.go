package config

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// A level is an open object or array on the way to an offset.
type level struct {
	array bool
	index int    // of the element, in an array
	key   string // of the value, in an object
	keyed bool   // key is set: what comes is a value
}

// locate turns offsets into JSON paths, lines and columns, in one more walk over
// the document. The document is valid JSON up to the last mark and may be anything
// after it. Lines and columns start at 1, a column is a byte; the offset starts
// at 0.
func locate(doc string, marks []mark) []Problem {
	slices.SortStableFunc(marks, func(a, b mark) int { return a.at - b.at })
	var (
		problems []Problem
		open     []level
		line     = 1
		newline  = 0 // offset of the line's first byte
	)
	tell := func(end int) {
		for _, m := range marks[len(problems):] {
			if m.at >= end {
				break
			}
			place := fmt.Sprintf(" (line %d:%d, offset %d)", line, m.at-newline+1, m.at)
			problems = append(problems, Problem{pathOf(open), m.text + place})
		}
	}
	for i := 0; i < len(doc) && len(problems) < len(marks); {
		if strings.IndexByte(" \t\r\n", doc[i]) >= 0 {
			tell(i + 1)
			if doc[i] == '\n' {
				line, newline = line+1, i+1
			}
			i++
			continue
		}
		end := tokenEnd(doc, i)
		var top *level
		if len(open) > 0 {
			top = &open[len(open)-1]
		}
		if doc[i] == '"' && top != nil && !top.array && !top.keyed {
			name := Decoder{doc: doc[i:end]}
			top.key, top.keyed = name.text(""), true
		}
		tell(end)
		switch c := doc[i]; {
		case c == '{' || c == '[':
			open = append(open, level{array: c == '['})
		case (c == '}' || c == ']') && top != nil:
			open = open[:len(open)-1]
		case c == ',' && top != nil:
			top.index++
			top.keyed = false
		}
		i = end
	}
	tell(len(doc) + 1)
	return problems
}

// tokenEnd returns the offset behind the token at i.
func tokenEnd(doc string, i int) int {
	if doc[i] != '"' {
		for j := i; j < len(doc); j++ {
			if strings.IndexByte("{}[]:,\" \t\r\n", doc[j]) >= 0 {
				return max(j, i+1)
			}
		}
		return len(doc)
	}
	for i++; i < len(doc) && doc[i] != '"'; i++ {
		if doc[i] == '\\' {
			i++
		}
	}
	return min(i+1, len(doc))
}

func pathOf(open []level) string {
	path := ""
	for _, l := range open {
		switch {
		case l.array:
			path += "[" + strconv.Itoa(l.index) + "]"
		case l.keyed:
			path = Join(path, l.key)
		}
	}
	return path
}

// Join returns the JSON path of a key of the object at path: `linux.sysctl`, and
// `linux.sysctl["kernel.shmmax"]` for a key that is not a plain word.
func Join(path, key string) string {
	const enough = 128
	for i := range len(key) {
		c := key[i]
		if len(key) > enough || !(c == '_' || c == '-' || '0' <= c && c <= '9' || 'A' <= c && c <= 'Z' || 'a' <= c && c <= 'z') {
			if len(key) > enough {
				key = key[:enough] + "..."
			}
			return path + "[" + strconv.Quote(key) + "]"
		}
	}
	switch {
	case key == "":
		return path + `[""]`
	case path == "":
		return key
	}
	return path + "." + key
}
