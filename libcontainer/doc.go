// Package libcontainer is the container: it makes, starts, enters and removes
// one, and knows the order in which that must happen. What happens is in the
// rooms, the packages below; nothing here knows a Linux feature by name.
//
// # The processes
//
//	rt create                          init (rt, executed from a sealed handle)
//	  plan        config.json, whole, or all its problems
//	  claim       <root>/<id>, the intent
//	  launch ----- clone ------------> in a thread that has the network namespace
//	  cgroup                           C constructor waits at its gate
//	  bootstrap ---------------------> joins cgroups and namespaces, unshares, forks
//	  record      pid                  the Go runtime starts
//	  limits      of cgroup, process
//	  seccomp     compiles
//	  send plan ---------------------> init steps: mounts, devices …
//	  await  <------------ hooks ----- (only if there are any)
//	         <------------ ready ----- everything that can fail is done
//	  commit ------------------------> waits on start.sock
//	  exit 0
//
//	rt start
//	  connect -----------------------> startContainer hooks, seccomp, execve
//	         <------------ end of file: the program runs
//
// exec walks the same two tables, hostSteps and initSteps, without the steps
// that make a container.
//
// # Reading order
//
// steps.go, host.go (hostSteps) and init.go (initSteps) first: they are the whole
// story. plan.go says what crosses, boot how it crosses. Then create.go, start.go,
// exec.go, kill.go and delete.go, one operation each, and state.go for what is
// remembered in between.
//
// # Seven laws
//
//  1. Parse, don't validate: Plan functions turn spec strings into typed values
//     and collect all problems; after them nothing is parsed.
//  2. Init is dumb: it gets a resolved plan and walks a table.
//  3. Order is data: one table of steps per side, each with the reason for its place.
//  4. Host code and container code are apart.
//  5. One socket, one bootstrap struct, one plan cross the boundary.
//  6. Nothing is stored that the kernel can tell.
//  7. Every doing has its undoing, pushed on the line after the deed.
package libcontainer
