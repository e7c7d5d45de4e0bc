package catalog

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// clonePage is how much of the catalog Clone reads and writes at a time, in bytes.
const clonePage = 1 << 20

// Clone makes a replica in dir, in place of whatever is there, out of the
// serving one, while that serves and batches are applied, and adds it under
// that name. It returns when the replica is a full one and durable. ctx's end
// stops it; what is left of an unfinished clone wipes itself when it is opened.
//
// The copy goes by key. What has been copied is kept up to date with the
// batches that came meanwhile, what has not needs none of them; so no more
// waits in memory than comes during one page, however large the catalog is.
func (c *Catalog) Clone(ctx context.Context, name string, fsys vfs.FS, dir string, o ReplicaOptions) error {
	made, err := c.alone(ctx, name)
	if err != nil {
		return err
	}
	outcome := make(chan error, 1)
	o.Cache.Hold()
	if !c.spawn(func() {
		defer o.Cache.release()
		defer made()
		outcome <- c.clone(ctx, name, fsys, dir, o)
	}) {
		o.Cache.release()
		made()
		return ErrUnavailable
	}
	select {
	case err := <-outcome:
		if err != nil {
			return fmt.Errorf("clone of the catalog as %q: %w", name, err)
		}
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// alone waits until an earlier replica of that name is closed, and nobody makes one any
// more: one that was given up in a drive that hung would go on in the files of the next.
// The next one waits until made is called.
func (c *Catalog) alone(ctx context.Context, name string) (made func(), err error) {
	for {
		c.mu.Lock()
		var busy <-chan struct{}
		if making, yes := c.making[name]; yes {
			busy = making
		} else if m := c.leaving[name]; m != nil {
			busy = m.closed
		} else {
			done := make(chan struct{})
			c.making[name] = done
			c.mu.Unlock()
			return func() {
				c.mu.Lock()
				defer c.mu.Unlock()
				delete(c.making, name)
				close(done)
			}, nil
		}
		c.mu.Unlock()
		select {
		case <-busy:
		case <-ctx.Done():
			return nil, fmt.Errorf("catalog: the former replica %q does not close: %w", name, ctx.Err())
		}
	}
}

func (c *Catalog) clone(ctx context.Context, name string, fsys vfs.FS, dir string, o ReplicaOptions) error {
	r, err := MakeReplica(fsys, dir, o)
	if err != nil {
		return err
	}
	c.mu.Lock()
	if c.closed || c.find(name) != nil || c.leaving[name] != nil || ctx.Err() != nil {
		c.mu.Unlock()
		return errors.Join(errors.New("closed, cancelled, or the name is taken"), r.Close())
	}
	m := c.enlist(r, name)
	m.cloning = true
	need := c.queued.lsn // batches up to it are not in m's queue, so the copy must have them
	c.mu.Unlock()

	if err := c.copyTo(ctx, m, need); err != nil {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.expel(m, nil)
		return err
	}
	c.wg.Go(func() { c.feed(m) })
	m.poke()
	if err := m.r.Flush(); err != nil {
		c.drop(m, err)
		return err
	}
	return nil
}

// clonedPage is a part of the serving replica's content at one LSN.
type clonedPage struct {
	entries []Entry
	meta    meta
}

// copyTo fills m, and makes it a full member at the LSN of the last page.
func (c *Catalog) copyTo(ctx context.Context, m *member, need uint64) error {
	var last []byte // m holds all keys up to it, as of LSN need
	for {
		from := last // a question that was left behind may still read it
		page, err := ask(ctx, c, need, func(s *member) (clonedPage, error) {
			return s.r.clonePage(from)
		}, nil)
		if err != nil {
			return err
		}
		if err := c.catchUp(m, last, page.meta.lsn); err != nil {
			return err
		}
		need = page.meta.lsn
		if len(page.entries) > 0 {
			if err := m.r.writeRaw(page.entries); err != nil {
				return err
			}
			last = page.entries[len(page.entries)-1].Key
			continue
		}
		if err := m.r.writeMeta(page.meta); err != nil {
			return err
		}
		c.mu.Lock()
		defer c.mu.Unlock()
		if m.isGone() {
			return ErrLaggard
		}
		m.applied, m.cloning = need, false
		c.broadcast()
		return nil
	}
}

// clonePage reads entries after the key, all but meta, which comes beside them.
func (r *Replica) clonePage(last []byte) (clonedPage, error) {
	v, err := r.view()
	if err != nil {
		return clonedPage{}, err
	}
	p := clonedPage{meta: v.meta}
	p.entries, err = v.page(last, clonePage, "m")
	return p, errors.Join(err, v.close())
}

// catchUp takes the batches up to lsn off m's queue and applies of them what
// concerns keys up to last.
func (c *Catalog) catchUp(m *member, last []byte, lsn uint64) error {
	for {
		if m.isGone() {
			return ErrLaggard
		}
		q, ok := c.head(m)
		if !ok || q.meta.lsn > lsn {
			return nil
		}
		if err := m.r.applyBelow(q.repr, last); err != nil {
			return err
		}
		c.applied(m, q)
	}
}

// applyBelow applies those changes of a physical batch that concern keys up to last.
func (r *Replica) applyBelow(repr, last []byte) error {
	return r.with(func(db *pebble.DB) error {
		var in pebble.Batch
		if err := in.SetRepr(bytes.Clone(repr)); err != nil {
			return err
		}
		out := db.NewBatch()
		defer out.Close()
		for rd := in.Reader(); ; {
			kind, key, val, ok, err := rd.Next()
			if err != nil {
				return err
			}
			if !ok {
				return db.Apply(out, pebble.NoSync)
			}
			if bytes.Compare(key, last) > 0 || bytes.Equal(key, metaKey) {
				continue
			}
			switch kind {
			case pebble.InternalKeyKindSet:
				err = out.Set(key, val, nil)
			case pebble.InternalKeyKindDelete:
				err = out.Delete(key, nil)
			default:
				panic(fmt.Sprintf("catalog: a batch holds an operation of kind %d", kind))
			}
			if err != nil {
				return err
			}
		}
	})
}

// writeRaw writes entries as they are.
func (r *Replica) writeRaw(entries []Entry) error {
	return r.with(func(db *pebble.DB) error {
		out := db.NewBatch()
		defer out.Close()
		for _, e := range entries {
			if err := out.Set(e.Key, e.Value, nil); err != nil {
				return err
			}
		}
		return db.Apply(out, pebble.NoSync)
	})
}
