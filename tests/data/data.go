// Package data holds recorded input for the tests.
package data

import _ "embed"

// DockerBundle is the config.json that Docker gave to its runtime for a plain
// `docker run busybox true`, seccomp profile and all.
//
//go:embed docker-bundle.json
var DockerBundle []byte
