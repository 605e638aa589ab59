package embedded

// This file holds what requests are bounded by.

import (
	"fmt"
	"time"
)

const (
	// headerTimeout bounds how long a client may take to send the head of a request.
	headerTimeout = 30 * time.Second
	// maxHeader is the most bytes that a request's first line and headers may have.
	maxHeader = 1 << 20
	// maxBody is the most bytes that a body may have on routes that set no limit of their own.
	maxBody = 4 << 20
)

func (c *config) validate() error {
	switch c.acl.DefaultPolicy {
	case "", "allow", "deny":
	default:
		return fmt.Errorf("the ACL default policy is %q: it can be allow or deny", c.acl.DefaultPolicy)
	}
	if c.node == "" {
		return fmt.Errorf("the node has no name")
	}
	if c.datacenter == "" {
		return fmt.Errorf("the datacenter has no name")
	}
	return nil
}
