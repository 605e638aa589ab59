package store

// This file holds network coordinates of nodes.

import (
	"math"
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/go-memdb"
)

// Coordinate is where a node is in the network.
type Coordinate struct {
	Node    string
	Segment string
	Coord   *Position
}

// Position is a point in Vivaldi's space, in seconds of round-trip time.
type Position struct {
	Vec        []float64
	Error      float64
	Adjustment float64
	Height     float64
}

const (
	coordinates table[Coordinate] = "coordinates"

	// Dimensions is how many numbers a position's Vec has.
	Dimensions = 8
)

// Origin is the position of a node that has not compared itself with others yet.
func Origin() *Position {
	return &Position{Vec: make([]float64, Dimensions), Error: 1.5, Height: 10e-6}
}

// Valid reports whether all numbers are finite.
func (p *Position) Valid() bool {
	finite := func(f float64) bool { return !math.IsNaN(f) && !math.IsInf(f, 0) }
	return !slices.ContainsFunc(p.Vec, func(f float64) bool { return !finite(f) }) &&
		finite(p.Error) && finite(p.Adjustment) && finite(p.Height)
}

// Distance estimates the round-trip time between the two, which must have the same dimensions.
func (p *Position) Distance(other *Position) time.Duration {
	var sum float64
	for i, at := range p.Vec {
		sum += (at - other.Vec[i]) * (at - other.Vec[i])
	}
	raw := math.Sqrt(sum) + p.Height + other.Height
	if adjusted := raw + p.Adjustment + other.Adjustment; adjusted > 0 {
		raw = adjusted
	}
	return time.Duration(raw * float64(time.Second))
}

// Coordinates gives all coordinates, in the order of the nodes' names.
func (tx *Tx) Coordinates(ws memdb.WatchSet) (uint64, []*Coordinate) {
	return tx.lastChange(string(coordinates)), coordinates.all(tx, ws)
}

// NodeCoordinates gives a node's coordinates, one a segment.
func (tx *Tx) NodeCoordinates(ws memdb.WatchSet, node string) (uint64, []*Coordinate) {
	return tx.lastChange(string(coordinates)), coordinates.list(tx, ws, indexNode, strings.ToLower(node))
}

// SetCoordinate sets the coordinate of a node, unless that is not registered.
func (tx *Tx) SetCoordinate(c *Coordinate) {
	if tx.node(c.Node) != nil {
		coordinates.put(tx, c)
	}
	tx.touch(string(coordinates))
}

func (tx *Tx) removeCoordinates(node string) {
	for _, c := range coordinates.list(tx, nil, indexNode, strings.ToLower(node)) {
		coordinates.remove(tx, c)
		tx.touch(string(coordinates))
	}
}
