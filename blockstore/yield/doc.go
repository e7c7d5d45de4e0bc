// Package yield has background work give way to clients (R18 of package blockstore).
//
// It is one Gate that all background work of a pool goes through: scrub, rebuild,
// evacuation, verify, and holding drives against the segment table. Clients' operations tell it when they begin and end. While there is one, or was
// a moment ago, background work takes turns: on each disk one small operation at a
// time, and after it, and after what it computed, a rest in proportion. The
// proportion is the duty: the share of the time that work takes, from dutyMin to
// dutyMax.
//
// The duty follows the latency that clients see. Each cycle begins with a pause, in
// which no turn is given. What operations take that begin in the pause is what
// they take by themselves; what they take in the rest of the cycle is with the work
// beside them. Work takes less while the second is clearly more than the first, and
// gradually more while it is not. So nobody has to know what latency is usual on these
// drives, and a busy pool that is slow by itself does not hold up its own repair.
//
// Beside it stand what schedules of work share: a Cap on bytes per second, which an operator
// sets on top of that, and a Meter of what they come to.
//
// Invariants: while no client wants anything, and for work that is urgent (no parity
// is left), nothing is held back and operations may be large. Nothing waits for its turn
// longer than waitMax, whatever hangs: so work always ends. A turn is held only
// during one operation on one disk, and nothing is waited for meanwhile but that disk; what computes
// holds nothing. So no wait here can deadlock.
package yield
