// Package bench measures Holdfast against the limits of the machine that it
// runs on: workloads through the public interfaces of the other packages, and
// beside each result what the same machine does without Holdfast, in the same
// run. Absolute figures move from run to run; the ratios say what Holdfast costs.
//
// The method is the same everywhere. What is measured is a [Side]; sides that
// are to be compared run [InTurn] (A B A B …), so that what the machine does
// meanwhile hits them alike; a ratio is taken within each turn, and the median
// of the turns is what is said ([Ratio]). Several sides of one turn come from
// one process, or from servers that run all the time beside it and are idle
// when it is not their turn. Before anything is written [Room] is asked for.
//
// The parts: limits (what the machine can do), s3 (load through S3), engine
// (load on a Pool, without HTTP), report (the table, and the page).
package bench
