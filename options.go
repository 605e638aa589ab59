package consul

// This file holds what a caller may say beside a call's own arguments: QueryOptions and WriteOptions, and the small
// functions that set one field each.

import (
	"maps"
	"slices"
	"time"
)

// A QueryOption changes one read. *QueryOptions is one, as is what functions like Stale and WithToken give. Options
// apply in the order given; of two that set the same thing the later counts.
type QueryOption interface {
	applyQuery(*QueryOptions)
	WatchOption
}

// A WriteOption changes one write. *WriteOptions is one, as is what functions like WithToken give. Options apply in
// the order given; of two that set the same thing the later counts.
type WriteOption interface{ applyWrite(*WriteOptions) }

// An Option fits reads and writes alike.
type Option interface {
	QueryOption
	WriteOption
}

// QueryOptions is a set of options for reads, to be kept and passed to many calls. The zero value and nil change
// nothing. Fields that an endpoint has no use for are ignored by the server. A call never changes the set.
type QueryOptions struct {
	Datacenter string // datacenter to ask; empty: the client's, else the agent's
	Namespace  string // namespace (Consul Enterprise); empty: the client's, else the token's
	Partition  string // admin partition (Consul Enterprise); empty: the client's, else the agent's
	Peer       string // cluster peer whose imported services are asked for
	Token      string // ACL token; empty: the client's

	AllowStale        bool // any server may answer, the leader need not be known; see QueryMeta.LastContact
	RequireConsistent bool // the leader confirms with a quorum that it leads; not with AllowStale

	UseCache     bool          // the agent may answer from its cache; see QueryMeta.CacheHit and CacheAge
	MaxAge       time.Duration // with UseCache: oldest answer to take, in whole seconds; under 1 s: revalidate; 0: any
	StaleIfError time.Duration // with UseCache: how old an answer may be if the servers can't be asked; 0: not at all

	WaitIndex uint64        // answer when the index is above this (QueryMeta.LastIndex); 0: answer at once
	WaitHash  string        // answer when the hash is not this (QueryMeta.LastContentHash); empty: answer at once
	WaitTime  time.Duration // with WaitIndex or WaitHash: longest wait; 0: 5 minutes; the server caps it at 10 minutes

	Near        string            // sort by round-trip time from this node; "_agent": from the agent that is asked
	NodeMeta    map[string]string // only nodes that have all of this metadata
	Filter      string            // expression in Consul's filter language, run on the server
	Tags        []string          // only service instances that have all of these tags
	PassingOnly bool              // only instances all of whose checks pass

	MergeCentralConfig bool   // services come merged with proxy-defaults and service-defaults
	SamenessGroup      string // sameness group to fail over in (Consul Enterprise)
	WAN                bool   // agent members: the WAN pool, not the LAN pool
	Segment            string // agent members: network segment (Consul Enterprise); "_all": every segment
	LogJSON            bool   // agent monitor: each line is a JSON object

	Pretty bool              // indented JSON; only of use with Raw
	Params map[string]string // further query parameters, by name; they replace none of the above

	once bool // the caller tries again by itself, in its own time
}

// WriteOptions is a set of options for writes, to be kept and passed to many calls. The zero value and nil change
// nothing. A call never changes the set.
type WriteOptions struct {
	Datacenter string // datacenter to write in; empty: the client's, else the agent's
	Namespace  string // namespace (Consul Enterprise); empty: the client's, else the token's
	Partition  string // admin partition (Consul Enterprise); empty: the client's, else the agent's
	Token      string // ACL token; empty: the client's

	WAN                   bool // agent join and force-leave: the WAN pool, not the LAN pool
	Prune                 bool // agent force-leave: forget the member at once
	ReplaceExistingChecks bool // agent service registration: checks that the registration lacks are removed

	Pretty bool              // indented JSON; only of use with Raw
	Params map[string]string // further query parameters, by name; they replace none of the above
}

// Stale lets any server answer, also one that is behind or that knows no leader: the fastest reads, and the ones that
// go on during an election. QueryMeta.LastContact says how far behind the answer may be.
func Stale() QueryOption {
	return queryFunc(func(o *QueryOptions) { o.AllowStale = true })
}

// Consistent makes the leader confirm with a quorum that it still leads before it answers. Not to be used with Stale.
func Consistent() QueryOption {
	return queryFunc(func(o *QueryOptions) { o.RequireConsistent = true })
}

// Wait makes a blocking query: the server answers when the index of what is asked for is above index (take
// QueryMeta.LastIndex), or after max and a jitter of up to max/16. With an index of 0 it answers at once; a max of 0 is
// the server's 5 minutes, and the server caps it at 10 minutes.
func Wait(index uint64, max time.Duration) QueryOption {
	return queryFunc(func(o *QueryOptions) { o.WaitIndex, o.WaitTime = index, max })
}

// WaitHash makes a blocking query of the endpoints that work by hash (Agent.Service): the server answers when the hash
// of what is asked for is no longer hash (take QueryMeta.LastContentHash), or after max. An empty hash answers at once.
func WaitHash(hash string, max time.Duration) QueryOption {
	return queryFunc(func(o *QueryOptions) { o.WaitHash, o.WaitTime = hash, max })
}

// Cached lets the agent answer from its cache, if what it has is no older than maxAge (in whole seconds; 0: however
// old), and if the servers can't be asked, no older than staleIfError (0: then the call fails). Not every endpoint has a
// cache; the others answer as always. Not to be used with Consistent.
func Cached(maxAge, staleIfError time.Duration) QueryOption {
	return queryFunc(func(o *QueryOptions) { o.UseCache, o.MaxAge, o.StaleIfError = true, maxAge, staleIfError })
}

// Near sorts the answer by round-trip time from a node, nearest first; "_agent" is the agent that is asked.
func Near(node string) QueryOption {
	return queryFunc(func(o *QueryOptions) { o.Near = node })
}

// WithNodeMeta keeps only nodes that have this metadata. Given more than once, all of it.
func WithNodeMeta(key, value string) QueryOption {
	return queryFunc(func(o *QueryOptions) { o.NodeMeta = merge(o.NodeMeta, map[string]string{key: value}) })
}

// WithFilter keeps only what an expression in Consul's filter language selects. It runs on the server; text in it is
// quoted: `Service.Meta.version == "2"`.
func WithFilter(expression string) QueryOption {
	return queryFunc(func(o *QueryOptions) { o.Filter = expression })
}

// WithTags keeps only service instances that have all of these tags.
func WithTags(tags ...string) QueryOption {
	tags = slices.Clone(tags)
	return queryFunc(func(o *QueryOptions) { o.Tags = tags })
}

// PassingOnly keeps only service instances all of whose checks pass, those of their node included.
func PassingOnly() QueryOption {
	return queryFunc(func(o *QueryOptions) { o.PassingOnly = true })
}

// MergeCentralConfig asks for services merged with their proxy-defaults and service-defaults.
func MergeCentralConfig() QueryOption {
	return queryFunc(func(o *QueryOptions) { o.MergeCentralConfig = true })
}

// WithPeer asks for the services that a cluster peer exports.
func WithPeer(peer string) QueryOption {
	return queryFunc(func(o *QueryOptions) { o.Peer = peer })
}

// WithSamenessGroup asks with failover in a sameness group (Consul Enterprise).
func WithSamenessGroup(group string) QueryOption {
	return queryFunc(func(o *QueryOptions) { o.SamenessGroup = group })
}

// Segment asks Agent.Members for one network segment (Consul Enterprise); "_all" is every one.
func Segment(name string) QueryOption {
	return queryFunc(func(o *QueryOptions) { o.Segment = name })
}

// LogJSON makes Agent.Monitor yield each line as a JSON object, whose "@message" is the text.
func LogJSON() QueryOption {
	return queryFunc(func(o *QueryOptions) { o.LogJSON = true })
}

// Prune makes Agent.ForceLeave forget the member at once, rather than after the servers' reap time.
func Prune() WriteOption {
	return writeFunc(func(o *WriteOptions) { o.Prune = true })
}

// ReplaceExistingChecks makes Agent.ServiceRegister remove the service's checks that the registration does not have.
func ReplaceExistingChecks() WriteOption {
	return writeFunc(func(o *WriteOptions) { o.ReplaceExistingChecks = true })
}

// WAN makes the agent's calls on members (Members, Join, ForceLeave) work on the WAN pool rather than the LAN pool.
func WAN() Option {
	return bothFuncs{
		func(o *QueryOptions) { o.WAN = true },
		func(o *WriteOptions) { o.WAN = true },
	}
}

// WithDatacenter sends the call to another datacenter.
func WithDatacenter(dc string) Option {
	return bothFuncs{
		func(o *QueryOptions) { o.Datacenter = dc },
		func(o *WriteOptions) { o.Datacenter = dc },
	}
}

// WithNamespace makes the call in a namespace (Consul Enterprise).
func WithNamespace(namespace string) Option {
	return bothFuncs{
		func(o *QueryOptions) { o.Namespace = namespace },
		func(o *WriteOptions) { o.Namespace = namespace },
	}
}

// WithPartition makes the call in an admin partition (Consul Enterprise).
func WithPartition(partition string) Option {
	return bothFuncs{
		func(o *QueryOptions) { o.Partition = partition },
		func(o *WriteOptions) { o.Partition = partition },
	}
}

// WithToken makes the call with this ACL token instead of the client's. An empty token is the client's.
func WithToken(token string) Option {
	return bothFuncs{
		func(o *QueryOptions) { o.Token = token },
		func(o *WriteOptions) { o.Token = token },
	}
}

// Pretty asks for indented JSON. Only Raw shows a difference.
func Pretty() Option {
	return bothFuncs{
		func(o *QueryOptions) { o.Pretty = true },
		func(o *WriteOptions) { o.Pretty = true },
	}
}

// WithParam adds a query parameter that this package has no name for.
func WithParam(name, value string) Option {
	param := map[string]string{name: value}
	return bothFuncs{
		func(o *QueryOptions) { o.Params = merge(o.Params, param) },
		func(o *WriteOptions) { o.Params = merge(o.Params, param) },
	}
}

type queryFunc func(*QueryOptions)

func (f queryFunc) applyQuery(o *QueryOptions) { f(o) }

type writeFunc func(*WriteOptions)

func (f writeFunc) applyWrite(o *WriteOptions) { f(o) }

type bothFuncs struct {
	query queryFunc
	write writeFunc
}

func (f bothFuncs) applyQuery(o *QueryOptions) { f.query(o) }
func (f bothFuncs) applyWrite(o *WriteOptions) { f.write(o) }

// applyQuery lays the fields of the set that are not zero over those of o.
func (s *QueryOptions) applyQuery(o *QueryOptions) {
	if s == nil {
		return
	}
	set(&o.Datacenter, s.Datacenter)
	set(&o.Namespace, s.Namespace)
	set(&o.Partition, s.Partition)
	set(&o.Peer, s.Peer)
	set(&o.Token, s.Token)
	set(&o.AllowStale, s.AllowStale)
	set(&o.RequireConsistent, s.RequireConsistent)
	set(&o.UseCache, s.UseCache)
	set(&o.MaxAge, s.MaxAge)
	set(&o.StaleIfError, s.StaleIfError)
	set(&o.WaitIndex, s.WaitIndex)
	set(&o.WaitHash, s.WaitHash)
	set(&o.WaitTime, s.WaitTime)
	set(&o.Near, s.Near)
	set(&o.Filter, s.Filter)
	set(&o.PassingOnly, s.PassingOnly)
	set(&o.MergeCentralConfig, s.MergeCentralConfig)
	set(&o.SamenessGroup, s.SamenessGroup)
	set(&o.WAN, s.WAN)
	set(&o.Segment, s.Segment)
	set(&o.LogJSON, s.LogJSON)
	set(&o.Pretty, s.Pretty)
	set(&o.once, s.once)
	if s.Tags != nil {
		o.Tags = s.Tags
	}
	o.NodeMeta = merge(o.NodeMeta, s.NodeMeta)
	o.Params = merge(o.Params, s.Params)
}

// applyWrite lays the fields of the set that are not zero over those of o.
func (s *WriteOptions) applyWrite(o *WriteOptions) {
	if s == nil {
		return
	}
	set(&o.Datacenter, s.Datacenter)
	set(&o.Namespace, s.Namespace)
	set(&o.Partition, s.Partition)
	set(&o.Token, s.Token)
	set(&o.WAN, s.WAN)
	set(&o.Prune, s.Prune)
	set(&o.ReplaceExistingChecks, s.ReplaceExistingChecks)
	set(&o.Pretty, s.Pretty)
	o.Params = merge(o.Params, s.Params)
}

// inPlace makes a write in the place that the thing to write names itself, unless the options say otherwise.
func inPlace(namespace, partition string, opts []WriteOption) []WriteOption {
	if namespace == "" && partition == "" {
		return opts
	}
	return append([]WriteOption{&WriteOptions{Namespace: namespace, Partition: partition}}, opts...)
}

func set[T comparable](field *T, value T) {
	var zero T
	if value != zero {
		*field = value
	}
}

// merge lays b over a. It changes neither: a may be a caller's own map.
func merge(a, b map[string]string) map[string]string {
	if len(b) == 0 {
		return a
	}
	m := make(map[string]string, len(a)+len(b))
	maps.Copy(m, a)
	maps.Copy(m, b)
	return m
}
