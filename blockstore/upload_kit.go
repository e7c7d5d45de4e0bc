package blockstore

import "github.com/holdfast-storage/holdfast/blockstore/drive"

// uploadKit is what an upload keeps account of its stripes in. An upload takes one with
// its first column and gives it back when it is closed, so that a large body costs no
// memory for each stripe. What is written to drives does not refer to it: a drive that
// hangs keeps a buffer and a fileWork, and those are their own.
type uploadKit struct {
	cols    [maxColumns]*buffer // of the stripe that is being filled
	bufs    [maxColumns]*buffer // of st
	st      stripe              // that is being written
	stripes []uploadedStripe    // that were written
	pieces  []uint64            // checksums of cols
	// Of the stripes that the digester has.
	digested [2][maxColumns]*buffer
}

// kitStripesMax is how many stripes' account is kept for the next upload, those of 512 MiB at 4+2.
const kitStripesMax = 1024

// takeKit gets the upload its kit, if it has none.
func (u *upload) takeKit() {
	if u.kit != nil {
		return
	}
	if u.kit = u.p.kits.get(); u.kit == nil {
		u.kit = &uploadKit{}
	}
	u.digest.lists = &u.kit.digested
	if len(u.cols) == 0 {
		u.cols = u.kit.cols[:0]
	}
	if len(u.stripes) == 0 {
		u.stripes = u.kit.stripes
	}
}

// giveKit gives it back, when nothing is left in it and the digester has ended.
func (u *upload) giveKit() {
	k := u.kit
	if k == nil {
		return
	}
	if k.stripes = nil; cap(u.stripes) <= kitStripesMax {
		clear(u.stripes)
		k.stripes = u.stripes[:0]
	}
	clear(k.cols[:])
	clear(k.bufs[:])
	k.digested = [2][maxColumns]*buffer{}
	k.st = stripe{head: drive.Header{Sums: k.st.head.Sums}}
	u.kit, u.stripes, u.pieces = nil, nil, columnSums{}
	u.p.kits.put(k)
}

// stripe begins a stripe in the kit's memory. There is one at a time.
func (k *uploadKit) stripe(d, length int, bufs []*buffer) *stripe {
	k.st = stripe{d: d, length: length, bufs: bufs, head: drive.Header{Sums: k.st.head.Sums}}
	return &k.st
}
