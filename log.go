package main

import (
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/c9b5e2ae/rt/libcontainer/config"
	"golang.org/x/sys/unix"
)

// A reporter brings messages to their two readers: the engine that parses the
// --log file, and the person, or conmon, who reads stderr.
//
//	error    once per failing call, by fail: one line in the file, one on stderr
//	warning  kept until the call's end: podman decodes the whole file of a
//	         failed call as one JSON object, so there warnings ride in the
//	         error's line; containerd takes the file line by line
//	debug    if --debug is given
//
// Without a file stderr takes all of it. A call that succeeds without a warning
// prints nothing and creates no file: stderr of create and exec is the
// container's own.
type reporter struct {
	path     string // --log; "" is stderr
	json     bool
	verbose  bool
	stderr   io.Writer
	log      io.Writer // of path, once something was written
	warnings []string
}

// warn keeps a warning for flush or fail.
func (r *reporter) warn(text string) { r.warnings = append(r.warnings, text) }

// debug writes a line for whoever gave --debug.
func (r *reporter) debug(format string, args ...any) {
	if r.verbose {
		r.write("debug", fmt.Sprintf(format, args...), nil)
	}
}

// flush writes the warnings of what has gone well so far.
func (r *reporter) flush() {
	for _, w := range r.warnings {
		if r.path == "" && !r.json {
			fmt.Fprintln(r.stderr, oneLine("rt: warning: "+w))
			continue
		}
		r.write("warning", w, nil)
	}
	r.warnings = nil
}

// fail reports the error that ends the call.
func (r *reporter) fail(err error) {
	text := err.Error()
	if r.path == "" && !r.json {
		r.flush()
		fmt.Fprintln(r.stderr, oneLine("rt: "+text))
		return
	}
	logErr := r.write("error", text, r.warnings)
	if logErr != nil {
		text += " (and --log: " + logErr.Error() + ")"
	}
	if r.path != "" {
		fmt.Fprintln(r.stderr, oneLine(text))
	}
}

// write appends one line to the log, in one write, so that lines of two
// processes don't mix. containerd shows the message of the last line whose
// level is "error", and takes no line whose time is not RFC 3339.
func (r *reporter) write(level, text string, warnings []string) error {
	if err := r.open(); err != nil {
		return err
	}
	now := time.Now().UTC().Format(time.RFC3339Nano)
	var b []byte
	if r.json {
		b = append(append(b, `{"level":"`...), level...)
		b = config.AppendString(append(b, `","msg":`...), text)
		b = append(append(append(b, `,"time":"`...), now...), '"')
		for i, w := range warnings {
			b = append(b, [...]string{`,"warnings":[`, `,`}[min(i, 1)]...)
			b = config.AppendString(b, w)
		}
		if len(warnings) > 0 {
			b = append(b, ']')
		}
		b = append(b, '}')
	} else {
		b = append(append(append(append(b, `time="`...), now...), `" level=`...), level...)
		b = strconv.AppendQuote(append(b, ` msg=`...), text)
		for _, w := range warnings {
			b = strconv.AppendQuote(append(b, ` warning=`...), w)
		}
	}
	_, err := r.log.Write(append(b, '\n'))
	return err
}

// open opens the log. O_NONBLOCK: a pipe that nobody reads must not stop rt.
func (r *reporter) open() error {
	if r.log != nil {
		return nil
	}
	if r.path == "" {
		r.log = r.stderr
		return nil
	}
	f, err := os.OpenFile(r.path, os.O_WRONLY|os.O_APPEND|os.O_CREATE|unix.O_NONBLOCK, 0o644)
	if err == nil {
		r.log = f
	}
	return err
}

// maxLine keeps what a call says on stderr below the 4 KiB that fit into a pipe
// whatever its size: conmon reads it only after rt has ended. Where it is more,
// the end tells most: the last words of a hook, the errno.
const maxLine = 3500

// oneLine makes a message fit for a terminal and for callers that read one line:
// joined errors get semicolons, and control characters, which may come from an
// image or a hook, are shown and not obeyed.
func oneLine(s string) string {
	s = strings.TrimSpace(s)
	if len(s) > maxLine {
		s = strings.ToValidUTF8(s[:maxLine/3]+" … "+s[len(s)-maxLine*2/3:], "")
	}
	if strings.IndexFunc(s, isControl) < 0 {
		return s
	}
	var b strings.Builder
	for _, c := range s {
		switch {
		case c == '\n':
			b.WriteString("; ")
		case isControl(c):
			fmt.Fprintf(&b, `\x%02x`, c)
		default:
			b.WriteRune(c)
		}
	}
	return b.String()
}

// isControl covers C0, DEL and C1: a terminal obeys U+009B as it does ESC [.
func isControl(c rune) bool {
	return c < 0x20 || 0x7f <= c && c < 0xa0
}
