package main

import "time"

// lifecycle measures each command of a container's life, back to back.
func (b *bench) lifecycle() { b.lives(b.rounds(30, 5), 0) }

// lifecycleCold does so with a pause before each command.
func (b *bench) lifecycleCold() { b.lives(b.rounds(20, 2), gap) }

func (b *bench) lives(rounds int, pause time.Duration) {
	for _, r := range b.runtimes {
		b.warm(r, dockerName)
	}
	for range rounds {
		for _, r := range b.runtimes {
			b.life(r, pause)
		}
	}
}

// life takes one container through its life, and another to be deleted by force.
func (b *bench) life(r *Runtime, pause time.Duration) {
	bundle := bundles[dockerName+asleep]
	time.Sleep(pause)
	c, result := r.create(bundle)
	if !b.took("create", r, result) {
		return
	}
	for _, step := range []struct {
		name string
		args []string
	}{
		{"state", nil},
		{"start", nil},
		{"exec", []string{"true"}},
		{"list", nil},
		{"kill", []string{"KILL"}},
		{"delete", nil},
	} {
		time.Sleep(pause)
		result := run{}
		switch step.name {
		case "list":
			result = r.do("list")
		case "delete":
			warn(c.wait())
			fallthrough
		default:
			result = c.do(step.name, step.args...)
		}
		if !b.took(step.name, r, result) && (step.name == "kill" || step.name == "delete") {
			warn(c.remove())
			return
		}
	}
	c, result = r.runDetached(bundle)
	if result.Err != nil {
		b.samples.get("delete --force", r.Name).fail(result.Err)
		return
	}
	time.Sleep(pause)
	if !b.took("delete --force", r, r.do("delete", "--force", c.id)) {
		warn(c.remove())
	}
	warn(c.wait())
}
