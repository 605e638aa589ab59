package store

// This file gives services of the mesh their virtual IPs.

import (
	"encoding/binary"
	"errors"
	"net/netip"
	"strings"
)

// virtualIP is the address of a service, counted from the first of its block.
type virtualIP struct {
	service string
	offset  uint32
}

// freeIP is an address that a service had which is gone.
type freeIP struct{ offset uint32 }

const (
	virtualIPs table[virtualIP] = "service_virtual_ips"
	freeIPs    table[freeIP]    = "free_virtual_ips"

	// firstVirtualIP is 240.0.0.0, which nobody gets; the block ends with 255.255.255.254.
	firstVirtualIP = 240 << 24
	maxVirtualIP   = 1<<28 - 2
)

// virtualIPOf gives the service's address, which it keeps for as long as there is an instance of it.
func (tx *Tx) virtualIPOf(service string) (string, error) {
	ip := virtualIPs.get(tx, nil, strings.ToLower(service))
	if ip == nil {
		offset, err := tx.nextVirtualIP()
		if err != nil {
			return "", err
		}
		ip = &virtualIP{service, offset}
		virtualIPs.put(tx, ip)
	}
	var b [4]byte
	binary.BigEndian.PutUint32(b[:], firstVirtualIP+ip.offset)
	return netip.AddrFrom4(b).String(), nil
}

// nextVirtualIP takes an address that was given back, or else the one after the last.
func (tx *Tx) nextVirtualIP() (uint32, error) {
	if free := freeIPs.all(tx, nil); len(free) > 0 {
		freeIPs.remove(tx, free[0])
		return free[0].offset, nil
	}
	// Addresses are given back only to be used first, so that none is left out below the highest.
	offset := uint32(len(virtualIPs.all(tx, nil))) + 1
	if offset > maxVirtualIP {
		return 0, errors.New("cannot allocate any more unique service virtual IPs")
	}
	return offset, nil
}

// freeVirtualIP gives the address of a service back that has no more instances.
func (tx *Tx) freeVirtualIP(service string) {
	if ip := virtualIPs.get(tx, nil, strings.ToLower(service)); ip != nil {
		virtualIPs.remove(tx, ip)
		freeIPs.put(tx, &freeIP{ip.offset})
	}
}
