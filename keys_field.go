package consul

// This file reads the tags of structs that keys are decoded into, and refuses what makes no sense before any key is looked at.

import (
	"fmt"
	"reflect"
	"strings"
)

const (
	keyTagName = "consul"
	restName   = "*" // of the map that takes what no other field does

	// maxKeyDepth is how many maps and pointers a field may have in a row: a type can be one of itself without an end.
	maxKeyDepth = 20
)

// A keyField is a field that keys are for.
type keyField struct {
	index    []int
	path     string // names of the fields that lead to it, for people
	name     string // of the key, from its struct's on
	typ      reflect.Type
	fallback *string // the default; nil: none
	required bool
}

// keyFieldsOf gives the fields of a struct that keys are for, those of embedded structs among them.
func keyFieldsOf(t reflect.Type) ([]keyField, error) {
	var all []keyField
	for i := range t.NumField() {
		f := t.Field(i)
		tag, tagged := f.Tag.Lookup(keyTagName)
		if tag == "-" {
			continue
		}
		if f.Anonymous && !tagged && shapeOf(f.Type) == shapeStruct {
			inner, err := keyFieldsOf(f.Type)
			if err != nil {
				return nil, err
			}
			for _, in := range inner {
				in.index = append([]int{i}, in.index...)
				in.path = f.Name + "." + in.path
				all = append(all, in)
			}
			continue
		}
		switch {
		case !f.IsExported() && tagged:
			return nil, badField(t, f.Name, "it has a tag, and is not exported")
		case f.Anonymous && !tagged && shapeOf(f.Type) == shapePointer:
			return nil, badField(t, f.Name, "it is an embedded pointer: embed the struct itself, or give it a tag")
		case !f.IsExported():
			continue
		}
		field, err := parseKeyTag(tag)
		if err != nil {
			return nil, badField(t, f.Name, err.Error())
		}
		if field.name == "" {
			field.name = f.Name
		}
		field.index, field.path, field.typ = []int{i}, f.Name, f.Type
		all = append(all, field)
	}
	return all, nil
}

func badField(t reflect.Type, path, problem string) error {
	return fmt.Errorf("field %s of %v can't be decoded into: %s: %w", path, t, problem, ErrInvalidOption)
}

// parseKeyTag reads "name", "name,required" and "name,default=anything".
func parseKeyTag(tag string) (keyField, error) {
	name, option, _ := strings.Cut(tag, ",")
	f := keyField{name: name}
	fallback, isDefault := strings.CutPrefix(option, "default=")
	switch {
	case isDefault:
		f.fallback = &fallback
	case option == "required":
		f.required = true
	case option != "":
		return f, fmt.Errorf(`its tag has the option %q, want "required" or "default=…"`, option)
	}
	if name != "" && !isCleanKey(name) {
		return f, fmt.Errorf("its tag has the name %q, which is no key: a part of it is empty or dots", name)
	}
	return f, nil
}

// isCleanKey reports whether a name can follow a slash in a key.
func isCleanKey(name string) bool {
	return isClean("/"+name) && !strings.HasSuffix(name, "/") && name[0] != '/'
}

// checkKeyFields gives the reason why keys can't be decoded into a struct, if there is one.
func checkKeyFields(t reflect.Type) error { return checkKeyStruct(t, map[reflect.Type]bool{}) }

// checkKeyStruct leaves out what has been seen: a struct may hold pointers to its own kind.
func checkKeyStruct(t reflect.Type, seen map[reflect.Type]bool) error {
	if seen[t] {
		return nil
	}
	seen[t] = true
	fields, err := keyFieldsOf(t)
	if err != nil {
		return err
	}
	names := map[string]string{}
	for _, f := range fields {
		if other, twice := names[f.name]; twice {
			return badField(t, f.path, fmt.Sprintf("field %s has the key %q too", other, f.name))
		}
		names[f.name] = f.path
		if err := checkKeyField(t, f, seen); err != nil {
			return err
		}
	}
	return nil
}

// checkKeyField checks the type of a field, all that it leads to, and its default.
func checkKeyField(t reflect.Type, f keyField, seen map[reflect.Type]bool) error {
	inner, depth := f.typ, 0
	for shape := shapeOf(inner); shape == shapePointer || shape == shapeMap; shape = shapeOf(inner) {
		if shape == shapeMap && inner.Key().Kind() != reflect.String {
			return badField(t, f.path, fmt.Sprintf("it is a map by %v, want one by strings", inner.Key()))
		}
		if depth++; depth > maxKeyDepth {
			return badField(t, f.path, fmt.Sprintf("%v leads nowhere", f.typ))
		}
		inner = inner.Elem()
	}
	switch shape := shapeOf(inner); {
	case shape == shapeNone:
		return badField(t, f.path, fmt.Sprintf("no key can become a %v", inner))
	case f.name == restName && !f.takesRest():
		return badField(t, f.path, `the tag "*" is for a map of values, without an option`)
	case shape == shapeStruct:
		if err := checkKeyStruct(inner, seen); err != nil {
			return err
		}
	}
	if f.fallback == nil {
		return nil
	}
	if isBranch(f.typ) {
		return badField(t, f.path, "it has a default, which a struct or a map can't have")
	}
	if err := parseInto(reflect.New(f.typ).Elem(), []byte(*f.fallback)); err != nil {
		return badField(t, f.path, fmt.Sprintf("its default %q is malformed: %v", *f.fallback, err))
	}
	return nil
}

// takesRest reports whether the field can be for what no other one is.
func (f *keyField) takesRest() bool {
	return shapeOf(f.typ) == shapeMap && shapeOf(f.typ.Elem()) == shapeLeaf && f.fallback == nil && !f.required
}

// isBranch reports whether it is what is under a key that makes a value of the type.
func isBranch(t reflect.Type) bool {
	for shapeOf(t) == shapePointer {
		t = t.Elem()
	}
	return shapeOf(t) != shapeLeaf
}
