package embedded

// This file is the table of the agent's routes. Those of the service mesh, and metrics as a stream, are not served.

var agentRoutes = []route{
	{"/v1/agent/self", methods("GET"), readSelf},
	{"/v1/agent/version", methods("GET"), readVersion},
	{"/v1/agent/host", methods("GET"), readHost},
	{"/v1/agent/metrics", methods("GET"), readMetrics},
	{"/v1/agent/members", methods("GET"), listMembers},
	{"/v1/agent/monitor", methods("GET"), monitor},
	{"/v1/agent/reload", methods("PUT"), reload},
	{"/v1/agent/join/", methods("PUT"), join},
	{"/v1/agent/leave", methods("PUT"), leave},
	{"/v1/agent/force-leave/", methods("PUT"), forceLeave},
	{"/v1/agent/token/", methods("PUT"), setAgentToken},
	{"/v1/agent/maintenance", methods("PUT"), maintainNode},
	{"/v1/agent/services", methods("GET"), listAgentServices},
	{"/v1/agent/service/", methods("GET"), readAgentService},
	{"/v1/agent/service/register", methods("PUT"), registerService},
	{"/v1/agent/service/deregister/", methods("PUT"), deregisterService},
	{"/v1/agent/service/maintenance/", methods("PUT"), maintainService},
	{"/v1/agent/health/service/id/", methods("GET"), readHealthByID},
	{"/v1/agent/health/service/name/", methods("GET"), readHealthByName},
	{"/v1/agent/checks", methods("GET"), listAgentChecks},
	{"/v1/agent/check/register", methods("PUT"), registerCheck},
	{"/v1/agent/check/deregister/", methods("PUT"), deregisterCheck},
	{"/v1/agent/check/pass/", methods("PUT"), passCheck},
	{"/v1/agent/check/warn/", methods("PUT"), warnCheck},
	{"/v1/agent/check/fail/", methods("PUT"), failCheck},
	{"/v1/agent/check/update/", methods("PUT"), updateCheck},
	{"/v1/agent/connect/ca/roots", methods("GET"), readRoots},
	{"/v1/connect/ca/roots", methods("GET"), readRoots},
}
