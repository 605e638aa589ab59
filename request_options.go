package consul

// This file turns options into query parameters and headers, and refuses those that no server can accept.

import (
	"cmp"
	"iter"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// withQueryOptions adds what the client and the options say to a read.
func (r *request) withQueryOptions(c *Client, opts []QueryOption) *request {
	if len(opts) == 0 {
		return r.scope(c, "", "", "", "")
	}
	var o QueryOptions
	for _, opt := range opts {
		if opt != nil {
			opt.applyQuery(&o)
		}
	}
	r.checkQuery(&o)
	r.scope(c, o.Datacenter, o.Namespace, o.Partition, o.Token)
	r.param("peer", o.Peer)
	r.param("sameness-group", o.SamenessGroup)
	r.flagIf("stale", o.AllowStale)
	r.flagIf("consistent", o.RequireConsistent)
	if o.UseCache {
		r.flag("cached")
		r.cacheControl(&o)
	}
	if o.WaitIndex > 0 {
		r.number("index", o.WaitIndex)
	}
	r.param("hash", o.WaitHash)
	r.blocking = o.WaitIndex > 0 || o.WaitHash != ""
	r.wait = o.WaitTime
	r.once = o.once
	r.param("near", o.Near)
	for key, value := range inOrder(o.NodeMeta) {
		r.param("node-meta", key+":"+value)
	}
	r.param("filter", o.Filter)
	for _, tag := range o.Tags {
		r.param("tag", tag)
	}
	r.flagIf("passing", o.PassingOnly)
	r.flagIf("merge-central-config", o.MergeCentralConfig)
	if o.WAN {
		r.param("wan", "1")
	}
	r.param("segment", o.Segment)
	r.flagIf("logjson", o.LogJSON)
	return r.format(o.Pretty, o.Params)
}

// checkQuery refuses options that no server can accept.
func (r *request) checkQuery(o *QueryOptions) {
	switch {
	case o.AllowStale && o.RequireConsistent:
		r.fail(ErrInvalidOption, "a read can't be both stale and consistent")
	case o.UseCache && o.RequireConsistent:
		r.fail(ErrInvalidOption, "a read can't be both cached and consistent")
	case o.WaitTime < 0:
		r.fail(ErrInvalidOption, "the wait is negative (%v)", o.WaitTime)
	case o.MaxAge < 0:
		r.fail(ErrInvalidOption, "the max age is negative (%v)", o.MaxAge)
	case o.StaleIfError < 0:
		r.fail(ErrInvalidOption, "the stale-if-error time is negative (%v)", o.StaleIfError)
	case o.Peer != "" && o.SamenessGroup != "":
		r.fail(ErrInvalidOption, "a read can't go to both a peer and a sameness group")
	}
}

// withWriteOptions adds what the client and the options say to a write.
func (r *request) withWriteOptions(c *Client, opts []WriteOption) *request {
	if len(opts) == 0 {
		return r.scope(c, "", "", "", "")
	}
	var o WriteOptions
	for _, opt := range opts {
		if opt != nil {
			opt.applyWrite(&o)
		}
	}
	r.scope(c, o.Datacenter, o.Namespace, o.Partition, o.Token)
	if o.WAN {
		r.param("wan", "1")
	}
	r.flagIf("prune", o.Prune)
	r.flagIf("replace-existing-checks", o.ReplaceExistingChecks)
	return r.format(o.Pretty, o.Params)
}

// scope says where the call goes and who makes it.
func (r *request) scope(c *Client, dc, namespace, partition, token string) *request {
	r.param("dc", cmp.Or(dc, c.datacenter))
	r.param("ns", cmp.Or(namespace, c.namespace))
	r.param("partition", cmp.Or(partition, c.partition))
	if token != "" {
		if err := checkToken(token); err != nil {
			r.fail(ErrInvalidOption, "%v", err)
		}
		r.token = token
	}
	return r
}

func (r *request) format(pretty bool, params map[string]string) *request {
	r.flagIf("pretty", pretty)
	for name, value := range inOrder(params) {
		switch strings.ToLower(name) {
		case "":
			return r.fail(ErrInvalidOption, "a query parameter has no name")
		case "token":
			return r.fail(ErrInvalidOption, "a token must not travel in the URL, use WithToken")
		case "index", "hash", "wait":
			return r.fail(ErrInvalidOption, "a blocking query needs a time limit of its own, use Wait or WaitHash")
		}
		r.flag(name)
		r.query = append(r.query, '=')
		r.query = append(r.query, url.QueryEscape(value)...)
	}
	return r
}

// cacheControl rounds down to the whole seconds that the header has: an answer may be fresher than asked for, never
// older. So a positive age of less than a second becomes max-age=0, which makes the agent ask the servers.
func (r *request) cacheControl(o *QueryOptions) {
	var directives []string
	if o.MaxAge > 0 {
		directives = append(directives, "max-age="+strconv.FormatInt(int64(o.MaxAge/time.Second), 10))
	}
	if o.StaleIfError > 0 {
		directives = append(directives, "stale-if-error="+strconv.FormatInt(int64(o.StaleIfError/time.Second), 10))
	}
	if len(directives) > 0 {
		r.header = append(r.header, headerField{"Cache-Control", strings.Join(directives, ", ")})
	}
}

// inOrder yields a map by its keys, so that equal calls have equal URLs.
func inOrder(m map[string]string) iter.Seq2[string, string] {
	return func(yield func(string, string) bool) {
		if len(m) == 0 {
			return // as it mostly is: sorting nothing takes memory too
		}
		for _, k := range slices.Sorted(maps.Keys(m)) {
			if !yield(k, m[k]) {
				return
			}
		}
	}
}
