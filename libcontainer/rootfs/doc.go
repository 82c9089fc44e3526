// Package rootfs builds what a container sees as its filesystem: mounts, device
// nodes, masked and read-only paths, and the change of root.
//
// The image is hostile, and so is every process that can write to a directory
// that is mounted into the container while it is set up. So no path below the
// root is ever handed to a system call that acts on it. A path becomes a
// descriptor by openat2(2) with RESOLVE_IN_ROOT|RESOLVE_NO_MAGICLINKS, and from
// then on only the descriptor is used: mounts are made detached (fsopen(2),
// fsmount(2), open_tree(2), mount_setattr(2)) and attached to a descriptor
// (move_mount(2)). Afterwards the path is opened once more, and unless it leads
// to the new mount the container is not started: whoever renamed a directory in
// between gains nothing. Bind mounts side by side share the work for their
// directory (see row).
//
// The spec is read once, by PlanRootfs. Init gets numbers, and does in this order:
//
//	Private      nothing leaks to the host from here on; the root is cloned onto itself
//	Mount        mounts[] in the listed order
//	Devices      default devices, linux.devices, links in /dev
//	             (hooks of the host run here: they see the tree below the old root)
//	Pivot        the clone becomes /, the host's tree is gone
//	Propagation  linux.rootfsPropagation
//	Protect      late read-only, read-only paths, masked paths, root.readonly
package rootfs
