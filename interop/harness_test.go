package interop

// This file starts consul-embedded by way of this project's own harness, as if it were the real server.

import (
	"testing"

	"github.com/lictor-go/consul/testutil"
)

func TestHarnessStartsTheProgram(t *testing.T) {
	t.Parallel()
	s := testutil.NewServer(t, testutil.WithBinary(program), testutil.WithACL(), testutil.WithNodeName("west"))
	if s.Version() != "1.22.7" || s.NodeName() != "west" {
		t.Errorf("version %q of the node %q", s.Version(), s.NodeName())
	}
	if err := s.Suspend(); err != nil {
		t.Fatal(err)
	}
	if err := s.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
}
