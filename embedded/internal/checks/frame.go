package checks

// This file holds as much of HTTP/2 (RFC 9113) as it takes to ping, and to see who is not speaking it.

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// preface is what a client says first; a SETTINGS frame follows.
const preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

const (
	frameHeaderSize = 9
	maxFrameSize    = 16384 // unless settings raise it
)

// The types of frames, and the flag, that are of interest.
const (
	frameSettings = 0x4
	framePing     = 0x6
	frameGoAway   = 0x7

	flagAck = 0x1
)

// frame is one of stream 0.
type frame struct {
	kind, flags byte
	payload     []byte
}

func appendFrame(b []byte, kind, flags byte, payload []byte) []byte {
	b = append(b, byte(len(payload)>>16), byte(len(payload)>>8), byte(len(payload)), kind, flags, 0, 0, 0, 0)
	return append(b, payload...)
}

// frameLength is the length that a header gives for the payload. The errors' texts are those of golang.org/x/net/http2,
// which the real server has them from.
func frameLength(header []byte) (int, error) {
	length := int(binary.BigEndian.Uint32(header) >> 8)
	if length <= maxFrameSize {
		return length, nil
	}
	if string(header[:6]) == "HTTP/1" {
		return 0, errors.New("http2: failed reading the frame payload: http2: frame too large, " +
			"note that the frame header looked like an HTTP/1.1 header")
	}
	return 0, errors.New("http2: frame too large")
}

func readFrame(r io.Reader) (frame, error) {
	header := make([]byte, frameHeaderSize)
	if _, err := io.ReadFull(r, header); err != nil {
		return frame{}, err
	}
	length, err := frameLength(header)
	if err != nil {
		return frame{}, err
	}
	f := frame{kind: header[3], flags: header[4], payload: make([]byte, length)}
	if _, err := io.ReadFull(r, f.payload); err != nil {
		return frame{}, fmt.Errorf("http2: failed reading the frame payload: %w", err)
	}
	return f, nil
}
