package catalog

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/cespare/xxhash/v2"
	"github.com/cockroachdb/pebble/v2"
)

// view is one replica's content at one LSN.
type view struct {
	r    *Replica
	snap *pebble.Snapshot
	meta meta
}

// view opens a view, which keeps the replica's database open until it is closed.
func (r *Replica) view() (*view, error) {
	if !r.acquire() {
		return nil, errClosed
	}
	v := &view{r: r, snap: r.db.NewSnapshot()}
	var err error
	v.meta, err = getMeta(v.snap)
	if err == nil && v.meta.building {
		err = errBuilding
	}
	if err == nil {
		err = r.Failed()
	}
	if err != nil {
		return nil, errors.Join(err, v.close())
	}
	return v, nil
}

func (v *view) close() error {
	err := v.snap.Close()
	v.r.release()
	return err
}

// page gives entries after the key, up to the first that brings their size to
// max bytes: none at the end. Entries of the kinds in omit are left out.
func (v *view) page(last []byte, max int, omit string) ([]Entry, error) {
	it, err := v.snap.NewIter(nil)
	if err != nil {
		return nil, err
	}
	var out []Entry
	size := 0
	for ok := it.SeekGE(after(last)); ok && size < max; ok = it.Next() {
		k := it.Key()
		if strings.IndexByte(omit, k[0]) >= 0 {
			continue
		}
		val, err := it.ValueAndErr()
		if err != nil {
			return nil, errors.Join(err, it.Close())
		}
		out = append(out, Entry{Key: bytes.Clone(k), Value: bytes.Clone(val)})
		size += len(k) + len(val)
	}
	if err := errors.Join(it.Error(), it.Close()); err != nil {
		return nil, err
	}
	return out, v.r.Failed()
}

// digestPage is how much of the catalog is read, or hashed, in one go, in bytes.
const digestPage = 1 << 20

// Digest is a hash over every entry, restatable and derived, totals and the
// applied LSN included: equal for replicas with equal content.
func (r *Replica) Digest() (uint64, error) {
	v, err := r.view()
	if err != nil {
		return 0, err
	}
	sum, err := v.digest()
	return sum, errors.Join(err, v.close())
}

func (v *view) digest() (uint64, error) {
	h := xxhash.New()
	for last, all := []byte(nil), false; !all; {
		var err error
		if last, _, err = v.hash(h, last, digestPage); err != nil {
			return 0, err
		}
		all = last == nil
	}
	return h.Sum64(), nil
}

// hash adds the entries of a page to a hash, as page would give them, but leaves
// them where they are. It says what to go on after, nil at the end, and how many
// bytes they were.
func (v *view) hash(h *xxhash.Digest, last []byte, max int) (next []byte, size int, err error) {
	it, err := v.snap.NewIter(nil)
	if err != nil {
		return nil, 0, err
	}
	for ok := it.SeekGE(after(last)); ok; ok = it.Next() {
		k := it.Key()
		val, err := it.ValueAndErr()
		if err != nil {
			return nil, 0, errors.Join(err, it.Close())
		}
		hashBytes(h, k)
		hashBytes(h, val)
		if size += len(k) + len(val); size >= max {
			next = bytes.Clone(k)
			break
		}
	}
	if err := errors.Join(it.Error(), it.Close()); err != nil {
		return nil, 0, err
	}
	return next, size, v.r.Failed()
}

func hashBytes(h *xxhash.Digest, b []byte) {
	var n [8]byte
	binary.LittleEndian.PutUint64(n[:], uint64(len(b)))
	_, _ = h.Write(n[:]) // a hash does not fail
	_, _ = h.Write(b)
}

// Dump writes every entry in a form for people and tests: one line each, key
// and value quoted.
func (r *Replica) Dump(w io.Writer) error {
	v, err := r.view()
	if err != nil {
		return err
	}
	var last []byte
	for {
		page, err := v.page(last, digestPage, "")
		if err != nil || len(page) == 0 {
			return errors.Join(err, v.close())
		}
		for _, e := range page {
			if _, err := fmt.Fprintf(w, "%q %q\n", e.Key, e.Value); err != nil {
				return errors.Join(err, v.close())
			}
		}
		last = page[len(page)-1].Key
	}
}
