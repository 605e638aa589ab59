package embedded

// This file is the table of routes.

import "net/http"

// endpoint serves the requests of one route. What it returns is answered as JSON; nil answers nothing, or says that the
// endpoint has written its answer itself.
type endpoint func(c *call) (any, error)

// route is a path, or the beginning of paths where it ends with a slash, with the methods that it knows.
type route struct {
	path    string
	methods []string
	serve   endpoint
}

func methods(list ...string) []string { return list }

// routes are all routes of the server.
func routes() []route {
	var all []route
	for _, family := range [][]route{
		kvRoutes,
		sessionRoutes,
		statusRoutes,
		catalogRoutes,
		healthRoutes,
		coordinateRoutes,
		agentRoutes,
		eventRoutes,
		txnRoutes,
		aclRoutes,
	} {
		all = append(all, family...)
	}
	return all
}

// newMux makes the handler of all routes. It is the standard library's mux, as in the real server, so that unclean paths
// are redirected alike.
func (s *Server) newMux() *http.ServeMux {
	mux := http.NewServeMux()
	mux.HandleFunc("/", s.serveOther)
	all := routes()
	if s.config.acl.Legacy {
		all = append(all, legacyACLRoutes...)
	}
	for _, route := range all {
		mux.HandleFunc(route.path, func(w http.ResponseWriter, r *http.Request) { s.serve(route, w, r) })
	}
	return mux
}
