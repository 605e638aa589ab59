package checks_test

// This file holds the tests of what checks say of listeners on loopback. The outputs are those of a real server 1.22.7,
// on which the same checks were registered.

import (
	"crypto/tls"
	"maps"
	"testing"
	"time"

	"github.com/lictor-go/consul/embedded/internal/checks"
)

type probeTests map[string]struct {
	def  checks.Definition
	want said
}

// run runs the checks side by side, all on the same listeners.
func (tests probeTests) run(t *testing.T) {
	to, roots := startTargets(t)
	// Definitions trust the listeners' certificate where they don't say otherwise.
	env := checks.Env{TLS: &tls.Config{RootCAs: roots}}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			def := test.def
			for _, address := range []*string{&def.HTTP, &def.TCP, &def.UDP, &def.GRPC, &def.H2PING} {
				*address = to.expand(*address)
			}
			got := firstResult(t, def, env)
			got.output = to.collapse(got.output)
			if got != test.want {
				t.Errorf("got  %q\nwant %q", got, test.want)
			}
		})
	}
}

const (
	brief       = 100 * time.Millisecond
	wrongName   = "tls: failed to verify certificate: x509: certificate is valid for checks.example, not other.example"
	refused     = "dial tcp ${closed}: connect: connection refused"
	notTLS      = "tls: first record does not look like a TLS handshake"
	noProtocol  = "remote error: tls: no application protocol"
	tooLarge    = "http2: frame too large"
	looksLike11 = "http2: failed reading the frame payload: http2: frame too large, " +
		"note that the frame header looked like an HTTP/1.1 header"
)

func TestHTTP(t *testing.T) {
	t.Parallel()
	headers := map[string][]string{"x-check": {"1"}, "Host": {"h.example"}, "User-Agent": {"me"}, "Accept": {"a/b"}}
	kept := maps.Clone(headers)
	probeTests{
		"2xx": {checks.Definition{HTTP: "http://${http}/ok"},
			said{"passing", "HTTP GET http://${http}/ok: 200 OK Output: hello"}},
		"empty": {checks.Definition{HTTP: "http://${http}/accepted"},
			said{"passing", "HTTP GET http://${http}/accepted: 202 Accepted Output: "}},
		"429": {checks.Definition{HTTP: "http://${http}/busy"},
			said{"warning", "HTTP GET http://${http}/busy: 429 Too Many Requests Output: later\n"}},
		"500": {checks.Definition{HTTP: "http://${http}/broken"},
			said{"critical", "HTTP GET http://${http}/broken: 500 Internal Server Error Output: oh no\n"}},
		"redirect": {checks.Definition{HTTP: "http://${http}/moved"},
			said{"passing", "HTTP GET http://${http}/moved: 200 OK Output: hello"}},
		"no redirects": {checks.Definition{HTTP: "http://${http}/moved", DisableRedirects: true},
			said{"critical", "HTTP GET http://${http}/moved: 302 Found Output: <a href=\"/ok\">Found</a>.\n\n"}},
		"endless redirects": {checks.Definition{HTTP: "http://${http}/round"},
			said{"critical", `Get "/round": stopped after 10 redirects`}},
		"no answer": {checks.Definition{HTTP: "http://${http}/never", Timeout: brief},
			said{"critical", `Get "http://${http}/never": context deadline exceeded (Client.Timeout exceeded while awaiting headers)`}},
		"endless body": {checks.Definition{HTTP: "http://${http}/drip", Timeout: time.Second},
			said{"passing", "HTTP GET http://${http}/drip: 200 OK Output: begin"}},
		"the end of a long body": {checks.Definition{HTTP: "http://${http}/long", OutputMaxSize: 10},
			said{"passing", "HTTP GET http://${http}/long: 200 OK Output: bbbbbbbbbb"}},
		"defaults": {checks.Definition{HTTP: "http://${http}/echo"},
			said{"passing", "HTTP GET http://${http}/echo: 200 OK Output: " +
				"GET host=${http} agent=Consul Health Check accept=text/plain, text/*, */* x= body="}},
		"method, headers, body": {checks.Definition{HTTP: "http://${http}/echo", Method: "POST", Body: "b", Header: headers},
			said{"passing", "HTTP POST http://${http}/echo: 200 OK Output: POST host=h.example agent=me accept=a/b x=1 body=b"}},
		"bad method": {checks.Definition{HTTP: "http://${http}/", Method: "B AD"},
			said{"critical", `net/http: invalid method "B AD"`}},
		"bad URL": {checks.Definition{HTTP: "http://bad host/"},
			said{"critical", `parse "http://bad host/": invalid character " " in host name`}},
		"no scheme": {checks.Definition{HTTP: "localhost"},
			said{"critical", `Get "localhost": unsupported protocol scheme ""`}},
		"nobody": {checks.Definition{HTTP: "http://${closed}/"},
			said{"critical", `Get "http://${closed}/": ` + refused}},
		"hangs up": {checks.Definition{HTTP: "http://${hangup}/"}, said{"critical", `Get "http://${hangup}/": EOF`}},
		"TLS": {checks.Definition{HTTP: "https://${https}/ok"},
			said{"passing", "HTTP GET https://${https}/ok: 200 OK Output: hello"}},
		"HTTP/2": {checks.Definition{HTTP: "https://${https2}/ok"},
			said{"passing", "HTTP GET https://${https2}/ok: 200 OK Output: hello"}},
		"TLS, server name": {checks.Definition{HTTP: "https://${https}/ok", TLSServerName: "checks.example"},
			said{"passing", "HTTP GET https://${https}/ok: 200 OK Output: hello"}},
		"TLS, other name": {checks.Definition{HTTP: "https://${https}/ok", TLSServerName: "other.example"},
			said{"critical", `Get "https://${https}/ok": ` + wrongName}},
		"TLS, unverified": {checks.Definition{HTTP: "https://${https}/ok", TLSServerName: "other.example", TLSSkipVerify: true},
			said{"passing", "HTTP GET https://${https}/ok: 200 OK Output: hello"}},
		"TLS, plain server": {checks.Definition{HTTP: "https://${http}/ok"},
			said{"critical", `Get "https://${http}/ok": http: server gave HTTP response to HTTPS client`}},
		"plain, TLS server": {checks.Definition{HTTP: "http://${https}/ok"}, said{"critical",
			"HTTP GET http://${https}/ok: 400 Bad Request Output: Client sent an HTTP request to an HTTPS server.\n"}},
	}.run(t)
	t.Cleanup(func() {
		if !maps.EqualFunc(headers, kept, func(a, b []string) bool { return len(a) == 1 && a[0] == b[0] }) {
			t.Errorf("the registration's headers became %v", headers)
		}
	})
}

func TestTCP(t *testing.T) {
	t.Parallel()
	probeTests{
		"somebody": {checks.Definition{TCP: "${silent}"}, said{"passing", "TCP connect ${silent}: Success"}},
		"nobody":   {checks.Definition{TCP: "${closed}"}, said{"critical", refused}},
		"no port": {checks.Definition{TCP: "127.0.0.1"},
			said{"critical", "dial tcp: address 127.0.0.1: missing port in address"}},
		"TLS": {checks.Definition{TCP: "${https}", TCPUseTLS: true},
			said{"passing", "TCP+TLS connect ${https}: Success"}},
		"TLS, other name": {checks.Definition{TCP: "${https}", TCPUseTLS: true, TLSServerName: "other.example"},
			said{"critical", wrongName}},
		"TLS, unverified": {checks.Definition{TCP: "${https}", TCPUseTLS: true, TLSServerName: "other.example", TLSSkipVerify: true},
			said{"passing", "TCP+TLS connect ${https}: Success"}},
		"TLS, silence": {checks.Definition{TCP: "${silent}", TCPUseTLS: true, Timeout: brief},
			said{"critical", "context deadline exceeded"}},
		"TLS, hangs up":     {checks.Definition{TCP: "${hangup}", TCPUseTLS: true}, said{"critical", "EOF"}},
		"TLS, plain server": {checks.Definition{TCP: "${http}", TCPUseTLS: true}, said{"critical", notTLS}},
	}.run(t)
}

func TestUDP(t *testing.T) {
	t.Parallel()
	probeTests{
		"echo":         {checks.Definition{UDP: "${udp-echo}"}, said{"passing", "UDP connect ${udp-echo}: Success"}},
		"empty answer": {checks.Definition{UDP: "${udp-empty}"}, said{"passing", "UDP connect ${udp-empty}: Success"}},
		"nobody": {checks.Definition{UDP: "${closed}"},
			said{"critical", "read udp ${any}->${closed}: read: connection refused"}},
		"no port": {checks.Definition{UDP: "127.0.0.1"},
			said{"critical", "dial udp: address 127.0.0.1: missing port in address"}},
	}.run(t)
}

func TestH2Ping(t *testing.T) {
	t.Parallel()
	probeTests{
		"plain": {checks.Definition{H2PING: "${h2c}"}, said{"passing", "HTTP2 ping was successful"}},
		"TLS":   {checks.Definition{H2PING: "${https2}", H2PingUseTLS: true}, said{"passing", "HTTP2 ping was successful"}},
		"TLS, other name": {checks.Definition{H2PING: "${https2}", H2PingUseTLS: true, TLSServerName: "other.example"},
			said{"critical", "Failed to dial to ${https2}: " + wrongName}},
		"TLS, HTTP/1.1": {checks.Definition{H2PING: "${https}", H2PingUseTLS: true},
			said{"critical", "Failed to dial to ${https}: " + noProtocol}},
		"HTTP/1.1": {checks.Definition{H2PING: "${http}"}, said{"critical", "HTTP2 ping failed: " + looksLike11}},
		"nobody":   {checks.Definition{H2PING: "${closed}"}, said{"critical", "Failed to dial to ${closed}: " + refused}},
		"silence": {checks.Definition{H2PING: "${silent}", Timeout: brief},
			said{"critical", "HTTP2 ping failed: context deadline exceeded"}},
		"garbage":  {checks.Definition{H2PING: "${garble}"}, said{"critical", "HTTP2 ping failed: " + tooLarge}},
		"hangs up": {checks.Definition{H2PING: "${hangup}"}, said{"critical", "HTTP2 ping failed: EOF"}},
	}.run(t)
}

func TestGRPC(t *testing.T) {
	t.Parallel()
	const (
		unavailable = "rpc error: code = Unavailable desc = connection error: desc = "
		internal    = "rpc error: code = Internal desc = "
	)
	tests := probeTests{
		"plain": {checks.Definition{GRPC: "${grpc}"}, said{"passing", "gRPC check ${grpc}: success"}},
		"TLS":   {checks.Definition{GRPC: "${grpcs}", GRPCUseTLS: true}, said{"passing", "gRPC check ${grpcs}: success"}},
		"TLS, a service": {checks.Definition{GRPC: "${grpcs}/down", GRPCUseTLS: true},
			said{"critical", "gRPC ${grpcs}/down serving status: NOT_SERVING"}},
		"TLS, other name": {checks.Definition{GRPC: "${grpcs}", GRPCUseTLS: true, TLSServerName: "other.example"},
			said{"critical", unavailable + `"transport: authentication handshake failed: ` + wrongName + `"`}},
		"TLS, HTTP/1.1": {checks.Definition{GRPC: "${https}", GRPCUseTLS: true},
			said{"critical", unavailable + `"transport: authentication handshake failed: ` + noProtocol + `"`}},
		"TLS, plain server": {checks.Definition{GRPC: "${http}", GRPCUseTLS: true},
			said{"critical", unavailable + `"transport: authentication handshake failed: ` + notTLS + `"`}},
		"HTTP/1.1": {checks.Definition{GRPC: "${http}"},
			said{"critical", unavailable + `"error reading server preface: ` + looksLike11 + `"`}},
		"no gRPC": {checks.Definition{GRPC: "${h2c}"},
			said{"critical", "rpc error: code = Unimplemented desc = unexpected HTTP status code received from server: 404 (Not Found); " +
				`transport: received unexpected content-type "text/plain; charset=utf-8"`}},
		"nobody": {checks.Definition{GRPC: "${closed}/web"},
			said{"critical", unavailable + `"transport: Error while dialing: ` + refused + `"`}},
		"no port": {checks.Definition{GRPC: "127.0.0.1"},
			said{"critical", unavailable + `"transport: Error while dialing: dial tcp: address 127.0.0.1: missing port in address"`}},
		"silence": {checks.Definition{GRPC: "${silent}", Timeout: brief},
			said{"critical", "rpc error: code = DeadlineExceeded desc = context deadline exceeded while waiting for connections to become ready"}},
		"no answer": {checks.Definition{GRPC: "${grpc}/never", Timeout: time.Second},
			said{"critical", "rpc error: code = DeadlineExceeded desc = context deadline exceeded"}},
		"garbage": {checks.Definition{GRPC: "${garble}"},
			said{"critical", unavailable + `"error reading server preface: ` + tooLarge + `"`}},
		"hangs up": {checks.Definition{GRPC: "${hangup}"},
			said{"critical", unavailable + `"error reading server preface: EOF"`}},
	}
	for service, want := range map[string]string{
		"unknown-status": "gRPC ${grpc}/unknown-status serving status: UNKNOWN",
		"new-status":     "gRPC ${grpc}/new-status serving status: 9",
		// The real server's text has a space of another kind: which one is the whim of each build of its library.
		"bad-message":  internal + "grpc: failed to unmarshal the received message: proto: cannot parse invalid wire-format data",
		"compressed":   internal + "grpc: compressed flag set with identity or empty encoding",
		"no-message":   internal + "cardinality violation: received no response message from non-server-streaming RPC",
		"two-messages": internal + "cardinality violation: expected <EOF> for non server-streaming RPCs, but received another message",
		"no-status":    internal + "server closed the stream without sending trailers",
		"short":        internal + "unexpected EOF",
		"percent":      "rpc error: code = Unavailable desc = 100% of\nit is %zz down",
		"odd-code":     "rpc error: code = Code(77) desc = what",
		"bad-code":     `rpc error: code = Unknown desc = transport: malformed grpc-status: strconv.ParseInt: parsing "x": invalid syntax`,
		"html": "rpc error: code = Unknown desc = unexpected HTTP status code received from server: 200 (OK); " +
			`transport: received unexpected content-type "text/html"`,
		"gateway": "rpc error: code = Unavailable desc = unexpected HTTP status code received from server: 502 (Bad Gateway); " +
			"malformed header: missing HTTP content-type",
		"only-headers": "rpc error: code = NotFound desc = unknown service",
		"no-such":      "rpc error: code = NotFound desc = unknown service",
		"a/b":          "rpc error: code = NotFound desc = unknown service",
	} {
		test := tests[service]
		test.def, test.want = checks.Definition{GRPC: "${grpc}/" + service}, said{"critical", want}
		tests[service] = test
	}
	test := tests["more-fields"]
	test.def, test.want = checks.Definition{GRPC: "${grpc}/more-fields"}, said{"passing", "gRPC check ${grpc}/more-fields: success"}
	tests["more-fields"] = test
	tests.run(t)
}
