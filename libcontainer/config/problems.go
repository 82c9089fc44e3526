package config

import (
	"fmt"
	"strings"
)

// A Problem is one thing wrong with a document. Path is the JSON path of the
// offending value as a user would look for it: "process.rlimits[2].soft".
type Problem struct {
	Path string
	Text string
}

func (p Problem) String() string {
	if p.Path == "" {
		return p.Text
	}
	return p.Path + ": " + p.Text
}

// Problems collects everything wrong with one document, so that a person sees
// all of it at once and before anything was done. The zero value is ready.
type Problems struct {
	File     string    // the name that starts the error: "config.json" if empty
	List     []Problem // each one forbids the container
	Warnings []Problem // what the spec says to log and go on with
}

// Addf records a problem that forbids the container.
func (p *Problems) Addf(path, format string, args ...any) {
	p.List = append(p.List, Problem{path, fmt.Sprintf(format, args...)})
}

// Warnf records what the spec wants logged as a warning, and nothing more.
func (p *Problems) Warnf(path, format string, args ...any) {
	p.Warnings = append(p.Warnings, Problem{path, fmt.Sprintf(format, args...)})
}

// Err returns nil if nothing forbids the container, and p otherwise.
func (p *Problems) Err() error {
	if len(p.List) == 0 {
		return nil
	}
	return p
}

// Error is one line, because engines show one line: "config.json: a; b; c".
func (p *Problems) Error() string {
	file := p.File
	if file == "" {
		file = "config.json"
	}
	texts := make([]string, len(p.List))
	for i, problem := range p.List {
		texts[i] = problem.String()
	}
	return file + ": " + strings.Join(texts, "; ")
}
