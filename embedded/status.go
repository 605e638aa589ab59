package embedded

// This file serves /v1/status/: the one server leads.

var statusRoutes = []route{
	{"/v1/status/leader", methods("GET"), serveLeader},
	{"/v1/status/peers", methods("GET"), servePeers},
}

// serverAddress is where the server would speak to others, if there were any.
const serverAddress = "127.0.0.1:8300"

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
