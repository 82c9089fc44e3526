package libcontainer

import "fmt"

const maxID = 128

// CheckID refuses an id that is not [A-Za-z0-9_+-][A-Za-z0-9_.+-]{0,127}. The
// id names a directory below the state root, a cgroup, a systemd unit and a
// keyring, so what is harmless in one of them only is no id. Every command
// checks before it does anything: an id of ".." must not even be looked up.
func CheckID(id string) error {
	ok := id != "" && len(id) <= maxID && id[0] != '.'
	for i := 0; ok && i < len(id); i++ {
		c := id[i]
		ok = 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' ||
			c == '_' || c == '+' || c == '-' || c == '.'
	}
	if !ok {
		// Callers show the text on one line: a hostile id must not flood it.
		return fmt.Errorf("container id %.160q: only letters, digits and _ + - . are allowed, at most %d, not starting with a dot", id, maxID)
	}
	return nil
}
