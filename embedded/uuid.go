package embedded

// This file makes and checks UUIDs.

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
)

// newUUID makes a random UUID of version 4.
func newUUID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	b[6] = b[6]&0x0f | 0x40
	b[8] = b[8]&0x3f | 0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

// checkUUID refuses what is neither empty nor a UUID, in the real server's words.
func checkUUID(id string) error {
	const format = "00000000-0000-0000-0000-000000000000"
	if id == "" {
		return nil
	}
	if len(id) != len(format) {
		return fmt.Errorf("uuid string is wrong length")
	}
	var digits []byte
	for i := range len(id) {
		if format[i] == '-' {
			if id[i] != '-' {
				return fmt.Errorf("uuid is improperly formatted")
			}
			continue
		}
		digits = append(digits, id[i])
	}
	_, err := hex.DecodeString(string(digits))
	return err
}
