package catalog

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/cockroachdb/pebble/v2"
)

// ApplyEntries takes entries of a checkpoint, in ascending key order over all
// calls, into a replica begun by MakeReplica. The derived entries follow from
// them. An entry that no checkpoint holds is ErrRecord; the replica stays as
// it was and is still to be built.
func (r *Replica) ApplyEntries(entries []Entry) error {
	return r.with(func(db *pebble.DB) error {
		m := *r.meta.Load()
		if !m.building {
			return errors.New("catalog: entries for a replica that is not being built")
		}
		out := db.NewIndexedBatch()
		defer out.Close()
		live, last := deltas{}, r.last
		for _, e := range entries {
			add, err := checkEntry(e.Key, e.Value)
			if err != nil {
				return err
			}
			if bytes.Compare(e.Key, last) <= 0 {
				return fmt.Errorf("%w: entry %x is out of order", ErrRecord, e.Key)
			}
			last = e.Key
			live.add(add.extents, 1)
			if add.object {
				m.objects++
				m.bytes += add.size
			}
			if err := out.Set(e.Key, e.Value, nil); err != nil {
				return err
			}
		}
		if m.bytes < 0 {
			return fmt.Errorf("%w: objects are larger than can be counted", ErrRecord)
		}
		if err := writeLive(out, out, live); err != nil {
			return err
		}
		if err := out.Set(metaKey, value(m.code), nil); err != nil {
			return err
		}
		if err := db.Apply(out, pebble.NoSync); err != nil {
			return err
		}
		r.last = bytes.Clone(last)
		r.meta.Store(&m)
		return nil
	})
}

// EndEntries ends the building: the entries were all there is, as of that
// batch. The replica takes batches from lsn+1 on.
func (r *Replica) EndEntries(lsn, uid uint64) error {
	m := *r.meta.Load()
	if !m.building {
		return errors.New("catalog: a replica that is not being built was ended")
	}
	m.lsn, m.uid, m.building = lsn, uid, false
	r.last = nil
	return r.writeMeta(m)
}
