// Package consulotel traces and measures what a client of Consul does, with OpenTelemetry.
//
//	client, err := consul.NewClient(&consul.Config{Hooks: consulotel.Hooks()})
//
// It uses the global tracer and meter providers, unless [WithTracerProvider] and [WithMeterProvider] name others. A
// provider that is set later is used from then on.
//
// # Spans
//
// Each request is a span of kind client, after the semantic conventions for HTTP: its name is the method and the template
// of the route ("GET /v1/kv/:key"), and what it is about is in its attributes only.
//
//	http.request.method        GET
//	http.request.resend_count  1 for the first retry of a call, absent for its first attempt
//	http.response.status_code  200; absent where no answer came
//	url.full                   with the key or the name; what is secret in it is hidden, and tokens are never in it
//	url.template               /v1/kv/:key; absent where Raw calls a route that is not known
//	server.address, .port      of the agent, or the path of its socket
//	error.type                 see below
//	consul.retry.pause         seconds until the call is tried again; absent for its last attempt
//
// That a thing does not exist (404) is an answer, and no error of its span.
//
// To take a lock is a span "take lock", around the requests that this needs, with consul.recipe ("lock", "fair lock",
// "semaphore" or "election"), consul.key and error.type. A hold is a span "hold lock", with the same attributes and
// consul.session. It starts a trace of its own, with a link to the span in which the lock was taken, which it may outlive
// by days, and is recorded at its end. Requests are roots with a link, too, where the span of their context has ended, as
// those that keep a session alive.
//
// Blocking queries wait most of the time, and are not traced unless [WithBlockingQueries] is given. With it, each round of a
// watch or a view is a span "watch service" (or another kind) around its requests, too, with consul.watch.kind,
// consul.watch.name, and consul.watch.changed or error.type.
//
// # Metrics
//
//	http.client.request.duration   s         each request, after the semantic conventions, with url.template
//	consul.client.call.duration    s         each call, with its retries and the pauses between them
//	consul.client.call.retries     {retry}   retries, by the error.type that they were made for
//	consul.client.watch.rounds     {round}   questions of watches and views that were answered, or failed
//	consul.client.take.duration    s         how long it took to take a lock, or to fail to
//	consul.client.hold.duration    s         how long locks were held, by the error.type that ended the hold, if any
//	consul.client.hold.active      {hold}    locks that are held now
//
// The first three have http.request.method, url.template, server.address and server.port, and consul.blocking, which is
// true for blocking queries and absent otherwise: their durations tell of changes, not of the server. Rounds have
// consul.watch.kind ("key", "service" …), and consul.watch.changed or error.type: many that change nothing, or fail, are a
// watch to look after. The others have consul.recipe. No metric has a key, a name or an ID in its attributes.
//
// # Errors
//
// The attribute error.type of a request is the status where it is an error. Otherwise it is the sentinel of package
// consul, in small letters ("lock_lost", "bad_response"), "timeout" or "canceled" for a context that ended, "connection"
// where no answer came, or "_OTHER".
package consulotel
