package process

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"

	"github.com/c9b5e2ae/rt/libcontainer/config"
	"golang.org/x/sys/unix"
)

// planEnv checks the environment and drops all but the last of the entries with
// one name, as a shell that reads them would. It stays linear: engines pass
// thousands of entries.
func planEnv(env []string, ps *config.Problems) []string {
	last := make(map[string]int, len(env))
	for i, e := range env {
		name, _, ok := strings.Cut(e, "=")
		switch {
		case !ok:
			ps.Addf(fmt.Sprintf("process.env[%d]", i), `%q has no "="`, e)
		case name == "":
			// The value may be a secret.
			ps.Addf(fmt.Sprintf("process.env[%d]", i), `has no name before its "="`)
		case strings.IndexByte(e, 0) >= 0:
			ps.Addf(fmt.Sprintf("process.env[%d]", i), "contains a NUL byte")
		}
		last[name] = i
	}
	out := make([]string, 0, len(env)+1)
	for i, e := range env {
		name, _, _ := strings.Cut(e, "=")
		if last[name] == i {
			out = append(out, e)
		}
	}
	return out
}

// value is the value of an environment variable.
func (p *Plan) value(name string) (value string, ok bool) {
	for _, e := range p.Env {
		if n, v, _ := strings.Cut(e, "="); n == name {
			return v, true
		}
	}
	return "", false
}

// setHome adds HOME to the environment if it is not there or empty, from the
// container's own /etc/passwd: programs rely on it and no engine sets it.
func (p *Plan) setHome() {
	if v, _ := p.value("HOME"); v != "" {
		return
	}
	home := "HOME=" + homeOf(p.UID, readPasswd("/etc/passwd"))
	for i, e := range p.Env {
		if e == "HOME=" {
			p.Env[i] = home
			return
		}
	}
	p.Env = append(p.Env, home)
}

// homeOf searches passwd(5) for the home directory of uid: "/" if it has none.
func homeOf(uid uint32, passwd []byte) string {
	want := strconv.FormatUint(uint64(uid), 10)
	for len(passwd) > 0 {
		var line []byte
		line, passwd, _ = bytes.Cut(passwd, []byte("\n"))
		// name:password:UID:GID:GECOS:directory:shell
		for range 2 {
			_, line, _ = bytes.Cut(line, []byte(":"))
		}
		id, rest, _ := bytes.Cut(line, []byte(":"))
		if string(id) != want {
			continue
		}
		for range 2 {
			_, rest, _ = bytes.Cut(rest, []byte(":"))
		}
		if dir, _, _ := bytes.Cut(rest, []byte(":")); len(dir) > 0 && bytes.IndexByte(dir, 0) < 0 {
			return string(dir)
		}
		break
	}
	return "/"
}

const passwdLimit = 1 << 20

// readPasswd reads a file of the image, which is hostile: it may be a FIFO or a
// device, endless, or a link to a descriptor of rt. Whatever is wrong with it,
// there is no home directory in it then.
func readPasswd(path string) []byte {
	// Looked at first: the mere opening of a device can have effects.
	var st unix.Stat_t
	if unix.Fstatat(unix.AT_FDCWD, path, &st, 0) != nil || st.Mode&unix.S_IFMT != unix.S_IFREG {
		return nil
	}
	how := unix.OpenHow{
		Flags:   unix.O_RDONLY | unix.O_CLOEXEC | unix.O_NONBLOCK | unix.O_NOCTTY,
		Resolve: unix.RESOLVE_NO_MAGICLINKS,
	}
	fd, err := openat2(unix.AT_FDCWD, path, &how)
	if err != nil {
		return nil
	}
	defer unix.Close(fd)
	if unix.Fstat(fd, &st) != nil || st.Mode&unix.S_IFMT != unix.S_IFREG || st.Size > passwdLimit {
		return nil
	}
	out := make([]byte, st.Size)
	for done := 0; done < len(out); {
		n, err := unix.Read(fd, out[done:])
		if err == unix.EINTR {
			continue
		}
		if err != nil || n == 0 {
			return out[:done]
		}
		done += n
	}
	return out
}

// openat2 restarts openat2(2) where a signal or a concurrent rename (EAGAIN,
// with a RESOLVE_ flag) broke it off.
func openat2(dir int, path string, how *unix.OpenHow) (int, error) {
	for range 128 {
		fd, err := unix.Openat2(dir, path, how)
		if err != unix.EINTR && err != unix.EAGAIN {
			return fd, err
		}
	}
	return -1, unix.EAGAIN
}
