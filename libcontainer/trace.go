package libcontainer

import (
	"sync"

	"golang.org/x/sys/unix"
)

// A Trace is the timeline of an operation in both processes. The zero value is
// ready; a nil Trace records nothing.
type Trace struct {
	mu   sync.Mutex
	rows []Row
}

// A Row is one step. Begin and Took are ns of CLOCK_MONOTONIC; init's are
// shifted by the time namespace it may have made, which rt takes out.
type Row struct {
	Side  string // "host", "launcher" (of host) or "init"
	Name  string
	Begin int64
	Took  int64
	Error string
}

// Rows returns what was recorded, in the order in which the steps ended.
func (t *Trace) Rows() []Row {
	t.mu.Lock()
	defer t.mu.Unlock()
	return append([]Row(nil), t.rows...)
}

// now is the time for Begin; nothing where nothing is recorded.
func (t *Trace) now() int64 {
	if t == nil {
		return 0
	}
	return monotonic()
}

func (t *Trace) add(side, name string, begin int64, err error) {
	if t == nil {
		return
	}
	row := Row{Side: side, Name: name, Begin: begin, Took: monotonic() - begin}
	if err != nil {
		row.Error = err.Error()
	}
	t.append(row)
}

func (t *Trace) append(rows ...Row) {
	if t == nil {
		return
	}
	t.mu.Lock()
	t.rows = append(t.rows, rows...)
	t.mu.Unlock()
}

func monotonic() int64 {
	var ts unix.Timespec
	unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts)
	return ts.Nano()
}
