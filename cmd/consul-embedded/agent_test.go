package main

// This file runs the program as "consul agent".

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/lictor-go/consul/internal/ports"
)

const token = "5ec4e700-0000-4000-8000-0000000000bb"

// freePort gives a port that nobody listens on until the test ends.
func freePort(t *testing.T) int {
	t.Helper()
	block, err := ports.Take()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { block.Release() })
	return block.Port(ports.API)
}

// writeFile writes a configuration file and gives its path.
func writeFile(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// serves is what an agent prints when it serves.
const serves = "==> Log data will now stream in as it occurs:"

// runAgentProgram runs "consul agent", waits until it serves, and ends it with the test.
func runAgentProgram(t *testing.T, args ...string) *program {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	p := runProgram(ctx, append([]string{"agent"}, args...)...)
	p.awaitLine(t, serves)
	t.Cleanup(func() {
		cancel()
		<-p.code
	})
	return p
}

func TestAgentInDevMode(t *testing.T) {
	t.Parallel()
	port := freePort(t)
	p := runAgentProgram(t, "-dev", "-node", "west", "-node-id", "5ec4e700-0000-4000-8000-0000000000cc", "-bind", "127.0.0.1",
		"-client", "127.0.0.1", "-http-port", fmt.Sprint(port), "-https-port", "-1", "-grpc-port", "-1", "-dns-port", "-1",
		"-serf-lan-port", "1", "-serf-wan-port", "2", "-server-port", "3", "-datacenter", "DC7", "-log-level", "warn",
		"-data-dir", "/no/such", "-hcl", `node_meta { colour = "blue" }`, "-node-meta", "taste:sour", "-server", "-bootstrap",
		"-ui", "-enable-script-checks", "-default-query-time", "5s", "-retry-join", "a", "-retry-join=b")
	_, body := get(t, fmt.Sprintf("http://127.0.0.1:%d", port), "/v1/catalog/nodes", "")
	wantText(t, body, `"Node": "west"`, `"Datacenter": "dc7"`, `"colour": "blue"`, `"taste": "sour"`, "5ec4e700-0000-4000-8000-0000000000cc")
	printed := p.stdout.String()
	wantText(t, printed, "==> Starting Consul agent...", "Version: '1.22.7'", "Node name: 'west'", "NOTHING IS KEPT", "Without effect here: ",
		"data_dir", "default_query_time", "ports.serf_lan", "ports.serf_wan", "ports.server", "retry_join", "ui_config.enabled")
	for _, silent := range []string{"ports.dns", "bootstrap,", "enable_script_checks", "[INFO]"} {
		if strings.Contains(printed, silent) {
			t.Errorf("%q is there:\n%s", silent, printed)
		}
	}
}

func TestAgentConfigFiles(t *testing.T) {
	t.Parallel()
	port := freePort(t)
	node := func(t *testing.T, args ...string) string {
		p := runAgentProgram(t, append(args, "-http-port", fmt.Sprint(port))...)
		_, body := get(t, fmt.Sprintf("http://127.0.0.1:%d", port), "/v1/catalog/nodes", "")
		return body + p.stdout.String()
	}
	object := writeFile(t, "a.json", `{"node_name": "json", "node_meta": {"colour": "blue"}, "ports": {"http": "1", "dns": 53}, "segments": null,
		"server": true, "performance": {"raft_multiplier": 1}, "no_such": {"setting": 1}}`)
	blocks := writeFile(t, "b.hcl", "node_name = \"hcl\"\nnode_meta { taste = \"sour\" }\nports { http = 2 }\nlog_level = \"ERROR\"")
	t.Run("JSON", func(t *testing.T) {
		wantText(t, node(t, "-config-file", object), `"Node":"json"`, `"colour":"blue"`, "no_such.setting", "ports.dns")
	})
	t.Run("the later counts", func(t *testing.T) {
		wantText(t, node(t, "-config-file", object, "-config-file="+blocks), `"Node":"hcl"`, `"colour":"blue"`, `"taste":"sour"`)
	})
	t.Run("flags count more", func(t *testing.T) {
		wantText(t, node(t, "-node", "flag", "-config-file", blocks), `"Node":"flag"`)
	})
	t.Run("a directory", func(t *testing.T) {
		dir := t.TempDir()
		for name, text := range map[string]string{"1.json": `{"node_name": "first"}`, "2.hcl": `node_name = "second"`, "3.txt": "nonsense"} {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		wantText(t, node(t, "-config-dir", dir), `"Node":"second"`)
	})
	t.Run("a format that is told", func(t *testing.T) {
		wantText(t, node(t, "-config-file", writeFile(t, "c", `{"node_name": "told"}`), "-config-format", "json"), `"Node":"told"`)
	})
}

func TestAgentACLs(t *testing.T) {
	t.Parallel()
	for name, config := range map[string]string{
		"new":    `{"acl": {"enabled": true, "default_policy": "deny", "tokens": {"initial_management": %q}}}`,
		"master": `{"acl": {"enabled": true, "default_policy": "deny", "tokens": {"master": %q}}}`,
		"old":    `{"acl_datacenter": "dc1", "acl_default_policy": "deny", "acl_master_token": %q}`,
		"HCL":    "acl = { enabled = true, default_policy = \"deny\", tokens = { initial_management = %q } }",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			file := "a.json"
			if name == "HCL" {
				file = "a.hcl"
			}
			port := fmt.Sprint(freePort(t))
			p := runAgentProgram(t, "-config-file", writeFile(t, file, fmt.Sprintf(config, token)), "-http-port", port)
			url := "http://127.0.0.1:" + port
			if status, _ := get(t, url, "/v1/kv/absent", ""); status != http.StatusForbidden {
				t.Errorf("without the token: status %d", status)
			}
			if status, body := get(t, url, "/v1/kv/absent", token); status != http.StatusNotFound {
				t.Errorf("with the token: %d %s", status, body)
			}
			if printed := p.stdout.String(); strings.Contains(printed, token) || strings.Contains(printed, "Without effect") {
				t.Errorf("it printed:\n%s", printed)
			}
		})
	}
	t.Run("allow without a policy", func(t *testing.T) {
		t.Parallel()
		port := fmt.Sprint(freePort(t))
		runAgentProgram(t, "-hcl", "acl { enabled = true }", "-http-port", port)
		if status, body := get(t, "http://127.0.0.1:"+port, "/v1/kv/absent", ""); status != http.StatusNotFound {
			t.Errorf("%d %s", status, body)
		}
	})
}

// certificate makes one that signs itself, good for servers and clients, and gives the paths of it and of its key.
func certificate(t *testing.T) (cert, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
		KeyUsage:    x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		t.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	encode := func(kind string, der []byte) string {
		return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
	}
	return writeFile(t, "cert.pem", encode("CERTIFICATE", der)), writeFile(t, "key.pem", encode("PRIVATE KEY", pkcs8))
}

func TestAgentTLS(t *testing.T) {
	t.Parallel()
	cert, key := certificate(t)
	authority, err := os.ReadFile(cert)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(authority)
	pair, err := tls.LoadX509KeyPair(cert, key)
	if err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		config string
		mutual bool
	}{
		"new":           {`tls { https { ca_file = %[1]q, cert_file = %[1]q, key_file = %[2]q, verify_incoming = true } }`, true},
		"defaults":      {`tls { defaults { ca_file = %[1]q, cert_file = %[1]q, key_file = %[2]q } }`, false},
		"old":           {`ca_file = %[1]q cert_file = %[1]q key_file = %[2]q verify_incoming_https = true`, true},
		"old, one side": {`cert_file = %[1]q key_file = %[2]q`, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			port := freePort(t)
			runAgentProgram(t, "-hcl", fmt.Sprintf(test.config, cert, key), "-http-port", "-1", "-https-port", fmt.Sprint(port))
			url := fmt.Sprintf("https://127.0.0.1:%d/v1/status/leader", port)
			settings := &tls.Config{RootCAs: roots}
			without := &http.Client{Transport: &http.Transport{TLSClientConfig: settings.Clone(), DisableKeepAlives: true}}
			settings.Certificates = []tls.Certificate{pair}
			with := &http.Client{Transport: &http.Transport{TLSClientConfig: settings, DisableKeepAlives: true}}
			if status, body := getBy(t, with, url, ""); status != http.StatusOK {
				t.Errorf("with a certificate: %d %s", status, body)
			}
			response, err := without.Get(url)
			if err == nil {
				response.Body.Close()
			}
			if (err != nil) != test.mutual {
				t.Errorf("without a certificate: %v", err)
			}
		})
	}
}

func TestAgentAddresses(t *testing.T) {
	t.Parallel()
	port, socket := freePort(t), filepath.Join(t.TempDir(), "s")
	p := runAgentProgram(t, "-http-port", fmt.Sprint(port), "-https-port", "1",
		"-hcl", fmt.Sprintf(`addresses { http = "127.0.0.1 unix://%s" }`, socket))
	for _, url := range []string{fmt.Sprintf("http://127.0.0.1:%d", port), "unix://" + socket} {
		if status, body := get(t, url, "/v1/status/leader", ""); status != http.StatusOK {
			t.Errorf("%s: %d %s", url, status, body)
		}
	}
	wantText(t, p.stdout.String(), "Without effect here: ports.https") // there is no certificate
}

// A server that is stopped exits with 1 unless it is told to leave, as the real one does.
func TestAgentExitCodes(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		signal os.Signal
		config string
		want   int
	}{
		{os.Interrupt, "", exitFailed},
		{os.Interrupt, "skip_leave_on_interrupt = false", exitOK},
		{syscall.SIGTERM, "", exitFailed},
		{syscall.SIGTERM, "leave_on_terminate = true", exitOK},
	} {
		p := runProgram(t.Context(), "agent", "-dev", "-http-port", fmt.Sprint(freePort(t)), "-hcl", test.config)
		p.awaitLine(t, serves)
		p.signals <- test.signal
		if code := <-p.code; code != test.want {
			t.Errorf("%v with %q: exit code %d, want %d", test.signal, test.config, code, test.want)
		}
	}
}

// An agent that a client has leave ends with 0, once the client has its answer.
func TestAgentThatLeaves(t *testing.T) {
	t.Parallel()
	port := freePort(t)
	p := runProgram(t.Context(), "agent", "-dev", "-http-port", fmt.Sprint(port))
	p.awaitLine(t, serves)
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPut, fmt.Sprintf("http://127.0.0.1:%d/v1/agent/leave", port), nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	if response.StatusCode != http.StatusOK {
		t.Errorf("status %d", response.StatusCode)
	}
	if code := <-p.code; code != exitOK {
		t.Errorf("exit code %d", code)
	}
}

func TestAgentWrongUse(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		args []string
		want string
	}{
		"flag":        {[]string{"-nonsense"}, "-nonsense"},
		"number":      {[]string{"-http-port", "many"}, "http-port"},
		"arguments":   {[]string{"-dev", "x", "y"}, "unexpected extra arguments: [x y]"},
		"no file":     {[]string{"-config-file", "/no/such/file.json"}, "/no/such/file.json"},
		"bad JSON":    {[]string{"-config-file", writeFile(t, "a.json", "{")}, "a.json: "},
		"bad HCL":     {[]string{"-hcl", "a = {"}, "-hcl: "},
		"no format":   {[]string{"-config-file", writeFile(t, "a.conf", "{}")}, "a.conf: \"\" is no format"},
		"wrong type":  {[]string{"-hcl", "enable_script_checks = \"perhaps\""}, "enable_script_checks is perhaps"},
		"level":       {[]string{"-log-level", "loud"}, "log_level: \"loud\" is no level"},
		"node ID":     {[]string{"-node-id", "1"}, "no UUID"},
		"policy":      {[]string{"-hcl", "acl { enabled = true default_policy = \"perhaps\" }"}, "allow or deny"},
		"address":     {[]string{"-client", "{{ GetPrivateIP }}"}, "is no IP address"},
		"no address":  {[]string{"-http-port", "-1"}, "served nowhere"},
		"certificate": {[]string{"-hcl", "cert_file = \"/no/such.pem\"\nkey_file = \"/no/such.pem\""}, "/no/such.pem"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, stderr := ends(t, exitFailed, append([]string{"agent"}, test.args...)...)
			wantText(t, stderr, test.want)
		})
	}
}
