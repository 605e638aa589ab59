package checks

// This file holds HTTP checks: 2xx is passing, 429 is a warning, all else is critical.

import (
	"context"
	"fmt"
	"io"
	"maps"
	"net/http"
	"strings"

	"github.com/hashicorp/go-cleanhttp"
)

func newHTTP(def Definition, env Env) probe {
	client := &http.Client{Transport: env.Transport}
	if client.Transport == nil {
		transport := cleanhttp.DefaultTransport()
		transport.DisableKeepAlives = true // an idle connection must not hide that nobody listens any more
		transport.DialContext = env.Dial
		transport.TLSClientConfig = tlsConfig(def, env)
		client.Transport = transport
	}
	if def.DisableRedirects {
		client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	}
	if def.Method == "" {
		def.Method = http.MethodGet
	}
	timeout := def.timeout(defaultTimeout)
	return func(ctx context.Context) result {
		ctx, cancel := context.WithTimeout(ctx, timeout)
		defer cancel()
		return getHTTP(ctx, client, def, env.OutputMaxSize)
	}
}

func getHTTP(ctx context.Context, client *http.Client, def Definition, maxSize int) result {
	req, err := newHTTPRequest(ctx, def)
	if err != nil {
		return critical(err.Error())
	}
	resp, err := client.Do(req)
	switch {
	case err != nil && ctx.Err() != nil:
		// The client's own Timeout, which real servers use, would say so. But it has two timers for one instant, and it
		// depends on which one is first whether it does.
		return critical(err.Error() + " (Client.Timeout exceeded while awaiting headers)")
	case err != nil:
		return critical(err.Error())
	}
	defer resp.Body.Close()
	body := newTail(maxSize)
	// A body that is cut short does no harm: the status says it all.
	_, _ = io.Copy(body, resp.Body)

	found := result{output: fmt.Sprintf("HTTP %s %s: %s Output: %s", def.Method, def.HTTP, resp.Status, body)}
	switch {
	case resp.StatusCode >= 200 && resp.StatusCode <= 299:
		found.status = Passing
	case resp.StatusCode == http.StatusTooManyRequests:
		found.status = Warning
	default:
		found.status = Critical
	}
	return found
}

func newHTTPRequest(ctx context.Context, def Definition) (*http.Request, error) {
	req, err := http.NewRequestWithContext(ctx, def.Method, def.HTTP, strings.NewReader(def.Body))
	if err != nil {
		return nil, err
	}
	if def.Header != nil {
		req.Header = maps.Clone(http.Header(def.Header)) // names as they were registered, in whatever case
	}
	if host := req.Header.Get("Host"); host != "" {
		req.Host = host
	}
	if req.Header.Get("User-Agent") == "" {
		req.Header.Set("User-Agent", "Consul Health Check")
	}
	if req.Header.Get("Accept") == "" {
		req.Header.Set("Accept", "text/plain, text/*, */*")
	}
	return req, nil
}
