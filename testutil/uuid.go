package testutil

import (
	"crypto/rand"
	"fmt"
)

// newUUID gives 128 random bits in the form that Consul wants of a token. crypto/rand does not fail.
func newUUID() string {
	var b [16]byte
	_, _ = rand.Read(b[:])
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}
