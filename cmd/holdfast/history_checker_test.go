package main

import (
	"testing"

	"github.com/anishathalye/porcupine"
)

// TestChecker shows that the checker of histories sees what it is there for.
func TestChecker(t *testing.T) {
	t.Parallel()
	op := func(call, done int64, d deed, a answer) porcupine.Operation {
		return porcupine.Operation{Input: d, Output: a, Call: call, Return: done}
	}
	put := func(etag string) deed { return deed{kind: deedPut, etag: etag} }
	get, list := deed{kind: deedGet}, deed{kind: deedList}
	for _, test := range []struct {
		name    string
		ok      bool
		history []porcupine.Operation
	}{
		{"a read after a write", true, []porcupine.Operation{op(1, 2, put("a"), answer{}), op(3, 4, get, answer{etag: "a"})}},
		{"a stale read", false, []porcupine.Operation{op(1, 2, put("a"), answer{}), op(3, 4, put("b"), answer{}), op(5, 6, get, answer{etag: "a"})}},
		{"a lost write", false, []porcupine.Operation{op(1, 2, put("a"), answer{}), op(3, 4, get, answer{})}},
		{"a read during a write", true, []porcupine.Operation{op(1, 9, put("a"), answer{}), op(2, 3, get, answer{etag: "a"}), op(4, 5, get, answer{etag: "a"})}},
		{"back in time during a write", false, []porcupine.Operation{op(1, 9, put("a"), answer{}), op(2, 3, get, answer{etag: "a"}), op(4, 5, get, answer{})}},
		{"two win a creation", false, []porcupine.Operation{
			op(1, 5, deed{kind: deedCreate, etag: "a"}, answer{}), op(1, 5, deed{kind: deedCreate, etag: "b"}, answer{})}},
		{"a swap refused though it holds", false, []porcupine.Operation{op(1, 2, put("a"), answer{}),
			op(3, 4, deed{kind: deedSwap, old: "a", etag: "b"}, answer{refused: true})}},
		{"a write without an answer, seen late", true, []porcupine.Operation{op(1, never, put("a"), answer{maybe: true}),
			op(2, 3, get, answer{}), op(4, 5, get, answer{etag: "a"})}},
		{"a write without an answer, undone", false, []porcupine.Operation{op(1, never, put("a"), answer{maybe: true}),
			op(2, 3, get, answer{etag: "a"}), op(4, 5, get, answer{})}},
		{"a listing that mixes times", false, []porcupine.Operation{op(1, 2, put("a"), answer{}), op(3, 4, deed{kind: deedPut, key: 1, etag: "b"}, answer{}),
			op(5, 6, list, answer{listed: keyEtags{"", "b"}})}},
	} {
		t.Run(test.name, func(t *testing.T) {
			if ok, why := linearizable(keyEtags{}, test.history); ok != test.ok {
				t.Errorf("linearizable: %v, want %v\n%s", ok, test.ok, why)
			}
		})
	}
}
