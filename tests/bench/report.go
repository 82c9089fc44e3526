package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"
	"text/tabwriter"
	"time"

	"golang.org/x/sys/unix"
)

// A Report is what one run of this program found; its JSON is what -json writes.
type Report struct {
	Date     string // of the begin, RFC 3339
	Quick    bool   `json:",omitempty"`
	Host     Host
	Runtimes []*Runtime
	Load     float64 // at the begin
	Took     float64 // seconds
	Tables   []*Table
}

// A Host is the machine.
type Host struct {
	Kernel    string
	Processor string
	CPUs      int
	Memory    float64 // GiB
	Cgroups   string
	State     string // filesystem of the containers' state and roots
	Go        string // that built this program
}

func (report *Report) begin(b *bench) {
	report.Date = time.Now().Format(time.RFC3339)
	report.Quick = b.quick
	report.Runtimes = b.runtimes
	report.Load = load()
	report.Host = host()
}

func host() Host {
	h := Host{CPUs: runtime.NumCPU(), Go: runtime.Version(), Cgroups: "v1"}
	var uts unix.Utsname
	if unix.Uname(&uts) == nil {
		h.Kernel = unix.ByteSliceToString(uts.Sysname[:]) + " " + unix.ByteSliceToString(uts.Release[:]) + " " + unix.ByteSliceToString(uts.Machine[:])
	}
	data, _ := os.ReadFile("/proc/cpuinfo")
	for line := range strings.Lines(string(data)) {
		if name, value, _ := strings.Cut(line, ":"); strings.TrimSpace(name) == "model name" {
			h.Processor = strings.TrimSpace(value)
		}
	}
	var info unix.Sysinfo_t
	if unix.Sysinfo(&info) == nil {
		h.Memory = float64(info.Totalram) * float64(info.Unit) / (1 << 30)
	}
	switch {
	case isCgroup2("/sys/fs/cgroup"):
		h.Cgroups = "v2"
	case isCgroup2(unified):
		h.Cgroups = "v1, and v2 without controllers (hybrid)"
	}
	var s unix.Statfs_t
	if unix.Statfs(base, &s) == nil {
		h.State = map[int64]string{unix.EXT4_SUPER_MAGIC: "ext4", unix.TMPFS_MAGIC: "tmpfs", unix.XFS_SUPER_MAGIC: "xfs", unix.BTRFS_SUPER_MAGIC: "btrfs", unix.OVERLAYFS_SUPER_MAGIC: "overlay"}[int64(s.Type)]
	}
	return h
}

func (report *Report) write(file string) error {
	text, err := json.MarshalIndent(report, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(file, append(text, '\n'), 0o644)
}

func (report *Report) read(file string) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(text, report); err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	return nil
}

// add takes the tables that this report has not from another's file, and prints them.
func (report *Report) add(file string) error {
	var other Report
	if err := other.read(file); err != nil {
		return err
	}
	for _, t := range other.Tables {
		if report.table(t.ID) == nil {
			report.Tables = append(report.Tables, t)
			t.print(os.Stdout)
		}
	}
	return nil
}

// head prints what was measured, where and when.
func (report *Report) head(w io.Writer) {
	h := &report.Host
	fmt.Fprintf(w, "%s, load %.2f\n%s, %d x %s, %.0f GiB, cgroup %s, %s\n", report.Date, report.Load, h.Kernel, h.CPUs, h.Processor, h.Memory, h.Cgroups, h.State)
	for _, r := range report.Runtimes {
		fmt.Fprintf(w, "%s: %s, %s, %.1f MB", r.Name, r.Path, r.Version, float64(r.Size)/1e6)
		if r.Hidden {
			fmt.Fprintf(w, ", without %s", unified)
		}
		fmt.Fprintln(w)
	}
	if report.Load > float64(h.CPUs)/2 {
		fmt.Fprintln(w, "The machine is busy: look at min and p25.")
	}
}

func (report *Report) print(w io.Writer) {
	report.head(w)
	for _, t := range report.Tables {
		t.print(w)
	}
}

// print prints one table.
func (t *Table) print(w io.Writer) {
	fmt.Fprintf(w, "\n%s %s: %s%s (load %.1f, %.0f s)\n", t.ID, t.Name, t.Title, unitOf(t.Unit, ", in "), t.Load, t.Took)
	tab := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprint(tab, "\t\truns\tmin\tp25\tmedian\tp90\trt is: min\tp25\tmedian\t\n")
	last := ""
	for i := range t.Rows {
		r := &t.Rows[i]
		name := r.Case
		if name == last {
			name = ""
		}
		last = r.Case
		fmt.Fprintf(tab, "%s\t%s\t%d\t", name, r.Runtime, r.N)
		if r.N > 0 {
			fmt.Fprintf(tab, "%s\t%s\t%s\t%s\t", t.format(r.Min), t.format(r.P25), t.format(r.Median), t.format(r.P90))
			if base := t.of(r.Case, "rt"); base != nil && base != r && base.N > 0 {
				fmt.Fprintf(tab, "%s\t%s\t%s\t", ratio(base.Min, r.Min), ratio(base.P25, r.P25), ratio(base.Median, r.Median))
			} else {
				fmt.Fprint(tab, "\t\t\t")
			}
		} else {
			fmt.Fprint(tab, "\t\t\t\t\t\t\t")
		}
		fmt.Fprint(tab, "\n")
	}
	tab.Flush()
	for i := range t.Rows {
		if r := &t.Rows[i]; r.Failures > 0 {
			fmt.Fprintf(w, "FAILED: %s, %s: %d of %d: %s\n", r.Case, r.Runtime, r.Failures, r.Failures+r.N, r.Error)
		}
	}
}

func unitOf(unit, before string) string {
	if unit == "" {
		return ""
	}
	return before + unit
}

func (t *Table) format(v float64) string {
	digits := t.Digits
	if digits == 0 && v != 0 && v < 10 {
		digits = 1
	}
	return fmt.Sprintf("%.*f", digits, v)
}

// ratio is a share of rt's in another's.
func ratio(rt, other float64) string {
	if other == 0 {
		return ""
	}
	return fmt.Sprintf("%.2f x", rt/other)
}

// of finds a row; nil if there is none.
func (t *Table) of(name, runtime string) *Row {
	for i := range t.Rows {
		if r := &t.Rows[i]; r.Case == name && r.Runtime == runtime {
			return r
		}
	}
	return nil
}

// table finds a table; nil if it was not measured.
func (report *Report) table(id string) *Table {
	for _, t := range report.Tables {
		if t.ID == id {
			return t
		}
	}
	return nil
}
