package server

import (
	"container/list"
	"context"
	"sync"

	"github.com/99designs/gqlgen/graphql"
)

// Bounds of what is kept of documents that clients sent. A syntax tree takes up
// to thirty times as much memory as its text, so that the trees kept take 32 MB
// at most, and texts for persisted queries 4 MB.
const (
	cachedDocuments, cachedDocumentBytes = 256, 1 << 20
	persistedTexts, persistedTextBytes   = 1000, 4 << 20
)

// textCache keeps what was used last, bounded in number and in the length of
// the texts. gqlgen's own cache counts entries alone, which lets a client keep
// as many long ones as there is room for short ones.
type textCache[T any] struct {
	entries, bytes int
	length         func(key string, value T) int

	mu    sync.Mutex
	held  int
	byKey map[string]*list.Element // of cached[T]
	order list.List                // the one used last in front
}

type cached[T any] struct {
	key   string
	value T
}

var _ graphql.Cache[string] = (*textCache[string])(nil)

func newTextCache[T any](entries, bytes int, length func(key string, value T) int) *textCache[T] {
	return &textCache[T]{entries: entries, bytes: bytes, length: length, byKey: map[string]*list.Element{}}
}

// Get implements graphql.Cache.
func (c *textCache[T]) Get(_ context.Context, key string) (value T, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e, ok := c.byKey[key]
	if !ok {
		return value, false
	}
	c.order.MoveToFront(e)
	return e.Value.(cached[T]).value, true
}

// Add implements graphql.Cache. What is longer than all that may be kept is not.
func (c *textCache[T]) Add(_ context.Context, key string, value T) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if e, ok := c.byKey[key]; ok {
		c.drop(e)
	}
	length := c.length(key, value)
	if length > c.bytes {
		return
	}
	for len(c.byKey) >= c.entries || c.held+length > c.bytes {
		c.drop(c.order.Back())
	}
	c.held += length
	c.byKey[key] = c.order.PushFront(cached[T]{key, value})
}

func (c *textCache[T]) drop(e *list.Element) {
	dropped := c.order.Remove(e).(cached[T])
	delete(c.byKey, dropped.key)
	c.held -= c.length(dropped.key, dropped.value)
}
