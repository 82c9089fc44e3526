package main

import (
	"math"
	"slices"
	"time"
)

// A Row is what was measured of one runtime in one case. The numbers are in the
// unit of its table. A runtime that failed every time has no numbers, only Error.
type Row struct {
	Case     string // "docker bundle", "100 mounts"
	Runtime  string
	N        int // runs that succeeded
	Min      float64
	P25      float64
	Median   float64
	P90      float64
	Failures int    `json:",omitempty"`
	Error    string `json:",omitempty"` // of the first failure
}

// A Table is one measurement of section "Method": a case a line, a runtime a row.
type Table struct {
	ID     string // "A"
	Name   string // "run-hot"
	Title  string
	Unit   string // "ms", "KiB", "containers/s"
	More   bool   `json:",omitempty"` // more is better
	Note   string `json:",omitempty"`
	Load   float64
	Took   float64 // seconds
	Rows   []Row
	Digits int // behind the decimal point
}

// A sample collects the runs of one row.
type sample struct {
	values   []float64
	failures int
	err      error
}

// add takes one run, in milliseconds.
func (s *sample) add(r run) bool {
	if r.Err != nil {
		s.fail(r.Err)
		return false
	}
	s.value(float64(r.Took) / float64(time.Millisecond))
	return true
}

func (s *sample) value(v float64) { s.values = append(s.values, v) }

func (s *sample) fail(err error) {
	s.failures++
	if s.err == nil {
		s.err = err
	}
}

// row sums the sample up.
func (s *sample) row(name, runtime string) Row {
	r := Row{Case: name, Runtime: runtime, N: len(s.values), Failures: s.failures}
	if s.err != nil {
		r.Error = s.err.Error()
	}
	if len(s.values) > 0 {
		v := slices.Sorted(slices.Values(s.values))
		r.Min, r.P25, r.Median, r.P90 = v[0], quantile(v, 0.25), quantile(v, 0.5), quantile(v, 0.9)
	}
	return r
}

// quantile of sorted values, between two of them by weight.
func quantile(sorted []float64, q float64) float64 {
	at := q * float64(len(sorted)-1)
	low, part := math.Modf(at)
	v := sorted[int(low)]
	if part > 0 {
		v += part * (sorted[int(low)+1] - v)
	}
	return v
}

// samples are the rows of a table while they grow: by case, then by runtime, in
// the order in which they first came.
type samples struct {
	keys []key
	of   map[key]*sample
}

type key struct{ name, runtime string }

func (s *samples) get(name, runtime string) *sample {
	k := key{name, runtime}
	if s.of == nil {
		s.of = map[key]*sample{}
	}
	if s.of[k] == nil {
		s.keys = append(s.keys, k)
		s.of[k] = &sample{}
	}
	return s.of[k]
}

// rows are grouped by case.
func (s *samples) rows() []Row {
	var cases []string
	for _, k := range s.keys {
		if !slices.Contains(cases, k.name) {
			cases = append(cases, k.name)
		}
	}
	var out []Row
	for _, c := range cases {
		for _, k := range s.keys {
			if k.name == c {
				out = append(out, s.of[k].row(k.name, k.runtime))
			}
		}
	}
	return out
}
