package lifecycle

import (
	"testing"

	"github.com/c9b5e2ae/rt/tests/harness"
)

func TestMain(m *testing.M) { harness.Main(m) }
