package checks

// This file holds script checks: exit code 0 is passing, 1 is a warning, all else is critical.

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"time"
)

const (
	scriptTimeout = 30 * time.Second

	// scriptGrace is how long a killed script's output may take to end. It does not where a process of it left the group.
	scriptGrace = time.Second
)

func newScript(def Definition, env Env) probe {
	timeout := def.timeout(scriptTimeout)
	return func(ctx context.Context) result {
		ctx, cancel := context.WithTimeout(ctx, timeout)
		defer cancel()
		output := newTail(env.OutputMaxSize)
		err := runScript(ctx, def.ScriptArgs, output)

		var exit *exec.ExitError
		switch {
		case ctx.Err() != nil:
			return result{status: Critical, output: timedOut(timeout, output), certain: true}
		case err == nil:
			return passing(output.report())
		case !errors.As(err, &exit):
			return result{status: Critical, output: err.Error(), certain: true}
		case exit.ExitCode() == 1:
			return warning(output.report())
		default:
			return critical(output.report())
		}
	}
}

func timedOut(timeout time.Duration, output *tail) string {
	text := fmt.Sprintf("Timed out (%s) running check", timeout)
	if report := output.report(); report != "" {
		text += "\n\n" + report
	}
	return text
}

// runScript runs a command until it has ended and nobody can write to its output any more: a process that it left behind
// counts. When the context ends it kills the whole group.
func runScript(ctx context.Context, args []string, output io.Writer) error {
	reader, writer, err := os.Pipe()
	if err != nil {
		return err
	}
	defer reader.Close()
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Stdout, cmd.Stderr = writer, writer
	ownGroup(cmd)
	err = cmd.Start()
	writer.Close()
	if err != nil {
		return err
	}

	read := make(chan struct{})
	go func() {
		defer close(read)
		_, _ = io.Copy(output, reader)
	}()
	exited := make(chan error, 1)
	go func() {
		err := cmd.Wait()
		<-read
		exited <- err
	}()
	select {
	case err := <-exited:
		return err
	case <-ctx.Done():
	}

	killGroup(cmd)
	grace := time.AfterFunc(scriptGrace, func() { reader.Close() })
	defer grace.Stop()
	<-exited
	return ctx.Err()
}
