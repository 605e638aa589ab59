// Package ports gives the servers of tests their ports. Nothing can hand a listener to a program, so a port is free when it
// is chosen and could be taken before the program listens. Three rules keep that from happening: ports lie outside the
// range from which the kernel takes ports for outgoing connections; they come in blocks whose first port is held by a
// listener until the block is released, which keeps other processes that use this package away; and a block is not used
// again soon.
package ports

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"strconv"
	"sync"
)

// What the ports of a block are for.
const (
	hold = iota // held by this process: the block is taken
	API
	Server
	SerfLAN
	SerfWAN
	perBlock
)

// A Block is a run of ports that one server has for itself until Release.
type Block struct {
	first int
	hold  net.Listener
}

// Port is the one for a use.
func (b *Block) Port(use int) int { return b.first + use }

// Addr is the port for a use, on loopback, as host:port.
func (b *Block) Addr(use int) string { return loopback(b.Port(use)) }

// Release gives the block back. The server has ended by then.
func (b *Block) Release() error { return b.hold.Close() }

func loopback(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }

// allocator hands out blocks, walking round its range so that a block that was given back rests for a while.
type allocator struct {
	mu     sync.Mutex
	first  int
	blocks int
	next   int
}

// blocks starts anywhere in the range, so that test processes that run at the same time seldom meet.
var blocks = sync.OnceValue(func() *allocator {
	low, high := freeRange()
	n := (high - low + 1) / perBlock
	return &allocator{first: low, blocks: n, next: rand.IntN(n)}
})

// Take gives a block, on whose ports nobody listens.
func Take() (*Block, error) { return blocks().take() }

func (a *allocator) take() (*Block, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	var last error
	for range a.blocks {
		first := a.first + a.next*perBlock
		a.next = (a.next + 1) % a.blocks
		block, err := takeBlock(first)
		if err == nil {
			return block, nil
		}
		last = err
	}
	return nil, fmt.Errorf("none of %d blocks of %d ports from %d on is free on 127.0.0.1: stop what listens there: %w",
		a.blocks, perBlock, a.first, last)
}

// takeBlock holds the block that starts at first, unless something listens on one of its ports.
func takeBlock(first int) (*Block, error) {
	held, err := net.Listen("tcp4", loopback(first+hold))
	if err != nil {
		return nil, err
	}
	block := &Block{first: first, hold: held}
	for use := API; use < perBlock; use++ {
		if err := probe(block.Addr(use)); err != nil {
			return nil, errors.Join(err, block.Release())
		}
	}
	return block, nil
}

// probe reports whether addr is free for TCP and, as gossip needs it, for UDP.
func probe(addr string) error {
	tcp, err := net.Listen("tcp4", addr)
	if err != nil {
		return err
	}
	if err := tcp.Close(); err != nil {
		return err
	}
	udp, err := net.ListenPacket("udp4", addr)
	if err != nil {
		return err
	}
	return udp.Close()
}

// Where ports are looked for on a system that doesn't say which ones it takes itself: those that are known take them from
// 32768 or higher.
const (
	lowest           = 10000
	defaultEphemeral = 32768
	highest          = 65535
	enough           = 100 * perBlock
)

// freeRange gives the first and the last port to choose from: the larger of the two ranges beside the kernel's ephemeral
// one. Where the kernel left too little, there is nothing better than the usual range.
func freeRange() (low, high int) {
	first, last := defaultEphemeral, highest
	if data, err := os.ReadFile("/proc/sys/net/ipv4/ip_local_port_range"); err == nil {
		var a, b int
		if _, err := fmt.Sscan(string(data), &a, &b); err == nil {
			first, last = a, b
		}
	}
	return beside(first, last)
}

// beside is freeRange for an ephemeral range from first to last.
func beside(first, last int) (low, high int) {
	below, above := first-lowest, highest-last
	switch {
	case below >= above && below >= enough:
		return lowest, first - 1
	case above > below && above >= enough:
		return last + 1, highest
	default:
		return lowest, defaultEphemeral - 1
	}
}
