package blockstore

import "io"

// ImmediateBody is a body that can be read without waiting for the client. Put and PutPart read large ones of known
// size straight into the columns then; of others each byte is copied once more.
type ImmediateBody interface {
	io.Reader
	// Immediate has Read return at once with what is there: it may be nothing, with no error. Or it has Read wait again. It
	// says whether the body can be read so; if not, nothing has changed.
	Immediate(on bool) bool
	// Await waits until Read has something to say: bytes, the end, an error. There is one caller at a time, of both.
	Await()
}

// switchReads has the body read into columns from where the intake is empty, and into the intake while there is
// something in it: its first bytes, and what it was given back (retreat).
func (u *upload) switchReads() {
	direct := u.size >= 0 && u.total < u.size && cap(u.intake) == intakeBytes && len(u.intake) == 0
	if direct == (u.direct != nil) {
		return
	}
	if !direct {
		u.direct.Immediate(false)
		u.direct = nil
	} else if body, ok := u.body.(ImmediateBody); ok && body.Immediate(true) {
		u.direct, u.drained = body, false
	}
}

// readDirect reads once into the last column, or waits for the client.
//
// Invariant: nobody but who holds mu looks at the columns or writes to them, and while the upload waits for its client
// it does not hold it. So a read into a column does not wait, and a wait is for no memory at all: all columns can be
// taken from it meanwhile (yield).
func (u *upload) readDirect() error {
	if u.drained {
		u.drained = false
		u.waiting(u.direct.Await)
		return u.err
	}
	room, err := u.room()
	if err != nil {
		return err
	}
	room = room[:min(int64(len(room)), u.size-u.total)]
	n, err := u.body.Read(room)
	u.drained = n < len(room)
	err = u.came(n, err)
	u.filled(n)
	return err
}

// retreat moves the little that the columns hold back into the intake, if it is so little and the intake is not being
// read into: it would make a stripe of few bytes.
func (u *upload) retreat() bool {
	if u.direct == nil || len(u.cols) != 1 || u.fill > intakeBytes || u.summed > 0 {
		return false
	}
	u.intake, u.taken = append(u.intake[:0], u.cols[0].payload()[:u.fill]...), 0
	u.cols[0].Release()
	u.cols, u.fill = u.cols[:0], 0
	return true
}
