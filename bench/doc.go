// Package bench measures Holdfast against the limits of the machine that it
// runs on: workloads through the public interfaces of the other packages, and
// beside each result what the same disk does without Holdfast, in the same run.
// Absolute figures move from run to run; the ratios say what Holdfast costs.
package bench
