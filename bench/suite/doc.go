// Package suite composes the parts of the benchmark: limits, load through S3
// and load on a pool become the rows that Holdfast promises ([bench.Goal]), the
// matrix of operations, sizes and clients ([bench.Cell]), and the states in
// which both are taken: healthy, drives gone, rebuilding, scrubbing.
//
// It starts servers by a [Launcher], which the command gives it, and never
// looks into a daemon but by what an operator has: its listeners and its drives.
// What works beside a pool without a daemon comes from the command, too ([Mending]).
package suite
