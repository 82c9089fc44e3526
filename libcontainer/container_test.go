package libcontainer

import "testing"

func TestUserName(t *testing.T) {
	const passwd = "root:x:0:0:root:/root:/bin/sh\n# 7:x:7\nbroken\nlp:x:7:7\nother:x:7:8::/:\n:x:9:9::/:\nlast:x:10:1"
	for id, want := range map[string]string{"0": "root", "7": "lp", "8": "8", "9": "9", "10": "last", "54321": "54321"} {
		if got := userName(passwd, id); got != want {
			t.Errorf("%s: got %q, want %q", id, got, want)
		}
	}
}
