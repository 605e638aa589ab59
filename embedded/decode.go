package embedded

// This file decodes bodies.

import (
	"encoding/json"
	"net/http"
)

// decode decodes the body, as strictly as the real server does: a field that is not known is an error.
func (c *call) decode(value any) error {
	decoder := json.NewDecoder(http.MaxBytesReader(c.w, c.r.Body, maxBody))
	decoder.DisallowUnknownFields()
	return decoder.Decode(value)
}
