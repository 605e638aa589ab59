package embedded

// This file shows tests what users do not see.

// Held is how many blocking queries are held.
func Held(s *Server) int { return len(s.blocking.places) }

// Expire ends a session as its TTL does.
func Expire(s *Server, id string) { _ = s.expireSession(id) }
