//go:build !unix

package ports

// stopListening does nothing: where programs are started otherwise, they have nothing that is not handed to them.
func stopListening(uintptr) {}
