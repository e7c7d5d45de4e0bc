// Package guard compares what two builds of the daemon take per operation, in
// counts: allocations, system calls, bytes written. Counts do not depend on how
// fast the machine is or who else uses it, so that a change that makes a path
// dearer is noticed anywhere, also where a timing would say nothing.
//
// Both daemons run beside each other, over drives of their own; the same
// operations are put to them in turn by one client, so that what is shared
// among clients (group commit) is the same each time. The [Counts] of a run are
// differences of what the daemon and the kernel count anyway. The daemons' garbage
// collector is off meanwhile, since it empties pools of buffers whenever it happens
// to run. System calls by name need strace; without it they are not compared, and
// the report says so.
//
// A figure is worse if it has grown by more than a twentieth, and by more than the
// figure's own margin ([Figures]), which is what chance does.
package guard
