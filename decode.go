package consul

// This file turns the bodies of answers into values: whole ones, and lists as they arrive.

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// decode reads the JSON of an answer into out. The error tells where it breaks, and never quotes the body, which may
// hold tokens.
func decode(a *answer, out any) error {
	if err := json.Unmarshal(a.body.Bytes(), out); err != nil {
		return a.r.badResponse(a.code, err)
	}
	return nil
}

// decodeEach reads a JSON array one element at a time and gives each to take, until that returns false. Null is an empty
// array. It reads on to the end of the input, which shows that nothing is missing, and frees the connection beneath for
// the next call.
func decodeEach[T any](body io.Reader, take func(*T) bool) error {
	d := json.NewDecoder(body)
	start, err := d.Token()
	if err != nil {
		return err
	}
	if start != nil && start != json.Delim('[') {
		return fmt.Errorf("want an array, got %T", start)
	}
	for start != nil && d.More() {
		v := new(T)
		if err := d.Decode(v); err != nil {
			return err
		}
		if !take(v) {
			return nil
		}
	}
	if start != nil {
		if _, err := d.Token(); err != nil {
			return err
		}
	}
	if _, err = d.Token(); err == nil {
		return errors.New("something follows the array")
	}
	if err == io.EOF {
		return nil
	}
	return err
}
