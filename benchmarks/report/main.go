// Command report runs the benchmarks of the module benchmarks and writes what they say into RESULTS.md, between the lines
// that mark its part; what people wrote around it stays. It runs in the directory of that module: see "make bench".
//
// Each round runs every benchmark once, so that what else the machine does meets all clients alike.
package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
)

const resultsFile = "RESULTS.md"

func main() {
	count := flag.Int("count", 20, "`rounds`: fewer than 6 are too few for a confidence of 95%")
	benchtime := flag.String("benchtime", "40ms", "how long a benchmark runs in a round, as for go test")
	only := flag.String("only", "", "print these parts only and write nothing: some of "+strings.Join(partNames(), ","))
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, *count, *benchtime, *only); err != nil {
		fmt.Fprintln(os.Stderr, "report:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, count int, benchtime, only string) error {
	chosen, err := choose(only)
	if err != nil {
		return err
	}
	samples := make(samples)
	machine, err := measure(ctx, samples, chosen, count, benchtime)
	if err != nil {
		return err
	}
	var out bytes.Buffer
	fmt.Fprintf(&out, "Measured on %s.\n", machine)
	for _, p := range chosen {
		fmt.Fprintf(&out, "\n%s", p.render(samples))
	}
	fmt.Print(out.String())
	if only != "" {
		return nil
	}
	return writeResults(resultsFile, out.Bytes())
}

// choose gives the parts that are named, or all.
func choose(names string) ([]part, error) {
	if names == "" {
		return parts, nil
	}
	var chosen []part
	for name := range strings.SplitSeq(names, ",") {
		found := false
		for _, p := range parts {
			if p.name == name {
				chosen, found = append(chosen, p), true
			}
		}
		if !found {
			return nil, fmt.Errorf("there is no part %q; there are %s", name, strings.Join(partNames(), ", "))
		}
	}
	return chosen, nil
}

// measure runs the benchmarks of the parts, adds what they say to s, and tells on what machine they ran.
func measure(ctx context.Context, s samples, chosen []part, count int, benchtime string) (machine string, err error) {
	dir, err := os.MkdirTemp("", "benchmarks-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(dir)
	program := filepath.Join(dir, "benchmarks.test")
	build := exec.CommandContext(ctx, "go", "test", "-c", "-o", program, ".")
	build.Stderr = os.Stderr
	if err := build.Run(); err != nil {
		return "", fmt.Errorf("build the benchmarks: %w", err)
	}
	for round := range count {
		for _, p := range chosen {
			pattern := p.pattern(round)
			if pattern == "" {
				continue
			}
			fmt.Fprintf(os.Stderr, "round %d of %d: %s\n", round+1, count, p.name)
			time := benchtime
			if p.benchtime != "" {
				time = p.benchtime
			}
			out, err := runBenchmarks(ctx, program, pattern, time)
			if err != nil {
				return "", err
			}
			if machine, err = s.read(bytes.NewReader(out)); err != nil {
				return "", err
			}
		}
	}
	return machine, nil
}

// runBenchmarks runs the program that go test has built, once, and gives what it prints.
func runBenchmarks(ctx context.Context, program, pattern, benchtime string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, program,
		"-test.run=^$", "-test.bench="+pattern, "-test.benchtime="+benchtime, "-test.timeout=10m")
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, os.Stderr
	if err := cmd.Run(); err != nil {
		return nil, errors.Join(fmt.Errorf("run the benchmarks %s: %w", pattern, err), failures(&out))
	}
	return out.Bytes(), nil
}

// failures is what a failed run printed.
func failures(out io.Reader) error {
	text, err := io.ReadAll(out)
	if err != nil {
		return err
	}
	return errors.New(string(text))
}
