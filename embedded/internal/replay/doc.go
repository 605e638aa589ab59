// Package replay runs scripts of HTTP requests against a Consul server and writes down what it answers, such that what two
// servers of the same behaviour answer is written down the same.
//
// A script is plain text in blocks that blank lines divide. Lines that start with # are comments. The first block may be a
// head of "option: value" lines that say what server the script wants; see Options. Each other block is a step:
//
//	PUT /v1/session/create
//	X-Consul-Token: $management
//	{"Name": "a session"}
//	$session = ID
//	@sort NodeChecks
//
// which is a request: its method and path, headers, and a body, the lines of which are joined; then what is to be kept and
// done with the answer. Spaces and double quotes in the path are escaped. $name stands for a value kept before, or for one
// that the runner gives: $management, the secret of the management token; $addr, the server's host and port; $node, the name
// of its node. The lines for the answer are:
//
//	$name = ID             keep a member of the answer's JSON: a path, such as 0.Service.ID
//	$name = header Age     keep a header
//	$name = body           keep the body, unquoted where it is a JSON string
//	@sort [PATH] [by NAME] put an array in order whose order is random on a real server
//	@show PATH …           write down these members alone
//	@until TEXT            repeat the request until its answer contains the text, and write down the last one alone
//	@body "…" * 3          the body is this Go string, here three times
//	@differs REASON        the embedded server is known to answer otherwise
//
// In the paths of @sort and @show, * is any member or item.
//
// Other steps are:
//
//	begin NAME GET …       send a request, and go on while it waits
//	await NAME             write down its answer
//	pause 50ms             let time pass
//	raw "…"                send the bytes of this Go string over a connection of its own, and take what comes as the answer
package replay
