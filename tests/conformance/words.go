package conformance

import "strings"

// words are RFC 2119's that bind.
var words = []string{"MUST", "REQUIRED", "SHALL", "SHOULD", "RECOMMENDED", "must", "should"}

// isNormative tells whether a sentence has one of the words.
func isNormative(text string) bool {
	text = withoutLinks(text)
	for word := range strings.FieldsFuncSeq(text, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z')
	}) {
		for _, w := range words {
			if word == w {
				return true
			}
		}
	}
	return false
}

// withoutLinks drops the targets of links, whose words are nobody's.
func withoutLinks(text string) string {
	for {
		before, rest, found := strings.Cut(text, "](")
		if !found {
			return text
		}
		_, after, _ := strings.Cut(rest, ")")
		text = before + "]" + after
	}
}

// abbreviations end with a dot that ends no sentence.
var abbreviations = []string{"e.g.", "i.e.", "etc.", "vs."}

// sentencesOf cuts a block at its full stops and at the ends of cells.
func sentencesOf(text string) []string {
	var all []string
	for cell := range strings.SplitSeq(text, cellEnd) {
		start := 0
		for i := range len(cell) {
			if isEnd(cell, i) {
				all = appendText(all, cell[start:i+1])
				start = i + 1
			}
		}
		all = appendText(all, cell[start:])
	}
	return joinRequirement(all)
}

func appendText(all []string, text string) []string {
	if text = strings.TrimSpace(text); text != "" {
		all = append(all, text)
	}
	return all
}

// isEnd tells whether the byte at i is a full stop, with the beginning of another
// sentence behind it.
func isEnd(text string, i int) bool {
	if text[i] != '.' || i+2 >= len(text) || text[i+1] != ' ' {
		return false
	}
	for _, a := range abbreviations {
		if strings.HasSuffix(text[:i+1], a) {
			return false
		}
	}
	if i > 0 && strings.Trim(text[:i], "0123456789") == "" {
		return false // the number of a list's item
	}
	next := strings.TrimLeft(text[i+1:], " ")
	return next != "" && (next[0] >= 'A' && next[0] <= 'Z' || strings.ContainsRune("`[*_", rune(next[0])))
}

// joinRequirement puts the cell of a requirement, that is only a word, behind the
// cell that it speaks of.
func joinRequirement(all []string) []string {
	if len(all) > 1 && (all[1] == "MUST" || all[1] == "SHOULD" || all[1] == "MAY") {
		return append([]string{all[0] + ": " + all[1]}, all[2:]...)
	}
	return all
}
