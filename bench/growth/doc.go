// Package growth measures what grows with the number of objects, and what must
// not: the same operations on pools of 10⁴, 10⁵, 10⁶ … tiny objects, and how
// long such a pool takes to start, after an orderly end and after a crash, and to
// make its catalog again from the journal.
//
// Every pool is a new one, and is held by a process of its own ([Serve]): so it
// can be killed as a crash does, and its memory is its own. The smallest pool
// stays beside the larger ones and is measured in turn with each, so that what
// is said to have grown is not the machine's mood of another hour.
//
// Keys are scattered: an object's place among the others says nothing of when
// it was stored. That is the worst case for the catalog, whose tables overlap.
package growth
