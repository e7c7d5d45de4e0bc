package main

import (
	"cmp"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/urfave/cli/v2"

	"github.com/holdfast-storage/holdfast/bench"
	"github.com/holdfast-storage/holdfast/bench/s3"
)

// benchS3Keys is how many objects there are at most: enough for a page of a LIST, and soon stored and removed.
const benchS3Keys = 4000

// benchS3Plan is what is to be measured.
type benchS3Plan struct {
	targets    []s3.Target // one, or two to compare
	operations []bench.Operation
	sizes      []int64
	clients    []int
	payload    s3.Payload
	stored     int64
	bucket     string // empty: one of its own
	id         string // that sets this run's names apart
	turns      bench.Turns
}

// benchS3Operations are the words for them on the command line.
var benchS3Operations = map[string]bench.Operation{
	"put": bench.Put, "get": bench.Get, "range": bench.Range, "head": bench.Head, "list": bench.List, "delete": bench.Delete, "mix": bench.Mix,
}

func readBenchS3(c *cli.Context) (p benchS3Plan, err error) {
	endpoints, err := readBenchS3Endpoints(c)
	if err != nil {
		return p, err
	}
	for _, word := range orThese(c.StringSlice("op"), "put", "get", "head", "list", "delete") {
		operation, known := benchS3Operations[strings.ToLower(word)]
		if !known {
			return p, usagef("--op %q: put, get, range, head, list, delete or mix is wanted", word)
		}
		p.operations = append(p.operations, operation)
	}
	for _, word := range orThese(c.StringSlice("size"), "4KiB", "1MiB") {
		n, err := readBenchSize("size", word)
		if err != nil {
			return p, err
		}
		p.sizes = append(p.sizes, n)
	}
	if p.stored, err = readBenchSize("stored", c.String("stored")); err != nil {
		return p, err
	}
	p.clients = orThese(c.IntSlice("clients"), 8)
	for _, n := range p.clients {
		if n < 1 || n > 4096 {
			return p, usagef("--clients %d: 1 to 4096 are possible", n)
		}
	}
	p.payload = s3.Payload(c.String("payload"))
	p.bucket = c.String("bucket")
	p.turns = bench.Turns{Rounds: c.Int("rounds"), Span: c.Duration("duration")}
	switch {
	case p.turns.Rounds < 1:
		return p, usagef("--rounds %d: at least 1 is wanted", p.turns.Rounds)
	case p.turns.Span < 10*time.Millisecond || p.turns.Span > time.Hour:
		return p, usagef("--duration %v: 10ms to 1h are possible", p.turns.Span)
	}
	random := make([]byte, 5)
	_, _ = rand.Read(random) // it says that it never fails
	p.id = hex.EncodeToString(random)
	if p.targets, err = readBenchS3Targets(c, endpoints); err != nil {
		return p, err
	}
	return p, p.try()
}

// try makes every load and throws it away: what cannot be is told before anything has begun.
func (p benchS3Plan) try() error {
	for i := range p.targets {
		for _, size := range p.sizes {
			for _, operation := range p.operations {
				if _, err := p.load(i, size, operation, nil); err != nil {
					return &usageError{err: err}
				}
			}
		}
	}
	return nil
}

// load is a load on one of the servers. Names differ between servers and sizes: both URLs may lead to the same server, and
// some do not let a bucket be made again soon after it was removed.
func (p benchS3Plan) load(server int, size int64, operation bench.Operation, told func(what string, done, all int64)) (*s3.Loader, error) {
	name := fmt.Sprintf("holdfast-bench-%s-%d-%d", p.id, server+1, size)
	return s3.NewLoad(p.targets[server], s3.Load{
		Operation: operation, Size: size, Payload: p.payload, Bucket: cmp.Or(p.bucket, name), Prefix: name, Stored: p.stored, Keys: benchS3Keys,
		Told: told,
	})
}

func readBenchS3Endpoints(c *cli.Context) ([]string, error) {
	if !c.Bool("compare") {
		if c.IsSet("pid2") {
			return nil, usagef("--pid2 is for --compare")
		}
		_, err := takes(c, 0, 0)
		return []string{cmp.Or(c.String("endpoint"), os.Getenv("HOLDFAST_ENDPOINT"), "http://"+defaultListen)}, err
	}
	if c.IsSet("endpoint") {
		return nil, usagef("--compare takes both URLs: --compare URL1 URL2, without --endpoint")
	}
	if n := c.NArg(); n < 2 {
		return nil, usagef("--compare wants two URLs, and %d came", n)
	}
	return takes(c, 2, 2)
}

func readBenchS3Targets(c *cli.Context, endpoints []string) ([]s3.Target, error) {
	keys, _, err := findKeys(c.String("credentials"), os.Getenv)
	if errors.Is(err, errNoCredentials) {
		err = &hintError{err, "set " + envAccess + " and " + envSecret + " to those of the server"}
	}
	if err != nil {
		return nil, err
	}
	first := s3.Target{AccessKey: keys.access, SecretKey: keys.secret, Region: c.String("region"), PID: c.Int("pid")}
	if file := c.String("ca-cert"); file != "" {
		if first.Roots, err = readRoots(file); err != nil {
			return nil, err
		}
	}
	second := first
	second.PID = c.Int("pid2")
	if other := (keyPair{os.Getenv(envAccess2), os.Getenv(envSecret2)}); other.access != "" || other.secret != "" {
		if err := other.check(); err != nil {
			return nil, usagef("keys of the second server (%s, %s): %w", envAccess2, envSecret2, err)
		}
		second.AccessKey, second.SecretKey = other.access, other.secret
	}
	targets := []s3.Target{first, second}[:len(endpoints)]
	for i := range targets {
		targets[i].Endpoint = endpoints[i]
		if pid := targets[i].PID; pid != 0 {
			if _, err := bench.ProcessCPU(pid); err != nil {
				return nil, usagef("%w", err)
			}
		}
	}
	return targets, nil
}

func readBenchSize(flag, word string) (int64, error) {
	n, err := humanize.ParseBytes(word)
	if err != nil || n == 0 || n > 5<<30 { // the most that S3 takes in one PUT
		return 0, usagef("--%s %q: a size like 4KiB or 64MiB is wanted, at most 5 GiB", flag, word)
	}
	return int64(n), nil
}

// orThese is what was given, or else what is meant if nothing is.
func orThese[T any](given []T, otherwise ...T) []T {
	if len(given) > 0 {
		return given
	}
	return otherwise
}
