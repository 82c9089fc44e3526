package cgroups

// prepareV2 makes a new cgroup2 directory ready for a process.
func (c *Cgroup) prepareV2(x *hierarchy, fd int, dir string) error { return nil }
