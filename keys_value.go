package consul

// This file makes values of texts, for the fields that keys are decoded into.

import (
	"bytes"
	"encoding"
	"errors"
	"fmt"
	"net/url"
	"reflect"
	"strconv"
	"strings"
	"time"
)

// A shape says how a type takes keys.
type shape int

const (
	shapeNone    shape = iota // not at all
	shapeLeaf                 // the value of one key
	shapeStruct               // what is under a key, by the names of fields
	shapeMap                  // what is under a key, whatever it is
	shapePointer              // as what it points to
)

var (
	textType     = reflect.TypeFor[encoding.TextUnmarshaler]()
	durationType = reflect.TypeFor[time.Duration]()
	urlType      = reflect.TypeFor[url.URL]()
)

func shapeOf(t reflect.Type) shape {
	if isText(t) || t == urlType {
		return shapeLeaf
	}
	switch t.Kind() {
	case reflect.Pointer:
		return shapePointer
	case reflect.Struct:
		return shapeStruct
	case reflect.Map:
		return shapeMap
	case reflect.Slice:
		return shapeOfSlice(t.Elem())
	case reflect.String, reflect.Bool, reflect.Float32, reflect.Float64,
		reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64,
		reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return shapeLeaf
	}
	return shapeNone
}

// shapeOfSlice is a leaf if the elements are, but for lists of lists.
func shapeOfSlice(element reflect.Type) shape {
	switch {
	case isText(element), isBytes(element):
		return shapeLeaf
	case element.Kind() == reflect.Slice, shapeOf(element) != shapeLeaf:
		return shapeNone
	}
	return shapeLeaf
}

// isText reports whether a value of the type, which is not a pointer, reads texts by itself.
func isText(t reflect.Type) bool {
	return t.Kind() != reflect.Pointer && t.Kind() != reflect.Interface && reflect.PointerTo(t).Implements(textType)
}

func isBytes(t reflect.Type) bool {
	return t.Kind() == reflect.Slice && t.Elem() == reflect.TypeFor[byte]()
}

// parseInto makes a value of a text, for a leaf or a pointer to one. Its errors don't show the text, unless those of a
// TextUnmarshaler do.
func parseInto(to reflect.Value, text []byte) error {
	switch t := to.Type(); {
	case shapeOf(t) == shapePointer:
		fresh := reflect.New(t.Elem())
		if err := parseInto(fresh.Elem(), text); err != nil {
			return err
		}
		to.Set(fresh)
		return nil
	case isText(t):
		fresh := reflect.New(t)
		if err := fresh.Interface().(encoding.TextUnmarshaler).UnmarshalText(bytes.Clone(text)); err != nil {
			return err
		}
		to.Set(fresh.Elem())
		return nil
	case isBytes(t):
		to.SetBytes(bytes.Clone(text))
		return nil
	case t.Kind() == reflect.String:
		to.SetString(string(text))
		return nil
	case t.Kind() == reflect.Slice:
		return parseSlice(to, string(text))
	}
	if err := parseScalar(to, strings.TrimSpace(string(text))); err != nil {
		return fmt.Errorf("want %s: %w", wantText(to.Type()), parseReason(err))
	}
	return nil
}

// parseSlice makes a slice of the elements of a list.
func parseSlice(to reflect.Value, text string) error {
	list := reflect.MakeSlice(to.Type(), 0, 0)
	n := 0
	for part := range strings.FieldsFuncSeq(text, func(r rune) bool { return r == ',' || r == '\n' }) {
		if part = strings.TrimSpace(part); part == "" {
			continue
		}
		n++
		element := reflect.New(to.Type().Elem()).Elem()
		if err := parseInto(element, []byte(part)); err != nil {
			return fmt.Errorf("element %d: %w", n, err)
		}
		list = reflect.Append(list, element)
	}
	to.Set(list)
	return nil
}

// parseScalar makes a value of a text that has no space around it.
func parseScalar(to reflect.Value, text string) error {
	t := to.Type()
	switch {
	case t == durationType:
		d, err := time.ParseDuration(text)
		to.SetInt(int64(d))
		return err
	case t == urlType:
		u, err := url.Parse(text)
		if err == nil {
			to.Set(reflect.ValueOf(*u))
		}
		return err
	case t.Kind() == reflect.Bool:
		b, err := strconv.ParseBool(text)
		to.SetBool(b)
		return err
	case to.CanInt():
		i, err := strconv.ParseInt(text, 10, t.Bits())
		to.SetInt(i)
		return err
	case to.CanUint():
		u, err := strconv.ParseUint(text, 10, t.Bits())
		to.SetUint(u)
		return err
	}
	f, err := strconv.ParseFloat(text, t.Bits())
	to.SetFloat(f)
	return err
}

// wantText says what a text is to be.
func wantText(t reflect.Type) string {
	switch {
	case t == durationType:
		return `a duration such as "1m30s"`
	case t == urlType:
		return "a URL"
	case t.Kind() == reflect.Bool:
		return "true or false"
	case t.Kind() == reflect.Float32, t.Kind() == reflect.Float64:
		return fmt.Sprintf("a number of %d bits", t.Bits())
	case t.Kind() >= reflect.Uint && t.Kind() <= reflect.Uint64:
		return fmt.Sprintf("a whole number of %d bits, not negative", t.Bits())
	}
	return fmt.Sprintf("a whole number of %d bits", t.Bits())
}

// parseReason is why a text could not be parsed, without the text.
func parseReason(err error) error {
	if errors.Is(err, strconv.ErrRange) {
		return strconv.ErrRange
	}
	return strconv.ErrSyntax
}
