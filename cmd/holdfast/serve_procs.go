package main

import "runtime"

// shareProcessors lets more goroutines run at once than there are processors, where these are few. One that waits in a
// sync keeps its place among those that run until Go's monitor takes it away, a tenth of a millisecond later, and a
// commit has a sync in each of several drives: on two processors the third and the fourth wait that long before they
// begin. GOMAXPROCS goes before.
//
// Measured on 2 processors (bench/README.md): appending to three files and syncing them in parallel, in lockstep, takes
// 270 µs with two places and 190 with four.
func shareProcessors(getenv func(string) string) {
	if getenv("GOMAXPROCS") == "" {
		runtime.GOMAXPROCS(places(runtime.GOMAXPROCS(0)))
	}
}

// places is how many goroutines may run at once.
func places(processors int) int {
	const enough = 8 // for the drives of a commit, and what else there is to do
	return max(processors, min(2*processors, enough))
}
