package testutil

// This file gives servers their ports. Nothing can hand a listener to consul, so a port is free when it is chosen and could
// be taken before the server listens. Three rules keep that from happening: ports lie outside the range from which the
// kernel takes ports for outgoing connections; they come in blocks whose first port is held by a listener as long as the
// server lives, which keeps other processes that use this package away; and a block is not used again soon.

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
	portHold = iota // held by this process: the block is taken
	portAPI
	portServer
	portSerfLAN
	portSerfWAN
	portsPerBlock
)

// portBlock is a run of ports that one server has for itself until release.
type portBlock struct {
	first int
	hold  net.Listener
}

func (b *portBlock) port(use int) int    { return b.first + use }
func (b *portBlock) addr(use int) string { return loopback(b.port(use)) }

func (b *portBlock) release() error { return b.hold.Close() }

func loopback(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }

// portAllocator hands out blocks, walking round its range so that a block that was given back rests for a while.
type portAllocator struct {
	mu     sync.Mutex
	first  int
	blocks int
	next   int
}

// ports starts anywhere in the range, so that test processes that run at the same time seldom meet.
var ports = sync.OnceValue(func() *portAllocator {
	low, high := portRange()
	blocks := (high - low + 1) / portsPerBlock
	return &portAllocator{first: low, blocks: blocks, next: rand.IntN(blocks)}
})

func (a *portAllocator) take() (*portBlock, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	var last error
	for range a.blocks {
		first := a.first + a.next*portsPerBlock
		a.next = (a.next + 1) % a.blocks
		block, err := takeBlock(first)
		if err == nil {
			return block, nil
		}
		last = err
	}
	return nil, fmt.Errorf("testutil: none of %d blocks of %d ports from %d on is free on 127.0.0.1: stop what listens there: %w",
		a.blocks, portsPerBlock, a.first, last)
}

// takeBlock holds the block that starts at first, unless something listens on one of its ports.
func takeBlock(first int) (*portBlock, error) {
	hold, err := net.Listen("tcp4", loopback(first+portHold))
	if err != nil {
		return nil, err
	}
	block := &portBlock{first: first, hold: hold}
	for use := portAPI; use < portsPerBlock; use++ {
		if err := probePort(block.addr(use)); err != nil {
			return nil, errors.Join(err, block.release())
		}
	}
	return block, nil
}

// probePort reports whether addr is free for TCP and, as gossip needs it, for UDP.
func probePort(addr string) error {
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
	lowestPort       = 10000
	defaultEphemeral = 32768
	highestPort      = 65535
	enoughPorts      = 100 * portsPerBlock
)

// portRange gives the first and the last port to choose from: the larger of the two ranges beside the kernel's ephemeral
// one. Where the kernel left too little, there is nothing better than the usual range.
func portRange() (low, high int) {
	first, last := defaultEphemeral, highestPort
	if data, err := os.ReadFile("/proc/sys/net/ipv4/ip_local_port_range"); err == nil {
		var a, b int
		if _, err := fmt.Sscan(string(data), &a, &b); err == nil {
			first, last = a, b
		}
	}
	return besidePorts(first, last)
}

// besidePorts is portRange for an ephemeral range from first to last.
func besidePorts(first, last int) (low, high int) {
	below, above := first-lowestPort, highestPort-last
	switch {
	case below >= above && below >= enoughPorts:
		return lowestPort, first - 1
	case above > below && above >= enoughPorts:
		return last + 1, highestPort
	default:
		return lowestPort, defaultEphemeral - 1
	}
}
