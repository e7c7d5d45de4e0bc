package blockstore

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
)

// sender sends a range of an object to a client.
//
// Stripes are read whole, the next one while one is being sent, as long as nobody
// waits for memory. When others do and the client stands still, somebody has the
// sender give its stripes back: it is a borrower. Then it goes on with small pieces,
// for which it holds buffers only while it reads them (R21), until the client is
// quick again and nobody waits.
//
// What is being written to the client cannot be taken back. So it is a column that
// counts against a share of its own, for which nobody waits; where that has no room
// left, since there are many clients or many that stand still, it is memory of the
// sender's own, to which the bytes are copied.
type sender struct {
	p         *Pool
	o         *Object
	w         io.Writer
	off, left int64
	end       int64 // of the range; off+left
	sums      objectSums
	own       []byte
	sips      bool // the next bytes come in a small piece
	reads     readAhead

	wait    pause
	mu      sync.Mutex
	current *stripeRead // being sent
	ahead   *stripeRead // the next one
	yielded bool        // both were given back
}

// send writes bytes [off, off+n) of an object to w.
func (p *Pool) send(ctx context.Context, o *Object, w io.Writer, off, n int64) error {
	s, _ := p.senders.Get().(*sender)
	if s == nil {
		s = &sender{}
	}
	s.p, s.o, s.w, s.off, s.left, s.end, s.sips = p, o, w, off, n, off+n, n <= ownBytes
	s.sums.begin(&o.object, off, n)
	if n <= intakeFirst {
		own := p.mem.getFirst()
		defer p.mem.putFirst(own)
		s.own = own
	} else {
		own := p.mem.getOwn()
		defer p.mem.putOwn(own)
		s.own = own
	}
	defer s.rest()
	if !s.sips {
		p.mem.reads.lending.add(s)
		defer p.mem.reads.lending.remove(s)
	}
	for s.left > 0 {
		step := s.stripes
		if s.sips {
			step = s.sip
		}
		if err := step(ctx); err != nil {
			return err
		}
	}
	return nil
}

// rest lets another have the memory of a sender that is done. Who has been told to have it yield may
// still come, and at worst has the next one give back stripes that it reads again: as may happen to any.
func (s *sender) rest() {
	p := s.p
	s.p, s.o, s.w, s.own, s.sums = nil, nil, nil, nil, objectSums{}
	p.senders.Put(s)
}

// write sends verified bytes, which nobody takes back meanwhile.
func (s *sender) write(b []byte) error {
	if wrong := s.sums.take(b); wrong != "" { // before the last of it is sent
		return fmt.Errorf("%w: %q: %s %w", ErrUnavailable, s.o.info.Key, wrong, errOwnChecksum)
	}
	s.wait.begin()
	_, err := s.w.Write(b)
	s.sips = s.wait.idle() || s.p.mem.reads.pressed()
	s.wait.end()
	if err != nil {
		return &WriteError{err}
	}
	s.off, s.left = s.off+int64(len(b)), s.left-int64(len(b))
	return nil
}

// stripes sends whole stripes until the end, or until they were given back.
func (s *sender) stripes(ctx context.Context) error {
	s.mu.Lock()
	s.yielded = false
	s.mu.Unlock()
	defer func() {
		s.giveBack() // also what is being read
		s.reads.end()
	}()
	for s.left > 0 {
		if err := s.reads.await(ctx, s); err != nil {
			return err
		}
		if n := s.begin(); n > 0 && s.left > n && !s.p.mem.reads.pressed() {
			s.reads.begin(ctx, s, s.off+n)
		}
		for {
			b, buf, yielded := s.next()
			if yielded {
				s.sips = true
				return nil
			}
			if len(b) == 0 {
				break
			}
			err := s.write(b)
			if buf != nil {
				buf.Release()
			}
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// readAhead reads stripes for a sender while that sends: on a goroutine, which begins
// with the first of them and is there until the end. It is the sender's, and used again.
type readAhead struct {
	offsets chan int64 // one below 0 ends it
	results chan error // of each offset; of the last one it is the goroutine's last word
	begun   bool
	coming  bool // a result is
}

// begin begins to read the stripe that holds the byte at off.
func (a *readAhead) begin(ctx context.Context, s *sender, off int64) {
	if a.offsets == nil {
		a.offsets, a.results = make(chan int64, 1), make(chan error, 1)
	}
	if !a.begun {
		a.begun = true
		go a.run(ctx, s) // end waits for it
	}
	a.offsets <- off
	a.coming = true
}

func (a *readAhead) run(ctx context.Context, s *sender) {
	for {
		off := <-a.offsets
		if off < 0 {
			a.results <- nil
			return
		}
		a.results <- s.read(ctx, off)
	}
}

// await waits for the stripe that was begun, or reads the one that comes next.
func (a *readAhead) await(ctx context.Context, s *sender) error {
	if !a.coming {
		return s.read(ctx, s.off)
	}
	a.coming = false
	return <-a.results
}

// end waits for the read that is under way, which ends by itself: the sender holds nothing by then that it could be
// waiting for. Where the client has left, its context has ended.
func (a *readAhead) end() {
	if !a.begun {
		return
	}
	if a.coming {
		<-a.results
	}
	a.offsets <- -1
	<-a.results
	a.begun, a.coming = false, false
}

// read reads the stripe that holds the byte at off.
func (s *sender) read(ctx context.Context, off int64) error {
	var part stripePart
	s.o.parts(off, s.end-off, func(sp stripePart) bool {
		part = sp
		return false
	})
	reading := s.p.gate.Client()
	rd, err := s.p.readStripe(ctx, part.at, part.from, part.n)
	reading.End()
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.yielded {
		rd.release()
		return nil
	}
	s.ahead = rd
	s.account()
	return nil
}

// begin makes the stripe that was read ahead the current one, and says how many
// bytes it has.
func (s *sender) begin() (n int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.yielded {
		return 0
	}
	s.current, s.ahead = s.ahead, nil
	for _, b := range s.current.spans {
		n += int64(len(b))
	}
	return n
}

// next takes the next bytes out of the current stripe: a column's, whose buffer the
// caller then releases, or as many as the sender's own memory holds. There are none
// behind its end; then it has been released.
func (s *sender) next() (b []byte, buf *buffer, yielded bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	rd := s.current
	if s.yielded || rd == nil {
		return nil, nil, s.yielded
	}
	if len(rd.spans) > 0 && rd.bufs[0].moveTo(s.p.mem.writes) {
		b, buf = rd.spans[0], rd.bufs[0]
		rd.spans, rd.bufs = rd.spans[1:], rd.bufs[1:]
	} else {
		n := 0
		for len(rd.spans) > 0 && n < len(s.own) {
			moved := copy(s.own[n:], rd.spans[0])
			n += moved
			if rd.spans[0] = rd.spans[0][moved:]; len(rd.spans[0]) == 0 {
				rd.bufs[0].Release()
				rd.spans, rd.bufs = rd.spans[1:], rd.bufs[1:]
			}
		}
		b = s.own[:n]
	}
	if len(rd.spans) == 0 {
		s.current = nil
		rd.release()
	}
	s.account()
	return b, buf, false
}

// account tells how many buffers are held.
func (s *sender) account() {
	n := 0
	for _, rd := range []*stripeRead{s.current, s.ahead} {
		if rd != nil {
			n += len(rd.bufs)
		}
	}
	s.wait.held.Store(int64(n))
}

func (s *sender) pause() *pause { return &s.wait }

// yield gives the stripes back, if the sender waits for its client.
func (s *sender) yield() {
	if s.wait.idle() {
		s.giveBack()
	}
}

func (s *sender) giveBack() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.yielded = true
	for _, rd := range []*stripeRead{s.current, s.ahead} {
		if rd != nil {
			rd.release()
		}
	}
	s.current, s.ahead = nil, nil
	s.account()
}

// sip sends one small piece.
func (s *sender) sip(ctx context.Context) error {
	var err error
	n := 0
	s.o.parts(s.off, min(s.left, int64(len(s.own))), func(sp stripePart) bool {
		var rd *stripeRead
		reading := s.p.gate.Client()
		rd, err = s.p.readStripe(ctx, sp.at, sp.from, sp.n)
		if reading.End(); err != nil {
			return false
		}
		for _, b := range rd.spans {
			n += copy(s.own[n:], b)
		}
		rd.release()
		return true
	})
	if err != nil {
		return err
	}
	return s.write(s.own[:n])
}

var errOwnChecksum = errors.New("does not match its own checksum")
