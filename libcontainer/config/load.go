package config

import (
	"fmt"
	"path/filepath"
	"unsafe"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// Load reads and decodes the config.json at path. It also returns the file's
// bytes, for the state directory; they must not be changed, the strings of the spec
// are in them. An error about the content is a *Problems with the file's base name;
// one about the file wraps the errno.
func Load(path string) (*specs.Spec, []byte, error) {
	data, err := ReadFile(path, MaxSize)
	if err != nil {
		return nil, nil, err
	}
	// Not a copy: new memory is the dearest part of a cold start.
	doc := unsafe.String(unsafe.SliceData(data), len(data))
	s, err := decodeDocument(filepath.Base(path), doc)
	if err != nil {
		return nil, nil, err
	}
	return s, data, nil
}

// Decode decodes a config.json. file is its name in errors, which are *Problems
// and tell everything that is wrong with it up to the first syntax error.
func Decode(file string, data []byte) (*specs.Spec, error) {
	return decodeDocument(file, string(data))
}

func decodeDocument(file, doc string) (*specs.Spec, error) {
	d := newDecoder(doc)
	return finish(d, file, &d.rooms.spec, decodeSpec)
}

// DecodeProcess decodes the process object that `exec --process` takes.
func DecodeProcess(file string, data []byte) (*specs.Process, error) {
	d := newDecoder(string(data))
	return finish(d, file, &d.rooms.process, decodeProcess)
}

// DecodeResources decodes the resources object that `update --resources` takes.
func DecodeResources(file string, data []byte) (*specs.LinuxResources, error) {
	d := newDecoder(string(data))
	return finish(d, file, &d.rooms.linuxResources, decodeLinuxResources)
}

// newDecoder returns a decoder for the generated functions of this package.
func newDecoder(doc string) *Decoder {
	m := newMemory()
	m.decoder.rooms = &m.rooms
	m.decoder.begin(doc)
	return &m.decoder
}

func finish[T any](d *Decoder, file string, room *[]T, object func(*Decoder, *T)) (*T, error) {
	v := take(room)
	if at := d.pos; d.Null() { // which is fine everywhere else
		d.problem(at, "is null, not an object")
	} else {
		object(d, v)
	}
	if err := d.Finish(file); err != nil {
		return nil, err
	}
	return v, nil
}

// ReadFile reads a regular file of at most limit bytes. It never blocks in open,
// as a FIFO would make it, and never reads without end, as a device would.
func ReadFile(path string, limit int64) ([]byte, error) {
	return ReadFileAt(unix.AT_FDCWD, path, limit)
}

// ReadFileAt is ReadFile for a path that begins at the directory dir.
func ReadFileAt(dir int, path string, limit int64) ([]byte, error) {
	return ReadFileInto(nil, dir, path, limit)
}

// ReadFileInto is ReadFileAt for one file after the other: it writes over memory, if
// the file has room there.
func ReadFileInto(memory []byte, dir int, path string, limit int64) ([]byte, error) {
	fd, err := retry(func() (int, error) {
		return unix.Openat(dir, path, unix.O_RDONLY|unix.O_NONBLOCK|unix.O_NOCTTY|unix.O_CLOEXEC, 0)
	})
	if err != nil {
		return nil, fmt.Errorf("open %q: %w", path, err)
	}
	defer unix.Close(fd)
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return nil, fmt.Errorf("stat %q: %w", path, err)
	}
	switch {
	case st.Mode&unix.S_IFMT == unix.S_IFDIR:
		return nil, fmt.Errorf("open %q: %w", path, unix.EISDIR)
	case st.Mode&unix.S_IFMT != unix.S_IFREG:
		return nil, fmt.Errorf("open %q: not a regular file", path)
	case st.Size > limit:
		return nil, fmt.Errorf("read %q: %d bytes, more than the limit of %d", path, st.Size, limit)
	}
	// Files of procfs say 0 and have more, those of sysfs say a page and have less.
	data := memory[:0]
	if size := max(st.Size, 512); size > int64(cap(data)) {
		data = make([]byte, 0, size)
	}
	for {
		if len(data) == cap(data) {
			data = append(data, 0)[:len(data)]
		}
		n, err := retry(func() (int, error) { return unix.Read(fd, data[len(data):cap(data)]) })
		if err != nil {
			return nil, fmt.Errorf("read %q: %w", path, err)
		}
		if n == 0 {
			return data, nil
		}
		data = data[:len(data)+n]
		switch size := int64(len(data)); {
		case size > limit:
			return nil, fmt.Errorf("read %q: more than the limit of %d bytes", path, limit)
		case size == st.Size:
			return data, nil
		}
	}
}

// retry repeats a call that a signal has interrupted: Go's own preemption signals
// come at any time (SA_RESTART does not cover every file system).
func retry(call func() (int, error)) (int, error) {
	for {
		n, err := call()
		if err != unix.EINTR {
			return n, err
		}
	}
}
