package sigv4

import (
	"crypto/hmac"
	"crypto/sha256"
	"strings"
	"sync"
)

// maxKeys bounds the cache of signing keys. A key serves one day, and what
// presigned requests may still be valid are of some ten days; beyond that
// the cache starts over, which costs four HMACs for each.
const maxKeys = 64

// keyCache holds derived signing keys.
type keyCache struct {
	mu   sync.Mutex
	keys map[keyName][hashBytes]byte
}

// keyName holds the secret too, so that a changed one is not overlooked.
type keyName struct{ secret, date, region string }

func (c *keyCache) get(secret, date, region string) [hashBytes]byte {
	name := keyName{secret, date, region}
	c.mu.Lock()
	key, ok := c.keys[name]
	c.mu.Unlock()
	if ok {
		return key
	}
	key = derive(secret, date, region)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.keys == nil || len(c.keys) >= maxKeys {
		c.keys = make(map[keyName][hashBytes]byte)
	}
	name.date = strings.Clone(date) // not to keep the whole header
	c.keys[name] = key
	return key
}

// derive makes the signing key of a scope.
func derive(secret, date, region string) (key [hashBytes]byte) {
	step := []byte("AWS4" + secret)
	for _, part := range []string{date, region, service, terminator} {
		mac := hmac.New(sha256.New, step)
		mac.Write([]byte(part))
		step = mac.Sum(nil)
	}
	copy(key[:], step)
	return key
}
