package ports

import (
	"net"
	"strings"
	"testing"
)

func TestPortRangeIsBesideTheEphemeralOne(t *testing.T) {
	for _, c := range []struct{ first, last, low, high int }{
		{32768, 60999, 10000, 32767},
		{49152, 65535, 10000, 49151},
		{1024, 20000, 20001, 65535},
		{15000, 64000, 10000, 14999},
		{1024, 65535, 10000, 32767}, // no room: the usual range
	} {
		if low, high := beside(c.first, c.last); low != c.low || high != c.high {
			t.Errorf("beside %d to %d: %d to %d, want %d to %d", c.first, c.last, low, high, c.low, c.high)
		}
	}
}

func TestBlocksAreApart(t *testing.T) {
	t.Parallel()
	// Two allocators on the same ports stand for two processes.
	a := &allocator{first: blocks().first, blocks: blocks().blocks, next: 7}
	b := &allocator{first: a.first, blocks: a.blocks, next: a.next}
	seen := map[int]bool{}
	for range 5 {
		for _, from := range []*allocator{a, b} {
			block, err := from.take()
			if err != nil {
				t.Fatal(err)
			}
			defer block.Release()
			if seen[block.first] {
				t.Fatalf("two blocks start at %d", block.first)
			}
			seen[block.first] = true
		}
	}
}

func TestBlockWithPortInUse(t *testing.T) {
	t.Parallel()
	block, err := blocks().take()
	if err != nil {
		t.Fatal(err)
	}
	if err := block.Release(); err != nil {
		t.Fatal(err)
	}
	user, err := net.ListenPacket("udp4", block.Addr(SerfWAN))
	if err != nil {
		t.Fatal(err)
	}
	defer user.Close()
	only := &allocator{first: block.first, blocks: 1}
	if taken, err := only.take(); err == nil {
		taken.Release()
		t.Fatal("a block was given of which one port is in use")
	} else if !strings.Contains(err.Error(), "stop what listens there") {
		t.Errorf("the error does not say what to do: %v", err)
	}
	// The refusal must not keep the block's first port.
	if err := user.Close(); err != nil {
		t.Fatal(err)
	}
	taken, err := only.take()
	if err != nil {
		t.Fatal(err)
	}
	if err := taken.Release(); err != nil {
		t.Fatal(err)
	}
}
