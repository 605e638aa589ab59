package consul

// This file holds Instance, and how the instances of a service are made of the answers of the server.

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"sync/atomic"
)

// An Instance is one instance of a service. It stays the same one for as long as the service has it.
type Instance struct {
	Address string // where it listens: host and port, for net.Dial
	entry   atomic.Pointer[ServiceEntry]

	pending atomic.Int64 // picks that are not done
	hold    holdBack
}

// Entry is what Consul tells of the instance. It is shared and must not be changed.
func (i *Instance) Entry() *ServiceEntry { return i.entry.Load() }

// String names the instance: its ID, its node and its address.
func (i *Instance) String() string {
	e := i.Entry()
	return fmt.Sprintf("instance %q on node %q at %s", e.Service.ID, e.Node.Node, i.Address)
}

// Done says that what an instance was picked for is done, and with which result; it is to be called once for each pick. One
// that failed (err is not nil) is held back for a second: it is picked only if all others are, too. After that one caller
// gets it. If it does not succeed then, it is held back for twice as long, and so on, up to a minute; once it has succeeded,
// all get it again. That the caller has lost interest (context.Canceled) says nothing of the instance.
func (i *Instance) Done(err error) {
	i.release()
	i.note(err)
}

func (i *Instance) release() { i.pending.Add(-1) }

// note takes in how the instance did.
func (i *Instance) note(err error) {
	switch {
	case err == nil:
		i.hold.succeed()
	case !errors.Is(err, context.Canceled):
		i.hold.fail()
	}
}

// instances are those of one moment.
type instances struct {
	answer  []*ServiceEntry // that they were made of
	all     []*Instance
	chooser chooser
}

// current gives the instances of the latest answer, nil where there is none.
func (s *Service) current() *instances {
	answer, ok := s.view.Get()
	if !ok {
		return nil
	}
	now := s.now.Load()
	if now != nil && sameSlice(now.answer, answer) {
		return now
	}
	return s.renew()
}

func sameSlice[T any](a, b []T) bool {
	return len(a) == len(b) && (len(a) == 0 || &a[0] == &b[0])
}

// renew makes the instances of the latest answer, out of those that there were.
func (s *Service) renew() *instances {
	s.mu.Lock()
	defer s.mu.Unlock()
	answer, ok := s.view.Get()
	if !ok {
		return nil
	}
	before := s.now.Load()
	if before != nil && sameSlice(before.answer, answer) {
		return before
	}
	known := map[identity]*Instance{}
	if before != nil {
		for _, i := range before.all {
			known[identityOf(i.Entry(), i.Address)] = i
		}
	}
	now := &instances{answer: answer}
	for _, entry := range answer {
		address, ok := s.address(entry)
		if status := entry.Checks.AggregatedStatus(); !ok || status != HealthPassing && status != HealthWarning {
			continue
		}
		i := known[identityOf(entry, address)]
		if i == nil {
			i = &Instance{Address: address}
		}
		i.entry.Store(entry)
		now.all = append(now.all, i)
	}
	now.chooser = s.o.Balance.over(now.all, &s.turn)
	s.now.Store(now)
	return now
}

// An identity tells instances apart.
type identity struct{ node, id, address string }

func identityOf(e *ServiceEntry, address string) identity {
	return identity{e.Node.Node, e.Service.ID, address}
}

// address is where an instance listens. One without a port listens nowhere.
func (s *Service) address(e *ServiceEntry) (string, bool) {
	if e.Node == nil || e.Service == nil {
		return "", false
	}
	host, port := e.Service.Address, e.Service.Port
	if host == "" {
		host = e.Node.Address
	}
	if tag := s.o.TaggedAddress; tag != "" {
		if tagged, ok := e.Service.TaggedAddresses[tag]; ok {
			host = tagged.Address
			if tagged.Port != 0 {
				port = tagged.Port
			}
		} else if node := e.Node.TaggedAddresses[tag]; node != "" && e.Service.Address == "" {
			host = node
		}
	}
	return net.JoinHostPort(host, strconv.Itoa(port)), host != "" && port != 0
}
