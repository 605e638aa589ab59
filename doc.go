// Package consul is a client of HashiCorp Consul's HTTP API.
//
// A Client has a family of methods for each group of endpoints: [Client.KV], [Client.Txn], [Client.Session],
// [Client.Agent], [Client.Catalog], [Client.Health], [Client.ACL], [Client.Event], [Client.Status], and [Client.Raw] for
// any other path.
//
//	client, err := consul.NewClient(nil) // CONSUL_HTTP_ADDR and its like, else 127.0.0.1:8500
//	if err != nil {
//		return err
//	}
//	defer client.Close()
//	pair, meta, err := client.KV().Get(ctx, "config/colour")
//
// # Calls
//
// Every method that touches the network takes a context first, and returns within moments of its end. Behind the
// arguments that a call needs come its options: a read takes any number of [QueryOption], a write of [WriteOption]. Small
// functions make an option for one call ([Stale], [Wait], [WithToken], [WithFilter] …); [*QueryOptions] and
// [*WriteOptions] are sets to keep and pass on. A Client is safe for concurrent use, and one is enough for a program: it
// shares a pool of connections among all callers.
//
// # Errors
//
// What a call can end with has a sentinel, for errors.Is: [ErrNotFound], [ErrPermissionDenied], [ErrRateLimited],
// [ErrNoLeader] and the others. The error beneath is a [*StatusError] whenever the server answered, with the status and
// what the server said. One named thing that does not exist is ErrNotFound; a list with nothing in it is an empty list.
// What no server could accept, such as an empty ID, is refused before anything is sent, as [ErrInvalidKey] or
// [ErrInvalidOption].
//
// # Time limits and retries
//
// Each call is limited by [Config.Timeout], 30 seconds unless said otherwise; a blocking query by that on top of its
// wait. Within the limit, reads are tried again after failures of the connection and of the cluster, and writes only
// where they certainly did not happen; see [RetryPolicy] and [SafeToRetry].
//
// # Consistency
//
// Reads go to the leader by default, and are consistent but for a moment around an election. [Stale] lets any server
// answer: faster, and without a leader, but perhaps behind; [QueryMeta.LastContact] says how far. [Consistent] makes the
// leader ask a quorum first. [Cached] lets the local agent answer from memory.
//
// # Blocking queries
//
// Each read returns a [QueryMeta] with the index of what was read. [Wait] with that index makes the next read wait until
// something changed:
//
//	pair, meta, err := kv.Get(ctx, key)
//	for err == nil {
//		use(pair)
//		pair, meta, err = kv.Get(ctx, key, consul.Wait(meta.LastIndex, 5*time.Minute))
//	}
//
// The server may answer without a change, and its index may go backwards; a lasting watch compares, and starts over from
// 0 then. A key that does not exist can be waited for in the same way: ErrNotFound comes with its QueryMeta.
//
// # Watches, views and services
//
// [Watch] is that loop with all its rules, and [Client.WatchKey], [Client.WatchPrefix], [Client.WatchService] and their like
// are ready-made ones:
//
//	for pair, err := range client.WatchKey(ctx, key) {
//		…
//	}
//
// A [View] keeps the latest answer in the background, to be read without a request: [NewView], [Client.ViewService] … The
// watches and views of one client that ask the same thing ask once. [Client.Service] chooses among the healthy instances
// of a service, and a [Resolver] has net/http and other dialers reach services by name. [Client.Registrar] keeps services
// registered, with a heartbeat, through restarts of the agent.
//
// [DecodeKeys], [KV.Decode] and [WatchKeys] make a struct of the keys under a prefix, such as a program's configuration.
//
// # Locks and elections
//
// [Client.LockKey] and [Client.LockOpts] make a [Lock], [Client.FairLockKey] a [FairLock], which serves in the order of arrival,
// [Client.SemaphorePrefix] a [Semaphore], and [Client.Election] an [Election]. What they give is a context, the hold:
//
//	lock, err := client.LockKey("service/leader")
//	if err != nil {
//		return err
//	}
//	hold, err := lock.Lock(ctx)
//	if err != nil {
//		return err
//	}
//	defer lock.Unlock(ctx)
//	return work(hold)
//
// The hold ends when the lock is lost, and no later than another could have it: that is reckoned from the session's TTL
// and the start of its last renewal, and needs no answer of the network. Failures that are shorter end nothing. Work that
// may run on after its hold, since it does not look, or was suspended, is made safe by [Lock.Fence] or [Lock.Guard].
// [Session.KeepAlive] is the session beneath, for keys of one's own.
//
// # Tokens
//
// A token travels in a header, never in a URL, never to another host than the one configured (redirects are refused), and
// appears in no error and no log line.
package consul
