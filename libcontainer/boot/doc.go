// Package boot is the boundary between rt and its init: everything that crosses
// it, and nothing else does.
//
//	rt                                      init
//	Seal     an unwritable handle of rt's own binary
//	Launcher clone, execve that handle  ->  bootstrap.c, before the Go runtime
//	Send     bootstrap and descriptors  ->  joins, unshares, forks
//	         <- maps, offsets, pid          the Go runtime starts
//	SendPlan the plan and its files     ->  ReceivePlan
//	Receive  <- log, hooks, notify, ready, failed, exec
//	Answer                              ->
//
// One SOCK_SEQPACKET pair carries it all. It is close-on-exec in init, so its
// end tells rt that init is a container process now, or dead.
package boot
