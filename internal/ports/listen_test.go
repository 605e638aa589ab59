package ports

import (
	"os/exec"
	"runtime"
	"sync"
	"testing"
)

// An address is free again as soon as its listener is closed, whatever programs are started meanwhile.
func TestListenAgain(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" {
		t.Skip("other systems promise nothing of the kind")
	}
	program, err := exec.LookPath("true")
	if err != nil {
		t.Fatal(err)
	}
	block, err := Take()
	if err != nil {
		t.Fatal(err)
	}
	defer block.Release()
	var starts sync.WaitGroup
	defer starts.Wait()
	done := make(chan struct{})
	defer close(done)
	starts.Go(func() {
		for {
			select {
			case <-done:
				return
			default:
				_ = exec.Command(program).Run()
			}
		}
	})
	for range 5000 {
		l, err := Listen(block.Addr(API))
		if err != nil {
			t.Fatal(err)
		}
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
	}
}
