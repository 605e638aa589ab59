// Package oldsdk runs an older release of the harness that most suites start their servers with, of which a module can have
// only one, on consul-embedded in place of consul.
package oldsdk

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"

	sdk "github.com/hashicorp/consul/sdk/testutil"
)

func TestSDKHarness(t *testing.T) {
	dir := t.TempDir()
	program := filepath.Join(dir, "consul")
	if runtime.GOOS == "windows" {
		program += ".exe"
	}
	build := exec.Command("go", "build", "-o", program, "./cmd/consul-embedded")
	build.Dir = filepath.Join("..", "..")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build consul-embedded: %v: %s", err, out)
	}
	t.Setenv("PATH", dir+string(os.PathListSeparator)+os.Getenv("PATH"))
	s, err := sdk.NewTestServerConfigT(t, nil)
	if err != nil {
		t.Fatal(err)
	}
	// A server that is stopped and does not leave exits with 1, as the real one does.
	t.Cleanup(func() { _ = s.Stop() })
	s.WaitForLeader(t)
	s.WaitForSerfCheck(t)
	s.WaitForActiveCARoot(t)
	s.SetKVString(t, "a", "1")
	s.AddService(t, "web", "passing", []string{"v1"})
	if got := s.GetKVString(t, "a"); got != "1" {
		t.Errorf("a is %q", got)
	}
}
