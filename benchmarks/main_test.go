package benchmarks

// This file starts the server of the benchmarks: this test's own program, run anew in another role.

import (
	"bufio"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
)

var update = flag.Bool("update", false, "record what the tests compare with anew")

// roleVariable says in the environment of a process that it is the server.
const roleVariable = "BENCHMARKS_ROLE"

func TestMain(m *testing.M) {
	if os.Getenv(roleVariable) == "server" {
		if err := serve(os.Stdin, os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	code := m.Run()
	if err := recorded.stop(); err != nil {
		fmt.Fprintln(os.Stderr, "the server of recorded answers:", err)
		code = 1
	}
	os.Exit(code)
}

// recorded is the server of recorded answers, started by the first who asks for it.
var recorded serverProcess

type serverProcess struct {
	once  sync.Once
	cmd   *exec.Cmd
	stdin io.Closer // the server ends when it is closed, so also when this process dies
	addr  string
	err   error
}

// url gives the address of the server, as "http://host:port".
func (s *serverProcess) url(t testing.TB) string {
	t.Helper()
	s.once.Do(func() { s.err = s.start() })
	if s.err != nil {
		t.Fatalf("start the server of recorded answers: %v", s.err)
	}
	return "http://" + s.addr
}

func (s *serverProcess) start() error {
	program, err := os.Executable()
	if err != nil {
		return err
	}
	s.cmd = exec.Command(program)
	s.cmd.Env = append(os.Environ(), roleVariable+"=server")
	s.cmd.Stderr = os.Stderr
	stdin, err := s.cmd.StdinPipe()
	if err != nil {
		return err
	}
	s.stdin = stdin
	stdout, err := s.cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := s.cmd.Start(); err != nil {
		return err
	}
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		return errors.Join(fmt.Errorf("it did not print its address: %w", err), s.stop())
	}
	s.addr = strings.TrimSpace(line)
	return nil
}

func (s *serverProcess) stop() error {
	if s.cmd == nil || s.cmd.Process == nil {
		return nil
	}
	s.stdin.Close()
	return s.cmd.Wait()
}
