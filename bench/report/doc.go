// Package report writes what the benchmark suite found out: a table for a
// terminal ([Table]), and a page that can be passed on ([Page]). It measures
// nothing, and leaves nothing out that the [bench.Result] has.
//
// The page is one file that refers to nothing outside itself: its style and its
// charts (SVG) stand in it, there is no script, and beside each chart stand the
// figures that it draws. Everything shown is a median of rounds; whiskers reach
// from the least to the most of them.
package report
