// Package config loads what a caller hands to rt, and refuses what two readers
// could understand in two ways.
//
// Load reads config.json, Decode, DecodeProcess and DecodeResources the same
// documents from memory. The decoder is strict where RFC 8259 and encoding/json
// leave room: the first of two equal keys wins for one parser and the last for
// another, a NUL ends a path for the kernel but not for a policy engine, and a
// user id of 2^32-1 means "no change" to setresuid(2). All of these are errors.
// See [Decoder] for the list.
//
// The decoding functions in decode_gen.go are written by libcontainer/config/gen
// ("go generate"), because a process that lives for three milliseconds never gets
// warm: reflection over the spec's types costs it half a millisecond.
//
// Problems collects what is wrong, with the JSON path of each value, for the
// decoder and for every room's Plan function. Facts is what these may know about
// the host. PlanDocument checks what belongs to no room.
package config

//go:generate go run generate.go
