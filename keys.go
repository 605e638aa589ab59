package consul

// This file holds how the keys under a prefix become a struct of the caller's: DecodeKeys and KV.Decode.

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"strings"
)

// What can be wrong with a key that is to become a field.
var (
	// ErrUnknownKey says that there is no field for a key.
	ErrUnknownKey = errors.New("unknown key")

	// ErrMalformedKey says that the value of a key can't become what its field is.
	ErrMalformedKey = errors.New("malformed value")

	// ErrMissingKey says that there is no key for a field that requires one.
	ErrMissingKey = errors.New("missing key")
)

// A KeysError says all that is wrong with the keys under a prefix.
type KeysError struct {
	Prefix string
	Keys   []*KeyError // in the order of their keys
}

// A KeyError says what is wrong with one key. It does not show the value, which may be a secret.
type KeyError struct {
	Key string // in full
	Err error  // wraps ErrUnknownKey, ErrMalformedKey or ErrMissingKey
}

func (e *KeyError) Error() string { return fmt.Sprintf("%q: %v", e.Key, e.Err) }

// Unwrap gives Err.
func (e *KeyError) Unwrap() error { return e.Err }

func (e *KeysError) Error() string {
	texts := make([]string, len(e.Keys))
	for i, k := range e.Keys {
		texts[i] = k.Error()
	}
	return fmt.Sprintf("consul: keys under %q: %s", e.Prefix, strings.Join(texts, "; "))
}

// Unwrap gives what is wrong with each key.
func (e *KeysError) Unwrap() []error {
	all := make([]error, len(e.Keys))
	for i, k := range e.Keys {
		all[i] = k
	}
	return all
}

// DecodeKeys sets the fields of a struct, which v points to, from the keys under a prefix: "app/config" and "app/config/"
// both mean what begins with "app/config/". Pairs that don't, and directories, which end with a slash, don't count.
//
//	type Config struct {
//		Listen  string                    `consul:"listen,default=:8080"`
//		Timeout time.Duration             `consul:"timeout,default=5s"`
//		DSN     string                    `consul:"db/dsn,required"`
//		Limits  struct{ Rate, Burst int } `consul:"limits"` // limits/Rate, limits/Burst
//		Flags   map[string]bool           `consul:"flags"`  // flags/dark-mode, flags/anything
//		Peers   []netip.Addr              `consul:"peers"`  // 10.0.0.1, 10.0.0.2
//	}
//
// The tag names the key, which may have slashes; without a name it is the field's own, letter for letter. An unexported
// field, and one with the tag "-", is left alone. Where the key is absent the field gets its default, which is the rest of
// the tag with all commas; else it stays as it was, or is ErrMissingKey with "required". The types are
//
//   - strings and []byte, which are the value as it is;
//   - whatever is an encoding.TextUnmarshaler, which gets the value as it is: time.Time, netip.Addr, slog.Level …;
//   - bool, integers (decimal), floats, time.Duration ("1m30s") and url.URL, with space around the value ignored;
//   - slices of those: the elements are separated by commas or newlines, without space around them, and none is empty. An
//     empty value is an empty slice;
//   - structs, for the keys under theirs. One that is embedded without a tag has its fields in the struct around it;
//   - maps by strings, for any keys under theirs: the next part of the key is the map's. A map of values with the tag "*"
//     takes all keys of its struct that are neither another field's nor under that, by the rest of their names: a program
//     with one puts up with keys that are for a newer one;
//   - pointers to those, which are new where there is a key for them, or under theirs, or a default, and else stay.
//
// What is wrong with the keys comes as one *KeysError: for each key ErrUnknownKey, ErrMalformedKey or ErrMissingKey. Where
// nothing is, and v has a method Validate() error, that is called, and its error returned, wrapped. In both cases v is as it
// was. A type that can't be decoded into, or a tag that makes no sense, is ErrInvalidOption, whatever the keys.
func DecodeKeys(pairs KVPairs, prefix string, v any) error {
	target, err := keysTarget(prefix, v)
	if err != nil {
		return err
	}
	// What is decoded into is a copy, so that v is whole whatever happens.
	fresh := reflect.New(target.Type())
	fresh.Elem().Set(target)
	root := plantKeys(pairs, directory(prefix))
	var d keyDecoder
	d.structure(fresh.Elem(), root)
	d.unknown(root)
	if len(d.wrong) > 0 {
		return d.fail(prefix)
	}
	if valid, ok := fresh.Interface().(interface{ Validate() error }); ok {
		if err := valid.Validate(); err != nil {
			return fmt.Errorf("consul: keys under %q: not valid: %w", prefix, err)
		}
	}
	target.Set(fresh.Elem())
	return nil
}

// keysTarget gives what v points to, if keys can be decoded into it.
func keysTarget(prefix string, v any) (reflect.Value, error) {
	target := reflect.ValueOf(v)
	if target.Kind() != reflect.Pointer || target.IsNil() || target.Elem().Kind() != reflect.Struct {
		err := fmt.Errorf("want a pointer to a struct to decode into, got %T: %w", v, ErrInvalidOption)
		return target, fmt.Errorf("consul: keys under %q: %w", prefix, err)
	}
	if err := checkKeyFields(target.Elem().Type()); err != nil {
		return target, fmt.Errorf("consul: keys under %q: %w", prefix, err)
	}
	return target.Elem(), nil
}

// Decode sets the fields of a struct, which v points to, from the keys under a prefix: see DecodeKeys, and WatchKeys for a
// struct that follows the keys. No key is no error, unless a field requires one. Errors as List and DecodeKeys; with those of
// DecodeKeys the QueryMeta is filled, so that a caller can wait for better keys.
//
// Route: GET /v1/kv/:prefix?recurse
func (k *KV) Decode(ctx context.Context, prefix string, v any, opts ...QueryOption) (*QueryMeta, error) {
	pairs, meta, err := k.List(ctx, directory(prefix), opts...)
	if err != nil {
		return meta, err
	}
	return meta, DecodeKeys(pairs, prefix, v)
}

// directory is a prefix that ends where a part of a key does.
func directory(prefix string) string {
	if prefix == "" || strings.HasSuffix(prefix, "/") {
		return prefix
	}
	return prefix + "/"
}
