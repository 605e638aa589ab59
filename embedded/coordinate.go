package embedded

// This file serves /v1/coordinate/, and orders lists by the distance from a node.

import (
	"cmp"
	"errors"
	"math"
	"net/http"
	"slices"
	"time"

	"github.com/hashicorp/go-memdb"

	"github.com/lictor-go/consul/embedded/internal/acl"
	"github.com/lictor-go/consul/embedded/internal/store"
)

var coordinateRoutes = []route{
	{"/v1/coordinate/datacenters", methods("GET"), listDatacenterCoordinates},
	{"/v1/coordinate/nodes", methods("GET"), listCoordinates},
	{"/v1/coordinate/node/", methods("GET"), readCoordinates},
	{"/v1/coordinate/update", methods("PUT"), updateCoordinate},
}

// datacenterMap is where the servers of a datacenter are among those of others.
type datacenterMap struct {
	Datacenter  string
	AreaID      string
	Coordinates []*store.Coordinate
}

// listDatacenterCoordinates answers with the only server, which is at the origin as it has none to compare with.
func listDatacenterCoordinates(c *call) (any, error) {
	return []datacenterMap{{
		Datacenter:  c.s.config.datacenter,
		AreaID:      "wan",
		Coordinates: []*store.Coordinate{{Node: c.s.config.node, Coord: store.Origin()}},
	}}, nil
}

func listCoordinates(c *call) (any, error) {
	return c.serveCoordinates("", func(tx *store.Tx, ws memdb.WatchSet) (uint64, []*store.Coordinate) {
		return tx.Coordinates(ws)
	})
}

func readCoordinates(c *call) (any, error) {
	node := c.rest("/v1/coordinate/node/")
	answer, err := c.serveCoordinates(node, func(tx *store.Tx, ws memdb.WatchSet) (uint64, []*store.Coordinate) {
		return tx.NodeCoordinates(ws, node)
	})
	if list, ok := answer.([]*store.Coordinate); ok && len(list) == 0 {
		if !acceptsGzip(c.r) {
			c.unsetMeta() // the real server sets these headers too late, unless a compressor keeps the head back
		}
		c.empty(http.StatusNotFound)
		return nil, nil
	}
	return answer, err
}

// serveCoordinates serves the coordinates that read gives and that the caller may see. Of a node that is named the caller
// must be allowed to.
func (c *call) serveCoordinates(
	node string, read func(*store.Tx, memdb.WatchSet) (uint64, []*store.Coordinate),
) (any, error) {
	if err := c.parse(); err != nil {
		return nil, err
	}
	if err := c.refusePartition(); err != nil {
		return nil, err
	}
	return c.withMeta(func(m *meta) (any, error) {
		if err := c.forward(); err != nil {
			return nil, err
		}
		who, err := c.authorize()
		if err != nil {
			return nil, err
		}
		if node != "" && !who.NodeRead(node) {
			return nil, who.denied(acl.ResourceNode, acl.AccessRead, node)
		}
		var list []*store.Coordinate
		err = c.readMeta(m, func(tx *store.Tx, ws memdb.WatchSet, m *meta) error {
			m.index, list = read(tx, ws)
			all := len(list)
			list = keep(list, func(c *store.Coordinate) bool { return who.NodeRead(c.Node) })
			m.filtered = len(list) != all
			return nil
		})
		if err != nil {
			return nil, err
		}
		return append([]*store.Coordinate{}, c.ofSegment(list)...), nil
	})
}

func (c *call) ofSegment(list []*store.Coordinate) []*store.Coordinate {
	if !c.has("segment") {
		return list
	}
	return keep(list, func(at *store.Coordinate) bool { return at.Segment == c.params.Get("segment") })
}

// updateCoordinate sets a node's coordinate at once. The real server collects them for some seconds.
func updateCoordinate(c *call) (any, error) {
	type CoordinateUpdateRequest struct {
		Datacenter, Node, Segment, Token string
		Coord                            *store.Position
	}
	var request CoordinateUpdateRequest
	if err := c.decode(&request); err != nil {
		return nil, badRequest("Request decode failed: %v", err)
	}
	c.parseTarget()
	if !c.has("dc") && !c.has("datacenter") && request.Datacenter != "" {
		c.datacenter = request.Datacenter
	}
	if err := c.refuseEnterprise(); err != nil {
		return nil, err
	}
	if err := c.forward(); err != nil {
		return nil, err
	}
	switch at := request.Coord; {
	case at == nil || !at.Valid():
		return nil, errors.New("invalid coordinate")
	case len(at.Vec) != store.Dimensions:
		return nil, errors.New("incompatible coordinate")
	}
	who, err := c.authorize()
	if err != nil {
		return nil, err
	}
	if !who.NodeWrite(request.Node) {
		return nil, who.denied(acl.ResourceNode, acl.AccessWrite, request.Node)
	}
	err = c.s.store.Write(func(tx *store.Tx) error {
		tx.SetCoordinate(&store.Coordinate{Node: request.Node, Segment: request.Segment, Coord: request.Coord})
		return nil
	})
	if err != nil {
		return nil, err
	}
	c.write(http.StatusOK, "application/json; charset=utf-8", nil)
	return nil, nil
}

// near is the node whose nearest the request asks for first, empty where it does not.
func (c *call) near() string {
	node := c.params.Get("near")
	if node == "_agent" {
		return c.s.config.node
	}
	return node
}

// nearest orders the list by the distance of each row's node, those of which it is not known last. The list is not changed.
func nearest[T any](tx *store.Tx, from string, list []T, node func(T) string) []T {
	_, at := tx.NodeCoordinates(nil, from)
	distance := map[string]time.Duration{}
	for _, row := range list {
		distance[node(row)] = math.MaxInt64
		_, there := tx.NodeCoordinates(nil, node(row))
		for _, a := range at {
			for _, b := range there {
				if a.Segment == b.Segment {
					distance[node(row)] = a.Coord.Distance(b.Coord)
				}
			}
		}
	}
	return slices.SortedStableFunc(slices.Values(list), func(a, b T) int {
		return cmp.Compare(distance[node(a)], distance[node(b)])
	})
}
