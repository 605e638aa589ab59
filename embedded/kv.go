package embedded

// This file serves /v1/kv/.

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"path"
	"strconv"
	"strings"

	"github.com/hashicorp/go-memdb"

	"github.com/lictor-go/consul/embedded/internal/acl"
	"github.com/lictor-go/consul/embedded/internal/store"
)

// maxValue is the most bytes that a value may have.
const maxValue = 512 << 10

var kvRoutes = []route{
	{"/v1/kv/", methods("GET", "PUT", "DELETE"), serveKV},
}

func serveKV(c *call) (any, error) {
	if err := c.parse(); err != nil {
		return nil, err
	}
	key, err := c.kvKey()
	if err != nil {
		return nil, err
	}
	switch c.r.Method {
	case http.MethodPut:
		return c.putKV(key)
	case http.MethodDelete:
		return c.deleteKV(key)
	}
	switch {
	case c.has("keys"):
		return c.listKeys(key)
	case c.has("recurse"):
		return c.listKV(key)
	}
	return c.getKV(key)
}

// kvKey gives the key that the path names, cleaned of double slashes and dots as the real server does since 1.22.
func (c *call) kvKey() (string, error) {
	raw := c.rest("/v1/kv/")
	if raw == "" {
		return "", nil
	}
	key := path.Clean(raw)
	if strings.HasSuffix(raw, "/") && !strings.HasSuffix(key, "/") {
		key += "/"
	}
	return key, validateKey(key)
}

// validateKey refuses keys that begin or end with a space or climb the path, also when they do so only once they are
// unescaped a second time.
func validateKey(key string) error {
	const (
		spaces    = "invalid key name, leading/trailing spaces are not allowed"
		traversal = "invalid key name, path traversal is not allowed"
	)
	if strings.HasPrefix(key, " ") || strings.HasSuffix(key, " ") {
		return errors.New(spaces)
	}
	for part := range strings.SplitSeq(key, "/") {
		if part == ".." {
			return errors.New(traversal)
		}
	}
	if !strings.Contains(key, "%") {
		return nil
	}
	switch decoded, err := url.PathUnescape(key); {
	case err != nil || decoded == key:
		return nil
	case strings.Contains(decoded, ".."):
		return errors.New(traversal)
	case strings.Contains(decoded, " "):
		return errors.New(spaces)
	}
	return nil
}

var errNoKey = badRequest("Missing key name")

func (c *call) getKV(key string) (any, error) {
	if key == "" {
		return nil, errNoKey
	}
	if err := c.refuseEnterprise(); err != nil {
		return nil, err
	}
	if err := c.forward(); err != nil {
		return nil, err
	}
	who, err := c.authorize()
	if err != nil {
		return nil, err
	}
	var found *store.KV
	err = c.read(func(tx *store.Tx, ws memdb.WatchSet, m *meta) error {
		m.index, found = tx.KV(ws, key)
		if !who.KeyRead(key) {
			return who.denied(acl.ResourceKey, acl.AccessRead, key)
		}
		if found == nil {
			return errAbsent
		}
		m.index = found.ModifyIndex
		return nil
	})
	switch {
	case err != nil:
		return nil, err
	case found == nil:
		c.empty(http.StatusNotFound)
		return nil, nil
	case c.has("raw"):
		c.writeRaw(found.Value)
		return nil, nil
	}
	return []*store.KV{found}, nil
}

// writeRaw answers with a value as it is, and tells browsers not to make anything of it.
func (c *call) writeRaw(value []byte) {
	header := c.w.Header()
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("Content-Security-Policy", "sandbox")
	c.write(http.StatusOK, typePlain, value)
}

// readKVs lists the keys that the caller may read.
func (c *call) readKVs(prefix string) ([]*store.KV, error) {
	if err := c.refuseEnterprise(); err != nil {
		return nil, err
	}
	if err := c.forward(); err != nil {
		return nil, err
	}
	who, err := c.authorize()
	if err != nil {
		return nil, err
	}
	var list []*store.KV
	err = c.read(func(tx *store.Tx, ws memdb.WatchSet, m *meta) error {
		m.index, list = tx.KVs(ws, prefix)
		all := len(list)
		list = keep(list, func(kv *store.KV) bool { return who.KeyRead(kv.Key) })
		m.filtered = len(list) != all
		return nil
	})
	return list, err
}

func (c *call) listKV(prefix string) (any, error) {
	list, err := c.readKVs(prefix)
	if err != nil {
		return nil, err
	}
	if len(list) == 0 {
		c.empty(http.StatusNotFound)
		return nil, nil
	}
	return list, nil
}

func (c *call) listKeys(prefix string) (any, error) {
	list, err := c.readKVs(prefix)
	if err != nil {
		return nil, err
	}
	separator := c.params.Get("separator")
	if !c.has("separator") {
		separator = c.params.Get("seperator") // misspelt in Consul's first release, and served ever since
	}
	keys := cutKeys(list, len(prefix), separator)
	if len(keys) == 0 && prefix != "" {
		c.empty(http.StatusNotFound)
		return nil, nil
	}
	return keys, nil
}

// cutKeys gives the keys, each up to the first separator after the prefix and those that are the same then once.
func cutKeys(list []*store.KV, prefix int, separator string) []string {
	keys := make([]string, 0, len(list))
	for _, kv := range list {
		key := kv.Key
		if separator != "" {
			if at := strings.Index(key[prefix:], separator); at >= 0 {
				key = key[:prefix+at+len(separator)]
			}
			// The list is in order, so that keys of one beginning follow each other.
			if len(keys) > 0 && keys[len(keys)-1] == key {
				continue
			}
		}
		keys = append(keys, key)
	}
	return keys
}

func (c *call) putKV(key string) (any, error) {
	if err := c.refuseEnterprise(); err != nil {
		return nil, err
	}
	if key == "" {
		return nil, errNoKey
	}
	if err := c.refuseConflict("cas", "acquire", "release"); err != nil {
		return nil, err
	}
	kv := &store.KV{Key: key, Session: c.params.Get("acquire") + c.params.Get("release")}
	var err error
	if c.has("flags") {
		if kv.Flags, err = parseUint(c.params.Get("flags")); err != nil {
			return nil, err
		}
	}
	if c.has("cas") {
		if kv.ModifyIndex, err = parseUint(c.params.Get("cas")); err != nil {
			return nil, err
		}
	}
	if kv.Value, err = c.readValue(); err != nil {
		return nil, err
	}
	return c.writeKV(key, func(tx *store.Tx) (bool, error) {
		switch {
		case c.has("acquire"):
			if c.s.store.LockDelayed(key) {
				return false, nil
			}
			return tx.LockKV(kv)
		case c.has("release"):
			return tx.UnlockKV(kv)
		case c.has("cas"):
			return tx.CASKV(kv), nil
		}
		tx.SetKV(kv)
		return true, nil
	})
}

// writeKV runs a write of the key that the caller must be allowed, and gives what it says.
func (c *call) writeKV(key string, f func(*store.Tx) (bool, error)) (any, error) {
	if err := c.forward(); err != nil {
		return nil, err
	}
	who, err := c.authorize()
	if err != nil {
		return nil, err
	}
	if !who.KeyWrite(key) {
		return nil, who.denied(acl.ResourceKey, acl.AccessWrite, key)
	}
	return c.applyKV(f)
}

func (c *call) applyKV(f func(*store.Tx) (bool, error)) (any, error) {
	var done bool
	err := c.s.store.Write(func(tx *store.Tx) (err error) {
		done, err = f(tx)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("raft apply failed: %w", err)
	}
	return done, nil
}

// readValue reads the body, which is the value.
func (c *call) readValue() ([]byte, error) {
	if c.r.ContentLength > maxValue {
		return nil, tooLarge("Request body(%d bytes) too large, max size: %d bytes. See %s.", c.r.ContentLength, maxValue,
			"https://developer.hashicorp.com/docs/agent/config/config-files#kv_max_value_size")
	}
	if c.r.ContentLength > 0 {
		value := make([]byte, c.r.ContentLength)
		_, err := io.ReadFull(c.r.Body, value)
		return value, err
	}
	value, err := io.ReadAll(io.LimitReader(c.r.Body, maxValue+2))
	if len(value) > maxValue+1 {
		return nil, tooLarge("Request body too large. Max allowed is %d bytes.", maxValue)
	}
	if len(value) == 0 {
		value = nil
	}
	return value, err
}

func (c *call) deleteKV(key string) (any, error) {
	if err := c.refuseEnterprise(); err != nil {
		return nil, err
	}
	if err := c.refuseConflict("recurse", "cas"); err != nil {
		return nil, err
	}
	if c.has("recurse") {
		return c.deleteTree(key)
	}
	if key == "" {
		return nil, errNoKey
	}
	if !c.has("cas") {
		return c.writeKV(key, func(tx *store.Tx) (bool, error) {
			tx.DeleteKV(key)
			return true, nil
		})
	}
	index, err := parseUint(c.params.Get("cas"))
	if err != nil {
		return nil, err
	}
	return c.writeKV(key, func(tx *store.Tx) (bool, error) { return tx.DeleteKVCAS(key, index), nil })
}

func (c *call) deleteTree(prefix string) (any, error) {
	if err := c.forward(); err != nil {
		return nil, err
	}
	who, err := c.authorize()
	if err != nil {
		return nil, err
	}
	if !who.KeyWritePrefix(prefix) {
		return nil, who.denied(acl.ResourceKey, acl.AccessWrite, prefix)
	}
	return c.applyKV(func(tx *store.Tx) (bool, error) {
		tx.DeleteKVTree(prefix)
		return true, nil
	})
}

// refuseConflict refuses a request with more than one of the parameters.
func (c *call) refuseConflict(names ...string) error {
	found := 0
	for _, name := range names {
		if c.has(name) {
			found++
		}
	}
	if found > 1 {
		return badRequest("Conflicting flags: %v\n", c.params.Encode())
	}
	return nil
}

// parseUint reads a number; its error is the real server's, which passes on that of strconv with a status of 500.
func parseUint(text string) (uint64, error) { return strconv.ParseUint(text, 10, 64) }

// keep gives those of the list that f keeps, and the list itself where that is all. The list is not changed: it may be
// shared. What is left of a list is one, also where that is nothing: [] in JSON, not null.
func keep[T any](list []T, f func(T) bool) []T {
	for i, item := range list {
		if f(item) {
			continue
		}
		kept := append([]T{}, list[:i]...)
		for _, item := range list[i+1:] {
			if f(item) {
				kept = append(kept, item)
			}
		}
		return kept
	}
	return list
}
