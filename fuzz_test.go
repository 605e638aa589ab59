package consul_test

// This file holds the fuzz targets of the core. That of keys stands with the key/value store.

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/lictor-go/consul"
)

// Whatever stands in the headers, the call gives a QueryMeta or an error that names a header.
func FuzzQueryMeta(f *testing.F) {
	headers := []string{
		"X-Consul-Index", "X-Consul-Lastcontact", "X-Consul-Knownleader", "X-Cache", "Age",
		"X-Consul-Results-Filtered-By-Acls", "X-Consul-Translate-Addresses", "X-Consul-Contenthash",
	}
	for i := range headers {
		for _, value := range []string{"0", "7", "18446744073709551615", "-1", "true", "HIT", "1e3", "", "\xff"} {
			f.Add(uint8(i), value, i%2 == 0)
		}
	}
	f.Fuzz(func(t *testing.T, which uint8, value string, found bool) {
		name := headers[int(which)%len(headers)]
		client := clientWith(t, &consul.Config{Transport: roundTripFunc(func(r *http.Request) (*http.Response, error) {
			code := http.StatusOK
			if !found {
				code = http.StatusNotFound
			}
			resp, err := respond(answer(code, "[]"))(r)
			resp.Header = http.Header{name: {value}}
			return resp, err
		})})
		_, meta, err := client.KV().List(t.Context(), "")
		switch {
		case err == nil:
			if meta == nil || meta.LastContact < 0 || meta.CacheAge < 0 {
				t.Errorf("%s: %q gives %+v", name, value, meta)
			}
		case !errors.Is(err, consul.ErrBadResponse) || !strings.Contains(err.Error(), name):
			t.Errorf("%s: %q gives %v, want ErrBadResponse that names the header", name, value, err)
		case len(err.Error()) > 1000:
			t.Errorf("%s: an error of %d bytes", name, len(err.Error()))
		}
	})
}

// Whatever an environment variable holds, there is a Config or an error that names it.
func FuzzEnv(f *testing.F) {
	names := []string{
		"CONSUL_HTTP_ADDR", "CONSUL_HTTP_TOKEN", "CONSUL_HTTP_AUTH", "CONSUL_HTTP_SSL", "CONSUL_HTTP_SSL_VERIFY",
		"CONSUL_TLS_SERVER_NAME", "CONSUL_NAMESPACE", "CONSUL_PARTITION",
	}
	for i := range names {
		for _, value := range []string{"", "true", "host:8500", "https://[::1]:8501/p%2Fq", "unix:///s", "user:pass", "http://u:p@h", "::1", "%zz", " "} {
			f.Add(uint8(i), value)
		}
	}
	f.Fuzz(func(t *testing.T, which uint8, value string) {
		if strings.ContainsRune(value, 0) {
			t.Skip("no environment variable holds that")
		}
		clearEnv(t)
		name := names[int(which)%len(names)]
		t.Setenv(name, value)
		config, err := consul.ConfigFromEnv()
		if err != nil {
			if !errors.Is(err, consul.ErrInvalidConfig) || !strings.Contains(err.Error(), name) {
				t.Errorf("%s=%q: %v, want ErrInvalidConfig that names it", name, value, err)
			}
			return
		}
		client, err := consul.NewClient(config)
		if err != nil {
			t.Fatalf("%s=%q was taken, but not by NewClient: %v", name, value, err)
		}
		client.Close()
	})
}

// Whatever the wire has as a duration, decoding it does not panic, and what it takes survives encoding.
func FuzzDuration(f *testing.F) {
	for _, seed := range []string{`0`, `15000000000`, `1.5e+10`, `"15s"`, `""`, `null`, `-1`, `1e300`, `"1h2m3.5s"`, `"x"`, `9223372036854775807`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var s consul.SessionEntry
		if err := json.Unmarshal([]byte(`{"LockDelay":`+text+`}`), &s); err != nil {
			return
		}
		encoded, err := json.Marshal(time.Duration.String(s.LockDelay))
		if err != nil {
			t.Fatal(err)
		}
		var again consul.SessionEntry
		if err := json.Unmarshal([]byte(`{"LockDelay":`+string(encoded)+`}`), &again); err != nil || again.LockDelay != s.LockDelay {
			t.Errorf("%s is %v, and %v after encoding (%v)", text, s.LockDelay, again.LockDelay, err)
		}
	})
}

// An ID or a name is refused, or reaches a server that cleans paths byte for byte.
func FuzzPath(f *testing.F) {
	for _, seed := range []string{"web", "a b", "a/b", "a%2Fb", "a?b#c", "..", ".", "", "a//b", "/a", "a/", "a/../b", "ü", "\xff", "+", ";", "a\nb", "%"} {
		f.Add(seed)
	}
	var got string
	mux := http.NewServeMux()
	mux.HandleFunc("GET /v1/catalog/service/{name...}", func(w http.ResponseWriter, r *http.Request) {
		got = r.PathValue("name")
		answer(200, "[]")(w, r)
	})
	client := clientWith(f, &consul.Config{Transport: respond(mux.ServeHTTP)})
	f.Fuzz(func(t *testing.T, name string) {
		got = "no request"
		_, _, err := client.Catalog().Service(t.Context(), name)
		switch {
		case errors.Is(err, consul.ErrInvalidOption):
			if got != "no request" {
				t.Errorf("%q was refused, but sent as %q", name, got)
			}
		case err != nil:
			t.Errorf("%q: %v", name, err)
		case got != name:
			t.Errorf("%q arrived as %q", name, got)
		}
	})
}
