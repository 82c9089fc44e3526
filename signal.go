package main

import (
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// The real-time signals that a program may use: the C library keeps the
// kernel's 32 and 33 for its threads (signal(7)).
const (
	sigRTMin = 34
	sigRTMax = 64
)

// parseSignal reads a signal as kill(1) takes it: a number, or a name in any
// case with or without SIG, or RTMIN+n and RTMAX-n. What is almost a signal is
// refused: "15x" and "" are no request to terminate anything.
func parseSignal(s string) (unix.Signal, error) {
	if n, err := strconv.Atoi(s); err == nil && strconv.Itoa(n) == s {
		if n < 0 || n > sigRTMax {
			return 0, fmt.Errorf("signal %d: numbers go from 0 to %d", n, sigRTMax)
		}
		return unix.Signal(n), nil
	}
	name := strings.TrimPrefix(strings.ToUpper(s), "SIG")
	for prefix, base := range map[string]int{"RTMIN": sigRTMin, "RTMAX": sigRTMax} {
		offset, ok := strings.CutPrefix(name, prefix)
		if !ok {
			continue
		}
		n := 0
		if offset != "" {
			var err error
			n, err = strconv.Atoi(offset)
			// Itoa drops the sign, so "+3" and "-3" are compared without theirs.
			if err != nil || strconv.Itoa(max(n, -n)) != offset[1:] {
				break
			}
		}
		if n += base; n >= sigRTMin && n <= sigRTMax {
			return unix.Signal(n), nil
		}
	}
	switch name {
	case "IOT":
		return unix.SIGIOT, nil
	case "POLL":
		return unix.SIGPOLL, nil
	case "CLD":
		return unix.SIGCLD, nil
	}
	if n := unix.SignalNum("SIG" + name); n != 0 {
		return n, nil
	}
	return 0, fmt.Errorf("unknown signal %.40q: give a name such as TERM or RTMIN+3, or a number", s)
}
