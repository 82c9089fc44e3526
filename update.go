package main

import (
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"github.com/c9b5e2ae/rt/libcontainer/config"
	"github.com/opencontainers/runtime-spec/specs-go"
	"github.com/urfave/cli/v2"
)

var limitFlags = []cli.Flag{
	&cli.StringFlag{Name: "blkio-weight", Usage: "`WEIGHT` share of block I/O, relative: 10 to 1000"},
	&cli.StringFlag{Name: "cpu-period", Usage: "`USEC` period over which --cpu-quota counts"},
	&cli.StringFlag{Name: "cpu-quota", Usage: "`USEC` CPU time per period, -1 for no limit"},
	&cli.StringFlag{Name: "cpu-burst", Usage: "`USEC` unused quota that may be saved up"},
	&cli.StringFlag{Name: "cpu-share", Usage: "`WEIGHT` share of CPU time, relative: 2 to 262144"},
	&cli.StringFlag{Name: "cpu-idle", Usage: "`BIT` 1 to run only when nothing else wants the CPU, 0 not to"},
	&cli.StringFlag{Name: "cpu-rt-period", Usage: "`USEC` period over which --cpu-rt-runtime counts"},
	&cli.StringFlag{Name: "cpu-rt-runtime", Usage: "`USEC` real-time scheduling per period"},
	&cli.StringFlag{Name: "cpuset-cpus", Usage: "`CPUS` processors that may be used, like 0-3,7"},
	&cli.StringFlag{Name: "cpuset-mems", Usage: "`NODES` memory nodes that may be used, like 0,1"},
	&cli.StringFlag{Name: "memory", Usage: "`BYTES` memory limit; k, m and g are understood, -1 is no limit"},
	&cli.StringFlag{Name: "memory-reservation", Usage: "`BYTES` memory that is left alone when the host has little"},
	&cli.StringFlag{Name: "memory-swap", Usage: "`BYTES` limit of memory and swap together, -1 for none"},
	&cli.StringFlag{Name: "pids-limit", Usage: "`N` limit of processes and threads, -1 for none"},
	&cli.StringFlag{Name: "kernel-memory", Usage: "ignored: the kernel has no such limit any more", Hidden: true},
	&cli.StringFlag{Name: "kernel-memory-tcp", Usage: "ignored", Hidden: true},
}

// rdtFlags change linux.intelRdt, which is no cgroup limit.
var rdtFlags = []cli.Flag{
	&cli.StringFlag{Name: "l3-cache-schema", Usage: "`LINE` share of the L3 cache as resctrl has it, like L3:0=7f0;1=1f"},
	&cli.StringFlag{Name: "mem-bw-schema", Usage: "`LINE` share of memory bandwidth as resctrl has it, like MB:0=20;1=70"},
}

func updateCommand() *cli.Command {
	return &cli.Command{
		Name:      "update",
		Usage:     "change the limits of a container",
		ArgsUsage: "<container-id>",
		Description: `Changes cgroup limits of a container while it runs. What is not named keeps its
value; device rules are never changed. With --resources the limits are those of
a JSON object like linux.resources of config.json, and the flags for cgroup
limits may not be given.

   rt update --memory 512m --pids-limit 100 mybundle`,
		Flags: append([]cli.Flag{
			&cli.StringFlag{Name: "resources", Aliases: []string{"r"}, Usage: "`FILE` file with the limits in JSON; - is standard input"},
		}, append(limitFlags, rdtFlags...)...),
		Before: operands(1, 1),
		Action: func(c *cli.Context) error {
			resources, err := resourcesOf(c)
			if err != nil {
				return err
			}
			r, err := runtime(c)
			if err != nil {
				return err
			}
			id, l3, bandwidth := c.Args().First(), c.String("l3-cache-schema"), c.String("mem-bw-schema")
			if l3+bandwidth != "" {
				if err := r.UpdateIntelRdt(id, l3, bandwidth); err != nil || resources == nil {
					return err
				}
			}
			return r.Update(id, resources)
		},
	}
}

// resourcesOf are the limits to set, nil if only a class of service changes.
func resourcesOf(c *cli.Context) (*specs.LinuxResources, error) {
	given := map[string]string{}
	for _, f := range limitFlags {
		if name := f.Names()[0]; c.IsSet(name) {
			given[name] = c.String(name)
		}
	}
	file := c.String("resources")
	if file == "" {
		switch {
		case len(given) > 0:
		case c.String("l3-cache-schema")+c.String("mem-bw-schema") != "":
			return nil, nil
		default:
			return nil, fmt.Errorf("update: no limit is given")
		}
		return limits(given)
	}
	for name := range given {
		return nil, fmt.Errorf("--%s: not together with --resources", name)
	}
	var data []byte
	var err error
	if file == "-" {
		file = "standard input"
		data, err = io.ReadAll(io.LimitReader(os.Stdin, 1<<20))
	} else {
		data, err = config.ReadFile(file, 1<<20)
	}
	if err != nil {
		return nil, fmt.Errorf("--resources: %w", err)
	}
	return config.DecodeResources(file, data)
}

// limits turns flags and their values into resources.
func limits(given map[string]string) (*specs.LinuxResources, error) {
	r := &specs.LinuxResources{CPU: &specs.LinuxCPU{}, Memory: &specs.LinuxMemory{}, BlockIO: &specs.LinuxBlockIO{}, Pids: &specs.LinuxPids{}}
	unsigned := map[string]**uint64{
		"cpu-period": &r.CPU.Period, "cpu-share": &r.CPU.Shares, "cpu-burst": &r.CPU.Burst, "cpu-rt-period": &r.CPU.RealtimePeriod,
	}
	signed := map[string]**int64{
		"cpu-quota": &r.CPU.Quota, "cpu-rt-runtime": &r.CPU.RealtimeRuntime, "cpu-idle": &r.CPU.Idle, "pids-limit": &r.Pids.Limit,
	}
	bytes := map[string]**int64{
		"memory": &r.Memory.Limit, "memory-reservation": &r.Memory.Reservation, "memory-swap": &r.Memory.Swap,
	}
	texts := map[string]*string{"cpuset-cpus": &r.CPU.Cpus, "cpuset-mems": &r.CPU.Mems}
	for name, value := range given {
		var err error
		if field := unsigned[name]; field != nil {
			*field = new(uint64)
			**field, err = strconv.ParseUint(value, 10, 64)
		} else if field := signed[name]; field != nil {
			*field = new(int64)
			**field, err = strconv.ParseInt(value, 10, 64)
		} else if field := bytes[name]; field != nil {
			*field = new(int64)
			**field, err = parseBytes(value)
		} else if field := texts[name]; field != nil {
			*field = value
		} else if name == "blkio-weight" {
			var w uint64
			w, err = strconv.ParseUint(value, 10, 16)
			weight := uint16(w)
			r.BlockIO.Weight = &weight
		}
		if err != nil {
			return nil, fmt.Errorf("--%s %q: not a number that it can be", name, value)
		}
	}
	return r, nil
}

// parseBytes reads a size: a number, in units of 1024 where a letter of kmgtp
// follows, with or without "b" or "ib"; or -1.
func parseBytes(s string) (int64, error) {
	if s == "-1" {
		return -1, nil
	}
	number := strings.ToLower(s)
	if n, ok := strings.CutSuffix(number, "b"); ok {
		number = strings.TrimSuffix(n, "i")
	}
	shift := 0
	if n := len(number); n > 0 {
		if power := strings.IndexByte("kmgtp", number[n-1]); power >= 0 {
			shift, number = 10*(power+1), number[:n-1]
		}
	}
	number = strings.TrimSpace(number)
	if n, err := strconv.ParseUint(number, 10, 63); err == nil && n<<shift>>shift == n && n<<shift < 1<<63 {
		return int64(n << shift), nil
	}
	whole, err := strconv.ParseFloat(number, 64)
	if err != nil || whole < 0 || !strings.Contains(number, ".") || whole*float64(int64(1)<<shift) >= 1<<62 {
		return 0, strconv.ErrSyntax
	}
	return int64(whole * float64(int64(1)<<shift)), nil
}
