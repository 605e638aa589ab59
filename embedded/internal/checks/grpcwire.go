package checks

// This file holds the messages of gRPC checks: the framing of gRPC over HTTP/2, and the two of grpc.health.v1 in
// Protocol Buffers.

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"strconv"
	"strings"
)

// healthStatus is a grpc.health.v1.HealthCheckResponse.ServingStatus.
type healthStatus int32

const healthServing healthStatus = 1

func (s healthStatus) String() string {
	names := [...]string{"UNKNOWN", "SERVING", "NOT_SERVING", "SERVICE_UNKNOWN"}
	if s >= 0 && int(s) < len(names) {
		return names[s]
	}
	return strconv.Itoa(int(s))
}

// The wire types of Protocol Buffers.
const (
	wireVarint  = 0
	wireFixed64 = 1
	wireBytes   = 2
	wireFixed32 = 5
)

// healthRequest encodes a HealthCheckRequest: field 1 is the service, which is left out where it's empty.
func healthRequest(service string) []byte {
	if service == "" {
		return nil
	}
	b := []byte{1<<3 | wireBytes}
	b = binary.AppendUvarint(b, uint64(len(service)))
	return append(b, service...)
}

var errBadMessage = errors.New("proto: cannot parse invalid wire-format data")

// parseHealth decodes a HealthCheckResponse: field 1 is the status, which is UNKNOWN where it's left out.
func parseHealth(b []byte) (status healthStatus, err error) {
	for len(b) > 0 {
		tag, n := binary.Uvarint(b)
		if n <= 0 || tag>>3 == 0 || tag>>3 > math.MaxInt32 {
			return 0, errBadMessage
		}
		b = b[n:]
		var size uint64
		switch tag & 7 {
		case wireVarint:
			value, n := binary.Uvarint(b)
			if n <= 0 {
				return 0, errBadMessage
			}
			if tag>>3 == 1 {
				status = healthStatus(value)
			}
			size = uint64(n)
		case wireFixed64:
			size = 8
		case wireFixed32:
			size = 4
		case wireBytes:
			length, n := binary.Uvarint(b)
			if n <= 0 || length > uint64(len(b)) {
				return 0, errBadMessage
			}
			size = uint64(n) + length
		default:
			return 0, errBadMessage
		}
		if size > uint64(len(b)) {
			return 0, errBadMessage
		}
		b = b[size:]
	}
	return status, nil
}

const (
	grpcPrefixSize = 5 // of each message: whether it is compressed, and its length
	maxGRPCMessage = 4 << 20
)

func grpcMessage(payload []byte) []byte {
	b := make([]byte, 1, grpcPrefixSize+len(payload))
	b = binary.BigEndian.AppendUint32(b, uint32(len(payload)))
	return append(b, payload...)
}

// readHealth reads the answer to the call: a message, and how the call went. The latter wins.
func readHealth(resp *http.Response) (healthStatus, error) {
	if err := notGRPC(resp); err != nil {
		return 0, err
	}
	payload, messageErr := readMessage(resp)
	if messageErr == nil {
		var rest int64
		if rest, messageErr = io.Copy(io.Discard, resp.Body); rest > 0 {
			messageErr = grpcErrorf(codeInternal,
				"cardinality violation: expected <EOF> for non server-streaming RPCs, but received another message")
		}
	}
	var failed *grpcError
	if messageErr != nil && messageErr != io.EOF && !errors.As(messageErr, &failed) {
		return 0, fromStream(messageErr)
	}
	if failed != nil {
		return 0, failed
	}
	if err := callStatus(resp); err != nil {
		return 0, err
	}
	if messageErr == io.EOF {
		return 0, grpcErrorf(codeInternal,
			"cardinality violation: received no response message from non-server-streaming RPC")
	}
	status, err := parseHealth(payload)
	if err != nil {
		return 0, grpcErrorf(codeInternal, "grpc: failed to unmarshal the received message: %v", err)
	}
	return status, nil
}

// readMessage reads the first message. Where there is none the error is io.EOF.
func readMessage(resp *http.Response) ([]byte, error) {
	prefix := make([]byte, grpcPrefixSize)
	if _, err := io.ReadFull(resp.Body, prefix); err != nil {
		return nil, err
	}
	length := binary.BigEndian.Uint32(prefix[1:])
	if length > maxGRPCMessage {
		return nil, grpcErrorf(codeResourceExhausted, "grpc: received message larger than max (%d vs. %d)",
			length, maxGRPCMessage)
	}
	payload := make([]byte, length)
	if _, err := io.ReadFull(resp.Body, payload); err != nil {
		if err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
		return nil, err
	}
	encoding := resp.Header.Get("Grpc-Encoding")
	switch {
	case prefix[0] > 1:
		return nil, grpcErrorf(codeInternal, "grpc: received unexpected payload format %d", prefix[0])
	case prefix[0] == 1 && (encoding == "" || encoding == "identity"):
		return nil, grpcErrorf(codeInternal, "grpc: compressed flag set with identity or empty encoding")
	case prefix[0] == 1:
		return nil, grpcErrorf(codeInternal, "grpc: Decompressor is not installed for grpc-encoding %q", encoding)
	}
	return payload, nil
}

// callStatus is how the call went, by its trailers; or by its headers where nothing follows them.
func callStatus(resp *http.Response) error {
	fields := resp.Trailer
	switch {
	case anyValue(fields):
	case resp.ContentLength == 0:
		fields = resp.Header
	default:
		return grpcErrorf(codeInternal, "server closed the stream without sending trailers")
	}
	text := fields.Get("Grpc-Status")
	if text == "" {
		return grpcErrorf(codeUnknown, "")
	}
	code, err := strconv.ParseInt(text, 10, 32)
	if err != nil {
		return grpcErrorf(codeUnknown, "transport: malformed grpc-status: %v", err)
	}
	if code == 0 {
		return nil
	}
	return grpcErrorf(grpcCode(code), "%s", percentDecode(fields.Get("Grpc-Message")))
}

// anyValue tells trailers that came from those that were announced.
func anyValue(fields http.Header) bool {
	for _, values := range fields {
		if len(values) > 0 {
			return true
		}
	}
	return false
}

// notGRPC is the error of an answer that is another protocol's.
func notGRPC(resp *http.Response) error {
	kind := resp.Header.Get("Content-Type")
	rest, ok := strings.CutPrefix(kind, "application/grpc")
	if ok && (rest == "" || rest[0] == '+' || rest[0] == ';') {
		return nil
	}
	complaint := "malformed header: missing HTTP content-type"
	if kind != "" {
		complaint = fmt.Sprintf("transport: received unexpected content-type %q", kind)
	}
	return grpcErrorf(codeOfHTTP(resp.StatusCode), "unexpected HTTP status code received from server: %d (%s); %s",
		resp.StatusCode, http.StatusText(resp.StatusCode), complaint)
}

// percentDecode decodes a grpc-message, leniently.
func percentDecode(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '%' && i+2 < len(s) {
			if c, err := strconv.ParseUint(s[i+1:i+3], 16, 8); err == nil {
				b.WriteByte(byte(c))
				i += 2
				continue
			}
		}
		b.WriteByte(s[i])
	}
	return b.String()
}
