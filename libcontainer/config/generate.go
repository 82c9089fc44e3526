//go:build ignore

// Writes decode_gen.go. Run it with "go generate".
package main

import (
	"log"
	"os"

	"github.com/c9b5e2ae/rt/libcontainer/config/gen"
)

func main() {
	source, err := gen.Specs()
	if err != nil {
		log.Fatal(err)
	}
	if err := os.WriteFile("decode_gen.go", source, 0o644); err != nil {
		log.Fatal(err)
	}
}
