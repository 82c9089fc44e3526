// Facts prints what this machine has of what tests can need, separated by commas.
package main

import (
	"fmt"
	"strings"

	"github.com/c9b5e2ae/rt/tests/needs"
)

func main() { fmt.Println(strings.Join(needs.Facts(), ",")) }
