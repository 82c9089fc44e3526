package main

import (
	"fmt"
	"os"
	"strconv"

	"github.com/c9b5e2ae/rt/libcontainer"
	"github.com/c9b5e2ae/rt/libcontainer/config"
)

// writeTimeline writes the steps of an operation to the file, "" is none, as the
// JSON array of complete events that chrome://tracing and Perfetto read (Trace
// Event Format): a lane each for rt, for init, and for the thread of rt that makes
// init. Times there are microseconds.
func writeTimeline(file string, rows []libcontainer.Row) error {
	for _, r := range rows {
		report.debug("%s: %s: %.3f ms", r.Side, r.Name, float64(r.Took)/1e6)
	}
	if file == "" {
		return nil
	}
	if err := os.WriteFile(file, appendTimeline(nil, rows), 0o644); err != nil {
		return fmt.Errorf("--trace: %w", err)
	}
	return nil
}

func appendTimeline(b []byte, rows []libcontainer.Row) []byte {
	lanes := map[string]int{"host": 1, "init": 2, "launcher": 3}
	b = append(b, `[{"ph":"M","pid":1,"tid":1,"name":"thread_name","args":{"name":"rt"}},`+"\n"...)
	b = append(b, ` {"ph":"M","pid":1,"tid":2,"name":"thread_name","args":{"name":"init"}},`+"\n"...)
	b = append(b, ` {"ph":"M","pid":1,"tid":3,"name":"thread_name","args":{"name":"launcher"}}`...)
	var zero int64
	for i, r := range rows {
		if i == 0 || r.Begin < zero {
			zero = r.Begin
		}
	}
	for _, r := range rows {
		b = config.AppendString(append(b, ",\n"+` {"ph":"X","pid":1,"name":`...), r.Name)
		b = strconv.AppendInt(append(b, `,"tid":`...), int64(lanes[r.Side]), 10)
		b = strconv.AppendFloat(append(b, `,"ts":`...), float64(r.Begin-zero)/1e3, 'f', 3, 64)
		b = strconv.AppendFloat(append(b, `,"dur":`...), float64(r.Took)/1e3, 'f', 3, 64)
		if r.Error != "" {
			b = config.AppendString(append(b, `,"args":{"error":`...), r.Error)
			b = append(b, '}')
		}
		b = append(b, '}')
	}
	return append(b, "]\n"...)
}
