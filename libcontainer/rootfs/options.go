package rootfs

import (
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// An optionKind says what a mount option changes.
type optionKind uint8

const (
	optNothing     optionKind = iota // says what is so anyway
	optBind                          // bind and rbind
	optRemount                       // change a mount that is there
	optAttr                          // attribute of this mount
	optAtime                         // access time mode of this mount
	optSuper                         // flag of the superblock
	optRecursive                     // attribute of this mount and all below it
	optRatime                        // access time mode of this mount and all below it
	optPropagation                   // shared subtrees
	optIdmap                         // idmap and ridmap
	optCopyUp                        // tmpcopyup
)

// An option is one row of the table. Attr holds MOUNT_ATTR_* bits for
// mount_setattr(2), Super MS_* bits of mount(2). Clear makes it the opposite of
// the row with the same bits.
type option struct {
	Name  string
	Kind  optionKind
	Attr  uint64
	Super uint32
	Clear bool
}

// options is the table of config.md, "Linux mount options", by name. What is not
// in it is for the filesystem to know.
//
// The kernel knows three access time modes of which exactly one is on: relatime
// (default since 2.6.30), noatime and strictatime. The options are three pairs,
// as in mount(8): see times.
var options = []option{
	{Name: "async", Kind: optSuper, Super: unix.MS_SYNCHRONOUS, Clear: true},
	{Name: "atime", Kind: optAtime, Attr: unix.MOUNT_ATTR_NOATIME, Clear: true},
	{Name: "bind", Kind: optBind},
	{Name: "defaults", Kind: optNothing},
	{Name: "dev", Kind: optAttr, Attr: unix.MOUNT_ATTR_NODEV, Clear: true},
	{Name: "diratime", Kind: optAttr, Attr: unix.MOUNT_ATTR_NODIRATIME, Clear: true},
	{Name: "dirsync", Kind: optSuper, Super: unix.MS_DIRSYNC},
	{Name: "exec", Kind: optAttr, Attr: unix.MOUNT_ATTR_NOEXEC, Clear: true},
	{Name: "idmap", Kind: optIdmap},
	{Name: "iversion", Kind: optSuper, Super: unix.MS_I_VERSION},
	{Name: "lazytime", Kind: optSuper, Super: unix.MS_LAZYTIME},
	{Name: "loud", Kind: optSuper, Super: unix.MS_SILENT, Clear: true},
	{Name: "mand", Kind: optSuper, Super: unix.MS_MANDLOCK},
	{Name: "noatime", Kind: optAtime, Attr: unix.MOUNT_ATTR_NOATIME},
	{Name: "nodev", Kind: optAttr, Attr: unix.MOUNT_ATTR_NODEV},
	{Name: "nodiratime", Kind: optAttr, Attr: unix.MOUNT_ATTR_NODIRATIME},
	{Name: "noexec", Kind: optAttr, Attr: unix.MOUNT_ATTR_NOEXEC},
	{Name: "noiversion", Kind: optSuper, Super: unix.MS_I_VERSION, Clear: true},
	{Name: "nolazytime", Kind: optSuper, Super: unix.MS_LAZYTIME, Clear: true},
	{Name: "nomand", Kind: optSuper, Super: unix.MS_MANDLOCK, Clear: true},
	{Name: "norelatime", Kind: optAtime, Attr: unix.MOUNT_ATTR_RELATIME, Clear: true},
	{Name: "nostrictatime", Kind: optAtime, Attr: unix.MOUNT_ATTR_STRICTATIME, Clear: true},
	{Name: "nosuid", Kind: optAttr, Attr: unix.MOUNT_ATTR_NOSUID},
	{Name: "nosymfollow", Kind: optAttr, Attr: unix.MOUNT_ATTR_NOSYMFOLLOW},
	{Name: "private", Kind: optPropagation, Super: unix.MS_PRIVATE},
	{Name: "ratime", Kind: optRatime, Attr: unix.MOUNT_ATTR_NOATIME, Clear: true},
	{Name: "rbind", Kind: optBind, Super: unix.MS_REC},
	{Name: "rdev", Kind: optRecursive, Attr: unix.MOUNT_ATTR_NODEV, Clear: true},
	{Name: "rdiratime", Kind: optRecursive, Attr: unix.MOUNT_ATTR_NODIRATIME, Clear: true},
	{Name: "relatime", Kind: optAtime, Attr: unix.MOUNT_ATTR_RELATIME},
	{Name: "remount", Kind: optRemount},
	{Name: "rexec", Kind: optRecursive, Attr: unix.MOUNT_ATTR_NOEXEC, Clear: true},
	{Name: "ridmap", Kind: optIdmap, Super: unix.MS_REC},
	{Name: "rnoatime", Kind: optRatime, Attr: unix.MOUNT_ATTR_NOATIME},
	{Name: "rnodev", Kind: optRecursive, Attr: unix.MOUNT_ATTR_NODEV},
	{Name: "rnodiratime", Kind: optRecursive, Attr: unix.MOUNT_ATTR_NODIRATIME},
	{Name: "rnoexec", Kind: optRecursive, Attr: unix.MOUNT_ATTR_NOEXEC},
	{Name: "rnorelatime", Kind: optRatime, Attr: unix.MOUNT_ATTR_RELATIME, Clear: true},
	{Name: "rnostrictatime", Kind: optRatime, Attr: unix.MOUNT_ATTR_STRICTATIME, Clear: true},
	{Name: "rnosuid", Kind: optRecursive, Attr: unix.MOUNT_ATTR_NOSUID},
	{Name: "rnosymfollow", Kind: optRecursive, Attr: unix.MOUNT_ATTR_NOSYMFOLLOW},
	{Name: "ro", Kind: optAttr, Attr: unix.MOUNT_ATTR_RDONLY, Super: unix.MS_RDONLY},
	{Name: "rprivate", Kind: optPropagation, Super: unix.MS_PRIVATE | unix.MS_REC},
	{Name: "rrelatime", Kind: optRatime, Attr: unix.MOUNT_ATTR_RELATIME},
	{Name: "rro", Kind: optRecursive, Attr: unix.MOUNT_ATTR_RDONLY},
	{Name: "rrw", Kind: optRecursive, Attr: unix.MOUNT_ATTR_RDONLY, Clear: true},
	{Name: "rshared", Kind: optPropagation, Super: unix.MS_SHARED | unix.MS_REC},
	{Name: "rslave", Kind: optPropagation, Super: unix.MS_SLAVE | unix.MS_REC},
	{Name: "rstrictatime", Kind: optRatime, Attr: unix.MOUNT_ATTR_STRICTATIME},
	{Name: "rsuid", Kind: optRecursive, Attr: unix.MOUNT_ATTR_NOSUID, Clear: true},
	{Name: "rsymfollow", Kind: optRecursive, Attr: unix.MOUNT_ATTR_NOSYMFOLLOW, Clear: true},
	{Name: "runbindable", Kind: optPropagation, Super: unix.MS_UNBINDABLE | unix.MS_REC},
	{Name: "rw", Kind: optAttr, Attr: unix.MOUNT_ATTR_RDONLY, Super: unix.MS_RDONLY, Clear: true},
	{Name: "shared", Kind: optPropagation, Super: unix.MS_SHARED},
	{Name: "silent", Kind: optSuper, Super: unix.MS_SILENT},
	{Name: "slave", Kind: optPropagation, Super: unix.MS_SLAVE},
	{Name: "strictatime", Kind: optAtime, Attr: unix.MOUNT_ATTR_STRICTATIME},
	{Name: "suid", Kind: optAttr, Attr: unix.MOUNT_ATTR_NOSUID, Clear: true},
	{Name: "symfollow", Kind: optAttr, Attr: unix.MOUNT_ATTR_NOSYMFOLLOW, Clear: true},
	{Name: "sync", Kind: optSuper, Super: unix.MS_SYNCHRONOUS},
	{Name: "tmpcopyup", Kind: optCopyUp},
	{Name: "unbindable", Kind: optPropagation, Super: unix.MS_UNBINDABLE},
}

// superNames are the words of fsconfig(2) for MS_* flags: [0] sets, [1] clears
// (vfs_parse_sb_flag in fs/fs_context.c). MS_SILENT and MS_I_VERSION have none.
var superNames = []struct {
	flag uint32
	word [2]string
}{
	{unix.MS_RDONLY, [2]string{"ro", "rw"}},
	{unix.MS_SYNCHRONOUS, [2]string{"sync", "async"}},
	{unix.MS_DIRSYNC, [2]string{"dirsync", ""}},
	{unix.MS_MANDLOCK, [2]string{"mand", "nomand"}},
	{unix.MS_LAZYTIME, [2]string{"lazytime", "nolazytime"}},
}

func lookupOption(name string) (option, bool) {
	i, ok := slices.BinarySearchFunc(options, name, func(o option, name string) int { return strings.Compare(o.Name, name) })
	if !ok {
		return option{}, false
	}
	return options[i], true
}

// MountOptions returns the mount options of the spec that work, sorted: the
// features document's mountOptions.
func MountOptions() []string {
	names := make([]string, len(options))
	for i, o := range options {
		names[i] = o.Name
	}
	return names
}

// Attributes are per-mount attributes to set and to clear (MOUNT_ATTR_*), for
// mount_setattr(2). Undo holds access time modes that an option took back: what
// that means depends on the mount that is cloned.
type Attributes struct {
	Set, Clear, Undo uint64
}

func (a *Attributes) empty() bool { return a.Set|a.Clear == 0 }

// or returns a with what b says on top.
func (a Attributes) or(b Attributes) Attributes {
	if b.Clear&unix.MOUNT_ATTR__ATIME != 0 {
		a.Set &^= unix.MOUNT_ATTR__ATIME
	}
	return Attributes{Set: a.Set&^b.Clear | b.Set, Clear: a.Clear&^b.Set | b.Clear}
}

// apply adds an option; what contradicts an earlier one replaces it.
func (a *Attributes) apply(o option) {
	if o.Clear {
		a.Set &^= o.Attr
		a.Clear |= o.Attr
	} else {
		a.Set |= o.Attr
		a.Clear &^= o.Attr
	}
}

// times are the options of the access time: what they switch on, and off. Of
// each pair (noatime and atime, relatime and norelatime, strictatime and
// nostrictatime) the last one counts, and then strictatime wins over noatime, and
// noatime over relatime: mount(8) makes flags of them, and this is the order in
// which the kernel looks at them (path_mount in fs/namespace.c).
type times struct{ on, off uint64 }

// relative stands for MOUNT_ATTR_RELATIME, which is 0.
const relative = 1

func (t *times) apply(o option) {
	bit := o.Attr
	if bit == unix.MOUNT_ATTR_RELATIME {
		bit = relative
	}
	if o.Clear {
		t.on, t.off = t.on&^bit, t.off|bit
	} else {
		t.on, t.off = t.on|bit, t.off&^bit
	}
}

// addTo adds the mode that is left to the attributes of the mount. Without one,
// what was switched off is taken back where the mount has it.
func (t times) addTo(a *Attributes) {
	for _, mode := range [...]uint64{unix.MOUNT_ATTR_STRICTATIME, unix.MOUNT_ATTR_NOATIME, relative} {
		if t.on&mode != 0 {
			a.Set |= mode &^ relative
			a.Clear |= unix.MOUNT_ATTR__ATIME
			return
		}
	}
	a.Undo = t.off &^ relative
}
