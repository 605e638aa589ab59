package acl

// This file holds the texts of the templates. Servers show them, so they are theirs, blanks included.

// nameSchema is the schema of the templates that take a name.
const nameSchema = `{
	"type": "object",
	"properties": {
		"name": { "type": "string", "$ref": "#/definitions/min-length-one" }
	},
	"required": ["name"],
	"definitions": {
		"min-length-one": {
				"type": "string",
				"minLength": 1
		}
	}
}`

var templates = []Template{
	{
		ID:          ReservedIDPrefix + "08",
		Name:        ReservedNamePrefix + "api-gateway",
		Description: "Gives the token or role permissions for a Consul api gateway",
		Schema:      nameSchema,
		Text: `mesh = "read"
node_prefix "" {
	policy = "read"
}
service_prefix "" {
	policy = "read"
}
service "{{.Name}}" {
	policy = "write"
}`,
	},
	{
		ID:          ReservedIDPrefix + "05",
		Name:        ReservedNamePrefix + "dns",
		Description: "Gives the token or role permissions for the Consul DNS to query services in the network.",
		Text: `
node_prefix "" {
	policy = "read"
}
service_prefix "" {
	policy = "read"
}
query_prefix "" {
	policy = "read"
}`,
	},
	{
		ID:   ReservedIDPrefix + "04",
		Name: TemplateNode,
		Description: "Gives the token or role permissions for a register an agent/node into the catalog. A node is typically a " +
			"consul agent but can also be a physical server, cloud instance or a container.",
		Schema: nameSchema,
		Text: `
node "{{.Name}}" {
	policy = "write"
}
service_prefix "" {
	policy = "read"
}`,
	},
	{
		ID:          ReservedIDPrefix + "09",
		Name:        ReservedNamePrefix + "nomad-client",
		Description: "Gives the token or role permissions required for integration with a nomad client.",
		Text: `agent_prefix "" {
  policy = "read"
}
node_prefix "" {
  policy = "read"
}
service_prefix "" {
  policy = "write"
}
key_prefix "" {
  policy = "read"
}`,
	},
	{
		ID:          ReservedIDPrefix + "06",
		Name:        ReservedNamePrefix + "nomad-server",
		Description: "Gives the token or role permissions required for integration with a nomad server.",
		Text: `
acl = "write"
agent_prefix "" {
  policy = "read"
}
node_prefix "" {
  policy = "read"
}
service_prefix "" {
  policy = "write"
}`,
	},
	{
		ID:   ReservedIDPrefix + "03",
		Name: TemplateService,
		Description: "Gives the token or role permissions to register a service and discover services in the Consul catalog. It " +
			"also gives the specified service's sidecar proxy the permission to discover and route traffic to other services.",
		Schema: nameSchema,
		Text: `
service "{{.Name}}" {
	policy = "write"
}
service "{{.Name}}-sidecar-proxy" {
	policy = "write"
}
service_prefix "" {
	policy = "read"
}
node_prefix "" {
	policy = "read"
}`,
	},
}
