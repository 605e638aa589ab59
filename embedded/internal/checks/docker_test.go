package checks_test

// This file holds the tests of Docker checks, on a daemon that answers as the test says.

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lictor-go/consul/embedded/internal/checks"
)

func inDocker() checks.Definition {
	return checks.Definition{ScriptArgs: []string{"/bin/check", "-v"}, DockerContainerID: "c 1"}
}

func TestDocker(t *testing.T) {
	t.Parallel()
	type reply struct {
		code int
		body string
	}
	created, ran := reply{201, `{"Id":"e1"}`}, reply{200, "output\n"}
	tests := map[string]struct {
		replies []reply // to create, start and inspect
		want    said
	}{
		"exit code 0":       {[]reply{created, ran, {200, `{"ExitCode":0}`}}, said{"passing", "output\n"}},
		"exit code 1":       {[]reply{created, ran, {200, `{"ExitCode":1}`}}, said{"warning", "output\n"}},
		"exit code 2":       {[]reply{created, ran, {200, `{"ExitCode":2}`}}, said{"critical", "output\n"}},
		"unknown container": {[]reply{{404, ""}}, said{"critical", "create exec failed for unknown container c 1"}},
		"paused": {[]reply{{409, ""}},
			said{"critical", "create exec failed since container c 1 is paused or stopped"}},
		"create fails": {[]reply{{500, "oh"}},
			said{"critical", "create exec failed for container c 1 with status 500: oh"}},
		"create garbles": {[]reply{{201, "x"}},
			said{"critical", "create exec response for container c 1 cannot be parsed: invalid character 'x' looking for beginning of value"}},
		"start finds not": {[]reply{created, {404, ""}},
			said{"critical", "start exec failed for container c 1: invalid exec id e1"}},
		"start finds it paused": {[]reply{created, {409, ""}},
			said{"critical", "start exec failed since container c 1 is paused or stopped"}},
		"start fails": {[]reply{created, {500, "oh"}},
			said{"critical", "start exec failed for container c 1 with status 500: body: oh err: <nil>"}},
		"inspect finds not": {[]reply{created, ran, {404, ""}},
			said{"critical", "inspect exec failed for container c 1: invalid exec id e1"}},
		"inspect fails": {[]reply{created, ran, {500, "oh"}},
			said{"critical", "inspect exec failed for container c 1 with status 500: oh"}},
		"inspect garbles": {[]reply{created, ran, {200, ""}},
			said{"critical", "inspect exec response for container c 1 cannot be parsed: EOF"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var asked []string
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				body, _ := io.ReadAll(r.Body)
				reply := test.replies[len(asked)]
				asked = append(asked, fmt.Sprint(r.Method, " ", r.RequestURI, " ", string(body)))
				w.WriteHeader(reply.code)
				fmt.Fprint(w, reply.body)
			}))
			defer server.Close()
			env := checks.Env{Scripts: true, DockerHost: "tcp://" + server.Listener.Addr().String()}
			if got := firstResult(t, inDocker(), env); got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
			want := []string{
				`POST /containers/c+1/exec {"AttachStdin":false,"AttachStdout":true,"AttachStderr":true,"Tty":false,"Cmd":["/bin/check","-v"]}`,
				`POST /exec/e1/start {"Detach":false,"Tty":true}`,
				`GET /exec/e1/json `,
			}[:len(test.replies)]
			if strings.Join(asked, "\n") != strings.Join(want, "\n") {
				t.Errorf("it asked %q, want %q", asked, want)
			}
		})
	}
}

// TestDockerSocket asks a daemon at the path of a socket, as they usually are, and one that is not there.
func TestDockerSocket(t *testing.T) {
	t.Parallel()
	socket := filepath.Join(t.TempDir(), "docker.sock")
	env := checks.Env{Scripts: true, DockerHost: "unix://" + socket}
	want := said{"critical", `create exec failed for container c 1: Post "http://` + strings.ReplaceAll(socket, "/", "%2F") +
		`/containers/c+1/exec": dial unix ` + socket + `: connect: no such file or directory`}
	if got := firstResult(t, inDocker(), env); got != want {
		t.Errorf("got %q, want %q", got, want)
	}

	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { http.Error(w, r.Host, 500) })}
	go func() { _ = server.Serve(l) }()
	defer server.Close()
	want = said{"critical", "create exec failed for container c 1 with status 500: docker\n"}
	if got := firstResult(t, inDocker(), env); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
