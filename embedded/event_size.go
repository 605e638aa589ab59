package embedded

// This file says how many bytes an event has between servers, which bounds what it may carry. Nothing is sent, but what is
// too large for the real server's gossip is refused here, too: see TestEventSizes.

import "fmt"

const (
	// eventNamePrefix stands before an event's name between servers.
	eventNamePrefix = "consul:event:"
	// eventBase is what an event has without its name, payload and filters: its ID, its version, and the names of all three.
	eventBase = 47
	// messageBase is what a message has without its time, its name and the event.
	messageBase = 25
)

// checkSize refuses an event that is too large. It is told apart whether it is so by itself or as a message.
func (e *userEvent) checkSize() error {
	name, size := len(eventNamePrefix)+len(e.Name), e.size()
	if name+size > maxEncoded {
		return fmt.Errorf("user event exceeds configured limit of %d bytes before encoding", maxEncoded)
	}
	if messageBase+numberSize(e.LTime)+rawSize(name)+rawSize(size) > maxEncoded {
		return fmt.Errorf("encoded user event exceeds configured limit of %d bytes after encoding", maxEncoded)
	}
	return nil
}

// size is the size of the event by itself, in MessagePack.
func (e *userEvent) size() int {
	size := eventBase + textSize(len(e.Name))
	if n := len(e.Payload); n > 0 {
		size += len("_p") + bytesSize(n)
	}
	for _, n := range []int{len(e.NodeFilter), len(e.ServiceFilter), len(e.TagFilter)} {
		if n > 0 {
			size += len("_nf") + textSize(n)
		}
	}
	return size
}

// textSize is the size of a text of n bytes.
func textSize(n int) int {
	if n <= 31 {
		return n + 1
	}
	return bytesSize(n)
}

// bytesSize is the size of n bytes.
func bytesSize(n int) int {
	if n <= 255 {
		return n + 2
	}
	return n + 3
}

// rawSize is the size of n bytes, or of a text, in the older form of MessagePack, in which messages are.
func rawSize(n int) int {
	if n <= 31 {
		return n + 1
	}
	return n + 3
}

// numberSize is the size of a number.
func numberSize(n uint64) int {
	switch {
	case n < 1<<7:
		return 1
	case n < 1<<8:
		return 2
	case n < 1<<16:
		return 3
	case n < 1<<32:
		return 5
	}
	return 9
}
