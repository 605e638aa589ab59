package embedded

// This file serves /v1/status/: the one server leads, and any server of a cluster would know.

var statusRoutes = []route{
	{"/v1/status/leader", methods("GET"), serveLeader},
	{"/v1/status/peers", methods("GET"), servePeers},
}

func serveLeader(c *call) (any, error) {
	if err := c.parse(); err != nil {
		return nil, err
	}
	c.anyServer = true
	if err := c.forward(); err != nil {
		return nil, err
	}
	if !c.lost.IsZero() {
		return "", nil
	}
	return serverAddress, nil
}

func servePeers(c *call) (any, error) {
	if err := c.parse(); err != nil {
		return nil, err
	}
	c.anyServer = true
	if err := c.forward(); err != nil {
		return nil, err
	}
	return []string{serverAddress}, nil
}
