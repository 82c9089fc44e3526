package rootfs

import (
	"slices"
	"strconv"
	"strings"
)

// A mountInfo is one line of /proc/pid/mountinfo (proc_pid_mountinfo(5)). It is
// read where time does not matter only.
type mountInfo struct {
	ID, Parent  int
	Root, Point string
	Options     string // of the mount
	Peers       []string
	FSType      string
	Source      string
	Super       string // of the superblock
}

func parseMountInfo(line string) mountInfo {
	var i mountInfo
	fields := strings.Fields(line)
	if len(fields) < 10 {
		return i
	}
	i.ID, _ = strconv.Atoi(fields[0])
	i.Parent, _ = strconv.Atoi(fields[1])
	i.Root, i.Point, i.Options = unescape(fields[3]), unescape(fields[4]), fields[5]
	dash := slices.Index(fields[6:], "-") + 6
	if dash < 6 || len(fields) < dash+4 {
		return mountInfo{}
	}
	i.Peers = fields[6:dash]
	i.FSType, i.Source, i.Super = fields[dash+1], unescape(fields[dash+2]), fields[dash+3]
	return i
}

// unescape undoes the octal escapes of blanks and backslashes.
func unescape(s string) string {
	if !strings.Contains(s, `\`) {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+3 < len(s) {
			if n, err := strconv.ParseUint(s[i+1:i+4], 8, 8); err == nil {
				b.WriteByte(byte(n))
				i += 3
				continue
			}
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

func hasWord(list, word string) bool {
	for w := range strings.SplitSeq(list, ",") {
		if w == word {
			return true
		}
	}
	return false
}
