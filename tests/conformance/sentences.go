package conformance

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// Documents are those that speak to a runtime on Linux (spec.md, "Platforms").
var Documents = []string{"runtime.md", "runtime-linux.md", "config.md", "config-linux.md", "features.md", "features-linux.md", "bundle.md", "glossary.md"}

// A Sentence is one that has a word of RFC 2119: MUST, REQUIRED, SHALL, SHOULD,
// RECOMMENDED, each also with NOT; and must and should in small letters, by which
// the specification means the same in a few places.
type Sentence struct {
	ID       string // "runtimeStart.2": the second below the anchor runtimeStart
	Document string // "runtime.md"
	Heading  string // "Start"
	Text     string // Markdown, on one line
}

// Sum changes when the text does.
func (s Sentence) Sum() string {
	sum := sha256.Sum256([]byte(s.Text))
	return hex.EncodeToString(sum[:4])
}

// Sentences reads the documents in dir, the directory of the specification's
// module, and returns the sentences in their order.
func Sentences(dir string) ([]Sentence, error) {
	var all []Sentence
	seen := map[string]bool{}
	for _, name := range Documents {
		text, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			return nil, err
		}
		for _, s := range sentences(name, string(text)) {
			if seen[s.ID] {
				return nil, fmt.Errorf("%s: two sentences have the id %s", name, s.ID)
			}
			seen[s.ID] = true
			all = append(all, s)
		}
	}
	return all, nil
}

// sentences returns those of one document.
func sentences(document, text string) []Sentence {
	var found []Sentence
	for _, s := range split(text) {
		number := 0
		for _, b := range s.blocks {
			if b.row == "" {
				for _, text := range sentencesOf(b.text) {
					if isNormative(text) {
						number++
						found = append(found, Sentence{fmt.Sprintf("%s.%d", s.anchor, number), document, s.heading, text})
					}
				}
				continue
			}
			// A row of a table: its cells are sentences of one subject.
			var texts []string
			for _, text := range sentencesOf(b.text) {
				if isNormative(text) {
					texts = append(texts, text)
				}
			}
			for i, text := range texts {
				id := s.anchor + "." + b.row
				if i > 0 {
					id = fmt.Sprintf("%s.%d", id, i+1)
				}
				found = append(found, Sentence{id, document, s.heading, text})
			}
		}
	}
	return found
}

// A section is what stands below one heading.
type section struct {
	anchor, heading string
	blocks          []block
}

// A block is a paragraph, an item of a list, or a row of a table, on one line.
type block struct {
	text string
	row  string // the first cell's word, of a row
}

// split cuts a document into sections and blocks, without the code.
func split(text string) []section {
	var all []section
	current := &section{}
	var lines []string
	flush := func() {
		if len(lines) > 0 {
			current.blocks = append(current.blocks, block{text: strings.Join(lines, " ")})
			lines = nil
		}
	}
	code := false
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		switch {
		case strings.HasPrefix(line, "```"):
			code = !code
			flush()
		case code:
		case line == "":
			flush()
		case strings.HasPrefix(line, "#"):
			flush()
			// What follows an example belongs to what is above it.
			if anchor, heading := parseHeading(line); !strings.HasPrefix(heading, "Example") {
				all = append(all, section{anchor: anchor, heading: heading})
				current = &all[len(all)-1]
			}
		case strings.HasPrefix(line, "|") || strings.Contains(line, " | "):
			flush()
			current.blocks = append(current.blocks, tableRow(line))
		case isListItem(line):
			flush()
			lines = append(lines, strings.TrimPrefix(strings.TrimPrefix(line, "* "), "- "))
		default:
			lines = append(lines, line)
		}
	}
	flush()
	return all
}

// parseHeading takes `## <a name="configRoot" />Root` apart. A heading without an
// anchor has the one that GitHub gives it, like valid-values.
func parseHeading(line string) (anchor, heading string) {
	heading = strings.TrimSpace(strings.TrimLeft(line, "#"))
	if rest, ok := strings.CutPrefix(heading, `<a name="`); ok {
		anchor, rest, _ = strings.Cut(rest, `"`)
		_, heading, _ = strings.Cut(rest, ">")
		return anchor, strings.TrimSpace(heading)
	}
	return strings.ReplaceAll(strings.ToLower(heading), " ", "-"), heading
}

func isListItem(line string) bool {
	for _, mark := range []string{"* ", "- "} {
		if strings.HasPrefix(line, mark) {
			return true
		}
	}
	number, _, found := strings.Cut(line, ". ")
	return found && strings.Trim(number, "0123456789") == ""
}

// tableRow joins the cells; each of them ends a sentence.
func tableRow(line string) block {
	var cells []string
	for cell := range strings.SplitSeq(strings.Trim(line, "|"), "|") {
		cells = append(cells, strings.TrimSpace(cell))
	}
	name := strings.TrimSpace(strings.Trim(cells[0], "` "))
	return block{strings.Join(cells, cellEnd), name}
}

const cellEnd = " \x00 "
