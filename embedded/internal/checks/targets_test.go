package checks_test

// This file holds what checks ask in tests: listeners on loopback, each of which behaves in one way.

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"
)

// targets are the addresses of the listeners. In expectations ${name} stands for one.
type targets map[string]string

// expand puts addresses in the place of their names.
func (to targets) expand(s string) string {
	for name, address := range to {
		s = strings.ReplaceAll(s, "${"+name+"}", address)
	}
	return s
}

// collapse puts names in the place of addresses, and ${any} in the place of those that nobody chose.
func (to targets) collapse(s string) string {
	s = ephemeral.ReplaceAllLiteralString(s, "${any}->")
	for name, address := range to {
		s = strings.ReplaceAll(s, address, "${"+name+"}")
	}
	return s
}

// ephemeral is the client's end of a connection, in an error of package net.
var ephemeral = regexp.MustCompile(`127\.0\.0\.1:\d+->`)

// startTargets starts all of them; they end with the test.
func startTargets(t *testing.T) (targets, *x509.CertPool) {
	t.Helper()
	cert, roots := selfSigned(t)
	to := targets{
		"closed": nobody,
		"silent": serveTCP(t, func(conn net.Conn) { _, _ = io.Copy(io.Discard, conn) }),
		"hangup": serveTCP(t, func(conn net.Conn) {
			_, _ = conn.Read(make([]byte, 1)) // whoever has not spoken yet would meet one of two errors
			hangUp(conn)
		}),
		"garble": serveTCP(t, func(conn net.Conn) {
			_, _ = conn.Read(make([]byte, 1))
			fmt.Fprint(conn, "who are you and what do you want of me?\r\n")
			hangUp(conn)
		}),
		"http":       serveHTTP(t, http.HandlerFunc(httpPages), nil, protocols((*http.Protocols).SetHTTP1)),
		"https":      serveHTTP(t, http.HandlerFunc(httpPages), &cert, protocols((*http.Protocols).SetHTTP1)),
		"https2":     serveHTTP(t, http.HandlerFunc(httpPages), &cert, protocols((*http.Protocols).SetHTTP2)),
		"h2c":        serveHTTP(t, http.HandlerFunc(httpPages), nil, protocols((*http.Protocols).SetUnencryptedHTTP2)),
		"grpc":       serveHTTP(t, http.HandlerFunc(serveHealth), nil, protocols((*http.Protocols).SetUnencryptedHTTP2)),
		"grpcs":      serveHTTP(t, http.HandlerFunc(serveHealth), &cert, protocols((*http.Protocols).SetHTTP2)),
		"udp-echo":   serveUDP(t, func(b []byte) []byte { return append(b, "pong"...) }),
		"udp-empty":  serveUDP(t, func([]byte) []byte { return []byte{} }),
		"udp-silent": serveUDP(t, func([]byte) []byte { return nil }),
	}
	return to, roots
}

func protocols(set ...func(*http.Protocols, bool)) *http.Protocols {
	p := new(http.Protocols)
	for _, set := range set {
		set(p, true)
	}
	return p
}

// httpPages is what the HTTP checks of tests ask for.
func httpPages(w http.ResponseWriter, r *http.Request) {
	switch r.URL.Path {
	case "/ok":
		fmt.Fprint(w, "hello")
	case "/accepted":
		w.WriteHeader(http.StatusAccepted)
	case "/busy":
		http.Error(w, "later", http.StatusTooManyRequests)
	case "/broken":
		http.Error(w, "oh no", http.StatusInternalServerError)
	case "/moved":
		http.Redirect(w, r, "/ok", http.StatusFound)
	case "/round":
		http.Redirect(w, r, "/round", http.StatusFound)
	case "/never":
		<-r.Context().Done()
	case "/long":
		fmt.Fprint(w, strings.Repeat("a", 90), strings.Repeat("b", 5000))
	case "/drip": // headers come, the body does not end
		fmt.Fprint(w, "begin")
		w.(http.Flusher).Flush()
		<-r.Context().Done()
	case "/echo":
		body, _ := io.ReadAll(r.Body)
		fmt.Fprintf(w, "%s host=%s agent=%s accept=%s x=%s body=%s",
			r.Method, r.Host, r.UserAgent(), r.Header.Get("Accept"), r.Header.Get("X-Check"), body)
	default:
		http.NotFound(w, r)
	}
}

// healthReply is what a gRPC server says of one service.
type healthReply struct {
	body          string // messages with their prefixes
	code, message string // trailers, none if the code is empty
}

// healthReplies are by the service that is asked for.
var healthReplies = map[string]healthReply{
	"":               {body: "\x00\x00\x00\x00\x02\x08\x01", code: "0"},
	"down":           {body: "\x00\x00\x00\x00\x02\x08\x02", code: "0"},
	"unknown-status": {body: "\x00\x00\x00\x00\x00", code: "0"}, // as 0 is encoded
	"new-status":     {body: "\x00\x00\x00\x00\x02\x08\x09", code: "0"},
	"more-fields":    {body: "\x00\x00\x00\x00\x06\x12\x02hi\x08\x01", code: "0"},
	"bad-message":    {body: "\x00\x00\x00\x00\x02\x0a\xc8", code: "0"},
	"compressed":     {body: "\x01\x00\x00\x00\x02\x08\x01", code: "0"},
	"two-messages":   {body: "\x00\x00\x00\x00\x02\x08\x01\x00\x00\x00\x00\x02\x08\x01", code: "0"},
	"short":          {body: "\x00\x00\x00\x00\x09\x08", code: "0"},
	"no-message":     {code: "0"},
	"no-status":      {body: "\x00\x00\x00\x00\x02\x08\x01"},
	"percent":        {code: "14", message: "100%25 of%0Ait is %zz down"},
	"odd-code":       {code: "77", message: "what"},
	"bad-code":       {code: "x", message: "what"},
}

// serveHealth speaks the gRPC health protocol, as little of it as it takes.
func serveHealth(w http.ResponseWriter, r *http.Request) {
	request, _ := io.ReadAll(r.Body)
	service := ""
	if len(request) > 7 { // the prefix of gRPC, then the tag and the length of the one field
		service = string(request[7:])
	}
	w.Header().Set("Content-Type", "application/grpc")
	switch service {
	case "never":
		w.(http.Flusher).Flush()
		<-r.Context().Done()
		return
	case "html":
		w.Header().Set("Content-Type", "text/html")
		fmt.Fprint(w, "<p>")
		return
	case "gateway":
		w.Header()["Content-Type"] = nil
		w.WriteHeader(http.StatusBadGateway)
		return
	}
	reply, ok := healthReplies[service]
	if !ok {
		reply = healthReply{code: "5", message: "unknown service"}
	}
	if service != "only-headers" {
		w.Header().Set("Trailer", "Grpc-Status, Grpc-Message")
	}
	if reply.body != "" {
		fmt.Fprint(w, reply.body)
	}
	if reply.code != "" {
		w.Header().Set("Grpc-Status", reply.code)
		w.Header().Set("Grpc-Message", reply.message)
	}
}

func serveTCP(t *testing.T, serve func(net.Conn)) (address string) {
	t.Helper()
	l := listenTCP(t)
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				serve(conn)
			}()
		}
	}()
	return l.Addr().String()
}

// hangUp ends what the client reads. It reads what the client still sends, which keeps the connection from being reset.
func hangUp(conn net.Conn) {
	_ = conn.(*net.TCPConn).CloseWrite()
	_, _ = io.Copy(io.Discard, conn)
}

func serveUDP(t *testing.T, answer func([]byte) []byte) (address string) {
	t.Helper()
	conn := listenUDP(t)
	t.Cleanup(func() { conn.Close() })
	go func() {
		buf := make([]byte, 64)
		for {
			n, from, err := conn.ReadFrom(buf)
			if errors.Is(err, net.ErrClosed) {
				return
			}
			if b := answer(buf[:n]); b != nil {
				_, _ = conn.WriteTo(b, from)
			}
		}
	}()
	return conn.LocalAddr().String()
}

func serveHTTP(t *testing.T, h http.Handler, cert *tls.Certificate, p *http.Protocols) (address string) {
	t.Helper()
	l := listenTCP(t)
	server := &http.Server{Handler: h, Protocols: p, ErrorLog: log.New(io.Discard, "", 0)}
	if cert != nil {
		server.TLSConfig = &tls.Config{Certificates: []tls.Certificate{*cert}}
		go func() { _ = server.ServeTLS(l, "", "") }()
	} else {
		go func() { _ = server.Serve(l) }()
	}
	t.Cleanup(func() { server.Close() })
	return l.Addr().String()
}

func listenTCP(t *testing.T) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

func listenUDP(t *testing.T) net.PacketConn {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return conn
}

// nobody is an address that nobody listens on. A port that was just closed could be somebody else's the next moment; this one
// the kernel gives to nobody.
const nobody = "127.0.0.1:1"

// selfSigned makes a certificate for 127.0.0.1 and for checks.example, and the roots by which it is valid.
func selfSigned(t *testing.T) (tls.Certificate, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber:          big.NewInt(1),
		Subject:               pkix.Name{CommonName: "checks.example"},
		DNSNames:              []string{"checks.example"},
		IPAddresses:           []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore:             time.Now().Add(-time.Hour),
		NotAfter:              time.Now().Add(time.Hour),
		IsCA:                  true,
		BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(leaf)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}, roots
}
