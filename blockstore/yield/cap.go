package yield

import (
	"context"

	"golang.org/x/time/rate"
)

// Cap is the most bytes per second, read and written together, that an operator lets
// work of one kind move, however many workers share it: beside what it yields by itself.
type Cap struct {
	limit *rate.Limiter
}

// NewCap makes a Cap; 0 or less is none.
func NewCap(bytesPerSecond int64) *Cap {
	c := &Cap{limit: rate.NewLimiter(rate.Inf, 0)}
	c.Set(bytesPerSecond)
	return c
}

// Set changes the cap; 0 or less is none. A burst is a quarter of a second's
// bytes, so that clients never wait for long behind one, and nobody who waits
// already holds on to an older cap for longer.
func (c *Cap) Set(bytesPerSecond int64) {
	if bytesPerSecond <= 0 {
		c.limit.SetLimit(rate.Inf)
		return
	}
	c.limit.SetBurst(int(max(1, bytesPerSecond/4)))
	c.limit.SetLimit(rate.Limit(bytesPerSecond))
}

// BytesPerSecond is what was set; 0: none.
func (c *Cap) BytesPerSecond() int64 {
	if l := c.limit.Limit(); l != rate.Inf {
		return int64(l)
	}
	return 0
}

// Wait returns when so many bytes may be read or written, or ctx has ended. More
// than a burst is waited for in parts. The error is ctx's.
func (c *Cap) Wait(ctx context.Context, bytes int) error {
	for bytes > 0 {
		if c.limit.Limit() == rate.Inf {
			return ctx.Err()
		}
		n := min(bytes, c.limit.Burst())
		if err := c.limit.WaitN(ctx, n); err != nil {
			if n > c.limit.Burst() { // the cap has just been lowered
				continue
			}
			return err
		}
		bytes -= n
	}
	return ctx.Err()
}
