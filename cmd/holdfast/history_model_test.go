package main

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/anishathalye/porcupine"
)

// What a history of requests is held against: a map of keys that each request reads or changes at one moment between
// its begin and its end. A state is the ETag of each key's object, empty if there is none. Every content is put once,
// so that an ETag tells whose it is.

// deedKind is what a request asks for.
type deedKind int

const (
	deedPut    deedKind = iota
	deedCreate          // PUT with If-None-Match: *
	deedSwap            // PUT with If-Match
	deedDelete
	deedGet
	deedHead
	deedList
)

func (k deedKind) String() string {
	return [...]string{"PUT", "PUT if none", "PUT if match", "DELETE", "GET", "HEAD", "LIST"}[k]
}

func (k deedKind) writes() bool { return k <= deedDelete }

// deed is one request.
type deed struct {
	kind deedKind
	key  int
	etag string // of what is put
	old  string // that deedSwap wants to replace
}

// answer is what became of it.
type answer struct {
	maybe   bool // no answer, or one that leaves open whether it happened
	refused bool // by its condition
	etag    string
	listed  keyEtags
}

// listKeys is how many keys a history with listings has: all of them are one state, which is what the checker's time
// depends on.
const listKeys = 4

type keyEtags [listKeys]string

// historyModel begins with what was there.
func historyModel(begin keyEtags) porcupine.Model {
	return porcupine.Model{
		Init: func() any { return begin },
		Step: func(state, input, output any) (bool, any) {
			s, d, a := state.(keyEtags), input.(deed), output.(answer)
			now := s[d.key]
			holds := d.kind == deedPut || d.kind == deedDelete || d.kind == deedCreate && now == "" || d.kind == deedSwap && now == d.old
			switch {
			case d.kind == deedList:
				return a.listed == s, s
			case !d.kind.writes():
				return a.etag == now, s
			case a.maybe && !holds:
				return true, s
			case a.refused:
				return !holds, s
			}
			s[d.key] = d.etag // empty, of a deletion
			return holds, s
		},
		Equal: func(a, b any) bool { return a == b },
		DescribeOperation: func(input, output any) string {
			d, a := input.(deed), output.(answer)
			return fmt.Sprintf("%v key %d %.8s (%.8s): maybe %v, refused %v, %.8s %.8s", d.kind, d.key, d.etag, d.old, a.maybe, a.refused, a.etag, a.listed)
		},
	}
}

// never is when a request returns that may happen yet, or not at all: the checker may put it behind everything.
const never = math.MaxInt64

// linearizable says whether a history has an order in which it makes sense; if not, it shows it.
func linearizable(begin keyEtags, history []porcupine.Operation) (ok bool, why string) {
	model := historyModel(begin)
	switch porcupine.CheckOperationsTimeout(model, history, time.Minute) {
	case porcupine.Ok:
		return true, ""
	case porcupine.Unknown:
		return false, "the checker has found no order within a minute"
	}
	slices.SortFunc(history, func(a, b porcupine.Operation) int { return int(a.Call - b.Call) })
	lines := []string{fmt.Sprintf("no order explains this history, which began with %.8s:", begin)}
	for _, o := range history {
		ended := "never"
		if o.Return != never {
			ended = time.Duration(o.Return).String()
		}
		lines = append(lines, fmt.Sprintf("%12v to %12s client %2d: %s", time.Duration(o.Call), ended, o.ClientId, model.DescribeOperation(o.Input, o.Output)))
	}
	return false, strings.Join(lines, "\n")
}
