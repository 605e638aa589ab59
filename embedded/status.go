package embedded

// This file serves /v1/status/: the one server leads.

var statusRoutes = []route{
	{"/v1/status/leader", methods("GET"), serveLeader},
	{"/v1/status/peers", methods("GET"), servePeers},
}

func serveLeader(c *call) (any, error) {
	if err := c.parse(); err != nil {
		return nil, err
	}
	if err := c.forward(); err != nil {
		return nil, err
	}
	return serverAddress, nil
}

func servePeers(c *call) (any, error) {
	if err := c.parse(); err != nil {
		return nil, err
	}
	if err := c.forward(); err != nil {
		return nil, err
	}
	return []string{serverAddress}, nil
}
