package consul

// This file holds what an agent tells of the machine that it runs on.

import (
	"context"
	"encoding/json"
	"net/http"
	"time"
)

// Host reads what the agent knows of the machine that it runs on. The token needs operator:read.
//
// Route: GET /v1/agent/host
func (a *Agent) Host(ctx context.Context, opts ...QueryOption) (*AgentHost, *QueryMeta, error) {
	return agentRead[AgentHost](ctx, a.c, newRequest(http.MethodGet, "agent", "host"), opts)
}

// AgentHost is what an agent knows of its machine. Sizes are in bytes. What it could not find out is nil or zero.
type AgentHost struct {
	Memory         *HostMemory
	CPU            []HostCPU
	Host           *HostSystem
	Disk           *HostDisk
	CollectionTime time.Time
}

// HostMemory is the memory of a machine, in bytes.
type HostMemory struct {
	Total       uint64  `json:"total"`
	Available   uint64  `json:"available"` // to programs, without swapping
	Used        uint64  `json:"used"`
	UsedPercent float64 `json:"usedPercent"`
	Free        uint64  `json:"free"` // of no use to anything at the moment
}

// A HostCPU is one processor of a machine.
type HostCPU struct {
	CPU        int32    `json:"cpu"`
	VendorID   string   `json:"vendorId"`
	Family     string   `json:"family"`
	Model      string   `json:"model"`
	Stepping   int32    `json:"stepping"`
	PhysicalID string   `json:"physicalId"`
	CoreID     string   `json:"coreId"`
	Cores      int32    `json:"cores"`
	ModelName  string   `json:"modelName"`
	Mhz        float64  `json:"mhz"`
	CacheSize  int32    `json:"cacheSize"` // KiB
	Flags      []string `json:"flags"`
	Microcode  string   `json:"microcode"`
}

// HostSystem is the operating system of a machine.
type HostSystem struct {
	Hostname             string `json:"hostname"`
	Uptime               uint64 `json:"uptime"`   // seconds
	BootTime             uint64 `json:"bootTime"` // seconds since 1970
	Procs                uint64 `json:"procs"`    // processes
	OS                   string `json:"os"`
	Platform             string `json:"platform"`
	PlatformFamily       string `json:"platformFamily"`
	PlatformVersion      string `json:"platformVersion"`
	KernelVersion        string `json:"kernelVersion"`
	KernelArch           string `json:"kernelArch"`
	VirtualizationSystem string `json:"virtualizationSystem"`
	VirtualizationRole   string `json:"virtualizationRole"`
	HostID               string `json:"hostId"`
}

// HostDisk is the root file system of a machine.
type HostDisk struct {
	Path              string  `json:"path"`
	Fstype            string  `json:"fstype"`
	Total             uint64  `json:"total"`
	Free              uint64  `json:"free"`
	Used              uint64  `json:"used"`
	UsedPercent       float64 `json:"usedPercent"`
	InodesTotal       uint64  `json:"inodesTotal"`
	InodesUsed        uint64  `json:"inodesUsed"`
	InodesFree        uint64  `json:"inodesFree"`
	InodesUsedPercent float64 `json:"inodesUsedPercent"`
}

type plainAgentHost AgentHost

// agentHostJSON is an AgentHost on the wire, where the time is in nanoseconds since 1970.
type agentHostJSON struct {
	*plainAgentHost
	CollectionTime int64
}

// MarshalJSON writes the host as the agent does.
func (h AgentHost) MarshalJSON() ([]byte, error) {
	return json.Marshal(agentHostJSON{(*plainAgentHost)(&h), h.CollectionTime.UnixNano()})
}

// UnmarshalJSON reads the host as the agent writes it.
func (h *AgentHost) UnmarshalJSON(b []byte) error {
	w := agentHostJSON{plainAgentHost: (*plainAgentHost)(h)}
	if err := json.Unmarshal(b, &w); err != nil {
		return err
	}
	h.CollectionTime = time.Unix(0, w.CollectionTime).UTC()
	return nil
}
