package consul

// This file reads answers of the KV store.

import "github.com/lictor-go/consul/internal/plainjson"

var pairFields = plainjson.Fields[KVPair]{
	field("LockIndex", func(r *reader, p *KVPair) { p.LockIndex = r.Uint() }),
	field("Key", func(r *reader, p *KVPair) { p.Key = r.Text() }),
	field("Flags", func(r *reader, p *KVPair) { p.Flags = r.Uint() }),
	field("Value", func(r *reader, p *KVPair) { p.Value = r.Bytes() }),
	field("Session", func(r *reader, p *KVPair) { p.Session = r.Repeated() }),
	field("Namespace", func(r *reader, p *KVPair) { p.Namespace = r.Repeated() }),
	field("Partition", func(r *reader, p *KVPair) { p.Partition = r.Repeated() }),
	field("CreateIndex", func(r *reader, p *KVPair) { p.CreateIndex = r.Uint() }),
	field("ModifyIndex", func(r *reader, p *KVPair) { p.ModifyIndex = r.Uint() }),
}
