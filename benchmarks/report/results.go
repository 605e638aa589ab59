package main

// This file keeps RESULTS.md: the part between two lines is written anew, the rest is left as it is.

import (
	"bytes"
	"fmt"
	"os"
)

const (
	beginMark = "<!-- What follows is written by \"make bench\". -->\n"
	endMark   = "<!-- What \"make bench\" writes ends here. -->\n"
)

func writeResults(path string, part []byte) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	text, err = replacePart(text, part)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return os.WriteFile(path, text, 0o644)
}

// replacePart puts part between the marks of text.
func replacePart(text, part []byte) ([]byte, error) {
	before, rest, begun := bytes.Cut(text, []byte(beginMark))
	_, after, ended := bytes.Cut(rest, []byte(endMark))
	if !begun || !ended {
		return nil, fmt.Errorf("want the lines %q and %q, in this order", beginMark, endMark)
	}
	return bytes.Join([][]byte{before, []byte(beginMark), part, []byte(endMark), after}, nil), nil
}
