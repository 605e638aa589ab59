package store_test

import (
	"encoding/json"
	"testing"

	"github.com/lictor-go/consul/embedded/internal/store"
)

// TestJSON decodes what clients register and compares how it is written with what the real server answered.
func TestJSON(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		value    any
		in, want string
	}{
		"check definition": {new(store.HealthCheckDefinition),
			`{"TTL":"3s","HTTP":"http://x","Interval":"10s","Timeout":5,"Header":{"A":["b"]},"OutputMaxSize":7,
			"ScriptArgs":[],"DeregisterCriticalServiceAfter":"90m","NotKnown":1}`,
			`{"Interval":"10s","OutputMaxSize":7,"Timeout":"5ns","DeregisterCriticalServiceAfter":"1h30m0s",` +
				`"HTTP":"http://x","Header":{"A":["b"]},"TTL":3000000000}`},
		"no definition": {new(store.HealthCheckDefinition), `{"Interval":null,"Timeout":true}`, `{}`},
		"plain proxy":   {new(store.ConnectProxyConfig), `{}`, `{"Mode":"","MeshGateway":{},"Expose":{}}`},
		"proxy": {new(store.ConnectProxyConfig),
			`{"Config":{"b":[1,"x"],"a":1.5},"EnvoyExtensions":[{"Name":"x"}],"DestinationServiceName":"web",
			"Mode":"direct","AccessLogs":{"Enabled":true},"TransparentProxy":{"DialedDirectly":true}}`,
			`{"TransparentProxy":{"DialedDirectly":true},"AccessLogs":{"Enabled":true},"EnvoyExtensions":` +
				`[{"Name":"x","Required":false,"Arguments":null,"ConsulVersion":"","EnvoyVersion":""}],` +
				`"DestinationServiceName":"web","Mode":"direct","Config":{"a":1.5,"b":[1,"x"]},` +
				`"MeshGateway":{},"Expose":{}}`},
		"proxy in the other spelling": {new(store.ConnectProxyConfig),
			`{"destination_service_name":"web","destination_service_id":"web1","local_service_port":1,
			"mesh_gateway":{"Mode":"local"},"Upstreams":[{"destination_name":"db","local_bind_port":2}],
			"Expose":{"Paths":[{"listener_port":3,"local_path_port":4,"parsed_from_check":true}]}}`,
			`{"DestinationServiceName":"web","DestinationServiceID":"web1","LocalServicePort":1,"Mode":"",` +
				`"Upstreams":[{"DestinationType":"","DestinationName":"db","Datacenter":"","LocalBindPort":2,` +
				`"MeshGateway":{}}],"MeshGateway":{"Mode":"local"},` +
				`"Expose":{"Paths":[{"ListenerPort":3,"LocalPathPort":4,"ParsedFromCheck":true}]}}`},
		"the one spelling goes before the other": {new(store.ExposePath),
			`{"listener_port":3,"ListenerPort":4}`, `{"ListenerPort":4}`},
		"connect": {new(store.ServiceConnect),
			`{"sidecar_service":{"Port":1},"Native":true,"NotKnown":1}`,
			`{"Native":true,"SidecarService":{"Port":1}}`},
		"service": {&store.NodeService{},
			`{"Service":"web","Ports":[],"Locality":{"Region":"r"},"Weights":{"Passing":2}}`,
			`{"ID":"","Service":"web","Tags":null,"Address":"","Meta":null,"Weights":{"Passing":2,"Warning":0},` +
				`"EnableTagOverride":false,"Locality":{"Region":"r"},` +
				`"Proxy":{"Mode":"","MeshGateway":{},"Expose":{}},"Connect":{},"PeerName":"",` +
				`"CreateIndex":0,"ModifyIndex":0}`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if err := json.Unmarshal([]byte(test.in), test.value); err != nil {
				t.Fatal(err)
			}
			got, err := json.Marshal(test.value)
			if err != nil {
				t.Fatal(err)
			}
			if string(got) != test.want {
				t.Errorf("is written\n%s\nwant\n%s", got, test.want)
			}
		})
	}
}

// TestJSONErrors holds errors to the real server's, which name its types.
func TestJSONErrors(t *testing.T) {
	t.Parallel()
	const field = "into Go struct field "
	for in, want := range map[string]string{
		`{"Proxy":{"Bogus":1}}`:                 `unknown field "Bogus"`,
		`{"Proxy":{"Upstreams":[{"Bogus":1}]}}`: `unknown field "Bogus"`,
		`{"Proxy":{"LocalServicePort":"5"}}`: `cannot unmarshal string ` + field +
			`NodeService.Proxy.Alias.LocalServicePort of type int`,
		`{"Proxy":{"Upstreams":[{"Datacenter":1}]}}`: `cannot unmarshal number ` + field +
			`NodeService.Proxy.Alias.Upstreams.Alias.Datacenter of type string`,
		`{"Weights":{"Passing":"x"}}`: `cannot unmarshal string ` + field + `Weights.Weights.Passing of type int`,
		`{"Connect":{"Native":1}}`: `cannot unmarshal number ` + field +
			`NodeService.Connect.Alias.Native of type bool`,
	} {
		if err := json.Unmarshal([]byte(in), new(store.NodeService)); text(err) != "json: "+want {
			t.Errorf("%s is refused with\n%v\nwant\njson: %s", in, err, want)
		}
	}
	const want = `time: invalid duration "zz"`
	if err := json.Unmarshal([]byte(`{"TTL":"zz"}`), new(store.HealthCheckDefinition)); text(err) != want {
		t.Errorf("a bad duration is refused with %v, want %s", err, want)
	}
}

func TestCheckKinds(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		`{}`:                                  "",
		`{"HTTP":"http://x"}`:                 "", // not repeated
		`{"HTTP":"http://x","Interval":"1s"}`: "http",
		`{"GRPC":"x","HTTP":"y","Interval":"1s"}`: "grpc",
		`{"TTL":"1s"}`:                "ttl",
		`{"TCP":"x","Interval":"1s"}`: "tcp",
		`{"UDP":"x","Interval":"1s"}`: "udp",
		`{"AliasService":"x"}`:        "alias",
		`{"ScriptArgs":["x"]}`:        "script",
		`{"ScriptArgs":["x"],"DockerContainerID":"y","Interval":"1s"}`: "docker",
		`{"H2PING":"x","Interval":"1s"}`:                               "h2ping",
		`{"OSService":"x","Interval":"1s"}`:                            "os_service",
	} {
		var d store.HealthCheckDefinition
		if err := json.Unmarshal([]byte(in), &d); err != nil {
			t.Fatal(err)
		}
		if got := d.Kind(); got != want {
			t.Errorf("%s makes a check of type %q, want %q", in, got, want)
		}
	}
}
