package testutil

// This file saves a start the wait for its first election. A Raft server that hears of no leader waits for one for 1 to 2 s,
// the shortest that Consul can be configured to, before it stands for election itself: nine tenths of a start. Raft has a
// message that says not to wait, which a leader that hands over sends to its successor. The harness sends it to a server
// whose cluster has had no leader yet.

import (
	"context"
	"net"
	"time"
)

// timeoutNow is that message on Consul's RPC port: the byte that opens a Raft connection, Raft's number for TimeoutNow, and
// its request in MessagePack, a map of one entry, ProtocolVersion: 3.
var timeoutNow = []byte("\x01\x03\x81\xafProtocolVersion\x03")

// electionWait is when servers have begun an election by themselves.
const electionWait = time.Second

// electNow has a server that knows its whole cluster stand for election, unless there is a leader. Where that can't be
// done, say because a test's configuration wants TLS on the RPC port, the servers elect one in their own time.
func (g *group) electNow(ctx context.Context) {
	if !g.real { // an embedded server leads from its launch on
		return
	}
	ctx, cancel := context.WithTimeout(ctx, electionWait)
	defer cancel()
	if candidate := g.candidate(ctx); candidate != nil {
		sendTimeoutNow(ctx, candidate.ServerAddr())
	}
}

// candidate waits for a server that knows the whole cluster. Only some do before the first election: a server that finds
// another one to have formed the cluster leaves it to that one. It is nil where a server knows a leader already.
func (g *group) candidate(ctx context.Context) *Server {
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	for {
		for _, s := range g.servers {
			if leader, err := s.leader(ctx); err == nil && leader != "" {
				return nil
			}
			if peers, err := s.peers(ctx); err == nil && len(peers) == len(g.servers) {
				return s
			}
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// sendTimeoutNow gives the message to the server at addr and waits for its answer, whatever it says.
func sendTimeoutNow(ctx context.Context, addr string) {
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, "tcp", addr)
	if err != nil {
		return
	}
	defer conn.Close()
	if deadline, ok := ctx.Deadline(); ok && conn.SetDeadline(deadline) != nil {
		return
	}
	if _, err := conn.Write(timeoutNow); err == nil {
		_, _ = conn.Read(make([]byte, 64))
	}
}
