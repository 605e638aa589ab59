package embedded

// Families that are being written: each moves its variable into a file of its own.

var (
	catalogRoutes    []route
	healthRoutes     []route
	coordinateRoutes []route
	agentRoutes      []route
	aclRoutes        []route
)
