package testutil

// This file finds the consul binary to start.

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
)

const modulePath = "github.com/lictor-go/consul"

// findBinary gives the path of the server that s asks for, or an error that says where it looked and what to do. roots are
// the checkouts to look in.
func (s *settings) findBinary(roots []string) (string, error) {
	variable, name, onPath := "CONSUL_BIN", "consul", true
	if s.legacy {
		variable, name, onPath = "CONSUL_LEGACY_BIN", "consul-legacy", false
	}
	if s.binary != "" {
		return checkBinary("WithBinary", s.binary)
	}
	if path := os.Getenv(variable); path != "" {
		found, err := checkBinary(variable, path)
		if err != nil {
			return "", fmt.Errorf("%w (%s wants a real server)", err, s.why)
		}
		return found, nil
	}
	looked := []string{variable + " (not set)"}
	if onPath {
		if path, err := exec.LookPath(name); err == nil {
			return filepath.Abs(path)
		}
		looked = append(looked, name+" on PATH")
	}
	for _, root := range roots {
		path := filepath.Join(root, ".bin", name)
		if executable(path) {
			return path, nil
		}
		looked = append(looked, path)
	}
	if len(roots) == 0 {
		looked = append(looked, "a checkout of "+modulePath+" around the working directory")
	}
	return "", fmt.Errorf("testutil: %s wants a real server, and there is no %s binary to start; looked for %s: "+
		"run \"make consul\" in a checkout of %s, or set %s to the path of one",
		s.why, name, strings.Join(looked, ", "), modulePath, variable)
}

// checkBinary checks a path that was asked for by name, so that a wrong one is not made up for by another binary.
func checkBinary(origin, path string) (string, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return "", fmt.Errorf("testutil: %s: %w", origin, err)
	}
	if !executable(abs) {
		return "", fmt.Errorf("testutil: %s is %q, which is no file that can be run: set it to the path of a consul binary, or run \"make consul\" and leave it out",
			origin, path)
	}
	return abs, nil
}

func executable(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular() && (info.Mode()&0o111 != 0 || runtime.GOOS == "windows")
}

// checkouts gives the roots of this module's source that can be told from here: the one around the working directory, and
// the one that this package was built from.
func checkouts() []string {
	var roots []string
	add := func(root string) {
		if root != "" && (len(roots) == 0 || roots[0] != root) {
			roots = append(roots, root)
		}
	}
	if dir, err := os.Getwd(); err == nil {
		add(moduleRoot(dir))
	}
	// A binary built with -trimpath has no path of its source, and a module from the cache no .bin: neither is found.
	if _, file, _, ok := runtime.Caller(0); ok && filepath.IsAbs(file) {
		add(moduleRoot(filepath.Dir(file)))
	}
	return roots
}

// moduleRoot walks up from dir to the go.mod of this module, past those of nested modules; "" where there is none.
func moduleRoot(dir string) string {
	for {
		data, err := os.ReadFile(filepath.Join(dir, "go.mod"))
		if err == nil && declares(data, modulePath) {
			return dir
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return ""
		}
		dir = parent
	}
}

// declares reports whether a go.mod is that of the module path.
func declares(mod []byte, path string) bool {
	for line := range bytes.Lines(mod) {
		if fields := strings.Fields(string(line)); len(fields) >= 2 && fields[0] == "module" {
			return fields[1] == path
		}
	}
	return false
}
