//go:build unix

package testutil_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"github.com/lictor-go/consul/testutil"
)

func processExists(pid int) bool { return !errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) }

func TestNoProcessIsLeft(t *testing.T) {
	testutil.NeedReal(t, "processes")
	t.Parallel()
	for name, end := range map[string]func(*testutil.Server) error{
		"stop":            (*testutil.Server).Stop,
		"kill":            (*testutil.Server).Kill,
		"close":           (*testutil.Server).Close,
		"suspend + close": func(s *testutil.Server) error { return errors.Join(s.Suspend(), s.Close()) },
		"restart": func(s *testutil.Server) error {
			return s.Restart(context.Background())
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := testutil.NewServer(t)
			pid := s.PID()
			if !processExists(pid) {
				t.Fatalf("process %d of a server that runs does not exist", pid)
			}
			if err := end(s); err != nil {
				t.Fatal(err)
			}
			if processExists(pid) {
				t.Errorf("process %d is left", pid)
			}
		})
	}
}

// starterVariable makes this test binary start a server, say where, and wait to be killed.
const starterVariable = "TESTUTIL_START_AND_WAIT"

func TestMain(m *testing.M) {
	if os.Getenv(starterVariable) == "" {
		os.Exit(m.Run())
	}
	s, err := testutil.Start(context.Background())
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println(s.Addr())
	_, _ = io.Copy(io.Discard, os.Stdin)
}

func TestServerDiesWithItsProcess(t *testing.T) {
	testutil.NeedReal(t, "processes")
	t.Parallel()
	if runtime.GOOS != "linux" {
		t.Skip("only Linux ties a process to the one that started it")
	}
	cmd := exec.Command(os.Args[0])
	// Its temporary directory is ours, since nobody removes what it leaves there.
	cmd.Env = append(os.Environ(), starterVariable+"=1", "TMPDIR="+t.TempDir())
	cmd.Stderr = os.Stderr
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	defer stdin.Close()
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	addr, err := bufio.NewReader(stdout).ReadString('\n')
	killed := cmd.Process.Kill()
	_ = cmd.Wait()
	if err != nil || killed != nil {
		t.Fatalf("start and kill a process with a server: %v, %v", err, killed)
	}
	refuses(t, strings.TrimSpace(addr))
}
