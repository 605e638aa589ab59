package embedded

// This file applies filter expressions.

import "github.com/hashicorp/go-bexpr"

// filter is a filter of values of a type, a slice or a map.
type filter[T any] struct{ bexpr *bexpr.Filter }

// newFilter makes a filter; an empty expression lets everything through.
func newFilter[T any](expression string) (filter[T], error) {
	var kind T
	f, err := bexpr.CreateFilter(expression, nil, kind)
	return filter[T]{f}, err
}

func (f filter[T]) apply(value T) (T, error) {
	if f.bexpr == nil {
		return value, nil
	}
	kept, err := f.bexpr.Execute(value)
	if err != nil {
		var none T
		return none, err
	}
	return kept.(T), nil
}
