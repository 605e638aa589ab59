package checks

// This file holds Docker checks: scripts that run in a container.

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
)

// docker is a client of the Docker daemon's API for one container.
type docker struct {
	network, address string
	client           *http.Client
	container        string
	command          []string
	maxSize          int
}

func newDocker(def Definition, env Env) (probe, error) {
	host := env.DockerHost
	if host == "" {
		host = "unix:///var/run/docker.sock"
	}
	network, address, ok := strings.Cut(host, "://")
	if !ok {
		return nil, fmt.Errorf("unable to parse docker host `%s`", host)
	}
	if network == "tcp" {
		parsed, err := url.Parse(host)
		if err != nil {
			return nil, err
		}
		address = parsed.Host
	}
	d := &docker{
		network: network, address: address,
		container: def.DockerContainerID, command: def.ScriptArgs, maxSize: env.OutputMaxSize,
	}
	d.client = &http.Client{Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			ctx, cancel := context.WithTimeout(ctx, defaultTimeout)
			defer cancel()
			return env.Dial(ctx, d.network, d.address)
		},
	}}
	return d.check, nil
}

// check has no timeout: the real server has none for it either.
func (d *docker) check(ctx context.Context) result {
	id, err := d.create(ctx)
	if err != nil {
		return critical(err.Error())
	}
	output, err := d.start(ctx, id)
	if err != nil {
		return critical(err.Error())
	}
	code, err := d.exitCode(ctx, id)
	switch {
	case err != nil:
		return critical(err.Error())
	case code == 0:
		return passing(output.report())
	case code == 1:
		return warning(output.report())
	default:
		return critical(output.report())
	}
}

func (d *docker) create(ctx context.Context) (id string, err error) {
	command := struct {
		AttachStdin, AttachStdout, AttachStderr, Tty bool
		Cmd                                          []string
	}{AttachStdout: true, AttachStderr: true, Cmd: d.command}
	body, code, err := d.call(ctx, http.MethodPost, "/containers/"+url.QueryEscape(d.container)+"/exec", command)
	switch {
	case err != nil:
		return "", fmt.Errorf("create exec failed for container %s: %w", d.container, err)
	case code == http.StatusNotFound:
		return "", fmt.Errorf("create exec failed for unknown container %s", d.container)
	case code == http.StatusConflict:
		return "", fmt.Errorf("create exec failed since container %s is paused or stopped", d.container)
	case code != http.StatusCreated:
		return "", fmt.Errorf("create exec failed for container %s with status %d: %s", d.container, code, body)
	}
	var created struct{ Id string }
	if err := decodeFirst(body, &created); err != nil {
		return "", fmt.Errorf("create exec response for container %s cannot be parsed: %w", d.container, err)
	}
	return created.Id, nil
}

func (d *docker) start(ctx context.Context, id string) (output *tail, err error) {
	body, code, err := d.call(ctx, http.MethodPost, "/exec/"+id+"/start", struct{ Detach, Tty bool }{Tty: true})
	switch {
	case err != nil && !(code == http.StatusOK && strings.Contains(err.Error(), "connection reset by peer")):
		// Daemons may reset the connection once the output is complete.
		return nil, fmt.Errorf("start exec failed for container %s: %w", d.container, err)
	case code == http.StatusOK:
		return body, nil
	case code == http.StatusNotFound:
		return nil, fmt.Errorf("start exec failed for container %s: invalid exec id %s", d.container, id)
	case code == http.StatusConflict:
		return nil, fmt.Errorf("start exec failed since container %s is paused or stopped", d.container)
	default:
		return nil, fmt.Errorf("start exec failed for container %s with status %d: body: %s err: %v",
			d.container, code, body, err)
	}
}

func (d *docker) exitCode(ctx context.Context, id string) (int, error) {
	body, code, err := d.call(ctx, http.MethodGet, "/exec/"+id+"/json", nil)
	switch {
	case err != nil:
		return 0, fmt.Errorf("inspect exec failed for container %s: %w", d.container, err)
	case code == http.StatusNotFound:
		return 0, fmt.Errorf("inspect exec failed for container %s: invalid exec id %s", d.container, id)
	case code != http.StatusOK:
		return 0, fmt.Errorf("inspect exec failed for container %s with status %d: %s", d.container, code, body)
	}
	var inspected struct{ ExitCode int }
	if err := decodeFirst(body, &inspected); err != nil {
		return 0, fmt.Errorf("inspect exec response for container %s cannot be parsed: %w", d.container, err)
	}
	return inspected.ExitCode, nil
}

// call sends a request, and gives the end of the answer's body with its status.
func (d *docker) call(ctx context.Context, method, path string, in any) (*tail, int, error) {
	var body io.Reader
	if in != nil {
		encoded, err := json.Marshal(in)
		if err != nil {
			return nil, 0, err
		}
		body = bytes.NewReader(encoded)
	}
	req, err := http.NewRequestWithContext(ctx, method, path, body)
	if err != nil {
		return nil, 0, err
	}
	req.URL.Scheme, req.URL.Host = "http", d.address
	if d.network != "tcp" {
		req.Host = "docker" // the path of a socket is no host
	}
	if in != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := d.client.Do(req)
	if err != nil {
		return nil, 0, err
	}
	defer resp.Body.Close()
	output := newTail(d.maxSize)
	_, err = io.Copy(output, resp.Body)
	return output, resp.StatusCode, err
}

func decodeFirst(body *tail, into any) error {
	return json.NewDecoder(strings.NewReader(body.String())).Decode(into)
}
