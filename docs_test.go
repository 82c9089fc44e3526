package main

import (
	"os"
	"strings"
	"testing"

	"github.com/urfave/cli/v2"
)

// What --help says is said again in man pages and shell completions. They may
// say it better, but no flag and no command may be missing there.
func TestDocsHaveEveryFlag(t *testing.T) {
	read := func(path string) string {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		return string(data)
	}
	bash, zsh, fish := read("contrib/completions/rt.bash"), read("contrib/completions/_rt"), read("contrib/completions/rt.fish")
	check := func(name, page, where string, flags []cli.Flag, bash, zsh string) {
		for _, row := range flagRows(flags) {
			long, _, _ := strings.Cut(strings.Fields(row[0])[0], ",")
			if !strings.Contains(page, "**"+long+"**") {
				t.Errorf("%s: %s is not in its man page", name, long)
			}
			if !strings.Contains(bash, long) || !strings.Contains(zsh, long) {
				t.Errorf("%s: bash or zsh doesn't complete %s", name, long)
			}
			if !strings.Contains(fish, where+"' -l "+long[2:]) {
				t.Errorf("%s: fish doesn't complete %s", name, long)
			}
		}
	}
	main := read("docs/man/rt.8.md")
	check("rt", main, strings.Join(commandNames(), " "), globalFlags, bash, zsh)
	for _, v := range verbs {
		if !strings.Contains(main, "rt-"+v.name+"**(8)") || !strings.Contains(zsh, "'"+v.name+":") || !strings.Contains(fish, " -a "+v.name+" -d ") {
			t.Errorf("%s is missing in rt(8) or a completion", v.name)
		}
		check(v.name, read("docs/man/rt-"+v.name+".8.md"), "__fish_seen_subcommand_from "+v.name, v.command().Flags,
			between(bash, "\n\t"+v.name+")\n", ";;"), between(zsh, "\n\t\t"+v.name+")\n", ";;"))
	}
}

func between(s, from, to string) string {
	_, s, _ = strings.Cut(s, from)
	s, _, _ = strings.Cut(s, to)
	return s
}
